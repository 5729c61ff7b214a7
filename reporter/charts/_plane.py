"""Bubble charts: a bubble per architecture, with labels that overlap neither each other nor a bubble."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reporter.report.display_names import display_name
from reporter.report.drawing.label_placement import Box, Bubble, place
from reporter.report.drawing.tooltips import pointed
from reporter.report.drawing.vega import MUTED, PAPER, Spec, coloured, data, text

WIDTH, HEIGHT, SIZE = 1080, 560, 14
LARGEST = 28
"""Radius of the bubble with the most parameters, in pixels."""
CROWD = 80
"""Of more networks than this only those on the Pareto front are labelled."""


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

    def channel(self, field: str) -> Spec:
        kind = {"type": "log"} if self.log else {"zero": False}
        look = {"format": "~g", "tickCount": 8, "titlePadding": 12}
        scale = {"domain": [self.low, self.high], "nice": False, **kind}
        return {"field": field, "type": "quantitative", "title": self.title, "scale": scale, "axis": look}


def across(values: Sequence[float], title: str) -> Axis:
    """A logarithmic axis with room for bubbles and labels on both sides."""
    return Axis(min(values) / 1.6, max(values) * 1.9, WIDTH, title)


def upward(values: Sequence[float], title: str, log: bool = False) -> Axis:
    """The axis from bottom to top; a linear one where `log` is not asked for."""
    if log:
        return Axis(min(values) / 1.5, max(values) * 1.5, HEIGHT, title)
    rise = max(values) - min(values) or 1
    return Axis(min(values) - 0.12 * rise, max(values) + 0.12 * rise, HEIGHT, title, log=False)


def plane(
    rows: list[dict[str, Any]],
    x: Axis,
    y: Axis,
    families: Sequence[str],
    under: Sequence[Spec] = (),
    *,
    largest: float = LARGEST,
) -> Spec:
    """Rows have name, family, about, x, y, parameters, hollow, front; low and high if x has an interval; perhaps mark.

    `largest` is the radius of the bubble with the most parameters, `under` are layers below all bubbles.
    """
    most = max(row["parameters"] for row in rows)
    for row in rows:
        row["radius"] = max(4, largest * math.sqrt(row["parameters"] / most))
        row["area"] = math.pi * row["radius"] ** 2
    return {
        "width": x.length,
        "height": y.length,
        "encoding": {"x": x.channel("x"), "y": y.channel("y")},
        "layer": [*under, *_intervals(rows), *_bubbles(rows, families), *_labels(rows, x, y)],
    }


def _intervals(rows: list[dict[str, Any]]) -> list[Spec]:
    """The 95 % intervals along x, as lines through the bubbles."""
    spans = [row for row in rows if row.get("high", 0) > row.get("low", 0)]
    ends = {"x": {"field": "low"}, "x2": {"field": "high"}}
    mark = {"type": "rule", "color": MUTED, "strokeWidth": 1.5}
    return [pointed({"data": data(spans), "mark": mark, "encoding": ends})] if spans else []


def _bubbles(rows: list[dict[str, Any]], families: Sequence[str]) -> list[Spec]:
    """Large ones first, so that small ones lie on top."""
    mark = {"type": "point", "filled": True, "opacity": 0.82, "stroke": PAPER, "strokeWidth": 1}
    hollow = {"type": "point", "filled": False, "strokeWidth": 2.5, "fill": "transparent"}
    size = {"field": "area", "type": "quantitative", "scale": None, "legend": None}
    encoding = {"size": size, "color": coloured(families)}
    big_first = sorted(rows, key=lambda row: -row["area"])
    kinds = [
        ([row for row in big_first if row["hollow"] is inside], mark)
        for inside, mark in ((False, mark), (True, hollow))
    ]
    return [pointed({"data": data(some), "mark": mark, "encoding": encoding}) for some, mark in kinds if some]


def _labels(rows: list[dict[str, Any]], x: Axis, y: Axis) -> list[Spec]:
    bubbles = [Bubble(x.pixel(r["x"]), y.length - y.pixel(r["y"]), r["radius"], _label(r)) for r in rows]
    named = [len(rows) <= CROWD or row["front"] for row in rows]
    texts, leaders = [], []
    for row, bubble, box in zip(rows, bubbles, place(bubbles, x.length, y.length, SIZE, named), strict=True):
        if box is None:
            continue
        middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        about = {"name": _label(row), "about": row["about"]}
        texts.append({"x": x.value(middle[0]), "y": y.value(y.length - middle[1]), **about})
        if line := _leader(bubble, box):
            places = {end: x.value(line[at]) for end, at in (("x", 0), ("x2", 2))}
            leaders.append(
                {**places, **{end: y.value(y.length - line[at]) for end, at in (("y", 1), ("y2", 3))}, **about}
            )
    ends = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    lines = {"data": data(leaders), "mark": {"type": "rule", "color": MUTED, "strokeWidth": 0.8}, "encoding": ends}
    return [pointed(lines), *map(pointed, text(texts, "name", SIZE))]


def _label(row: dict[str, Any]) -> str:
    """The display name, with the signs of an accuracy that is not comparable."""
    signs = row.get("mark", "")
    return display_name(row["name"]) + (f" {signs}" if signs else "")


def _leader(bubble: Bubble, box: Box) -> tuple[float, float, float, float] | None:
    """A thin line from a bubble to a label that had to move away from it."""
    x, y = min(max(bubble.x, box.left), box.right), min(max(bubble.y, box.top), box.bottom)
    away = math.hypot(x - bubble.x, y - bubble.y)
    if away < bubble.radius + 12:
        return None
    edge = bubble.radius / away
    return bubble.x + (x - bubble.x) * edge, bubble.y + (y - bubble.y) * edge, x, y
