"""The timeline for phones: a row for each entry and each architecture, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

from reporter.report.drawing.tooltips import pointed
from reporter.report.drawing.vega import INK, PAPER, Spec, data, literal, text
from reporter.report.language import Language

WIDTH, STEP = 190, 23
SHADOW = 0.7
"""How far the sheet behind the bar of an ensemble goes beyond it, in percent of error."""


def entries(rows: Sequence[Spec], human: float | None, line: Spec, language: Language) -> Spec:
    """A bar for each entry, with its error and depth behind it; rows have name, error, depth, colour and ensemble."""
    sheets = [{**row, "error": row["error"] + SHADOW} for row in rows if row["ensemble"]]
    shadow = {"type": "bar", "height": 15, "opacity": 0.35}
    words = [{**row, "text": _words(row, language)} for row in rows]
    rule = {"data": data([{"error": human}] if human else []), "mark": {**line, "strokeWidth": 1.5}}
    layers = [
        {"data": data(sheets), "mark": shadow, "encoding": {"color": literal()}},
        pointed({"data": data(rows), "mark": {"type": "bar", "height": 15}, "encoding": {"color": literal()}}),
        {**rule, "encoding": {"y": {"value": 0}, "y2": {"value": "height"}}},
        *text(words, "text", 13, align="left", dx=10),
    ]
    title = language._("dashed: one trained annotator, {error} %").format(error=language.number(human or 0, 1))
    panel = _panel(rows, "error", language._("top-5 error (%)"), layers, 1.9)
    return {**panel, **({"title": title} if human else {})}


def architectures(rows: Sequence[Spec], what: str, title: str, language: Language) -> Spec:
    """A dot for each architecture; rows have name, colour and the value."""
    digits = 1 if what == "error" else 0
    words = [{**row, "text": language.number(row[what], digits)} for row in rows]
    dot = {"type": "point", "filled": True, "size": 80, "stroke": PAPER, "strokeWidth": 0.8, "opacity": 1}
    layers = [
        pointed({"data": data(rows), "mark": dot, "encoding": {"color": literal()}}),
        *map(pointed, text(words, "text", 13, align="left", dx=9)),
    ]
    return _panel(rows, what, title, layers, 1.25)


def _panel(rows: Sequence[Spec], what: str, title: str, layers: list[Spec], reach: float) -> Spec:
    order = [row["name"] for row in rows]
    names = {"domain": False, "ticks": False, "labelColor": INK, "labelPadding": 8}
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None, "axis": names}
    scale = {"domain": [0, reach * max(row[what] for row in rows)], "nice": False}
    x = {"field": what, "type": "quantitative", "title": title, "scale": scale, "axis": {"tickCount": 3}}
    return {"width": WIDTH, "height": {"step": STEP}, "encoding": {"x": x, "y": y}, "layer": layers}


def _words(row: Spec, language: Language) -> str:
    error = f"{language.number(row['error'], 1)} %"
    return f"{error}, {row['depth']}" if row["depth"] else error
