"""A line through points, y = intercept + slope * x, by least squares of relative deviations, with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from reporter.stats.noise import student

Interval = tuple[float, float]


class LinearFit(NamedTuple):
    """The coefficients of a line; an interval is None where two points leave no degree of freedom."""

    intercept: float
    slope: float
    intercept_interval: Interval | None = None
    slope_interval: Interval | None = None

    def at(self, x: float) -> float:
        return self.intercept + self.slope * x


def fit(xs: Sequence[float], ys: Sequence[float]) -> LinearFit | None:
    """The line through points with positive `ys`; None of fewer than two different `xs`.

    Times vary in proportion to their length, so each deviation counts relative to its y: weights are 1 / y^2.
    """
    if len(set(xs)) < 2:
        return None
    weights = [1 / y**2 for y in ys]
    total = math.fsum(weights)
    x_mean = math.fsum(w * x for w, x in zip(weights, xs, strict=True)) / total
    y_mean = math.fsum(w * y for w, y in zip(weights, ys, strict=True)) / total
    spread = math.fsum(w * (x - x_mean) ** 2 for w, x in zip(weights, xs, strict=True))
    slope = math.fsum(w * (x - x_mean) * (y - y_mean) for w, x, y in zip(weights, xs, ys, strict=True)) / spread
    intercept = y_mean - slope * x_mean
    freedom = len(xs) - 2
    if freedom < 1:
        return LinearFit(intercept, slope)
    errors = (w * (y - intercept - slope * x) ** 2 for w, x, y in zip(weights, xs, ys, strict=True))
    variance = math.fsum(errors) / freedom
    factor = student(freedom) * math.sqrt(variance)
    return LinearFit(
        intercept,
        slope,
        _around(intercept, factor * math.sqrt(1 / total + x_mean**2 / spread)),
        _around(slope, factor / math.sqrt(spread)),
    )


def _around(value: float, half: float) -> Interval:
    return value - half, value + half
