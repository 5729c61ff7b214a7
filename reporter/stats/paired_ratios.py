"""Ratios of paired samples: B over A, where each sample of B has a partner in A that was taken next to it.

The logarithm of their ratio contains no drift that both share. Log ratios are natural logarithms; rounds are
repetitions of a run, and pairs within a round are not independent. `fast_ratio` compares two sides that were timed in
blocks in turns, whose samples have no partners.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reporter.stats.noise import Log, Noise
from reporter.stats.unequal_rounds import of_centers

FAST = 0.25
"""The quantile of each side that `fast_ratio` compares."""


def fast_ratio(base: Sequence[float], new: Sequence[float]) -> float:
    """`base` over `new` for times that were taken in turns: the ratio of their lower quartiles.

    Interruptions only ever lengthen a call, so that fast calls vary less than typical ones. In the controls of
    benchmarks/mode_controls.py, the ratio of quartiles varies between rounds by 2.4 % where that of medians varies by
    3.2 %. The minimum would depend on the number of calls, which is larger for the faster side.
    """
    return float(np.quantile(base, FAST) / np.quantile(new, FAST))


def log_ratios(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> list[Log]:
    """The logarithms of B over A, pair by pair, for each round. Both have rounds of the same sizes; samples > 0."""
    return [np.log(np.asarray(new, float) / np.asarray(base, float)) for base, new in zip(a, b, strict=True)]


def center(values: Log) -> float:
    """The one-sample Hodges-Lehmann estimate: the median of the means of all pairs, each value with itself included.

    Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963. `values` is one-dimensional and not empty.
    """
    first, second = _pairs(len(values))
    return float(np.median((values[first] + values[second]) / 2))


@lru_cache(maxsize=64)
def _pairs(count: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """The indices of all pairs of so many values, each with itself; of few they take longer than the median."""
    first, second = np.triu_indices(count)
    return first, second


def change(rounds: Sequence[Log]) -> float:
    """The Hodges-Lehmann estimate over the pairs of all rounds."""
    return center(np.concatenate(rounds))


def noise(series: Sequence[Sequence[Log]]) -> Noise:
    """The noise of the change of each series from the centers of its rounds, of which each has at least two.

    Some may have fewer than others: a round may be lost.
    """
    return of_centers([np.array([center(part) for part in rounds]) for rounds in series])


def same_direction(rounds: Sequence[Log], change: float) -> bool:
    """Whether the center of every round has the sign of the change."""
    return all(np.sign(center(part)) == np.sign(change) for part in rounds)


def signed_rank(values: Log) -> float:
    """The p-value of Wilcoxon's signed-rank test that log ratios are symmetric about 0; 1 where all are 0."""
    from scipy.stats import wilcoxon

    return float(wilcoxon(values).pvalue) if np.any(values) else 1.0
