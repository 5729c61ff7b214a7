"""Latency of one image with its interval, by device and batch size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reporter.charts.bars import intervals, names_axis
from reporter.model import Chart, Record
from reporter.model.devices import ACCELERATORS
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, reading
from reporter.report.drawing.vega import Spec
from reporter.report.language import Language
from reporter.report.table import mark

DEVICES = (
    ("latency_cpu_1thread", "latency_cpu", "throughput_cpu"),
    *((f"latency_{each}", f"throughput_{each}") for each in ACCELERATORS),
)
"""What stands side by side on one axis; of a throughput the time that each image of the batch takes."""
STEP, WIDTH, NARROW = 24, 980, 150


def draw(comparison: Comparison, language: Language, narrow: bool = False) -> Spec | None:
    """A row of panels per machine and device: times of two machines share no axis."""
    rows = [_row(comparison, m, keys, language, narrow) for m in comparison.machines for keys in DEVICES]
    shown = [row for row in rows if row]
    return {"vconcat": shown} if shown else None


def _row(comparison: Comparison, machine: str, keys: Sequence[str], language: Language, narrow: bool) -> Spec | None:
    records = comparison.of(machine)
    points = {key: [point for record in records if (point := _point(record, key, language))] for key in keys}
    measured = {key: rows for key, rows in points.items() if rows}
    if not measured:
        return None
    quantity = comparison.quantities[keys[0] if keys[0] in comparison.quantities else next(iter(measured))]
    scale = units.scale(
        quantity.model_copy(update={"unit": "s"}), [p["value"] for rows in measured.values() for p in rows]
    )
    low, high = (
        pick(p[end] for rows in measured.values() for p in rows) for pick, end in ((min, "low"), (max, "high"))
    )
    domain = [low / scale.factor / 1.2, high / scale.factor * (high / low) ** 0.25 * 1.2]
    order = [record.architecture for record in records]
    panels = []
    for rank, (key, rows) in enumerate(measured.items()):
        title = f"{_title(comparison, records, key, language)}, {language._(scale.word)}"
        labeled = [_labeled(row, scale, language) for row in rows]
        width = NARROW if narrow else WIDTH // len(measured)
        panels.append(_panel(labeled, (title, domain), order, width, narrow or rank == 0))
        panels[-1]["layer"] = intervals(labeled, colors(comparison, comparison.records))
    named = {"title": machine} if len(comparison.machines) > 1 else {}
    return {"hconcat": panels, "spacing": 24, **named}


def _title(comparison: Comparison, records: Sequence[Record], key: str, language: Language) -> str:
    _ = language._
    if not key.startswith("throughput"):
        return _(comparison.quantities[key].title)
    batches = {str(r.readings[key].settings.get("throughput_batch", "?")) for r in records if r.value(key)}
    message = _("Per image, CPU, batch of {count}") if key.endswith("cpu") else _("Per image, GPU, batch of {count}")
    return message.format(count=", ".join(sorted(batches)))


def _panel(rows: list[Spec], axis: tuple[str, list[float]], order: list[str], width: int, names: bool) -> Spec:
    title, domain = axis
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None}
    x = {"field": "value", "type": "quantitative", "scale": {"type": "log", "domain": domain, "nice": False}}
    ticks = {"tickCount": 5 if width > NARROW else 3, "format": "~g"}
    encoding = {"y": {**y, "axis": names_axis() if names else None}, "x": {**x, "title": title, "axis": ticks}}
    return {"width": width, "height": {"step": STEP}, "encoding": encoding}


def _point(record: Record, key: str, language: Language) -> Spec | None:
    """The seconds for one image, their interval, and what the mark says."""
    value = record.value(key)
    if not value:
        return None
    found = record.readings[key]
    low, high = found.interval or (value, value)
    if key.startswith("throughput"):
        value, low, high = 1 / value, 1 / high, 1 / low
    spread = (low, high) if found.interval else None
    words = {
        "name": record.architecture,
        "family": record.family,
        "about": about(record, reading(record, key, language)),
    }
    return {
        **words,
        "value": value,
        "low": low,
        "high": high,
        "spread": spread,
        "mark": mark(found),
    }


def _labeled(row: Spec, scale: units.Scale, language: Language) -> Spec:
    """The point in the panel's unit with the words beside it."""
    rough = units.rough(language, row["value"], scale)
    words = units.text(language, row["value"], scale, row["spread"]) if row["spread"] else rough
    words += row["mark"]
    places = {key: row[key] / scale.factor for key in ("value", "low", "high")}
    return {**{key: row[key] for key in ("name", "family", "about")}, **places, "text": words}


ENTRIES = (
    Chart(
        name="latency",
        title="Time for one image",
        caption="Median of the samples as a dot, its 95 % interval as a line; logarithmic axes, one for each "
        "condition. In a batch: the time of the batch divided by its number of images. ≈ marks a time that is too "
        "noisy to rely on.",
        draw=draw,
        narrow=partial(draw, narrow=True),
        chapter="time",
        order=0,
        eager=True,
        per_machine=True,
    ),
)
