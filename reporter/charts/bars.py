"""Bar charts of one metric: parameters, throughput, accuracy after training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

from reporter.model import Chart, Reading, Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_names
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, pointed, reading
from reporter.report.drawing.vega import INK, MUTED, PAPER, Spec, data, text, tinted
from reporter.report.language import Language
from reporter.report.throughput_batches import batches
from reporter.report.training.held_out_accuracy import is_at_chance, is_from_scratch
from reporter.report.training.training_protocol import protocol
from reporter.report.training.training_recipes import TOP1_KEYS, chance_note, measured, name_rows

WIDTH, STEP, NARROW = 860, 24, 120


def bars(key: str, per_machine: bool, width: int = WIDTH) -> Callable[[Comparison, Language], Spec | None]:
    """Draws the bars of a quantity, in a panel per machine where the machine matters."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        groups = [(m, comparison.of(m)) for m in comparison.machines] if per_machine else [("", comparison.networks)]
        panels = [panel(key, records, comparison, language, width) for _, records in groups]
        named = [{**p, "title": m} if len(panels) > 1 else p for p, (m, _) in zip(panels, groups, strict=True) if p]
        return {"vconcat": named} if named else None

    return draw


def panel(
    key: str, records: tuple[Record, ...], comparison: Comparison, language: Language, width: int = WIDTH
) -> Spec | None:
    """A bar for each record that has the value, labelled with it, and its interval where there is one."""
    plotted = [record for record in records if record.value(key) is not None]
    if key in TOP1_KEYS:
        plotted.sort(key=lambda record: -(record.value(key) or 0))
    if not plotted:
        return None
    quantity = comparison.quantities[key]
    scale = units.scale(quantity, [record.value(key) for record in plotted])
    rows = [_row(record, key, scale, language) for record in plotted]
    unit = language._(scale.word)
    title = f"{language._(quantity.title)}, {unit}" if unit else language._(quantity.title)
    order = [row["name"] for row in rows]
    limit = max(row["high"] for row in rows) * 1.12 or 1.0
    return {
        "width": width,
        "height": {"step": STEP},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": names_axis()},
            "x": {"field": "value", "type": "quantitative", "title": title, **_axis(limit, width)},
        },
        "layer": [
            pointed(
                {
                    "data": data(rows),
                    "mark": {"type": "bar", "height": 15},
                    "encoding": {"color": tinted(colors(comparison, comparison.records))},
                }
            ),
            whiskers(rows),
            *map(pointed, text([{**row, "value": row["high"]} for row in rows], "text", 13, align="left", dx=7)),
        ],
    }


def _axis(limit: float, width: int) -> Spec:
    return {"scale": {"domain": [0, limit], "nice": False}, "axis": {"tickCount": 6 if width == WIDTH else 3}}


def names_axis() -> Spec:
    """The axis of architectures, with their display names."""
    shown = f"{json.dumps(display_names())}[datum.label] || datum.label"
    return {"domain": False, "ticks": False, "labelColor": INK, "labelPadding": 8, "labelExpr": shown}


def whiskers(rows: list[Spec]) -> Spec:
    """The 95 % intervals."""
    spans = [row for row in rows if row["high"] > row["low"]]
    mark = {"type": "rule", "color": MUTED, "strokeWidth": 2}
    return pointed({"data": data(spans), "mark": mark, "encoding": {"x": {"field": "low"}, "x2": {"field": "high"}}})


def _row(record: Record, key: str, scale: units.Scale, language: Language) -> Spec:
    found = record.readings[key]
    value = found.value or 0
    low, high = found.interval or (value, value)
    bounds = {"low": low / scale.factor, "high": max(high, value) / scale.factor}
    return {
        "name": record.architecture,
        "family": record.family,
        "about": about(record, reading(record, key, language)),
        "text": units.figure(language, found, scale) + _chance(found, language),
        "value": value / scale.factor,
        **bounds,
    }


def _chance(found: Reading, language: Language) -> str:
    """A word for a share that is not distinguished from guessing."""
    return ", " + language._("at chance") if found.quantity.key in TOP1_KEYS and is_at_chance(found) else ""


def _remark(comparison: Comparison, language: Language, key: str) -> str:
    """The protocol of the training, and what "at chance" means."""
    found = [reading for record in comparison.records if (reading := measured(record, key))]
    return f"{protocol(comparison, language, (key,))} {chance_note(found, language)}".strip()


def _probe_remark(comparison: Comparison, language: Language) -> str:
    """The protocol, and which networks were probed with random weights."""
    found = {r.architecture: each for r in comparison.records if (each := measured(r, "probe_top1"))}
    untrained = [name for name, each in found.items() if is_from_scratch(each)]
    message = language._("Features of random weights, not of trained ones: {names}.")
    note = message.format(names=name_rows(untrained, len(found), language)) if untrained else ""
    return f"{_remark(comparison, language, 'probe_top1')} {note}".strip()


def intervals(rows: list[Spec], shown: Mapping[str, str]) -> list[Spec]:
    """A line for the interval, a dot for the median, the number right of both."""
    colour = {"color": tinted(shown)}
    ends = {"x": {"field": "low"}, "x2": {"field": "high"}, **colour}
    dot = {"type": "point", "filled": True, "size": 80, "opacity": 1, "stroke": PAPER, "strokeWidth": 0.8}
    return [
        pointed({"data": data(rows), "mark": {"type": "rule", "strokeWidth": 3}, "encoding": ends}),
        pointed({"data": data(rows), "mark": dot, "encoding": colour}),
        *map(pointed, text([{**row, "value": row["high"]} for row in rows], "text", 13, align="left", dx=9)),
    ]


ENTRIES = (
    Chart(
        name="parameters",
        title="Parameters",
        caption="Parameters without auxiliary heads.",
        draw=bars("parameters", per_machine=False),
        narrow=bars("parameters", per_machine=False, width=NARROW),
        chapter="size",
        order=0,
    ),
    Chart(
        name="throughput",
        title="Throughput",
        caption="Images per second in a batch, with the 95 % interval. Longer is better; ≈ marks noisy values.",
        remark=batches,
        draw=bars("throughput_cpu", per_machine=True),
        narrow=bars("throughput_cpu", per_machine=True, width=NARROW),
        per_machine=True,
        chapter="time",
        order=2,
        eager=True,
    ),
    Chart(
        name="throughput_cuda",
        title="Throughput on the GPU",
        caption="Images per second in a batch, with the 95 % interval. Longer is better; ≈ marks noisy values.",
        remark=batches,
        draw=bars("throughput_cuda", per_machine=True),
        narrow=bars("throughput_cuda", per_machine=True, width=NARROW),
        per_machine=True,
        chapter="time",
        order=3,
        eager=True,
    ),
    Chart(
        name="finetune",
        title="Accuracy after training",
        caption=(
            "Share of held-out images that were classified correctly, with the 95 % interval for the choice of "
            "images and seeds. The learning rate is chosen for each architecture: see the table. The share shows how "
            "fast an architecture starts to learn, not how good it can become."
        ),
        draw=bars("finetune_top1", per_machine=True),
        narrow=bars("finetune_top1", per_machine=True, width=NARROW),
        per_machine=True,
        chapter="finetune",
        order=0,
        remark=partial(_remark, key="finetune_top1"),
    ),
    Chart(
        name="probe",
        title="Accuracy of a linear probe",
        caption="Share of held-out images that were classified correctly after only the head was trained, at one "
        "learning rate for all networks: the quality of the features that the initial weights compute.",
        draw=bars("probe_top1", per_machine=True),
        narrow=bars("probe_top1", per_machine=True, width=NARROW),
        per_machine=True,
        chapter="finetune",
        order=1,
        remark=_probe_remark,
    ),
)
