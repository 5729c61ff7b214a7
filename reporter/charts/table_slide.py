"""The table of architectures as a picture for a slide, 16:9."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from reporter.model import Chart
from reporter.report.comparison import Comparison
from reporter.report.drawing.family_colors import of_all
from reporter.report.drawing.label_placement import CHARACTER
from reporter.report.drawing.vega import GRID, INK, MUTED, OTHER, Spec, data, literal
from reporter.report.language import Language
from reporter.report.slide_table import slide_table
from reporter.report.table import Column, Table

WIDTH, HEIGHT = 1600, 900
LEFT, TOP, ROW = 56, 96, 58
"""Pixels: the margin at both sides, the upper edge of the column heads, and the height of a row."""
CELL, HEAD, NOTE = 25, 22, 17
"""Sizes of letters."""
LINE, CELL_LINE, NOTE_LINE = 27, 25, 23
IDEA_WIDTH, NOTE_WIDTH = 0.55, 0.5
"""Width of a character over the font size in full lines of ideas and of notes: of the widest lines in either language,
in Russian, rounded up. They are measured in Liberation Sans, which is as wide as Arial (tests/test_charts.py).
"""
GAP = 24
"""Pixels between columns."""
MARKS = 36
"""Pixels for the signs behind an accuracy."""
SIGNED = re.compile(r"([\d.,\s\u00a0\u202f−–-]*)(.*)", re.DOTALL)
"""A number, and the signs behind it."""


def draw(comparison: Comparison, language: Language) -> Spec | None:
    """None if fewer than two of its architectures were measured."""
    table = slide_table(comparison, language)
    if table is None:
        return None
    shades = of_all(comparison)
    heads = max(len(_head(column)) for column in table.columns)
    first = TOP + LINE * heads + 14
    place = {"type": "quantitative", "axis": None}
    x = {"field": "x", "scale": {"domain": [0, WIDTH], "nice": False}, **place}
    y = {"field": "y", "scale": {"domain": [HEIGHT, 0], "nice": False}, **place}
    rows = range(len(table.rows) + 1)
    thick = [{"x": LEFT, "x2": WIDTH - LEFT, "y": TOP - 12}, {"x": LEFT, "x2": WIDTH - LEFT, "y": first}]
    thin = [{"x": LEFT, "x2": WIDTH - LEFT, "y": first + ROW * row} for row in rows if row]
    colors = [
        {"x": LEFT - 14, "x2": LEFT - 6, "y": first + ROW * row + 10, "y2": first + ROW * (row + 1) - 10,
         "colour": shades.get(family, OTHER)}
        for row, family in enumerate(table.families)
    ]  # fmt: skip
    ends = {"x2": {"field": "x2"}}
    words = [*_titles(table, heads), *_cells(table, first), *_notes(table, first)]
    words.append(_word(LEFT, 46, _title(table, language), size=34, fontWeight=600))
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "padding": 0,
        "encoding": {"x": x, "y": y},
        "layer": [
            {"data": data(thin), "mark": {"type": "rule", "color": GRID, "strokeWidth": 1.5}, "encoding": ends},
            {"data": data(thick), "mark": {"type": "rule", "color": INK, "strokeWidth": 2.5}, "encoding": ends},
            {"data": data(colors), "mark": {"type": "rect"},
             "encoding": {**ends, "y2": {"field": "y2"}, "color": literal()}},
            *_layers(words),
        ],
    }  # fmt: skip


def _title(table: Table, language: Language) -> str:
    """The title with the first and last year of the architectures, as far as they have any."""
    years = {int(year) for row in table.rows if (year := row[2].value)}
    if not years:
        return language._("Convolutional networks for ImageNet")
    if len(years) == 1:
        return language._("Convolutional networks for ImageNet, {year}").format(year=min(years))
    title = language._("Convolutional networks for ImageNet, {first} to {last}")
    return title.format(first=min(years), last=max(years))


def _word(x: float, y: float, text: str, *, size: int = CELL, color: str = INK, **mark: Any) -> Spec:
    """A text at a place with the look of its mark, of which `_layers` makes layers."""
    return {"x": x, "y": y, "text": text, "mark": {"fontSize": size, "color": color, "align": "left", **mark}}


def _layers(words: Sequence[Spec]) -> Iterator[Spec]:
    """A layer for all texts of one look."""
    looks = {str(word["mark"]): word["mark"] for word in words}
    for name, look in looks.items():
        rows = [
            {key: word[key] for key in ("x", "y", "text")}
            for word in words
            if str(word["mark"]) == name and word["text"]
        ]
        yield {"data": data(rows), "mark": {"type": "text", **look}, "encoding": {"text": {"field": "text"}}}


def _head(column: Column) -> list[str]:
    """The lines of a column head, the last of which is the unit."""
    lines = column.title.split() if column.numeric else [column.title]
    return [*lines, column.unit] if column.unit else lines


def _places(table: Table) -> list[tuple[float, float]]:
    """The left and right end of each column; the column of ideas is as wide as the others leave it."""
    widths = []
    for at, column in enumerate(table.columns):
        longest = max(len(_parts(row[at].text)[0]) for row in table.rows) * CELL
        width = CHARACTER * max(longest, *(len(line) * HEAD for line in _head(column)))
        widths.append(width + _marked(table, at))
    wide = [column.key for column in table.columns].index(table.wrapped)
    widths[wide] = 0
    widths[wide] = WIDTH - 2 * LEFT - GAP * (len(widths) - 1) - sum(widths)
    starts = [LEFT + sum(widths[:at]) + GAP * at for at in range(len(widths))]
    return [(start, start + width) for start, width in zip(starts, widths, strict=True)]


def _parts(text: str) -> tuple[str, str]:
    """A number and its signs; other texts as they are."""
    found = SIGNED.fullmatch(text)
    return (found[1].strip(), found[2].strip()) if found and found[1].strip() else (text, "")


def _marked(table: Table, at: int) -> float:
    """The room for signs at the right of a column."""
    return MARKS if table.columns[at].numeric and any(_parts(row[at].text)[1] for row in table.rows) else 0


def _titles(table: Table, heads: int) -> Iterator[Spec]:
    """The column heads, whose last lines are level; units are pale."""
    for at, (column, (left, right)) in enumerate(zip(table.columns, _places(table), strict=True)):
        lines = _head(column)
        for place, line in enumerate(lines):
            y = TOP + LINE * (heads - len(lines) + place) + LINE / 2
            color = MUTED if column.unit and place == len(lines) - 1 else INK
            aside: Spec = {"align": "right"} if column.numeric else {}
            x = right - _marked(table, at) if column.numeric else left
            yield _word(x, y, line, size=HEAD, color=color, **aside)


def _cells(table: Table, first: float) -> Iterator[Spec]:
    for number, row in enumerate(table.rows):
        y = first + ROW * (number + 0.5)
        for at, (column, cell, (left, right)) in enumerate(zip(table.columns, row, _places(table), strict=True)):
            if column.numeric:
                figure, signs = _parts(cell.text)
                end = right - _marked(table, at)
                yield _word(end, y, figure, align="right")
                yield _word(end + 2, y, signs)
                continue
            weight: Spec = {"fontWeight": 600} if at == 0 else {}
            lines = _balanced(cell.text, (right - left) / (IDEA_WIDTH * CELL)) if at else [cell.text]
            for place, line in enumerate(lines):
                yield _word(left, y + CELL_LINE * (place - (len(lines) - 1) / 2), line, **weight)


def _notes(table: Table, first: float) -> Iterator[Spec]:
    """The notes of the table beneath it, in small letters."""
    lines = [line for note in table.notes for line in _wrapped(note, (WIDTH - 2 * LEFT) / (NOTE_WIDTH * NOTE))]
    for place, line in enumerate(lines):
        yield _word(LEFT, first + ROW * len(table.rows) + 22 + NOTE_LINE * place, line, size=NOTE, color=MUTED)


def _wrapped(text: str, characters: float) -> list[str]:
    return textwrap.wrap(text, max(8, int(characters)), break_on_hyphens=False, break_long_words=False)


def _balanced(text: str, characters: float) -> list[str]:
    """The same in lines of about one length."""
    count = len(_wrapped(text, characters))
    narrow = (_wrapped(text, width) for width in range(8, int(characters)))
    return next((lines for lines in narrow if len(lines) == count), _wrapped(text, characters))


ENTRIES = (
    Chart(
        name="table_slide",
        title="Architectures on a slide",
        caption="Idea, year, depth, cost and published accuracy of each architecture. 16:9.",
        draw=draw,
        chapter="overview",
        order=1,
        most=5000,
        edition="lecture",
        slide=True,
    ),
)
