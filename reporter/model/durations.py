"""Durations as text: 90s and 1h30m on the command line, 42 s and 1 h 20 min in messages."""

from __future__ import annotations

import re

TIME = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")


def in_seconds(time: str) -> int:
    """Seconds of a time like 90s, 20m or 1h30m; 0 where it is none."""
    found = TIME.fullmatch(time)
    parts = zip(found.groups(), (3600, 60, 1), strict=True) if found else ()
    return sum(int(number or 0) * unit for number, unit in parts)


def duration(seconds: float) -> str:
    """Seconds in words: 42 s, 7 min, 1 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
