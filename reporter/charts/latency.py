"""Latency of one image with its interval: one thread, all threads, the GPU, side by side."""

from __future__ import annotations

from reporter.charts.bars import families, names_axis
from reporter.telling import units
from reporter.telling.comparison import Comparison
from reporter.telling.drawing import PAPER, Spec, coloured, data, text
from reporter.telling.language import Language
from reporter.types import Chart, Quantity, Record

KEYS = ("latency_cpu_1thread", "latency_cpu", "latency_cuda")
STEP = 24


def draw(comparison: Comparison, language: Language) -> Spec | None:
    """A row of panels per machine: times of two machines share no axis."""
    rows = [_row(comparison, machine, language) for machine in comparison.machines]
    shown = [row for row in rows if row["hconcat"]]
    return {"vconcat": shown} if shown else None


def _row(comparison: Comparison, machine: str, language: Language) -> Spec:
    records = comparison.of(machine)
    measured = [key for key in KEYS if any(record.value(key) is not None for record in records)]
    width = 980 // max(len(measured), 1)
    panels = [
        _panel(comparison.quantities[key], records, width, rank == 0, language) for rank, key in enumerate(measured)
    ]
    named = {"title": machine} if len(comparison.machines) > 1 else {}
    return {"hconcat": panels, "spacing": 24, **named}


def _panel(quantity: Quantity, records: tuple[Record, ...], width: int, names: bool, language: Language) -> Spec:
    known = [record for record in records if record.value(quantity.key) is not None]
    scale = units.scale(quantity, [record.value(quantity.key) for record in known])
    rows = [_point(record, quantity, scale, language) for record in known]
    order = [record.architecture for record in records]
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    axis = names_axis() if names else None
    title = f"{language._(quantity.title)}, {language._(scale.word)}"
    x = {"type": "log", "domain": [low / 1.2, high * (high / low) ** 0.25 * 1.2], "nice": False}
    return {
        "width": width,
        "height": {"step": STEP},
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": order,
                "scale": {"domain": order},
                "title": None,
                "axis": axis,
            },
            "x": {
                "field": "value",
                "type": "quantitative",
                "scale": x,
                "title": title,
                "axis": {"tickCount": 5, "format": "~g"},
            },
        },
        "layer": _marks(rows, families(known)),
    }


def _point(record: Record, quantity: Quantity, scale: units.Scale, language: Language) -> Spec:
    reading = record.readings[quantity.key]
    value = reading.value or 0
    low, high = reading.interval or (value, value)
    words = units.text(language, value, scale, reading.interval)
    doubt = " ≈" if reading.verdict.status == "noisy" else ""
    bounds = {"low": low / scale.factor, "high": high / scale.factor, "value": value / scale.factor}
    return {"name": record.architecture, "family": record.family, "text": words + doubt, **bounds}


def _marks(rows: list[Spec], shown: list[str]) -> list[Spec]:
    """A line for the interval, a dot for the median, the number right of both."""
    colour = {"color": coloured(shown, legend=False)}
    ends = {"x": {"field": "low"}, "x2": {"field": "high"}, **colour}
    dot = {"type": "point", "filled": True, "size": 80, "opacity": 1, "stroke": PAPER, "strokeWidth": 0.8}
    return [
        {"data": data(rows), "mark": {"type": "rule", "strokeWidth": 3}, "encoding": ends},
        {"data": data(rows), "mark": dot, "encoding": colour},
        *text([{**row, "value": row["high"]} for row in rows], "text", 13, align="left", dx=9),
    ]


ENTRIES = (
    Chart(
        name="latency",
        title="Time for one image",
        caption="Median of the samples as a dot, its 95 % interval as a line; logarithmic axes. "
        "≈ marks a time that is too noisy to rely on.",
        draw=draw,
        order=60,
    ),
)
