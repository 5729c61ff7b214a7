"""Noise: how far the logarithms of times move although nothing has changed.

All arrays contain natural logarithms, so that a difference is a ratio and a standard deviation is relative. A series
is one of several things that are measured side by side; rounds are repetitions of one run.

The variance of one series is known from few rounds only. It is pooled over all series by the median, and a series that
varies more gets more, weighted by degrees of freedom (`moderated`; the idea is that of limma: Smyth, Statistical
Applications in Genetics and Molecular Biology 3, 2004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Log = NDArray[np.float64]

ALPHA = 0.05
FEWEST_SERIES = 3
"""With fewer series, there is no typical one among them."""
FEWEST_FOR_SPREAD = 8
"""From this many series on, the spread of their changes is an estimate of the noise: most have not changed."""
PRIOR_FREEDOM = 4
"""Degrees of freedom that the common variance weighs against the variance of one series."""
NORMAL_MEDIAN = 1.4826
"""Standard deviation of a normal distribution over the median of its absolute deviations."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation of the change of each series if nothing changed, and the degrees of freedom behind it."""

    deviation: Log
    freedom: float

    def margins(self, alpha: float) -> Log:
        """How far each change may be off by chance, at a two-sided significance level of `alpha`."""
        return student(self.freedom, alpha) * self.deviation


@cache
def student(freedom: float, alpha: float = ALPHA) -> float:
    """The two-sided quantile of Student's t: P(|t| > result) = `alpha`. `freedom` is positive, not always whole."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - alpha / 2))


def student_tail(freedom: float, t: float) -> float:
    """The two-sided p-value of `t` >= 0 under Student's t, the inverse of `student`; `t` may be infinite."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -t))


def moderated(own: Log, pooled: float, freedom: Log | float) -> Log:
    """The variance of each series: the common one, or more where its own, as far as it is known, is larger.

    `own` has one variance per series with `freedom` degrees of freedom; `pooled` counts as PRIOR_FREEDOM degrees.
    """
    return np.maximum(pooled, (PRIOR_FREEDOM * pooled + freedom * own) / (PRIOR_FREEDOM + freedom))


def typical(own: Log, freedom: Log | float) -> float:
    """The common variance of several series by the median, which a few disturbed series do not move.

    `own` has one variance per series with `freedom` > 0 degrees of freedom. The median of chi-squared with d degrees
    is about d (1 - 2/9d)^3 (Wilson and Hilferty, PNAS 17, 1931). The result is known with half of all degrees.
    """
    return float(np.median(own / (1 - 2 / (9 * freedom)) ** 3))


def of_means(rounds: Log) -> Noise:
    """The noise of the mean of each series over its rounds: an array of series x rounds, two rounds at least.

    The variances of one or two series are averaged, and all degrees of freedom count.
    """
    count, freedom = len(rounds), rounds.shape[1] - 1
    own = rounds.var(axis=1, ddof=1)
    few = count < FEWEST_SERIES
    variance = moderated(own, float(own.mean()) if few else typical(own, freedom), freedom)
    return Noise(np.sqrt(variance / rounds.shape[1]), float(count * freedom) / (1 if few else 2))


def of_changes(base: Log, new: Log, changes: Log, between_runs: Log | None) -> Noise:
    """The noise of the change of each series from `base` to `new`, both series x rounds.

    The larger of two estimates: from rounds, and `between_runs`, the standard deviation of the difference of two runs,
    for which the spread of all changes is taken where it is None.
    """
    rounds = between_rounds(base, new)
    runs = between_series(changes) if between_runs is None else between_runs
    return Noise(np.maximum(rounds.deviation, runs), rounds.freedom)


def between_rounds(base: Log, new: Log) -> Noise:
    """From how the rounds of one side differ: pooled over all series, more for those that are noisier.

    Two arrays of series x rounds with the same series; both sides together have at least three rounds.
    """
    freedom = base.shape[1] + new.shape[1] - 2
    own = sum(((side - side.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) for side in (base, new))
    own = own / freedom
    variance = moderated(own, typical(own, freedom), freedom)
    series = len(variance)
    centre = 1 + math.pi / (2 * series) if series > 1 else 1.0
    deviation = np.sqrt(variance * (1 / base.shape[1] + 1 / new.shape[1]) * centre)
    return Noise(deviation, max(1.0, series * freedom / 2))


def between_series(changes: Log) -> Log:
    """From how the changes of all series spread, by the median: noise between runs that rounds do not show.

    The changes have a median of about 0. The result is one standard deviation, 0 from fewer than FEWEST_FOR_SPREAD.
    """
    enough = len(changes) >= FEWEST_FOR_SPREAD
    return np.asarray(NORMAL_MEDIAN * np.median(np.abs(changes)) if enough else 0.0)


def between_runs(logs: Log) -> Log:
    """From successive runs, oldest first: the standard deviation of the difference of two runs for each series.

    `logs` is runs x series without gaps; what all series of a run share is taken out. Successive differences have the
    spread of the change between two runs, and a level that once moved is only one of many.
    """
    steps = np.abs(np.diff(logs - logs.mean(axis=1, keepdims=True), axis=0))
    own, pooled = (NORMAL_MEDIAN * np.median(steps, axis=0)) ** 2, (NORMAL_MEDIAN * float(np.median(steps))) ** 2
    return np.asarray(np.sqrt(moderated(own, pooled, len(steps) / 2)))
