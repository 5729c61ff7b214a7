"""Spearman's rank correlation with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

FEWEST = 4
"""Pairs; the variance of Fisher's z needs more than three."""
NORMAL = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""


class Correlation(NamedTuple):
    """A rank correlation between -1 and 1 with its 95 % interval."""

    rho: float
    low: float
    high: float


def spearman(first: Sequence[float], second: Sequence[float]) -> Correlation | None:
    """Pearson's correlation of the ranks of two columns of equal length.

    None from fewer than FEWEST pairs or where a column is constant. The interval is that of Bonett and Wright
    (Psychometrika 65, 2000, eq. 10): Fisher's z with the variance (1 + rho^2 / 2) / (n - 3). Without ties, rho changes
    in steps of 12 / (n^3 - n): for that of equal orders, where z is infinite, z is taken half a step before it.
    """
    count = len(first)
    if count < FEWEST or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    from scipy.stats import spearmanr  # half a second, which reports on fewer architectures do not need

    rho = max(-1.0, min(1.0, float(spearmanr(first, second).statistic)))
    half = NORMAL * math.sqrt((1 + rho**2 / 2) / (count - 3))
    if abs(rho) > 1 - 1e-12:
        nearest = math.tanh(math.atanh(1 - 6 / (count**3 - count)) - half)
        return Correlation(rho, nearest, 1.0) if rho > 0 else Correlation(rho, -1.0, -nearest)
    return Correlation(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))
