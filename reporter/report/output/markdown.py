"""Escaping of text for GitHub's Markdown: it is shown unchanged, whatever it contains.

GitHub also links what CommonMark does not: addresses, @mentions and #issues. It links nothing in a code span, so names
and words that it would link are code spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote

NAMES: frozenset[str] = frozenset()
LINKED = re.compile(r"@|#\d|://|www\.|GH-\d", re.IGNORECASE)
"""What a word has that GitHub links, in a file of a repository or in a comment."""

NUMBER = re.compile(r"\d[\d,\u00a0]*(?:[.]\d+)?(?: ≈)?")
"""A number as a cell of a table has it: nothing in it is markup."""
LINES = re.compile(r"\s*[\r\n]+\s*")
SIGNS = re.compile(r"([\\`*\[\]<>|&~$])")
UNDERLINE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""An underscore that is not inside a word."""
FIRST = re.compile(r"^([-+#=]|\d+(?=[.)](?:\s|$)))")
"""What opens a heading or a list."""


class Markdown(str):
    """A text that is Markdown already."""


class Sourced(str):
    """A text of this package: the addresses of pages in it are links."""


def escape(value: object, names: frozenset[str] = NAMES, in_table: bool = False) -> Markdown:
    """Text that no Markdown renderer takes for markup, with `names` as code spans.

    In a table a code span needs a backslash before each `|`, which it shows anywhere else.
    """
    if isinstance(value, Markdown):
        return value
    if isinstance(value, Sourced):
        words = enumerate(re.split(r"(\s+)", _one_line(value)))
        return Markdown(
            "".join(_span(word, in_table) if _is_linked(word) else _escaped(word, not at) for at, word in words)
        )
    if isinstance(value, str) and NUMBER.fullmatch(value) and not _has_numbers(names):
        return Markdown(value)
    parts = _parts(value if isinstance(value, str) and value in names else _one_line(str(value)), names)
    return Markdown("".join(_span(part, in_table) if code else _escaped(part, not at) for at, (part, code) in parts))


def _is_linked(word: str) -> bool:
    """Whether GitHub would link a word of a source that is no address of a page, such as a name of a file with @."""
    return "://" not in word and bool(LINKED.search(word))


@lru_cache(maxsize=8)
def _has_numbers(names: frozenset[str]) -> bool:
    """Whether a name may be in a text that is a number."""
    return any(NUMBER.fullmatch(name) for name in names)


def address(value: str) -> Markdown:
    """The target of a link."""
    return Markdown(quote(value, safe="/:?&=#%~+,;@!$'*"))


def _one_line(text: str) -> str:
    return LINES.sub(" ", text).strip()


@lru_cache(maxsize=2**14)
def _parts(text: str, names: frozenset[str]) -> tuple[tuple[int, tuple[str, bool]], ...]:
    """A text cut into words and code, each with its number; code that touches is one part."""
    joined: list[tuple[str, bool]] = []
    for part, code in _cut(text, names):
        if joined and joined[-1][1] == code:
            joined[-1] = joined[-1][0] + part, code
        elif part:
            joined.append((part, code))
    return tuple(enumerate(joined))


def _cut(text: str, names: frozenset[str]) -> Iterator[tuple[str, bool]]:
    if text in names:
        yield text, True
        return
    present = sorted((name for name in names if name and name in text), key=lambda name: (-len(name), name))
    pattern = rf"(?<![\w./-])({'|'.join(map(re.escape, present))})(?![\w/-]|\.\w)"
    for at, part in enumerate(re.split(pattern, text) if present else [text]):
        if at % 2:
            yield part, True
        else:
            yield from ((word, bool(LINKED.search(word))) for word in re.split(r"(\s+)", part))


def _span(text: str, in_table: bool) -> str:
    """A code span, with a fence that is longer than any in the text."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padded = "`" in (text[0], text[-1]) or (text[0] == text[-1] == " " and text.strip())
    room = " " if padded else ""
    shown = text.replace("|", r"\|") if in_table else text
    return f"{fence}{room}{shown}{room}{fence}"


def _escaped(text: str, first: bool = True) -> str:
    text = UNDERLINE.sub(r"\\_", SIGNS.sub(r"\\\1", text))
    return FIRST.sub(lambda found: _opening(found[0]), text) if first else text


def _opening(start: str) -> str:
    """The beginning of a line that would make it a heading or a list."""
    return f"{start}\\" if start[0].isdigit() else f"\\{start}"
