"""Words in GitHub's Markdown: shown as they are, whatever they contain."""

from __future__ import annotations

import re


class Markdown(str):
    """A text that is Markdown already."""


def escape(value: object) -> Markdown:
    """Text that no Markdown renderer takes for markup, in a paragraph or in a cell of a table."""
    if isinstance(value, Markdown):
        return value
    text = re.sub(r"\s*[\r\n]+\s*", " ", str(value)).strip()
    text = re.sub(r"([\\`*\[\]<>|&~$])", r"\\\1", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    return Markdown(re.sub(r"^([-+#=]|\d+(?=[.)](?:\s|$)))", lambda found: _opening(found[0]), text))


def _opening(start: str) -> str:
    """The beginning of a line that would make it a heading or a list."""
    return f"{start}\\" if start[0].isdigit() else f"\\{start}"
