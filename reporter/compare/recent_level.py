"""Times of a run compared with their level over the last accepted runs of the machine.

The unit is the run, so that one round of a quick run is enough: the value of an architecture is compared with those
of the last LEVEL_RUNS runs before. From the logarithms the drift of the machine is subtracted, which is the median of
each run over its architectures; a level is the median of what remains. With fewer than FEWEST architectures, absolute
times are compared, and only a change above ABSOLUTE_EFFECT counts.

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

import numpy as np

from reporter.compare.differences import Gap, Level, TimeVerdict
from reporter.compare.matching import is_time
from reporter.compare.times import ABSOLUTE_EFFECT, ALPHA, BEYOND, FEWEST, MIN_EFFECT
from reporter.model import Quantity, Reading, Record
from reporter.stats.intervals import Log, moderated, student
from reporter.store.history import PastRun

LEVEL_RUNS = 14
"""A level is that of so many accepted runs: benchmarks/levels.md compares other numbers."""
FEWEST_RUNS = 5
"""Accepted runs of a machine that the noise between runs is estimated from."""
FEWEST_OF_LEVEL = 3
"""Accepted runs of an architecture that make a level, for example after a change was accepted."""
NORMAL = {0.5: 0.6745, 0.9: 1.6449}
"""Quantiles of absolute deviations in a normal distribution: the pooled noise is the larger estimate of both."""
MOST_PRECISE = 1e-4
"""No time is taken to vary less between runs, as a share."""
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

    @property
    def relative(self) -> bool:
        """Whether enough architectures have a value in this run."""
        return int(np.isfinite(self.times[-1]).sum()) >= FEWEST

    @property
    def least(self) -> float:
        return math.log1p(MIN_EFFECT if self.relative else ABSOLUTE_EFFECT)


@dataclass(frozen=True)
class Test:
    """Of each architecture the mean change of the last runs, its threshold, and whether it is significant.

    NaN where an architecture has no level, or no value in one of the runs.
    """

    change: Log
    floor: Log
    significant: Log
    runs: int


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
    """The times of all machines and metrics, in the order of their names."""
    now: dict[tuple[str, str], dict[str, Reading]] = defaultdict(dict)
    for record in records:
        for key, reading in record.readings.items():
            if is_time(reading.quantity) and (_newest(reading).value or 0) > 0:
                now[record.machine, key][record.architecture] = _newest(reading)
    for (machine, key), readings in sorted(now.items()):
        names = tuple(sorted(readings))
        runs = [run for run in past if run.machine == machine]
        rows = [[run.value(name, key) for name in names] for run in runs]
        rows.append([readings[name].value for name in names])
        quantity = readings[names[0]].quantity
        logs = _measured_again(np.array([[_log(value) for value in row] for row in rows]))
        kept = np.isfinite(logs).any(axis=1) | (np.arange(len(logs)) == len(logs) - 1)
        yield LevelColumn(machine, quantity, names, logs[kept] * (-1 if quantity.unit == "1/s" else 1))


def _measured_again(times: Log) -> Log:
    """The same without values that are equal to the one before to the last bit: these were read, not measured."""
    found = times.copy()
    for column in found.T:
        known = np.flatnonzero(np.isfinite(column))
        column[known[1:][column[known[1:]] == column[known[:-1]]]] = math.nan
    return found


def _levels(column: LevelColumn, tests: int) -> Iterator[Level]:
    """A row for each architecture that has a level and a value in this run."""
    relative = _without_drift(column)
    made = [_test(column, relative, window, tests) for window in WINDOWS]
    for index, name in enumerate(column.names):
        if not np.isfinite(made[0].change[index]):
            continue
        test = next((test for test in made if test.significant[index]), made[0])
        level = _last(column.times[: -test.runs, index])
        values = math.exp(np.median(level)), math.exp(column.times[-1, index])
        change = float(test.change[index])
        yield Level(
            architecture=name,
            machine=column.machine,
            quantity=column.quantity,
            judgement=_verdict(change, bool(test.significant[index]), column.least),
            base=1 / values[0] if column.inverse else values[0],
            new=1 / values[1] if column.inverse else values[1],
            relative=column.relative,
            ratio=math.exp(min(max(change, -BEYOND), BEYOND)),
            floor=math.expm1(min(float(test.floor[index]), BEYOND)),
            runs=len(level),
            over=test.runs,
        )


def _verdict(change: float, significant: bool, least: float) -> TimeVerdict:
    if not significant:
        return "noisy" if abs(change) > least else "unchanged"
    return "regressed" if change > 0 else "improved"


def _without_drift(column: LevelColumn) -> Log:
    """Times relative to the other architectures of the same run; absolute times if there are too few of them."""
    if not column.relative:
        return column.times
    drift = _medians((column.times - _medians(column.times[:-1])).T)
    return np.asarray(column.times - drift[:, None])


def _test(column: LevelColumn, times: Log, window: int, tests: int) -> Test:
    """The mean change of the last `window` runs from the level of the runs before them."""
    levels = [_last(values) for values in times[:-window].T]
    centers = np.array([np.median(level) if len(level) >= FEWEST_OF_LEVEL else math.nan for level in levels])
    changes = times[-window:] - centers
    if column.relative:
        changes = changes - _medians(changes.T)[:, None]
    deviation, freedom = _noise(levels)
    reach = student(freedom, ALPHA / tests) * np.ones(len(levels))
    if column.relative:
        reach = np.maximum(reach, WINDOWS[window] * _largest_of_others(levels, deviation))
    noise = reach * deviation * np.sqrt(1 / window + math.pi / 2 / np.array([max(1, len(level)) for level in levels]))
    change, floor = changes.mean(axis=0), np.maximum(noise, column.least)
    in_each_run = (np.sign(change) * changes > column.least).all(axis=0)
    return Test(change, floor, (np.abs(change) > floor) & in_each_run, window)


def _noise(levels: Sequence[Log]) -> tuple[Log, float]:
    """The standard deviation of each architecture between runs, and the degrees of freedom behind it."""
    steps = [np.diff(level) / math.sqrt(2) for level in levels]
    distances = [level - np.median(level) if len(level) else level for level in levels]
    pooled = max(_variance(np.concatenate(each), share) for each in (steps, distances) for share in NORMAL)
    own = np.array([max(_variance(step), _variance(far)) for step, far in zip(steps, distances, strict=True)])
    freedom = np.array([len(step) / 2 for step in steps])
    total = max(1.0, sum(len(step) for step in steps) / 4)
    return np.sqrt(moderated(own, pooled, freedom)), total


def _variance(deviations: Log, share: float = 0.5) -> float:
    """From a quantile of absolute deviations; MOST_PRECISE at least, for times that do not vary at all."""
    if not len(deviations):
        return 0.0
    return max(MOST_PRECISE, float(np.quantile(np.abs(deviations), share)) / NORMAL[share]) ** 2


def _largest_of_others(levels: Sequence[Log], deviation: Log) -> Log:
    """For each architecture, the largest deviation from its level that any other one had, in standard deviations.

    Its own are left out: they may be the beginning of the change.
    """
    largest = [np.abs(level - np.median(level)).max() if len(level) else 0.0 for level in levels] / deviation
    return np.array([np.delete(largest, index).max(initial=0.0) for index in range(len(largest))])


def _last(values: Log) -> Log:
    """The values of the last LEVEL_RUNS runs that have one."""
    return np.asarray(values[np.isfinite(values)][-LEVEL_RUNS:])


def _medians(times: Log) -> Log:
    """The median of each column over its values, NaN without any."""
    return np.array(
        [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else np.nan for column in times.T]
    )


def _newest(reading: Reading) -> Reading:
    """The reading with the rounds of its newest run only, as history.jsonl has it."""
    return reading.of_run(reading.by_run()[-1][0]) if reading.origins else reading


def _log(value: float | None) -> float:
    return math.log(value) if value is not None and value > 0 else math.nan
