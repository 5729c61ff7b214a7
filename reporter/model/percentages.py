"""Shares of a whole in percent: a part of it is printed neither as 0 nor as 100 %."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

MOST = 9
"""Digits after the point."""


def decimals(percent: Decimal, least: int = 0) -> int:
    """The digits after the point with which a percentage between 0 and 100 reads as neither, at least `least`."""
    digits = least
    while 0 < percent < 100 and digits < MOST and rounded(percent, digits) in (0, 100):
        digits += 1
    return digits


def rounded(percent: Decimal, digits: int) -> Decimal:
    """A percentage of so many digits after the point, half rounded up."""
    return percent.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def percentage(share: float) -> str:
    """A share in a message: `48%`, and `99.6%` or `0.3%` where a whole number would be 100 or 0."""
    percent = 100 * Decimal(str(share))
    return f"{rounded(percent, decimals(percent)):f}%"
