"""Change points: where the level of a series of logarithms changes.

A change point is the split of a series whose two medians leave the least sum of absolute deviations, where the step
between them is above the smallest relevant step and above t x its noise: sigma sqrt(pi/2 (1/n + 1/m)), sigma from
successive differences, which a change of level hardly moves, t Student's quantile. Both parts are split again (binary
segmentation: Scott and Knott, Biometrics 30, 1974).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reporter.stats.noise import NORMAL_MEDIAN, Log, student

FEWEST_OF_LEVEL = 3
"""So many values make a level, for example after a change was accepted."""


@dataclass(frozen=True, order=True)
class ChangePoint:
    """The index of the first value of a new level, and the step to it, the logarithm of a ratio.

    The step is between the medians of the two parts that it splits, which may be split again.
    """

    index: int
    step: float


def change_points(
    values: Log, alpha: float, least: float, noise: tuple[float, float] | None = None
) -> list[ChangePoint]:
    """The changes of level in a vector of logarithms without gaps, in its order.

    `alpha` is the significance level of one split, `least` the smallest relevant step. At least two values. `noise`
    has sigma and its degrees of freedom if they are known from several series.
    """
    sigma, freedom = noise or (spread([values]), max(1.0, (len(values) - 1) / 2))
    threshold = student(freedom, alpha) * sigma * math.sqrt(math.pi / 2)
    return sorted(_split(values, 0, threshold, least))


def spread(series: Sequence[Log]) -> float:
    """Sigma from the successive differences of all series together; at least one has two values."""
    differences = np.abs(np.concatenate([np.diff(values) for values in series]))
    return NORMAL_MEDIAN * float(np.median(differences)) / math.sqrt(2)


def polish(logs: Log) -> Log:
    """Runs x series, NaN for gaps: relative to the median of each series and, of several, to that of each run.

    One step of Tukey's median polish: a slow run shows in no series, and a change of level of one series in no other.
    Every row and every column has a value.
    """
    logs = logs - np.nanmedian(logs, axis=0)
    if logs.shape[1] > 1:
        logs = logs - np.nanmedian(logs, axis=1, keepdims=True)
        logs = logs - np.nanmedian(logs, axis=0)
    return logs


def _split(values: Log, start: int, threshold: float, least: float) -> Iterator[ChangePoint]:
    """The change points of a part that begins at `start`; `threshold` is that of one value against one."""
    splits = range(FEWEST_OF_LEVEL, len(values) - FEWEST_OF_LEVEL + 1)
    if not splits:
        return
    index = min(splits, key=lambda index: _deviations(values[:index]) + _deviations(values[index:]))
    step = float(np.median(values[index:]) - np.median(values[:index]))
    noise = threshold * math.sqrt(1 / index + 1 / (len(values) - index))
    if abs(step) <= max(least, noise):
        return
    yield ChangePoint(start + index, step)
    yield from _split(values[:index], start, threshold, least)
    yield from _split(values[index:], start + index, threshold, least)


def _deviations(values: Log) -> float:
    """The sum of the absolute deviations from the median: the upper half less the lower half."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[len(values) - half :].sum() - ordered[:half].sum())
