"""Limits with units: `50ms`, `512MiB`, `5M`, `1.2G`, `80%`; a plain number is in base units."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException
from typing import Literal

Kind = Literal["time", "size", "count", "rate", "share"]
FORM = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([^\d\s].*)?", re.IGNORECASE)
FACTORS: dict[Kind, dict[str, float]] = {
    "time": {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0},
    "size": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
    | {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40},
    "count": {"K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12},
    "rate": {"/s": 1.0, "images/s": 1.0, "/min": 1 / 60},
    "share": {"%": 0.01},
}
"""What a number is multiplied by, by unit; upper and lower case are not distinguished."""
PLACEHOLDERS: dict[Kind, str] = {"time": "50ms", "size": "512MiB", "count": "5M", "rate": "100/s", "share": "80%"}
KINDS: dict[str, Kind] = {
    "parameters": "count",
    "macs": "count",
    "memory": "size",
    "process_memory": "size",
    "output_error": "share",
}
DIGITS = 3
"""Digits of a limit that is printed."""


def kind(key: str) -> Kind:
    """The kind of the amount that limits a criterion."""
    if "throughput" in key:
        return "rate"
    return "share" if key.endswith("top1") else KINDS.get(key, "time")


def amount(text: str, kind: Kind) -> float | None:
    """The number times its unit; None if it is no number or has a unit of another kind."""
    if text.lower() in ("nan", "inf", "+inf", "-inf", "infinity", "-infinity"):
        return float(text)
    found = FORM.fullmatch(text)
    if found is None:
        return None
    factors = {unit.lower(): factor for unit, factor in FACTORS[kind].items()}
    unit = (found[2] or "").strip().lower()
    if unit and unit not in factors:
        return None
    try:
        return float(Decimal(found[1]) * Decimal(repr(factors.get(unit, 1.0))))
    except DecimalException:  # its exponent is beyond those of Decimal
        return float(found[1])  # infinite or 0


def rounded(exact: Decimal, *, down: bool, decimals: int | None = None) -> Decimal:
    """An amount in three digits, or with more `decimals`, that is not above it (`down`), or not below it."""
    if not exact:
        return exact
    place = exact.adjusted() + 1 - DIGITS
    step = Decimal(1).scaleb(place if decimals is None else min(place, -decimals))
    return exact.quantize(step, rounding=ROUND_FLOOR if down else ROUND_CEILING)


def outwards(value: float, factor: float, *, down: bool, decimals: int | None = None) -> tuple[float, int]:
    """The quotient, rounded in the same way, and how many of its digits are after the point."""
    quotient = rounded(Decimal(repr(value)) / Decimal(repr(factor)), down=down, decimals=decimals)
    return float(quotient), -int(quotient.as_tuple().exponent)
