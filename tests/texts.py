"""Texts of any characters for hypothesis.

`st.text` would first list all characters of Unicode that have a category and a form in UTF-8: more than a second of
each process in a new checkout.
"""

from __future__ import annotations

from hypothesis import strategies as st

CHARACTERS = st.one_of(st.integers(0x20, 0x7E), st.integers(0, 0xD7FF), st.integers(0xE000, 0x10FFFF)).map(chr)
"""Printable ones of ASCII, and any but the surrogates."""


def texts(min_size: int = 0, max_size: int | None = None) -> st.SearchStrategy[str]:
    """Texts of so many characters, as `st.text` gives them."""
    return st.lists(CHARACTERS, min_size=min_size, max_size=max_size).map("".join)
