"""Over many nights: each network's time relative to the others, and where its level changed.

Of the logarithms of all times each network's median is taken off, and then each night's, over the networks that it
has (one step of Tukey's median polish): a slow night of the machine shows in none, and one network's change of
level moves no other. A change of level is the split of a network's nights whose two medians leave the least sum
of absolute deviations, told where the step between them is above MIN_EFFECT and above t x its noise: sigma
sqrt(pi/2 (1/n + 1/m)), sigma from successive differences, which no change of level moves much, t Student's quantile at
ALPHA divided by all nights of all networks. Both parts are split again (binary segmentation: Scott and Knott,
Biometrics 30, 1974).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reporter.compare.noise import NORMAL_MEDIAN
from reporter.compare.times import ALPHA, MIN_EFFECT
from reporter.stats.intervals import Log
from reporter.store.history import PastRun

FEWEST_NIGHTS = 3
"""So many nights make a level."""
NIGHTS = 90


@dataclass(frozen=True)
class Step:
    """A change of level at a night: the ratio of the levels after and before."""

    night: int
    ratio: float


@dataclass(frozen=True)
class Course:
    """A network in all runs: its time relative to the others', 1 at its median, and the changes of level.

    None where it has no value in a night.
    """

    architecture: str
    relative: tuple[float | None, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Nights:
    """The courses of one quantity on one machine; `moments` says when each night was, `versions` with what torch."""

    machine: str
    key: str
    moments: tuple[str, ...]
    versions: tuple[str, ...]
    courses: tuple[Course, ...]


def nights(past: Sequence[PastRun], machine: str, key: str) -> Nights | None:
    """The last NIGHTS runs of a machine, oldest first; None from fewer than two levels' worth of them."""
    runs = [
        run
        for run in past
        if run.machine == machine and any((values.get(key) or 0) > 0 for values in run.values.values())
    ]
    runs = _of_most(_measured_anew(runs, key)[-NIGHTS:], key)
    names = _often(runs, key)
    runs = [run for run in runs if not set(names).isdisjoint(_measured(run, key))]
    if len(runs) < 2 * FEWEST_NIGHTS or not names:
        return None
    logs = np.array([[_log(run.value(name, key)) for name in names] for run in runs])
    logs = logs - np.nanmedian(logs, axis=0)
    if len(names) > 1:
        logs = logs - np.nanmedian(logs, axis=1, keepdims=True)
        logs = logs - np.nanmedian(logs, axis=0)
    tests = len(names) * len(runs)
    courses = tuple(_course(name, logs[:, index], tests) for index, name in enumerate(names))
    versions = tuple(str(run.environment.get("torch", "")) for run in runs)
    return Nights(machine, key, tuple(run.moment for run in runs), versions, courses)


def steps(values: Log, tests: int) -> list[Step]:
    """The changes of level in a series of logarithms, judged as one of so many tests."""
    from scipy.special import stdtrit

    differences = np.abs(np.diff(values))
    sigma = NORMAL_MEDIAN * float(np.median(differences)) / math.sqrt(2)
    freedom = max(1.0, (len(values) - 1) / 2)
    threshold = float(stdtrit(freedom, 1 - ALPHA / tests / 2)) * sigma * math.sqrt(math.pi / 2)
    return [Step(night, math.exp(step)) for night, step in sorted(_split(values, 0, threshold))]


def _split(values: Log, start: int, threshold: float) -> Iterator[tuple[int, float]]:
    """The nights at which a new level begins, with the step to it; `threshold` is that of one night against one."""
    splits = range(FEWEST_NIGHTS, len(values) - FEWEST_NIGHTS + 1)
    if not splits:
        return
    night = min(splits, key=lambda night: _deviations(values[:night]) + _deviations(values[night:]))
    step = float(np.median(values[night:]) - np.median(values[:night]))
    noise = threshold * math.sqrt(1 / night + 1 / (len(values) - night))
    if abs(step) <= max(math.log1p(MIN_EFFECT), noise):
        return
    yield start + night, step
    yield from _split(values[:night], start, threshold)
    yield from _split(values[night:], start + night, threshold)


def _deviations(values: Log) -> float:
    return float(np.abs(values - np.median(values)).sum())


def _course(name: str, logs: Log, tests: int) -> Course:
    """A course from logarithms, NaN in a night without a value; steps are found among the others."""
    there = np.flatnonzero(~np.isnan(logs))
    relative = tuple(None if np.isnan(log) else math.exp(log) for log in logs)
    found = (Step(int(there[step.night]), step.ratio) for step in steps(logs[there], tests))
    return Course(name, relative, tuple(found))


def _measured_anew(runs: Sequence[PastRun], key: str) -> list[PastRun]:
    """The runs without those that only read again what the one before had measured: equal to the last bit."""
    found: list[PastRun] = []
    for run in runs:
        values = {name: run.value(name, key) for name in run.values}
        if not found or values != {name: found[-1].value(name, key) for name in found[-1].values}:
            found.append(run)
    return found


def _of_most(runs: Sequence[PastRun], key: str) -> list[PastRun]:
    """The runs that measured at least half of the networks that most runs have: a run of one network is no night."""
    counts: Counter[str] = Counter(name for run in runs for name in _measured(run, key))
    usual = {name for name, count in counts.items() if 2 * count >= len(runs)}
    return [run for run in runs if 2 * len(usual & _measured(run, key).keys()) >= len(usual)]


def _often(runs: Sequence[PastRun], key: str) -> list[str]:
    """The networks with values in at least half of the runs, in the order of the newest run: a gap takes none out."""
    counts: Counter[str] = Counter(name for run in reversed(runs) for name in _measured(run, key))
    return [name for name, count in counts.items() if 2 * count >= len(runs)]


def _measured(run: PastRun, key: str) -> dict[str, float]:
    found = ((name, run.value(name, key)) for name in run.values)
    return {name: value for name, value in found if value is not None and value > 0}


def _log(value: float | None) -> float:
    return math.log(value) if value is not None and value > 0 else math.nan
