"""The depth of an architecture as its paper states it, with the source of the figure."""

from __future__ import annotations

import re

from reporter.model import Record
from reporter.report.language import Language
from reporter.report.published.published_figures import figures
from reporter.report.table import Cell


def paper_depth(record: Record) -> int | None:
    """The number that the paper's statement begins with, None if it states none."""
    found = re.match(r"\d+", str(record.published.get("depth_paper") or ""))
    return int(found[0]) if found else None


def source(record: Record, language: Language) -> str:
    """Where the depth is stated."""
    return language._(str(figures(record).get("depth_source") or ""))


def depth_cell(record: Record, language: Language) -> Cell:
    """The paper's depth, with its source as the note of the cell."""
    depth = paper_depth(record)
    if depth is None:
        return Cell("–", status="missing")
    return Cell(language.number(depth), depth, note=source(record, language))
