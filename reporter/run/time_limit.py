"""The verdicts on what the seconds of an architecture, the value of `--timeout`, leave no time for."""

from __future__ import annotations

from reporter.model import Verdict


def not_begun(limit: float) -> Verdict:
    """The verdict on what would begin after the `limit` in seconds."""
    return Verdict("timeout", f"not begun: {_over(limit)}")


def over(limit: float) -> Verdict:
    """The verdict on what was ended after the `limit` in seconds, of which earlier jobs took some."""
    return Verdict("timeout", _over(limit))


def _over(limit: float) -> str:
    return f"the {limit:.0f} s for this architecture were over"
