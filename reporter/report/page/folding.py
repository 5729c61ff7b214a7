"""What a page shows at once, and what it shows after a click."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reporter.model.extensions import Edition
from reporter.report.choosing.choice import ChoiceSection
from reporter.report.sections import Content, Figure, Folded, Section
from reporter.report.table import Table

OPEN_TABLES = ("overview", "modes")
FOLDED = ("failed", "environment", "measured", "glossary")
"""Sections whose lists are folded."""


def folded(sections: Iterable[Section], edition: Edition) -> tuple[Section, ...]:
    """Folds all tables but the summaries, and all charts of a section but the first; a choice has both its charts."""
    return tuple(replace(each, blocks=tuple(_folded(each, edition))) for each in sections)


def _folded(section: Section, edition: Edition) -> list[Content]:
    shown: list[Content] = []
    figures = 0
    for block in section.blocks:
        if isinstance(block, Figure):
            figures += 1
            hidden = figures > 1 and not (edition == "choice" and section.name == "accuracy")
        elif isinstance(block, ChoiceSection):
            hidden = edition != "choice"
        else:
            hidden = isinstance(block, Table) and block.name not in OPEN_TABLES
        shown.append(_fold(block) if hidden else block)
    if section.name in FOLDED:
        return [Folded(section.name + "-details", section.title, tuple(shown))]
    return shown


def _fold(block: Content) -> Content:
    if isinstance(block, ChoiceSection):
        return Folded("choosing", block.title, (block,))
    return Folded(block.name, block.title, (block,)) if isinstance(block, Table | Figure) else block
