"""Logarithms of times, and how far they move although nothing has changed.

A `Run` is one side's times of one quantity as logarithms of seconds, so that a difference is a ratio. Its rounds are
relative to the geometric mean of the networks interleaved in the same round, which takes the drift of the machine out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from statistics import median

import numpy as np

from reporter.model import Reading
from reporter.model.origins import UNKNOWN
from reporter.model.records import EAGER
from reporter.stats.noise import Log, Noise, between_runs, of_changes
from reporter.stats.samples import FEWEST_ROUNDS, split
from reporter.store.history import PastRun

HISTORY_RUNS = 5
"""So many runs of the same networks on the same machine make history.jsonl the source of the noise between runs."""


@dataclass(frozen=True)
class Run:
    """Networks x rounds of log medians, and the geometric mean of each round that they are relative to.

    `logs` has the logarithms of all samples of each round of each network.
    """

    medians: Log
    reference: Log
    logs: Sequence[Sequence[Sequence[float]]]

    @property
    def rounds(self) -> int:
        return int(self.medians.shape[1])

    def samples(self, index: int) -> Log:
        """The logarithms of all samples of a network, relative to the same means; only rank tests need them."""
        rounds = zip(self.logs[index], self.reference.tolist(), strict=True)
        return np.array([log - level for part, level in rounds for log in part])


def log_or_nan(value: float | None) -> float:
    """The logarithm of a time; NaN if there is none or it is not positive."""
    return math.log(value) if value is not None and value > 0 else math.nan


def count_rounds(reading: Reading) -> int:
    """How many rounds have samples."""
    return len([size for size in reading.rounds or (len(reading.samples),) if size])


def parts(reading: Reading) -> list[Sequence[float]]:
    """The samples of each round that has any."""
    return [part for part in split(reading.samples, reading.rounds) if part]


def round_keys(reading: Reading) -> list[tuple[str, int]]:
    """The run and the number of each round that has samples, in the order of the samples.

    Rounds that have the same key in several readings were measured interleaved. Where the numbers are not stored, as in
    older records, the rounds of a run are counted without those that were lost.
    """
    sizes = reading.rounds or (len(reading.samples),)
    origins = reading.origins or (UNKNOWN,) * len(sizes)
    numbers = [origin.number for origin in origins]
    if None in numbers:
        lost = {(each.origin.run, each.number) for each in reading.lost}
        left = {run: _without(lost, run) for run in {each.run for each in origins}}
        numbers = [next(left[each.run]) if each.number is None else each.number for each in origins]
    keys = zip(origins, numbers, sizes, strict=True)
    return [(origin.run, number) for origin, number, size in keys if size and number is not None]


def _without(lost: Collection[tuple[str, int]], run: str) -> Iterator[int]:
    """The numbers of the rounds of a run, from 0, that were not lost."""
    return (number for number in count() if (run, number) not in lost)


def common_rounds(readings: Sequence[Reading]) -> list[list[Sequence[float]]]:
    """The samples of the rounds that all readings have in common, those of one round at the same place for each.

    Where too few were measured interleaved, as by architectures of several runs, the first round of each reading is
    compared with the first one of the others, and so on.
    """
    keys = [round_keys(reading) for reading in readings]
    if all(each == keys[0] for each in keys):
        return [parts(reading) for reading in readings]
    found = [dict(zip(each, parts(reading), strict=True)) for each, reading in zip(keys, readings, strict=True)]
    common = set.intersection(*map(set, found))
    if len(common) >= min(FEWEST_ROUNDS, *map(len, found)):
        return [[rounds[key] for key in sorted(common)] for rounds in found]
    numbered = [dict(zip(_positions(reading), parts(reading), strict=True)) for reading in readings]
    shared = set.intersection(*map(set, numbered))
    return [[rounds[number] for number in sorted(shared)] for rounds in numbered]


def _positions(reading: Reading) -> list[int]:
    """The places of the rounds that have samples among all rounds, those that were lost included."""
    sizes = reading.rounds or (len(reading.samples),)
    lost = {each.number for each in reading.lost}
    numbers = (number for number in count() if number not in lost)
    return [number for number, size in zip(numbers, sizes, strict=False) if size]


def run(readings: Sequence[Reading], relative: bool) -> Run:
    """One side's times in the rounds that all readings have in common; throughput is turned into time."""
    sign = -1.0 if readings[0].quantity.unit == "1/s" else 1.0
    logs = [[[sign * math.log(sample) for sample in part] for part in rounds] for rounds in common_rounds(readings)]
    medians = np.array([[median(part) for part in rounds] for rounds in logs])
    reference = medians.mean(axis=0) if relative else np.zeros(medians.shape[1])
    return Run(medians - reference, reference, logs)


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
    for past_run in past:
        values = (past_run.value(name, key, mode) or 0.0 for name in names)
        row = list(takewhile(lambda value: value > 0, values)) if past_run.machine == machine else []
        if len(row) == len(names) and (not rows or row != rows[-1]):  # equal to the last bit: read, not measured again
            rows.append(row)
    if len(rows) < HISTORY_RUNS:
        return None
    return between_runs(np.log(np.array(rows)))
