"""English plurals in messages that are not translated."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A count with its noun, which takes an s unless the count is 1: `1 reading`, `1,234 readings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
