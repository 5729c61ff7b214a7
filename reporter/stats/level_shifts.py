"""The last runs of several series, compared with the level of the runs before: change, threshold, significance.

Arrays are runs x series of natural logarithms, NaN where a series has no value in a run; the newest run is last. A
level is the median of the last values. Single runs that are slow by chance are more frequent than in a normal
distribution, so that a change of one series must also exceed the largest deviation from a level that any other series
had.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reporter.stats.change_points import FEWEST_OF_LEVEL
from reporter.stats.noise import Log, moderated, student

NORMAL = {0.5: 0.6745, 0.9: 1.6449}
"""Quantiles of absolute deviations in a normal distribution: the pooled noise is the larger estimate of both."""
MOST_PRECISE = 1e-4
"""No series is taken to vary less between runs, as a share."""


@dataclass(frozen=True)
class Window:
    """The last runs whose mean change is tested, and the largest number of runs before them that make the level.

    A change must be above `factor` times the largest deviation of the other series, in standard deviations.
    """

    runs: int
    factor: float
    most: int


@dataclass(frozen=True)
class LevelShift:
    """Of each series the mean change of the last runs, its threshold, and whether it is significant.

    NaN where a series has no level, or no value in one of the runs.
    """

    change: Log
    floor: Log
    significant: Log
    runs: int


def without_drift(times: Log) -> Log:
    """The same without what all series of a run share: the median over the series, each relative to its own median."""
    drift = medians((times - medians(times[:-1])).T)
    return np.asarray(times - drift[:, None])


def with_level(times: Log, runs: int) -> Log:
    """Which series have a value in each of the last `runs` runs, and a level before them."""
    levels = np.isfinite(times[:-runs]).sum(axis=0) >= FEWEST_OF_LEVEL
    return np.asarray(levels & np.isfinite(times[-runs:]).all(axis=0))


def of_several(times: Log, fewest: int) -> Log:
    """The series with a level before the last run, in the runs with values of at least `fewest` of them; else NaN."""
    levels = np.isfinite(times[:-1]).sum(axis=0) >= FEWEST_OF_LEVEL
    found = np.where(levels, times, math.nan)
    found[np.isfinite(found).sum(axis=1) < fewest] = math.nan
    return found


def level_shift(times: Log, window: Window, relative: bool, least: float, alpha: float) -> LevelShift:
    """Test the mean change of the last runs against the level of at most `window.most` values before them.

    `least` is the smallest relevant change, in each of the runs, and `alpha` the two-sided significance level of one
    test. With `relative`, there are enough series for what they share to be taken out of each run, and for the
    deviations of the others to be a threshold.
    """
    levels = [last(values, window.most) for values in times[: -window.runs].T]
    sizes = np.array([len(level) for level in levels])
    centers = np.where(sizes >= FEWEST_OF_LEVEL, centers_of(levels), math.nan)
    changes = times[-window.runs :] - centers
    if relative:
        changes = changes - medians(changes.T)[:, None]
    deviation, freedom = between_runs(levels)
    reach = student(freedom, alpha) * np.ones(len(levels))
    if relative:
        reach = np.maximum(reach, window.factor * largest_of_others(levels, deviation))
    noise = reach * deviation * np.sqrt(1 / window.runs + math.pi / 2 / np.maximum(1, sizes))
    change, floor = changes.mean(axis=0), np.maximum(noise, least)
    in_each_run = (np.sign(change) * changes > least).all(axis=0)
    return LevelShift(change, floor, (np.abs(change) > floor) & in_each_run, window.runs)


def between_runs(levels: Sequence[Log]) -> tuple[Log, float]:
    """The standard deviation of each series between runs, and the degrees of freedom behind all of them.

    `levels` has the values of each series. Robust: the larger estimate from successive differences and from deviations
    from the level, pooled over the series, and more for a series that varies more.
    """
    steps = [np.diff(level) / math.sqrt(2) for level in levels]
    distances = [level - center for level, center in zip(levels, centers_of(levels), strict=True)]
    pooled = max(float(_variances(np.concatenate(each), share)) for each in (steps, distances) for share in NORMAL)
    own = np.maximum(of_each(steps, _variances), of_each(distances, _variances))
    freedom = np.array([len(step) / 2 for step in steps])
    total = max(1.0, sum(len(step) for step in steps) / 4)
    return np.sqrt(moderated(own, pooled, freedom)), total


def largest_of_others(levels: Sequence[Log], deviation: Log) -> Log:
    """For each series, the largest deviation from its level that any other one had, in standard deviations.

    Its own are left out: they may be the beginning of the change. `deviation` has one standard deviation per series.
    """
    distances = [np.abs(level - center) for level, center in zip(levels, centers_of(levels), strict=True)]
    largest = np.array([distance.max(initial=0.0) for distance in distances]) / deviation
    found = np.full(len(largest), largest.max(initial=0.0))
    if len(largest):
        index = int(largest.argmax())
        found[index] = np.delete(largest, index).max(initial=0.0)
    return found


def last(values: Log, most: int) -> Log:
    """The last `most` values of a vector that are not NaN."""
    return np.asarray(values[np.isfinite(values)][-most:])


def medians(times: Log) -> Log:
    """The median of each column over its values that are not NaN; NaN without any."""
    finite = np.isfinite(times.T)
    return of_each([column[kept] for column, kept in zip(times.T, finite, strict=True)], _medians, math.nan)


def centers_of(vectors: Sequence[Log]) -> Log:
    """The median of each vector; 0 of an empty one."""
    return of_each(vectors, _medians)


def of_each(vectors: Sequence[Log], statistic: Callable[[Log], Log], of_none: float = 0.0) -> Log:
    """A statistic of each vector, `of_none` of an empty one.

    `statistic` takes vectors of one length as the rows of a matrix: one by one, thousands of them take seconds.
    """
    indices: dict[int, list[int]] = defaultdict(list)
    for index, vector in enumerate(vectors):
        indices[len(vector)].append(index)
    found = np.full(len(vectors), of_none)
    for length, alike in indices.items():
        if length:
            found[alike] = statistic(np.array([vectors[index] for index in alike]))
    return found


def measured_again(times: Log) -> Log:
    """The same with NaN for values that equal the one before in their column to the last bit: read, not measured."""
    found = times.copy()
    for column in found.T:
        finite = np.flatnonzero(np.isfinite(column))
        column[finite[1:][column[finite[1:]] == column[finite[:-1]]]] = math.nan
    return found


def _medians(rows: Log) -> Log:
    return np.asarray(np.median(rows, axis=-1))


def _variances(deviations: Log, share: float = 0.5) -> Log:
    """From a quantile of absolute deviations; at least MOST_PRECISE squared, for series that do not vary at all."""
    if not deviations.shape[-1]:
        return np.zeros(deviations.shape[:-1])
    return np.asarray(np.maximum(MOST_PRECISE, np.quantile(np.abs(deviations), share, axis=-1) / NORMAL[share]) ** 2)
