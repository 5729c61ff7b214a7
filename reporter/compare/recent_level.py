"""Times of a run compared with their level over the last accepted runs of the machine.

The unit is the run, so that one round of a quick run is enough: the value of an architecture is compared with those
of the last LEVEL_RUNS runs before. From the logarithms the drift of the machine is subtracted, which is the median of
each run over its architectures; a level is the median of what remains. With fewer than FEWEST architectures that have a
level, absolute times are compared, and only a change above ABSOLUTE_EFFECT counts. Earlier runs of fewer than FEWEST of
these architectures show no drift and are part of absolute levels only.

Two changes are tested: that of this run alone, and the mean of this run and the one before. A time is `regressed` or
`improved` if one of them is

1. above MIN_EFFECT in each of its runs;
2. above t x its noise, t being Student's quantile at ALPHA divided by the number of tests: two for each architecture,
   metric and machine. The standard deviation between runs is estimated robustly, from successive differences or from
   deviations from the level, whichever is larger, and pooled over the architectures;
3. above the largest deviation from a level, in standard deviations, that any other architecture had in these runs, and
   by a quarter for this run alone: single runs that are slow by chance are more frequent than in a normal distribution.

If not, it is `noisy` if the change of this run is above MIN_EFFECT, and `unchanged` below.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reporter.compare.differences import Gap, Level, TimeVerdict
from reporter.compare.log_times import log_or_nan
from reporter.compare.matching import is_time
from reporter.compare.time_verdict import growth, ratio
from reporter.compare.times import ALPHA, FEWEST, least_change
from reporter.model import Quantity, Reading, Record
from reporter.model.records import EAGER
from reporter.stats.change_points import FEWEST_OF_LEVEL
from reporter.stats.level_shifts import (
    LevelShift,
    Window,
    last,
    level_shift,
    measured_again,
    of_several,
    with_level,
    without_drift,
)
from reporter.stats.noise import Log
from reporter.store.history import PastRun

LEVEL_RUNS = 14
"""A level is that of so many accepted runs: benchmarks/levels.md compares other numbers."""
FEWEST_RUNS = 5
"""Accepted runs of a machine that the noise between runs is estimated from."""
WINDOWS = {1: 1.25, 2: 1.0}
"""The last runs whose mean change is tested: by what factor it is above the largest deviation of the others."""
TOO_FEW = "fewer than {count} accepted runs on this machine"
NO_LEVEL = "fewer than {count} accepted runs since its level changed, or no new value"


@dataclass(frozen=True)
class LevelColumn:
    """One metric on one machine: logarithms of times, runs x architectures, the run that is compared last."""

    machine: str
    quantity: Quantity
    names: tuple[str, ...]
    times: Log
    """NaN where an architecture has no value, or one that is equal to that of the run before to the last bit."""

    @property
    def inverse(self) -> bool:
        """Whether the metric is images per second instead of a time."""
        return self.quantity.unit == "1/s"

    @cached_property
    def relative(self) -> bool:
        """Whether enough architectures have a value in this run and a level to compare it with."""
        shared = of_several(self.times, FEWEST)
        runs = int(np.isfinite(shared[:-1]).any(axis=1).sum())
        return runs >= FEWEST_RUNS and int(with_level(shared, 1).sum()) >= FEWEST

    @cached_property
    def compared(self) -> Log:
        """The times that levels are made of."""
        return of_several(self.times, FEWEST) if self.relative else self.times

    @property
    def least(self) -> float:
        return least_change(self.relative)


def verdicts(records: Sequence[Record], past: Sequence[PastRun]) -> tuple[list[Level], list[Gap]]:
    """The times of a run compared with earlier accepted runs, oldest first; and what has no level to compare with."""
    columns, gaps = [], []
    for column in _columns(records, past):
        runs = int(np.isfinite(column.times[:-1]).any(axis=1).sum())
        if runs < FEWEST_RUNS:
            gaps.append(Gap(TOO_FEW.format(count=FEWEST_RUNS), column.quantity, column.names))
        else:
            columns.append(column)
    tests = len(WINDOWS) * sum(len(column.names) for column in columns)
    levels = []
    for column in columns:
        rows = list(_levels(column, tests))
        levels += rows
        left = tuple(sorted(set(column.names) - {row.architecture for row in rows}))
        gaps += [Gap(NO_LEVEL.format(count=FEWEST_OF_LEVEL), column.quantity, left)] if left else []
    return levels, gaps


def _columns(records: Sequence[Record], past: Sequence[PastRun]) -> Iterator[LevelColumn]:
    """The eager times of all machines and metrics, in the order of their names."""
    now: dict[tuple[str, str], dict[str, Reading]] = defaultdict(dict)
    for record in records:
        for key, reading in record.readings.items() if record.mode == EAGER else ():
            if is_time(reading.quantity) and ((newest := _newest(reading)).value or 0) > 0:
                now[record.machine, key][record.architecture] = newest
    for (machine, key), readings in sorted(now.items()):
        names = tuple(sorted(readings))
        runs = [run for run in past if run.machine == machine]
        rows = [[run.value(name, key) for name in names] for run in runs]
        rows.append([readings[name].value for name in names])
        quantity = readings[names[0]].quantity
        logs = measured_again(np.array([[log_or_nan(value) for value in row] for row in rows]))
        kept = np.isfinite(logs).any(axis=1) | (np.arange(len(logs)) == len(logs) - 1)
        yield LevelColumn(machine, quantity, names, logs[kept] * (-1 if quantity.unit == "1/s" else 1))


def _levels(column: LevelColumn, tests: int) -> Iterator[Level]:
    """A row for each architecture that has a level and a value in this run."""
    made = _shifts(column, tests)
    for index, name in enumerate(column.names):
        if not np.isfinite(made[0].change[index]):
            continue
        shift = next((shift for shift in made if shift.significant[index]), made[0])
        level = last(column.compared[: -shift.runs, index], LEVEL_RUNS)
        values = math.exp(np.median(level)), math.exp(column.times[-1, index])
        change = float(shift.change[index])
        yield Level(
            architecture=name,
            machine=column.machine,
            quantity=column.quantity,
            verdict=_verdict(change, bool(shift.significant[index]), column.least),
            base=1 / values[0] if column.inverse else values[0],
            new=1 / values[1] if column.inverse else values[1],
            relative=column.relative,
            ratio=ratio(change),
            floor=growth(float(shift.floor[index])),
            runs=len(level),
            over=shift.runs,
        )


def _verdict(change: float, significant: bool, least: float) -> TimeVerdict:
    if not significant:
        return "noisy" if abs(change) > least else "unchanged"
    return "regressed" if change > 0 else "improved"


def _shifts(column: LevelColumn, tests: int) -> list[LevelShift]:
    """The tests of all windows, on times relative to the other architectures; on absolute times from too few."""
    fewest, times = (FEWEST, without_drift(column.compared)) if column.relative else (0, column.times)
    enough = {runs: factor for runs, factor in WINDOWS.items() if int(with_level(times, runs).sum()) >= fewest}
    windows = (Window(runs, factor, LEVEL_RUNS) for runs, factor in enough.items())
    return [level_shift(times, window, column.relative, column.least, ALPHA / tests) for window in windows]


def _newest(reading: Reading) -> Reading:
    """The reading with the rounds of its newest run only, as history.jsonl has it."""
    of_several = len({origin.run for origin in reading.origins}) > 1
    return reading.of_run(reading.by_run()[-1][0]) if of_several else reading
