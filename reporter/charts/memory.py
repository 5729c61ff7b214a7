"""Memory of a training step by part: weights, gradients, optimizer, activations and temporaries."""

from __future__ import annotations

from functools import partial

from reporter.charts.bars import NARROW, WIDTH, names_axis
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison, number
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import PAPER, Spec, data, text
from reporter.report.language import Language

PARTS = {
    "weights": "#2a6fdb",
    "gradients": "#2f9fd8",
    "optimizer": "#00916e",
    "activations": "#e08a00",
    "batch": "#c2659b",
    "other": "#8a8f98",
}
KEY = "peak_training_bytes"


def draw(comparison: Comparison, language: Language, width: int = WIDTH) -> Spec | None:
    plotted = [record for record in comparison.networks if record.value(KEY)]
    if not plotted:
        return None
    _ = language._
    words = _words(language)
    rows = [row for record in plotted for row in _parts(record, words, language)]
    sums: list[Spec] = [
        {"name": r.architecture, "start": (r.value(KEY) or 0) / units.MEBIBYTES.factor} for r in plotted
    ]
    texts = [{**row, "text": language.number(row["start"])} for row in sums]
    shown = list(dict.fromkeys(row["part"] for row in rows))
    colours = {words[part]: colour for part, colour in PARTS.items() if words[part] in shown}
    scale = {"domain": list(colours), "range": list(colours.values())}
    legend = {"orient": "top", "title": None, "columns": 3, "columnPadding": 48}
    limit = max(row["start"] for row in sums) * 1.12
    order = [record.architecture for record in plotted]
    return {
        "width": width,
        "height": {"step": 24},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": names_axis()},
            "x": {
                "field": "start",
                "type": "quantitative",
                "scale": {"domain": [0, limit], "nice": False},
                "axis": {"tickCount": 6 if width == WIDTH else 3},
                "title": _("peak memory of one training step, MiB"),
            },
        },
        "layer": [
            pointed(
                {
                    "data": data(rows),
                    "mark": {"type": "bar", "height": 15, "stroke": PAPER, "strokeWidth": 0.5},
                    "encoding": {
                        "x2": {"field": "end"},
                        "color": {"field": "part", "type": "nominal", "scale": scale, "legend": legend},
                    },
                }
            ),
            *text(texts, "text", 13, align="left", dx=6),
        ],
    }


def _words(language: Language) -> dict[str, str]:
    _ = language._
    words = (_("weights"), _("gradients of the weights"), _("optimizer"))
    return dict(zip(PARTS, (*words, _("activations and temporaries"), _("batch"), _("other")), strict=True))


def _parts(record: Record, words: dict[str, str], language: Language) -> list[Spec]:
    """The parts of a peak from left to right; what the measurement could not attribute is `other`."""
    detail, total = record.readings[KEY].detail, record.value(KEY) or 0
    sizes = {part: number(detail.get(part)) or 0.0 for part in PARTS}
    sizes["other"] = max(0.0, total - sum(sizes.values()))
    rows, start = [], 0.0
    for part, size in sizes.items():
        if size > total / 1000:
            ends = {"start": start / units.MEBIBYTES.factor, "end": (start + size) / units.MEBIBYTES.factor}
            size_text = f"{words[part]}: {language.number(size / units.MEBIBYTES.factor, 1)} {language._('MiB')}"
            share = f"{units.part(language, size / total)} %"
            rows.append(
                {"name": record.architecture, "part": words[part], "about": about(record, size_text, share), **ends}
            )
            start += size
    return rows


def conditions(comparison: Comparison, language: Language) -> str:
    """The batch and the image size of the step, a sentence for each that was measured."""
    readings = (record.readings[KEY] for record in comparison.records if record.value(KEY) is not None)
    settings = dict.fromkeys((each.settings.get("batch_size"), each.settings.get("image_size")) for each in readings)
    known = [(batch, size) for batch, size in settings if isinstance(batch, int) and isinstance(size, int)]
    return " ".join(
        language.ngettext(
            "Batch: {batch} image of {size} pixels.", "Batch: {batch} images of {size} pixels.", batch
        ).format(batch=batch, size=size)
        for batch, size in known
    )


ENTRIES = (
    Chart(
        name="memory",
        title="Memory of a training step",
        caption="The peak of one training step on one batch of images, and what it is made of.",
        draw=draw,
        remark=conditions,
        narrow=partial(draw, width=NARROW),
        chapter="memory",
        order=0,
    ),
)
