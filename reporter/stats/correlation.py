"""How far one column orders another: Spearman's rank correlation with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Correlation(NamedTuple):
    """A rank correlation between -1 and 1 with its 95 % interval."""

    rho: float
    low: float
    high: float


def spearman(first: Sequence[float], second: Sequence[float]) -> Correlation | None:
    """Pearson's correlation of the ranks; None from fewer than four pairs or where a column is constant.

    The interval is that of Bonett and Wright (Psychometrika 65, 2000, eq. 10): Fisher's z with the variance
    (1 + rho^2 / 2) / (n - 3).
    """
    ranks = [_ranks(column) for column in (first, second)]
    count, middle = len(first), (len(first) + 1) / 2
    apart = [[rank - middle for rank in column] for column in ranks]
    sizes = [math.hypot(*column) for column in apart]
    if count < 4 or not all(sizes):
        return None
    rho = sum(a * b for a, b in zip(*apart, strict=True)) / (sizes[0] * sizes[1])
    rho = max(-1.0, min(1.0, rho))
    if abs(rho) > 1 - 1e-12:
        return Correlation(rho, rho, rho)
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / (count - 3))
    return Correlation(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))


def _ranks(column: Sequence[float]) -> list[float]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = sorted(range(len(column)), key=lambda index: column[index])
    ranks, start = [0.0] * len(column), 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and column[order[end + 1]] == column[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    return ranks
