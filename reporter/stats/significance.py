"""Whether a change is significant: conditions that must all hold, in the order in which they are tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Outcome = Literal["small", "unknown noise", "within noise", "rounds disagree", "samples overlap", "significant"]
"""The first condition that a change does not meet, or `significant`."""


class Decision(NamedTuple):
    """The outcome, and the p-value of the rank test where it was computed."""

    outcome: Outcome
    p: float | None


@dataclass(frozen=True)
class ShiftEvidence:
    """What is known of a change, a log ratio; the functions are called only where they decide."""

    change: float
    floor: float | None
    """What noise reaches; None where it is not known."""
    agree: Callable[[], bool]
    """Whether the rounds point in the direction of the change."""
    p_value: Callable[[], float]
    """Of a rank test on single samples."""


def decide(evidence: ShiftEvidence, least: float, alpha: float) -> Decision:
    """Test a change by conditions that must all hold, each of which can only take significance away.

    1. its size is above `least`, the smallest relevant change;
    2. the noise is known, and its size is above the floor;
    3. the rounds agree;
    4. the p-value is below `alpha`.
    """
    size = abs(evidence.change)
    if size <= least:
        return Decision("small", None)
    if evidence.floor is None:
        return Decision("unknown noise", None)
    if size <= evidence.floor:
        return Decision("within noise", None)
    if not evidence.agree():
        return Decision("rounds disagree", None)
    p = evidence.p_value()
    return Decision("samples overlap" if p >= alpha else "significant", p)
