"""Run history: the relative time of each architecture in its own panel, with changes of level marked."""

from __future__ import annotations

import math
from typing import Any

from reporter.compare.levels import LevelHistory, LevelSeries
from reporter.model import Chart
from reporter.report.between_runs.run_history import EVERY, PANELS, level_history, selection_note, time_note
from reporter.report.comparison import Comparison
from reporter.report.drawing.family_colors import of_all
from reporter.report.drawing.vega import INK, MUTED, OTHER, Spec, data, text
from reporter.report.language import Language

COLUMNS, WIDTH, HEIGHT = 3, 300, 90


def draw(comparison: Comparison, language: Language) -> Spec | None:
    found = level_history(comparison)
    if found is None:
        return None
    shown = sorted(found.series, key=lambda series: not series.steps)[:PANELS]
    values = [value for series in shown for value in series.relative if value is not None]
    reach = max(0.05, *(abs(value - 1) for value in values)) * 1.15
    panels = [_panel(found, series, reach, comparison, language) for series in shown]
    note = selection_note(len(found.series), language)
    return {**({"title": note} if note else {}), "columns": COLUMNS, "spacing": 18, "concat": panels}


def remark(comparison: Comparison, language: Language) -> str:
    """Which time is shown, and of which architectures."""
    found = level_history(comparison)
    if found is None:
        return ""
    return " ".join(filter(None, (time_note(found.key, language), selection_note(len(found.series), language))))


def _panel(found: LevelHistory, series: LevelSeries, reach: float, comparison: Comparison, language: Language) -> Spec:
    record = comparison.network(series.architecture)
    colour = of_all(comparison).get(record.family, OTHER) if record else MUTED
    count = len(series.relative)
    rows = [{"x": number, "y": 100 * (value - 1)} for number, value in enumerate(series.relative) if value is not None]
    marks = [
        {
            "x": step.index - 0.5,
            "y": math.copysign(80 * reach, 1 - step.ratio),  # where the line is not
            "change": f"{language.signed(100 * (step.ratio - 1))} %",
            "late": step.index > 0.75 * count,
        }
        for step in series.steps
    ]
    x: dict[str, Any] = {
        "field": "x",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [-0.5, count - 0.5], "nice": False},
        "axis": {"grid": False, "tickMinStep": 1, "tickCount": 4, "labelExpr": _labels(found, language)},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [-100 * reach, 100 * reach], "nice": False},
        "axis": {"tickCount": 3, "labelExpr": "datum.label + ' %'"},
    }
    layers: list[Spec] = [
        {"data": data([{"y": 0}]), "encoding": {"y": y},
         "mark": {"type": "rule", "color": MUTED, "strokeDash": [2, 3]}},
        {"data": data(rows), "mark": {"type": "line", "color": colour, "point": {"color": colour, "size": 24}},
         "encoding": {"x": x, "y": y}},
    ]  # fmt: skip
    if marks:
        rule = {"type": "rule", "color": INK, "strokeWidth": 1.5}
        layers.append({"data": data(marks), "mark": rule, "encoding": {"x": x}})
        for late, align, dx in ((False, "left", 5), (True, "right", -5)):
            words = text([mark for mark in marks if mark["late"] is late], "change", align=align, dx=dx)
            layers += [{**layer, "encoding": {**layer["encoding"], "x": x, "y": y}} for layer in words]
    return {"title": series.architecture, "width": WIDTH, "height": HEIGHT, "layer": layers}


def _labels(found: LevelHistory, language: Language) -> str:
    """Vega's expression for the axis: the day of each run."""
    days = [language.day(moment) for moment in found.moments]
    return f"{days!r}[datum.value] || ''"


ENTRIES = (
    Chart(
        "history",
        "Run history",
        "Time of each architecture relative to what all share, run by run, as the deviation from its own median. A "
        "line marks a run from which on the level is another, with the change.",
        draw,
        remark=remark,
        narrow=draw,
        most=EVERY,
        chapter="history",
        order=0,
    ),
)
