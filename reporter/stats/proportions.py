"""Proportions: intervals of a share of independent trials."""

from __future__ import annotations

import math

Z = 1.96
"""The 97.5 % quantile of the standard normal distribution."""

CHANCE, MARGIN, LEARNED = 1.5, 0.1, 0.2
"""Below this many times the share of guessing, less than this above it, or with less than this share of the errors of
guessing avoided, a network has not learned."""

Interval = tuple[float, float]


def wilson(share: float, count: int | float) -> Interval:
    """Wilson's 95 % score interval for a share between 0 and 1 of `count` >= 1 trials, not limited to 0 and 1.

    Wilson, Journal of the American Statistical Association 22, 1927.
    """
    center = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return center - half, center + half


def is_chance(share: float, guess: float) -> bool:
    """Whether a share of correct answers is near `guess`, the share that guessing gives.

    That is below CHANCE times it, by less than MARGIN above it, and with less than LEARNED of its errors avoided: where
    guessing gives 0.5, 0.7 is not chance, and where it gives 0.9, 0.95 is not.
    """
    return share < min(CHANCE * guess, guess + MARGIN, guess + LEARNED * (1 - guess))


def apart(first: Interval, second: Interval) -> bool:
    """Whether two intervals have no value in common."""
    return first[0] > second[1] or second[0] > first[1]
