"""Intervals of times at the level of rounds: how far the medians of rounds vary, and what differences that resolves.

Calls of one process share its luck (memory layout, placement, neighbors), so the unit of repetition is the round, a
process of its own. All computation is on natural logarithms, where a difference is a ratio.

The variance between rounds is pooled over the series of a run (`noise.moderated`). Where fewer than FEWEST_SERIES of a
run have more than one degree of freedom, the PRIOR_DEVIATION takes part with PRIOR_FREEDOM degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reporter.stats import samples
from reporter.stats.noise import FEWEST_SERIES, PRIOR_FREEDOM, Log, moderated, student, typical
from reporter.stats.samples import FEWEST_ROUNDS

PRIOR_DEVIATION = 0.03
"""The standard deviation of log medians between rounds, where a run does not show it: measured were 0.025 to 0.05."""
BETWEEN_RUNS = math.log(2)
"""Times without a common round differ by chance up to a factor of 2: shared machines do, from day to day.

Ratios of times that were measured alternately do not contain this: their levels are compared by how far rounds vary.
Measured (results/reference-engines): speedups of a mode in two rounds differ by 5.6 % (median; one in 20 by 27 %) if
the rounds are from different runs, and by 5.5 % (27 %) if they are from the same one.
"""

BEYOND = 300.0
"""No logarithm of a ratio is larger, so that its exponential stays a number."""


class Spread(NamedTuple):
    """The variance between the rounds of one series (of log medians), and the degrees of freedom behind it."""

    variance: float
    freedom: float

    def margin(self, effective: float) -> float:
        """Half the width of the 95 % interval of a level from `effective` > 0 rounds of equal weight (a log ratio)."""
        return min(BEYOND, student(self.freedom) * math.sqrt(self.variance / effective))


class Spreads(NamedTuple):
    """The variances between the rounds of several series, and the degrees of freedom, which they have in common."""

    variances: Log
    freedom: float

    @classmethod
    def of(cls, spreads: Sequence[Spread]) -> Spreads:
        """From those of single series."""
        return cls(np.array([spread.variance for spread in spreads]), spreads[0].freedom)


class Ratio(NamedTuple):
    """One time over another with its 95 % interval."""

    ratio: float
    low: float
    high: float

    @classmethod
    def of(cls, log: float, margin: float) -> Ratio:
        """From its logarithm and half the width of the interval; all three are limited to exp(+-BEYOND)."""
        return cls(*(math.exp(min(max(value, -BEYOND), BEYOND)) for value in (log, log - margin, log + margin)))

    @property
    def resolved(self) -> bool:
        """Whether the two differ: the interval does not include 1."""
        return not self.low <= 1 <= self.high


@dataclass(frozen=True)
class Rounds:
    """Log medians, series x rounds, NaN where a series has none; `runs` has the run of each round.

    `runs` are numbers that ascend with time.
    """

    logs: Log
    runs: NDArray[np.int_]

    def spreads(self, interleaved: bool) -> list[Spread]:
        """How far the rounds of each series vary within a run.

        With `interleaved`, what all series of a round share is taken out, as for ratios within a run. So is a degree of
        freedom of each round, of which each of its series loses the same share: a round that only one series has says
        nothing of how far ratios vary.
        """
        shared = interleaved and len(self.logs) > 1
        left, freedom = self._within_runs(shared), self._freedom(shared)
        own = np.nansum(left**2, axis=1) / np.where(freedom > 0, freedom, 1)
        variance, degrees = _with_prior(own, freedom)
        return [Spread(float(each), degrees) for each in variance]

    def differences(
        self,
        spreads: Spreads,
        rows: Sequence[int],
        others: Sequence[int] | None = None,
        levels: Spreads | None = None,
    ) -> tuple[Log, Log]:
        """Of `rows` against `others`: log ratios over common rounds, and half the widths of their 95 % intervals.

        Two arrays of rows x others, which are all series if not given. Series without a common round are compared by
        their levels: within the factor that runs may differ by, or, with the spreads of `levels`, by the variances of
        both sides. The latter is for ratios, which do not contain the drift of the machine.
        """
        columns = slice(None) if others is None else others
        has, logs, means = self._filled
        common = has[rows] @ has[columns].T
        apart = np.subtract.outer(means[rows], means[columns])
        together = (logs[rows] @ has[columns].T - has[rows] @ logs[columns].T) / np.maximum(common, 1)
        chance = np.sqrt(np.add.outer(spreads.variances[rows], spreads.variances[columns]) / np.maximum(common, 1))
        margins = student(spreads.freedom) * chance
        separate = BETWEEN_RUNS if levels is None else self._of_levels(levels, rows, columns)
        return np.where(common > 0, together, apart), np.where(common > 0, margins, separate)

    @cached_property
    def _filled(self) -> tuple[Log, Log, Log]:
        """Whether a series has a round, 1 or 0; the log medians, 0 where it has none; and the mean of each series."""
        has, logs = (~np.isnan(self.logs)).astype(float), np.nan_to_num(self.logs)
        return has, logs, logs.sum(axis=1) / np.maximum(has.sum(axis=1), 1)

    def _of_levels(self, spreads: Spreads, rows: Sequence[int], columns: Sequence[int] | slice) -> Log:
        """Half the widths of the 95 % intervals of the differences between levels, rows x columns."""
        errors = spreads.variances / np.maximum(self._filled[0].sum(axis=1), 1)
        return np.asarray(student(spreads.freedom) * np.sqrt(np.add.outer(errors[rows], errors[columns])))

    def _within_runs(self, shared: bool) -> Log:
        """What is left of each series without its mean in a run, and without what all series of a round share."""
        left = self.logs.copy()
        for columns in self._columns:
            left[:, columns] -= _mean(left[:, columns], 1)
            if shared:
                left[:, columns] -= _mean(left[:, columns], 0)
        return left

    def _freedom(self, shared: bool) -> Log:
        """The degrees of freedom of what is left of each series."""
        has = ~np.isnan(self.logs)
        left = has * (1 - 1 / np.maximum(has.sum(axis=0), 1) if shared else 1.0)
        rounds = ((left[:, columns], has[:, columns].sum(axis=1)) for columns in self._columns)
        return np.asarray(sum(each.sum(axis=1) * (1 - 1 / np.maximum(count, 1)) for each, count in rounds))

    @property
    def _columns(self) -> list[NDArray[np.bool_]]:
        """Which columns belong to each run."""
        return [self.runs == run for run in np.unique(self.runs)]


def bounds(
    value: float, rounds: Sequence[Sequence[float]], spread: Spread, ratio: bool = False
) -> tuple[float, float] | None:
    """The 95 % interval of `value`, the median of all samples of some rounds, in the unit of the samples.

    From FEWEST_ROUNDS rounds on, and for a `ratio` always, it follows from how far rounds vary. Of fewer, it is the
    interval of the samples by order statistics, extended to the medians of all rounds; None from too few samples.
    """
    if ratio or len(rounds) >= FEWEST_ROUNDS:
        factor = math.exp(spread.margin(effective([len(part) for part in rounds])))
        return value / factor, value * factor
    within = samples.interval([sample for part in rounds for sample in part], "median")
    if within is None:
        return None
    medians = [median(part) for part in rounds]
    return min(within[0], *medians), max(within[1], *medians)


def alone(logs: Sequence[Sequence[float]]) -> Spread:
    """The spread of a single series from its log medians, run by run, and the prior."""
    left = [value - sum(run) / len(run) for run in logs for value in run]
    freedom = len(left) - len(logs)
    own = sum(value**2 for value in left) / max(freedom, 1)
    variance, degrees = _with_prior(np.array([own]), np.array([float(freedom)]))
    return Spread(float(variance[0]), degrees)


def differ(first: Sequence[float], second: Sequence[float], spread: Spread) -> bool:
    """Whether the levels of two runs, each given by its log medians, are further apart than the rounds explain."""
    apart = abs(sum(first) / len(first) - sum(second) / len(second))
    return apart > spread.margin(1 / (1 / len(first) + 1 / len(second)))


def latest_different(newest: Sequence[float], older: Sequence[Sequence[float]], spread: Spread) -> int | None:
    """The index of the last of `older` runs whose level differs from that of the newest run; None without one."""
    different = [index for index, logs in enumerate(older) if differ(newest, logs, spread)]
    return different[-1] if different else None


def effective(sizes: Sequence[int]) -> float:
    """How many rounds of equal weight a median of all samples is worth, if each weighs by its number of samples.

    Kish's effective sample size: (sum of weights)^2 / sum of squared weights.
    """
    return sum(sizes) ** 2 / sum(size**2 for size in sizes)


def _with_prior(own: Log, freedom: Log) -> tuple[Log, float]:
    """The variance of each series, and the degrees of freedom with which it is known."""
    some = freedom > 0
    if np.count_nonzero(freedom > 1) < FEWEST_SERIES:
        degrees = PRIOR_FREEDOM + float(freedom.sum())
        pooled = (PRIOR_FREEDOM * PRIOR_DEVIATION**2 + float(freedom @ own)) / degrees
    else:
        degrees = float(freedom.sum()) / 2
        pooled = typical(own[some], freedom[some])
    return moderated(own, pooled, freedom), degrees


def _mean(values: Log, axis: int) -> Log:
    """The mean of what is not NaN, 0 where all is."""
    count = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    return np.asarray(np.nansum(values, axis=axis, keepdims=True) / np.maximum(count, 1))
