"""Proportions: intervals of a share of independent trials."""

from __future__ import annotations

import math

Z = 1.96
"""The 97.5 % quantile of the standard normal distribution."""

CHANCE, MARGIN = 1.5, 0.1
"""Up to this many times the share of guessing, or this much above it, a network has not learned."""

Interval = tuple[float, float]


def wilson(share: float, count: int | float) -> Interval:
    """Wilson's 95 % score interval for a share between 0 and 1 of `count` >= 1 trials, not limited to 0 and 1.

    Wilson, Journal of the American Statistical Association 22, 1927.
    """
    center = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return center - half, center + half


def is_chance(share: float, classes: int) -> bool:
    """Whether a share of correct answers is near what guessing one of `classes` gives.

    That is below CHANCE times it, and by less than MARGIN above it: of two classes, 0.7 is not chance.
    """
    guess = 1 / classes
    return share < min(CHANCE * guess, guess + MARGIN)


def apart(first: Interval, second: Interval) -> bool:
    """Whether two intervals have no value in common."""
    return first[0] > second[1] or second[0] > first[1]
