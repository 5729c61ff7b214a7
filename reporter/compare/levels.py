"""The time of each architecture relative to the others over many nightly runs, and where its level changed.

The statistics are those of `reporter.stats.change_points`: times are relative to the median of each architecture and of
each run, and a change of level is above MIN_EFFECT and above its noise at ALPHA divided by all runs of all
architectures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reporter.compare.log_times import log_or_nan
from reporter.compare.times import ALPHA, MIN_EFFECT
from reporter.stats.change_points import FEWEST_OF_LEVEL, change_points, polish
from reporter.stats.noise import Log
from reporter.store.history import PastRun

MOST_RUNS = 90
NEWEST_RUNS = 4 * FEWEST_OF_LEVEL - 1
"""The newest runs that decide which architectures are shown: more than half of them make two levels."""


@dataclass(frozen=True)
class Step:
    """A change of level at the run of an index: the ratio of the levels after and before."""

    index: int
    ratio: float


@dataclass(frozen=True)
class LevelSeries:
    """An architecture in all runs: its time relative to the others', 1 at its median, and the changes of level.

    None where it has no value in a run.
    """

    architecture: str
    relative: tuple[float | None, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class LevelHistory:
    """The series of one quantity on one machine; `moments` has the start of each run, `versions` its torch."""

    machine: str
    key: str
    moments: tuple[str, ...]
    versions: tuple[str, ...]
    series: tuple[LevelSeries, ...]


def level_history(past: Sequence[PastRun], machine: str, key: str) -> LevelHistory | None:
    """The last MOST_RUNS runs of a machine, oldest first; None from fewer than two levels' worth of them.

    The architectures are those of most of the newest runs, so that a changed selection is shown from six runs on, and
    the runs are those that measured at least half of them.
    """
    runs = [
        run
        for run in past
        if run.machine == machine and any((values.get(key) or 0) > 0 for values in run.values.values())
    ]
    runs = _without_repeats(runs, key)[-MOST_RUNS:]
    names = _frequent(runs[-NEWEST_RUNS:], key)
    runs = [run for run in runs if 2 * len(_measured(run, key).keys() & names) >= len(names)]
    if len(runs) < 2 * FEWEST_OF_LEVEL or not names:
        return None
    logs = polish(np.array([[log_or_nan(run.value(name, key)) for name in names] for run in runs]))
    tests = len(names) * len(runs)
    series = tuple(_series(name, logs[:, index], tests) for index, name in enumerate(names))
    versions = tuple(str(run.environment.get("torch", "")) for run in runs)
    return LevelHistory(machine, key, tuple(run.moment for run in runs), versions, series)


def steps(values: Log, tests: int) -> list[Step]:
    """The changes of level in a series of logarithms, judged as one of so many tests."""
    found = change_points(values, ALPHA / tests, math.log1p(MIN_EFFECT))
    return [Step(point.index, math.exp(point.step)) for point in found]


def _series(name: str, logs: Log, tests: int) -> LevelSeries:
    """A series from logarithms, NaN in a run without a value; steps are found among the others."""
    there = np.flatnonzero(~np.isnan(logs))
    relative = tuple(None if np.isnan(log) else math.exp(log) for log in logs)
    found = (Step(int(there[step.index]), step.ratio) for step in steps(logs[there], tests))
    return LevelSeries(name, relative, tuple(found))


def _without_repeats(runs: Sequence[PastRun], key: str) -> list[PastRun]:
    """The runs without those that only read again what the one before had measured: equal to the last bit."""
    found: list[PastRun] = []
    for run in runs:
        values = {name: run.value(name, key) for name in run.values}
        if not found or values != {name: found[-1].value(name, key) for name in found[-1].values}:
            found.append(run)
    return found


def _frequent(runs: Sequence[PastRun], key: str) -> list[str]:
    """The architectures with values in at least half of the runs, in the order of the newest run."""
    counts: Counter[str] = Counter(name for run in reversed(runs) for name in _measured(run, key))
    return [name for name, count in counts.items() if 2 * count >= len(runs)]


def _measured(run: PastRun, key: str) -> dict[str, float]:
    found = ((name, run.value(name, key)) for name in run.values)
    return {name: value for name, value in found if value is not None and value > 0}
