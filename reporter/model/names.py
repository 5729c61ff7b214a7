"""Lists of names in error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MANY = 60
"""At most this many names are listed."""


def nearest(name: str, choices: Iterable[str], most: int = MANY) -> str:
    """The end of an error line: what was probably meant, else what there is, at most so many names."""
    names = list(choices)
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"known: {', '.join(names[:most])}{more}"
