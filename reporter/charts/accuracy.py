"""Accuracy against multiply-adds: a bubble per network, as large as its parameters, and the Pareto front."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from reporter.telling.comparison import Comparison, accuracy
from reporter.telling.drawing import FRONT, MUTED, PAPER, Spec, coloured, data, text
from reporter.telling.language import Language
from reporter.telling.placing import Box, Bubble, place
from reporter.types import Chart, Record

WIDTH, HEIGHT, SIZE = 1080, 560, 14
LARGEST = 28
"""Radius of the bubble with the most parameters, in pixels."""


@dataclass(frozen=True)
class Plane:
    """The plot: MACs in G on a logarithmic axis, top-1 in percent; both ways between data and pixels."""

    x: tuple[float, float]
    y: tuple[float, float]

    def pixel(self, macs: float, top1: float) -> tuple[float, float]:
        across = math.log(macs / self.x[0]) / math.log(self.x[1] / self.x[0])
        return across * WIDTH, (self.y[1] - top1) / (self.y[1] - self.y[0]) * HEIGHT

    def value(self, x: float, y: float) -> tuple[float, float]:
        return self.x[0] * (self.x[1] / self.x[0]) ** (x / WIDTH), self.y[1] - y / HEIGHT * (self.y[1] - self.y[0])


def draw(comparison: Comparison, language: Language) -> Spec | None:
    rows = [row for record in comparison.networks if (row := _row(record))]
    if len(rows) < 2:
        return None
    _ = language._
    plane = _plane(rows)
    most = max(row["parameters"] for row in rows)
    for row in rows:
        row["radius"] = max(4, LARGEST * math.sqrt(row["parameters"] / most))
        row["area"] = math.pi * row["radius"] ** 2
    front = [record.architecture for record in comparison.front]
    x = {"field": "macs", "type": "quantitative", "title": _("MACs (G), one image; FLOPs = 2 × MACs")}
    y = {"field": "top1", "type": "quantitative", "title": _("ImageNet top-1, single crop (%)")}
    families = [family for family in comparison.families if any(row["family"] == family for row in rows)]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": {
            "x": {
                **x,
                "scale": {"type": "log", "domain": list(plane.x), "nice": False},
                "axis": {"format": "~g", "tickCount": 8},
            },
            "y": {
                **y,
                "scale": {"domain": list(plane.y), "nice": False, "zero": False},
                "axis": {"tickCount": 7, "titlePadding": 12},
            },
        },
        "layer": [
            _front([row for row in rows if row["name"] in front]),
            *_bubbles(rows, families),
            *_labels(rows, plane),
        ],
    }


def _row(record: Record) -> dict[str, Any] | None:
    found, macs, parameters = accuracy(record), record.value("macs"), record.value("parameters")
    if not (found and found.top1 and macs and parameters):
        return None
    about = {"name": record.architecture, "family": record.family, "paper": found.paper, "parameters": parameters}
    return {**about, "macs": macs / 1e9, "top1": 100 * found.top1}


def _plane(rows: list[dict[str, Any]]) -> Plane:
    """Bounds with room for the bubbles and their labels."""
    macs, top1 = [row["macs"] for row in rows], [row["top1"] for row in rows]
    rise = max(top1) - min(top1) or 1
    return Plane((min(macs) / 1.6, max(macs) * 1.9), (min(top1) - 0.12 * rise, max(top1) + 0.12 * rise))


def _front(rows: list[dict[str, Any]]) -> Spec:
    mark = {"type": "line", "color": FRONT, "strokeDash": [6, 4], "strokeWidth": 2, "interpolate": "step-after"}
    return {"data": data(rows), "mark": mark}


def _bubbles(rows: list[dict[str, Any]], families: list[str]) -> list[Spec]:
    """Filled: accuracy of published weights; hollow: the paper's own word."""
    mark = {"type": "point", "filled": True, "opacity": 0.82, "stroke": PAPER, "strokeWidth": 1}
    hollow = {"type": "point", "filled": False, "strokeWidth": 2.5}
    size = {"field": "area", "type": "quantitative", "scale": None, "legend": None}
    encoding = {"size": size, "color": coloured(families)}
    big_first = sorted(rows, key=lambda row: -row["area"])
    return [
        {"data": data(row for row in big_first if not row["paper"]), "mark": mark, "encoding": encoding},
        {"data": data(row for row in big_first if row["paper"]), "mark": hollow, "encoding": encoding},
    ]


def _labels(rows: list[dict[str, Any]], plane: Plane) -> list[Spec]:
    bubbles = [Bubble(*plane.pixel(row["macs"], row["top1"]), row["radius"], row["name"]) for row in rows]
    texts, leaders = [], []
    for bubble, box in zip(bubbles, place(bubbles, WIDTH, HEIGHT, SIZE), strict=True):
        if box is None:
            continue
        macs, top1 = plane.value((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        texts.append({"macs": macs, "top1": top1, "name": bubble.label})
        if line := _leader(bubble, box, plane):
            leaders.append(line)
    ends = {"x2": {"field": "macs2"}, "y2": {"field": "top2"}}
    return [
        {"data": data(leaders), "mark": {"type": "rule", "color": MUTED, "strokeWidth": 0.8}, "encoding": ends},
        *text(texts, "name", SIZE),
    ]


def _leader(bubble: Bubble, box: Box, plane: Plane) -> dict[str, float] | None:
    """A thin line from a bubble to a label that had to move away from it."""
    x, y = min(max(bubble.x, box.left), box.right), min(max(bubble.y, box.top), box.bottom)
    away = math.hypot(x - bubble.x, y - bubble.y)
    if away < bubble.radius + 12:
        return None
    edge = bubble.radius / away
    start = plane.value(bubble.x + (x - bubble.x) * edge, bubble.y + (y - bubble.y) * edge)
    end = plane.value(x, y)
    return {"macs": start[0], "top1": start[1], "macs2": end[0], "top2": end[1]}


ENTRIES = (
    Chart(
        name="accuracy_macs",
        title="Accuracy against multiply-adds",
        caption="Published single-crop ImageNet accuracy; the area of a bubble is proportional to the parameters. "
        "Hollow bubbles have no torchvision weights: the accuracy is the paper's own. "
        "Dashed: the Pareto front, networks that no other beats at the same price.",
        draw=draw,
        order=30,
    ),
)
