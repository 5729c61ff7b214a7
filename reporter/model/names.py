"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MANY = 60
"""At most this many names are listed."""


def first_of(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are: `a, b and 4 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def nearest(name: str, choices: Iterable[str], most: int = MANY) -> str:
    """The end of an error line: what was probably meant, else what there is, at most so many names."""
    names = list(choices)
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {first_of(names, most)}"
