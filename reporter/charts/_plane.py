"""Bubble charts with an inset for a crowded part, and their form for phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from reporter.charts import _inset
from reporter.charts._bubbles import (
    CROWD,
    ENDS_OF,
    HEIGHT,
    NARROW,
    TALL,
    WIDTH,
    Axis,
    Plane,
    Row,
    bubbles,
    edges,
    intervals,
    labels,
    placed,
    segment,
    size,
    strokes,
)
from reporter.report.drawing.label_placement import Box, Line
from reporter.report.drawing.vega import Spec, coloured


def across(values: Sequence[float], title: str, length: int = WIDTH) -> Axis:
    """A logarithmic axis with room for bubbles and labels on both sides."""
    return Axis(min(values) / 1.6, max(values) * 1.9, length, title)


def upward(values: Sequence[float], title: str, log: bool = False, width: int = WIDTH) -> Axis:
    """The axis from bottom to top of a plot; a linear one where `log` is not asked for."""
    height = TALL if width <= NARROW else HEIGHT
    if log:
        return Axis(min(values) / 1.5, max(values) * 1.5, height, title)
    rise = max(values) - min(values) or 1
    return Axis(min(values) - 0.12 * rise, max(values) + 0.12 * rise, height, title, log=False)


def chart(given: Plane, enlarged: bool = True) -> Spec:
    """A chart of bubbles; `enlarged`: a crowded part is shown larger, in an inset, on a phone in a panel below."""
    size(given)
    part = _inset.window(given) if enlarged else None
    if part is None:
        return _panel(given)
    if given.is_narrow:
        return {"spacing": 24, "vconcat": [_panel(given, part), _panel(_enlarged(given, part))]}
    wanted = [not _inset.contains(part, given.bubble(row)) and mine for row, mine in _named(given)]
    room = _inset.room(given, part, placed(given, given.rows, wanted, given.whole, _strokes(given, part)))
    if room is None:
        return _panel(given)
    spec = _panel(given, part)
    colour = {"field": "family", "type": "nominal"}
    return {**spec, "layer": [*spec["layer"], *_inset.layers(given, part, room, colour)]}


def _panel(given: Plane, without: Box | None = None) -> Spec:
    """One plot; the bubbles in a part `without` labels are labelled elsewhere."""
    rows = given.rows
    wanted = [mine and not (without and _inset.contains(without, given.bubble(row))) for row, mine in _named(given)]
    boxes = placed(given, rows, wanted, given.whole, _strokes(given, without))
    return {
        "width": given.x.length,
        "height": given.y.length,
        "encoding": {"x": given.x.channel("x"), "y": given.y.channel("y")},
        "layer": [
            *given.under,
            *([_inset.outline(given, without)] if without else []),
            *intervals(rows),
            *bubbles(rows, coloured(given.colors, given.language)),
            *labels(given, rows, boxes),
        ],
    }


def _strokes(given: Plane, framed: Box | None) -> list[Line]:
    """The lines that labels should not be on: dashed ones, intervals, and the frame of what is enlarged."""
    dashed = [Line(*given.pixel(*start), *given.pixel(*end)) for line in given.lines for start, end in pairwise(line)]
    return [*dashed, *strokes(given, given.rows), *(edges(framed) if framed else ())]


def _named(given: Plane) -> list[tuple[Row, bool]]:
    """The rows, each with whether it may have a label."""
    return [(row, len(given.rows) <= CROWD or bool(row["front"])) for row in given.rows]


def _enlarged(given: Plane, part: Box) -> Plane:
    """A part of a plot as one of the same size."""
    height = given.y.length
    x = given.x.part(part.left, part.right, given.x.length)
    y = given.y.part(height - part.bottom, height - part.top, height)
    rows = [row for row in given.rows if _inset.contains(part, given.bubble(row))]
    sides = [(end, axis) for axis, ends in ((x, ENDS_OF["x"]), (y, ENDS_OF["y"])) for end in ends]
    clipped = [
        {**row, **{end: min(max(row[end], axis.low), axis.high) for end, axis in sides if end in row}} for row in rows
    ]
    lines = [segment(given, *start, *end) for start, end in _inset.clipped(given, part)]
    return replace(given, rows=clipped, x=x, y=y, under=[_inset.dashed(lines)] if lines else ())
