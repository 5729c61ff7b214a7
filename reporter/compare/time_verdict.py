"""The verdict on a change of time, and its reason if nothing is certain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from reporter.compare.differences import TimeVerdict
from reporter.stats.samples import FEWEST_ROUNDS
from reporter.stats.significance import ShiftEvidence, decide

RANK_ALPHA = 0.01
"""Of the rank test, which can only take significance away."""
LARGEST_LOG = 600.0
"""Larger than the log ratio of any two values of a record; its exponential is finite."""


class TimeOutcome(NamedTuple):
    """The verdict, the p-value of the rank test where it was needed, and the reason of `noisy`."""

    verdict: TimeVerdict
    p: float | None
    reason: str | None


@dataclass(frozen=True)
class Reasons:
    """The reasons that depend on how both sides were measured; `overlap` contains {p}."""

    disagree: str
    overlap: str
    rounds: str = "rounds"


def verdict(evidence: ShiftEvidence, least: float, reasons: Reasons) -> TimeOutcome:
    """The verdict on a change, which is a log ratio of times; below `least` it is unchanged."""
    outcome, p = decide(evidence, least, RANK_ALPHA)
    if outcome == "small":
        return TimeOutcome("unchanged", None, None)
    if outcome == "significant":
        return TimeOutcome("regressed" if evidence.change > 0 else "improved", p, None)
    texts = {
        "unknown noise": f"fewer than {FEWEST_ROUNDS} {reasons.rounds} do not say how far times move by themselves",
        "within noise": f"noise alone reaches {growth(evidence.floor or 0.0):.0%}",
        "rounds disagree": reasons.disagree,
        "samples overlap": reasons.overlap.format(p=f"{p:.2g}" if p is not None else ""),
    }
    return TimeOutcome("noisy", p, texts[outcome])


def ratio(change: float) -> float:
    """The ratio of a log ratio, finite for any."""
    return math.exp(min(max(change, -LARGEST_LOG), LARGEST_LOG))


def growth(change: float) -> float:
    """The ratio of a log ratio minus 1."""
    return math.expm1(min(change, LARGEST_LOG))
