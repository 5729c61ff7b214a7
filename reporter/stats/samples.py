"""What samples say, and how surely: centres, 95 % intervals, and when to call a time noisy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from statistics import mean, median, stdev

CONFIDENCE = 0.95
FEWEST_BEYOND = 10
FEWEST_ROUNDS = 3
"""With fewer rounds, a disturbed one cannot be distinguished from the others."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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


def doubt(rounds: Sequence[Sequence[float]], limit: float, bounds: tuple[float, float] | None) -> str | None:
    """Why the median of a series of times is not reliable within `limit` (a share of it), None where it is.

    `bounds` is its 95 % interval. From FEWEST_ROUNDS rounds on it contains how far processes differ, and may extend to
    `limit` on either side; that of fewer rounds, which does not, may span no more than `limit`.
    """
    samples = [sample for part in rounds for sample in part]
    if bounds is None:
        return f"only {len(samples)} samples, too few for a 95 % interval"
    middle = median(samples)
    spread = (bounds[1] - bounds[0]) / middle
    if spread > limit * (1 if len(rounds) < FEWEST_ROUNDS else 2):
        return f"the 95 % interval spans {spread:.0%} of the median"
    medians = [median(part) for part in rounds]
    apart = (max(medians) - min(medians)) / middle
    if apart > limit:
        return f"the medians of {len(medians)} rounds lie {apart:.0%} apart"
    return None


def in_words(value: float, unit: str) -> str:
    """A time or a rate with three digits, for the reasons in records: `71.3 ms`."""
    if unit == "1/s":
        return f"{value:.3g} images/s"
    factor, word = next(((f, w) for f, w in ((1.0, "s"), (1e-3, "ms")) if value >= f), (1e-6, "µs"))
    return f"{value / factor:.3g} {word}"


def days(*moments: str) -> tuple[str, ...]:
    """The days of moments in ISO 8601, `25 Nov`, with the time where two are alike; any other text as it is."""
    try:
        whens = [datetime.fromisoformat(moment) for moment in moments]
    except ValueError:
        return moments
    named = [f"{when.day} {MONTHS[when.month - 1]}" for when in whens]
    if len(set(named)) == len(named):
        return tuple(named)
    return tuple(f"{day}, {when:%H:%M}" for day, when in zip(named, whens, strict=True))


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
