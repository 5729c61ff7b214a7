"""Moments as texts of nightly runs have them."""

from __future__ import annotations

from datetime import datetime


def moment(started: str) -> str:
    """A moment as it is printed: 25 November 2026, 02:17 UTC."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started or "an unknown date"
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def day(started: str) -> str:
    """A day as it is printed: 25 November."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{when.day} {when:%B}"
