"""Logarithms of times, and how far they move although nothing has changed.

A `Run` is one side's times of one quantity as logarithms of seconds, so that a difference is a ratio. Its rounds are
relative to the geometric mean of the networks interleaved in the same round, which takes the drift of the machine out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, takewhile
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
    """Networks x rounds of log medians, and the geometric mean of each round that they are relative to.

    `readings` has the networks, `numbers` the rounds; `sign` is -1 for throughput, which is turned into time.
    """

    medians: Log
    reference: Log
    readings: Sequence[Reading]
    numbers: Sequence[int]
    sign: float

    @property
    def rounds(self) -> int:
        return int(self.medians.shape[1])

    def samples(self, index: int) -> Log:
        """The logarithms of all samples of a network, relative to the same means; only rank tests need them."""
        logs = _logs(self.readings[index], self.numbers, self.sign)
        levels = self.reference.tolist()
        return np.array([log - level for part, level in zip(logs, levels, strict=True) for log in part])


def log_or_nan(value: float | None) -> float:
    """The logarithm of a time; NaN if there is none or it is not positive."""
    return math.log(value) if value is not None and value > 0 else math.nan


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
    sizes = reading.rounds or (len(reading.samples),)
    if not reading.lost:
        return [number for number, size in enumerate(sizes) if size]
    lost = {each.number for each in reading.lost}
    numbers = (number for number in count() if number not in lost)
    return [number for number, size in zip(numbers, sizes, strict=False) if size]


def run(readings: Sequence[Reading], relative: bool, numbers: Sequence[int]) -> Run:
    """One side's times in the rounds with these numbers, which all readings have; throughput is turned into time."""
    sign = -1.0 if readings[0].quantity.unit == "1/s" else 1.0
    medians = np.array([[median(part) for part in _logs(reading, numbers, sign)] for reading in readings])
    reference = medians.mean(axis=0) if relative else np.zeros(medians.shape[1])
    return Run(medians - reference, reference, readings, numbers, sign)


def _logs(reading: Reading, numbers: Sequence[int], sign: float) -> list[list[float]]:
    """The logarithms of the samples of the rounds with these numbers, times `sign`."""
    rounds = by_number(reading)
    return [[sign * math.log(sample) for sample in rounds[number]] for number in numbers]


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
