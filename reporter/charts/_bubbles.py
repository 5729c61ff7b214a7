"""Axes, bubbles and labels of charts with a bubble per architecture; labels overlap neither each other nor a bubble."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from reporter.report.display_names import display_name
from reporter.report.drawing.label_placement import Box, Bubble, Line, leader, place
from reporter.report.drawing.tooltips import pointed
from reporter.report.drawing.vega import MUTED, PAPER, Spec, data, text
from reporter.report.language import Language

WIDTH, HEIGHT, SIZE = 1080, 560, 14
NARROW, TALL, SMALL = 300, 380, 12
"""Width and height of a plot for phones, and the size of its labels."""
LARGEST, SMALLEST = 18, 4
"""Radius of the bubble with the most parameters, and of any at least, in pixels."""
MOST = 200
"""So many networks are bubbles at most."""
CROWD = 40
"""Of more networks than this only those on the Pareto front are labelled, and bubbles are smaller."""
DASHES = [6, 4]
ENDS_OF = {"x": ("low", "high"), "y": ("bottom", "top")}
"""The fields with the ends of intervals along each axis."""
Row = dict[str, Any]
Point = tuple[float, float]
Points = Sequence[Point]


@dataclass(frozen=True)
class Axis:
    """From data to pixels and back along one side of the plot."""

    low: float
    high: float
    length: int
    title: str
    log: bool = True

    def pixel(self, value: float) -> float:
        if self.log:
            return self.length * math.log(value / self.low) / math.log(self.high / self.low)
        return self.length * (value - self.low) / (self.high - self.low)

    def value(self, pixel: float) -> float:
        share = pixel / self.length
        return float(
            self.low * (self.high / self.low) ** share if self.log else self.low + (self.high - self.low) * share
        )

    def part(self, start: float, end: float, length: int) -> Axis:
        """What lies between two pixels, enlarged to a length."""
        return Axis(self.value(start), self.value(end), length, self.title, self.log)

    def channel(self, field: str) -> Spec:
        kind = {"type": "log"} if self.log else {"zero": False}
        look = {"format": "~g", "tickCount": 8 if self.length > NARROW else 4, "titlePadding": 12}
        scale = {"domain": [self.low, self.high], "nice": False, **kind}
        return {"field": field, "type": "quantitative", "title": self.title, "scale": scale, "axis": look}


@dataclass(frozen=True)
class Plane:
    """Rows of bubbles on two axes.

    Rows have name, family, about, x, y, parameters, hollow, front; low and high if x has an interval, bottom and top if
    y has one; perhaps mark.
    `under` are layers below all bubbles, `lines` the points of those among them that are dashed lines.
    """

    rows: Sequence[Row]
    x: Axis
    y: Axis
    colors: Mapping[str, str]
    language: Language
    under: Sequence[Spec] = ()
    lines: Sequence[Points] = ()
    largest: float = LARGEST

    @property
    def is_narrow(self) -> bool:
        return self.x.length <= NARROW

    @property
    def whole(self) -> Box:
        return Box(0, 0, self.x.length, self.y.length)

    def pixel(self, x: float, y: float) -> Point:
        """The place of a point of data, from the upper left corner."""
        return self.x.pixel(x), self.y.length - self.y.pixel(y)

    def value(self, x: float, y: float) -> Point:
        """The data at a place."""
        return self.x.value(x), self.y.value(self.y.length - y)

    def bubble(self, row: Row) -> Bubble:
        return Bubble(*self.pixel(row["x"], row["y"]), row["radius"], _label(row))


def size(given: Plane) -> None:
    """Sets the radius of each bubble: areas are proportional to the parameters, small ones are not invisible."""
    crowded = 1 if len(given.rows) <= CROWD else 0.6
    largest = given.largest * crowded * (0.7 if given.is_narrow else 1)
    most = max(row["parameters"] for row in given.rows)
    for row in given.rows:
        row["radius"] = max(SMALLEST, largest * math.sqrt(row["parameters"] / most))
        row["area"] = math.pi * row["radius"] ** 2


def intervals(rows: Sequence[Row]) -> list[Spec]:
    """The 95 % intervals along either axis, as lines through the bubbles."""
    mark = {"type": "rule", "color": MUTED, "strokeWidth": 1.5}
    layers = []
    for axis, (low, high) in ENDS_OF.items():
        ends = {axis: {"field": low}, f"{axis}2": {"field": high}}
        if spans := _spans(rows, low, high):
            layers.append(pointed({"data": data(spans), "mark": mark, "encoding": ends}))
    return layers


def _spans(rows: Sequence[Row], low: str, high: str) -> list[Row]:
    """The rows that have an interval."""
    return [row for row in rows if row.get(high, 0) > row.get(low, 0)]


def bubbles(rows: Sequence[Row], colour: Spec) -> list[Spec]:
    """Large ones first, so that small ones lie on top."""
    mark = {"type": "point", "filled": True, "opacity": 0.82, "stroke": PAPER, "strokeWidth": 1}
    hollow = {"type": "point", "filled": False, "strokeWidth": 2.5, "fill": "transparent"}
    area = {"field": "area", "type": "quantitative", "scale": None, "legend": None}
    encoding = {"size": area, "color": colour}
    big_first = sorted(rows, key=lambda row: -row["area"])
    kinds = [
        ([row for row in big_first if row["hollow"] is inside], mark)
        for inside, mark in ((False, mark), (True, hollow))
    ]
    return [pointed({"data": data(some), "mark": mark, "encoding": encoding}) for some, mark in kinds if some]


def strokes(given: Plane, rows: Sequence[Row]) -> list[Line]:
    """The intervals of rows as lines, in pixels."""
    lines = []
    for row in _spans(rows, *ENDS_OF["x"]):
        lines.append(Line(*given.pixel(row["low"], row["y"]), *given.pixel(row["high"], row["y"])))
    for row in _spans(rows, *ENDS_OF["y"]):
        lines.append(Line(*given.pixel(row["x"], row["top"]), *given.pixel(row["x"], row["bottom"])))
    return lines


def edges(box: Box) -> list[Line]:
    """The sides of a frame."""
    left, top, right, bottom = box
    corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    return [Line(*start, *end) for start, end in pairwise(corners)]


def placed(
    given: Plane, rows: Sequence[Row], wanted: Sequence[bool], within: Box, lines: Sequence[Line] = ()
) -> list[Box | None]:
    """The places of the labels of rows within a part of the plot, off these lines where possible."""
    moved = [bubble._replace(x=bubble.x - within.left, y=bubble.y - within.top) for bubble in map(given.bubble, rows)]
    size_of = SMALL if given.is_narrow else SIZE
    crossing = [
        Line(line.x - within.left, line.y - within.top, line.x2 - within.left, line.y2 - within.top) for line in lines
    ]
    boxes = place(moved, within.right - within.left, within.bottom - within.top, size_of, named=wanted, lines=crossing)
    return [box and shifted(box, within.left, within.top) for box in boxes]


def labels(given: Plane, rows: Sequence[Row], boxes: Sequence[Box | None]) -> list[Spec]:
    """The names at their places, and thin lines to those that had to move away from their bubbles."""
    texts, leaders = [], []
    for row, box in zip(rows, boxes, strict=True):
        if box is None:
            continue
        middle = given.value((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        about = {"name": _label(row), "about": row["about"]}
        texts.append({"x": middle[0], "y": middle[1], **about})
        if line := leader(given.bubble(row), box):
            leaders.append({**segment(given, *line), **about})
    lines = {"data": data(leaders), "mark": {"type": "rule", "color": MUTED, "strokeWidth": 0.8}, "encoding": ENDS}
    return [pointed(lines), *map(pointed, text(texts, "name", SMALL if given.is_narrow else SIZE))]


ENDS = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}


def segment(given: Plane, left: float, top: float, right: float, bottom: float) -> dict[str, float]:
    """The two ends of a line, or two corners of a rectangle, from pixels to data."""
    (x, y), (x2, y2) = given.value(left, top), given.value(right, bottom)
    return {"x": x, "y": y, "x2": x2, "y2": y2}


def shifted(box: Box, x: float, y: float) -> Box:
    return Box(box.left + x, box.top + y, box.right + x, box.bottom + y)


def _label(row: Row) -> str:
    """The display name, with the signs of a value that is not comparable or doubtful."""
    signs = row.get("mark", "")
    return display_name(row["name"]) + (f" {signs}" if signs else "")
