"""Samples of one quantity: their center, its 95 % interval, percentiles, and their parts.

All results are in the unit of the samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import mean, median, median_high, median_low, stdev

CONFIDENCE = 0.95
FEWEST_BEYOND = 10
"""So many samples beyond a percentile are needed for it."""
FEWEST_LOGARITHMS = 3
"""A geometric mean of fewer samples has no interval."""
LARGEST = 300.0
"""The largest magnitude of logarithms in an interval, so that their exponentials are numbers."""
FEWEST_ROUNDS = 3
"""With fewer rounds, a disturbed one cannot be distinguished from the others."""


def centre(samples: Sequence[float], kind: str) -> float:
    """The median, or the mean where `kind` is "mean"; a single sample stays as it is, so that counts stay integers.

    With "log" the median of logarithms, as for ratios: of an even number of samples, which are positive, it is the
    geometric mean of the middle two. With "geometric" the geometric mean, 0 if a sample is not positive.
    """
    if len(samples) == 1:
        return samples[0]
    if kind == "log":
        low, high = median_low(samples), median_high(samples)
        return low if low == high else math.sqrt(low * high)
    if kind == "geometric":
        return math.exp(mean(map(math.log, samples))) if min(samples) > 0 else 0.0
    return mean(samples) if kind == "mean" else median(samples)


def interval(samples: Sequence[float], kind: str) -> tuple[float, float] | None:
    """The 95 % interval of the center: order statistics for a median, Student's t for a mean.

    With "geometric" Student's t of the logarithms, so that the interval is positive. None from fewer than six samples
    for a median, two for a mean and three for a geometric mean: of two it would span orders of magnitude. Samples are
    taken to be independent.
    """
    if kind == "geometric":
        return _geometric_interval(samples)
    return _mean_interval(samples) if kind == "mean" else _median_interval(samples)


@cache
def median_ranks(count: int, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks (from 0) of the order statistics that enclose the median with at least `confidence`.

    The number of samples below the median is binomial(n, 1/2), so P(x_(k) <= median <= x_(n+1-k)) = 1 - 2 P(B < k)
    (Conover, Practical Nonparametric Statistics, section 3.2). From fewer than six samples even the extremes do not
    reach 95 %: None.
    """
    tail, rank = 0.0, 0
    while True:
        tail += math.comb(count, rank) / 2**count
        if 2 * tail > 1 - confidence:
            break
        rank += 1
    return (rank - 1, count - rank) if rank else None


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The smallest sample that at least `share` of all do not exceed; None where fewer than FEWEST_BEYOND exceed it.

    That is p90 from 100 samples on and p99 from 1,000: of fewer it would be an extreme, not a percentile.
    """
    if round(len(samples) * (1 - share), 6) < FEWEST_BEYOND:
        return None
    return sorted(samples)[math.ceil(round(share * len(samples), 6)) - 1]


def split(samples: Sequence[float], rounds: Sequence[int]) -> list[Sequence[float]]:
    """Consecutive samples in parts, one for each of the sizes `rounds`; a single part without sizes."""
    parts, start = [], 0
    for size in rounds or (len(samples),):
        parts.append(samples[start : start + size])
        start += size
    return parts


def log_medians(parts: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The natural logarithm of the median of each part that is not empty; samples are positive."""
    return tuple(math.log(median(part)) for part in parts if part)


def _median_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    ranks = median_ranks(len(samples))
    if ranks is None:
        return None
    ordered = sorted(samples)
    return ordered[ranks[0]], ordered[ranks[1]]


def _geometric_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """That of the mean of logarithms; None where a sample is not positive, or from fewer than FEWEST_LOGARITHMS."""
    if len(samples) < FEWEST_LOGARITHMS or min(samples) <= 0:
        return None
    bounds = _mean_interval([math.log(sample) for sample in samples])
    return (math.exp(max(bounds[0], -LARGEST)), math.exp(min(bounds[1], LARGEST))) if bounds else None


def _mean_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    if len(samples) < 2:
        return None
    from scipy.special import stdtrit

    half = float(stdtrit(len(samples) - 1, (1 + CONFIDENCE) / 2)) * stdev(samples) / math.sqrt(len(samples))
    return mean(samples) - half, mean(samples) + half
