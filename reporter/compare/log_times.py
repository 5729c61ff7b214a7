"""Logarithms of times, and how far they move although nothing has changed.

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
from reporter.model.records import EAGER
from reporter.stats.noise import Log, Noise, between_runs, of_changes
from reporter.stats.samples import FEWEST_ROUNDS, split
from reporter.store.history import PastRun

HISTORY_RUNS = 5
"""So many runs of the same networks on the same machine make history.jsonl the source of the noise between runs."""


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
    return dict(zip(numbers_of(reading), parts(reading), strict=True))


def numbers_of(reading: Reading) -> list[int]:
    """The numbers of the rounds that have samples."""
    lost = {each.number for each in reading.lost}
    numbers = (number for number in count() if number not in lost)
    sizes = reading.rounds or (len(reading.samples),)
    return [number for number, size in zip(numbers, sizes, strict=False) if size]


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


def noise(base: Run, new: Run, changes: Log, past: Log | None) -> Noise | None:
    """The noise of the change of each network, where `past` is that between runs; None from too few rounds."""
    if min(base.rounds, new.rounds) < FEWEST_ROUNDS:
        return None
    return of_changes(base.medians, new.medians, changes, past)


def history_noise(
    past: Sequence[PastRun], machine: str, key: str, names: Sequence[str], mode: str = EAGER
) -> Log | None:
    """The noise between runs of a machine, oldest first, in which all networks have a value; None from too few runs."""
    rows: list[list[float]] = []
    for night in past:
        row = [night.value(name, key, mode) or 0.0 for name in names] if night.machine == machine else [0.0]
        if min(row) > 0 and (not rows or row != rows[-1]):  # equal to the last bit: read again, not measured again
            rows.append(row)
    if len(rows) < HISTORY_RUNS:
        return None
    return between_runs(np.log(np.array(rows)))
