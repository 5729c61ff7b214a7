"""How far times move by themselves: between rounds, between networks, between nights.

A `Run` is one side's times of one quantity as logarithms of seconds, so that a difference is a ratio. Its rounds are
relative to the geometric mean of the networks interleaved in the same round, which takes the drift of the machine out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median

import numpy as np

from reporter.model import Reading
from reporter.stats.intervals import Log, Noise, moderated, typical
from reporter.stats.samples import FEWEST_ROUNDS, split
from reporter.store.history import PastRun

FEWEST_FOR_SPREAD = 8
"""From so many networks on, the spread of their changes is itself an estimate of the noise: most have not changed."""
HISTORY_RUNS = 5
"""So many runs of the same networks on the same machine make history.jsonl the source of the noise between runs."""
NORMAL_MEDIAN = 1.4826
"""Standard deviation of a normal distribution over the median of its absolute deviations."""


@dataclass(frozen=True)
class Run:
    """Networks x rounds of log medians, each network's samples, and the geometric mean that both are relative to."""

    medians: Log
    samples: tuple[Log, ...]
    reference: Log

    @property
    def rounds(self) -> int:
        return int(self.medians.shape[1])


def count_rounds(reading: Reading) -> int:
    """How many rounds have samples."""
    return len([size for size in reading.rounds or (len(reading.samples),) if size])


def parts(reading: Reading) -> list[Sequence[float]]:
    """The samples of each round that has any."""
    return [part for part in split(reading.samples, reading.rounds) if part]


def by_number(reading: Reading) -> dict[int, Sequence[float]]:
    """The samples of each round that has any, by its number; a lost round has none."""
    lost = {each.number for each in reading.lost}
    numbers = (number for number in count() if number not in lost)
    found = zip(numbers, split(reading.samples, reading.rounds), strict=False)
    return {number: part for number, part in found if part}


def run(readings: Sequence[Reading], relative: bool, numbers: Sequence[int]) -> Run:
    """One side's times in the rounds with these numbers, which all readings have; throughput is turned into time."""
    sign = -1.0 if readings[0].quantity.unit == "1/s" else 1.0
    rounds = [by_number(reading) for reading in readings]
    logs = [[[sign * math.log(sample) for sample in each[number]] for number in numbers] for each in rounds]
    medians = np.array([[median(part) for part in network] for network in logs])
    reference = medians.mean(axis=0) if relative else np.zeros(medians.shape[1])
    levels = [float(level) for level in reference]
    samples = tuple(
        np.array([log - level for part, level in zip(network, levels, strict=True) for log in part]) for network in logs
    )
    return Run(medians - reference, samples, reference)


def shift(base: Log, new: Log) -> Log:
    """The Hodges-Lehmann estimate of a change: the median of all differences, which one bad round does not move.

    The rounds are the last axis; networks before it are taken each by itself.
    """
    return np.asarray(np.median(new[..., :, None] - base[..., None, :], axis=(-2, -1)))


def noise(base: Run, new: Run, changes: Log, past: Log | None) -> Noise | None:
    """The larger of what the rounds and the runs say; None where there are too few rounds to say anything."""
    if min(base.rounds, new.rounds) < FEWEST_ROUNDS:
        return None
    rounds = between_rounds(base, new)
    runs = between_networks(changes) if past is None else past
    return Noise(np.maximum(rounds.deviation, runs), rounds.freedom)


def between_rounds(base: Run, new: Run) -> Noise:
    """From how rounds of one side differ: all networks pooled by their median, more for those that are noisier."""
    freedom = base.rounds + new.rounds - 2
    own = sum(((run.medians - run.medians.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) for run in (base, new))
    own = own / freedom
    variance = moderated(own, typical(own, freedom), freedom)
    networks = len(variance)
    centre = 1 + math.pi / (2 * networks) if networks > 1 else 1.0
    deviation = np.sqrt(variance * (1 / base.rounds + 1 / new.rounds) * centre)
    return Noise(deviation, max(1.0, networks * freedom / 2))


def between_networks(changes: Log) -> Log:
    """From how the changes of all networks spread, by the median: noise between runs that rounds cannot show."""
    enough = len(changes) >= FEWEST_FOR_SPREAD
    return np.asarray(NORMAL_MEDIAN * np.median(np.abs(changes)) if enough else 0.0)


def between_nights(past: Sequence[PastRun], machine: str, key: str, names: Sequence[str]) -> Log | None:
    """From successive runs, oldest first: all networks pooled, more for those that jump; None from too few runs.

    Successive differences have the spread of the change between two runs, and a level that once moved is one of many.
    """
    rows: list[list[float]] = []
    for night in past:
        row = [night.value(name, key) or 0.0 for name in names] if night.machine == machine else [0.0]
        if min(row) > 0 and (not rows or row != rows[-1]):  # equal to the last bit: read again, not measured again
            rows.append(row)
    if len(rows) < HISTORY_RUNS:
        return None
    logs = np.log(np.array(rows))
    steps = np.abs(np.diff(logs - logs.mean(axis=1, keepdims=True), axis=0))
    own, pooled = (NORMAL_MEDIAN * np.median(steps, axis=0)) ** 2, (NORMAL_MEDIAN * float(np.median(steps))) ** 2
    return np.asarray(np.sqrt(moderated(own, pooled, len(steps) / 2)))
