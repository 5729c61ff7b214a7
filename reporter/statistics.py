"""What samples say, and how surely: centres, 95 % intervals, and when to call a time noisy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import mean, median, stdev

CONFIDENCE = 0.95
FEWEST_BEYOND = 10


def centre(samples: Sequence[float], kind: str) -> float:
    """The median or mean; a single sample is returned as it is, so that counts stay integers."""
    if len(samples) == 1:
        return samples[0]
    return mean(samples) if kind == "mean" else median(samples)


def interval(samples: Sequence[float], kind: str) -> tuple[float, float] | None:
    """The 95 % interval of the centre: order statistics for a median, Student's t for a mean; None from too few."""
    return _mean_interval(samples) if kind == "mean" else _median_interval(samples)


@cache
def median_ranks(count: int, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks (from 0) of the order statistics that enclose the median with at least `confidence`.

    The number of samples below the median is binomial(n, 1/2), so P(x_(k) <= median <= x_(n+1-k)) = 1 - 2 P(B < k).
    From fewer than six samples even the extremes do not reach 95 %: None.
    """
    tail, rank = 0.0, 0
    while True:
        tail += math.comb(count, rank) / 2**count
        if 2 * tail > 1 - confidence:
            break
        rank += 1
    return (rank - 1, count - rank) if rank else None


def doubt(samples: Sequence[float], rounds: Sequence[int], limit: float) -> str | None:
    """Why a series of times is not to be trusted within `limit` (a share of the median), None where it is."""
    middle = median(samples)
    bounds = _median_interval(samples)
    if bounds is None:
        return f"only {len(samples)} samples, too few for a 95 % interval"
    spread = (bounds[1] - bounds[0]) / middle
    if spread > limit:
        return f"the 95 % interval spans {spread:.0%} of the median"
    medians = [median(part) for part in split(samples, rounds) if part]
    apart = (max(medians) - min(medians)) / middle if medians else 0.0
    if apart > limit:
        return f"the medians of {len(medians)} rounds lie {apart:.0%} apart"
    return None


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The smallest sample that at least `share` of all do not exceed; None where fewer than ten lie beyond it.

    That is p90 from 100 samples on and p99 from 1,000: of fewer it would be an extreme, not a percentile.
    """
    if round(len(samples) * (1 - share), 6) < FEWEST_BEYOND:
        return None
    return sorted(samples)[math.ceil(round(share * len(samples), 6)) - 1]


def split(samples: Sequence[float], rounds: Sequence[int]) -> list[Sequence[float]]:
    """The samples of each round; one part where the rounds are not told."""
    parts, start = [], 0
    for size in rounds or (len(samples),):
        parts.append(samples[start : start + size])
        start += size
    return parts


def _median_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    ranks = median_ranks(len(samples))
    if ranks is None:
        return None
    ordered = sorted(samples)
    return ordered[ranks[0]], ordered[ranks[1]]


def _mean_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    if len(samples) < 2:
        return None
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, len(samples) - 1)) * stdev(samples) / math.sqrt(len(samples))
    return mean(samples) - half, mean(samples) + half
