"""A table for each group of quantities: whatever was measured has its column here, new metrics too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from reporter.telling import units
from reporter.telling.comparison import Comparison, number
from reporter.telling.language import Language
from reporter.telling.ranks import ranks
from reporter.telling.table import Builder, Cell, Column, Table, Tabulation
from reporter.telling.tables.operators import verdict
from reporter.telling.times import add_percentiles, add_relative
from reporter.telling.timing import TIMES
from reporter.types import Group, Record

ELSEWHERE = ("imagenet_top1", "imagenet_top5")
"""Published, not measured: they stand in the table of accuracies."""


def group(name: Group) -> Callable[[Comparison, Language], Table | None]:
    def make(comparison: Comparison, language: Language) -> Table | None:
        shown = [quantity for quantity in comparison.measured(name) if quantity.key not in ELSEWHERE]
        if not shown:
            return None
        rows = Builder(comparison, language, comparison.records)
        rows.names()
        for quantity in shown:
            rows.quantity(quantity.key, whole=name == "size")
            if quantity.key in TIMES:
                _rank(rows, quantity.key)
        notes = EXTRAS[name](rows, language) if name in EXTRAS else ()
        return rows.table(name, titles(language)[name], notes)

    return make


def _rank(rows: Builder, key: str) -> None:
    """The ranks of a time that 95 % of the resamples give each network, machine by machine."""
    _, language = rows.language._, rows.language
    placed = {machine: ranks(rows.comparison, machine, key) for machine in rows.comparison.machines}
    found = [placed[record.machine].get(record.architecture) for record in rows.records]
    if any(found):
        title = _("Rank: {what}").format(what=_(rows.comparison.quantities[key].title))
        cells = [Cell(r.told(language), r.rank, r.low, r.high) if r else Cell("–", status="missing") for r in found]
        rows.add(Column(f"rank_{key}", title, numeric=True, interval=True), cells)


def titles(language: Language) -> dict[Group, str]:
    _ = language._
    return {
        "size": _("Size in full"),
        "compute": _("Compute in full"),
        "memory": _("Memory in full"),
        "latency": _("Times in full"),
        "finetune": _("Fine-tuning in full"),
    }


def _size(rows: Builder, language: Language) -> Sequence[str]:
    _ = language._
    rows.text("input_size", _("Input, pixels"), [record.input_size for record in rows.records])
    rows.text("variant", _("Variant"), [language.said(record.variant) for record in rows.records])
    return (_("Auxiliary heads are used in training only and are counted apart."),)


def _compute(rows: Builder, language: Language) -> Sequence[str]:
    """The second counter's verdict and what it could not count."""
    _ = language._
    counted = [record.readings.get("macs_fvcore") for record in rows.records]
    verdicts = [verdict(record, language) for record in rows.records]
    reasons = [_because(reading.detail.get("because"), language) if reading else "" for reading in counted]
    told = [f"{word}: {reason}" if reason else word for word, reason in zip(verdicts, reasons, strict=True)]
    rows.text("counters", _("The two counters"), told)
    return (
        _("MACs: one multiply and one add are one. FLOPs, where the term means operations, are 2 × MACs."),
        _(
            "fvcore adds work for batch norm and pooling that the definition of MACs leaves out; "
            "the column of the two counters says how much."
        )
        if any(verdicts)
        else "",
    )


def _because(operators: JsonValue, language: Language) -> str:
    """What the second counter counts beyond the first, operator by operator."""
    if not isinstance(operators, dict):
        return language.said(str(operators or ""))
    counts = ((name, number(count)) for name, count in operators.items())
    return ", ".join(f"{name} {units.count(language, count)}" for name, count in counts if count is not None)


def _memory(rows: Builder, language: Language) -> Sequence[str]:
    return (language._("1 MiB = 1,048,576 bytes. Peaks on the meta device are exact; resident memory is measured."),)


def _latency(rows: Builder, language: Language) -> Sequence[str]:
    _ = language._
    add_relative(rows)
    add_percentiles(rows)
    apart = _("Machines stand side by side: times of two machines are not comparable.")
    ranked = any(column.key.startswith("rank_") for column in rows.columns)
    return (
        _("Medians; digits follow the 95 % interval, which is in the CSV file. ≈: noisy, not to be relied on."),
        _(
            "Ranks: where 95 % of 1,000 resamples put a network, each of rounds drawn anew and of samples drawn anew "
            "within them. Networks whose ranks overlap are not told apart by this run."
        )
        if ranked
        else "",
        apart if len(rows.comparison.machines) > 1 else "",
    )


def _finetune(rows: Builder, language: Language) -> Sequence[str]:
    """The recipe of each row."""
    _ = language._
    titles = {
        "optimizer": _("Optimiser"),
        "learning_rate": _("Learning rate"),
        "steps": _("Steps"),
        "batch_size": _("Batch"),
        "image_size": _("Pixels"),
        "label_smoothing": _("Label smoothing"),
        "auxiliary_loss": _("Weight of auxiliary loss"),
        "auxiliary_dropped": _("Auxiliary heads dropped"),
    }
    weights = [str(_detail(record, "weights") or "") for record in rows.records]
    rows.text("weights", _("Started from"), [_("random weights") if name == "random" else name for name in weights])
    rows.text("dataset", _("Data set"), [_detail(record, "dataset") or "" for record in rows.records])
    for key, title in titles.items():
        rows.text(key, title, [_recipe(record, key, language) for record in rows.records])
    reasons = [str(_detail(record, "weights_reason") or "") for record in rows.records]
    normed = any(_recipe(record, "batch_norm_recalibrated", language) for record in rows.records)
    return (
        *_reasons([reason for reason in dict.fromkeys(reasons) if reason], language),
        _luck(rows.records, language),
        _("Batch-norm statistics were estimated anew before every evaluation, for every network alike.")
        if normed
        else "",
    )


def _luck(records: Sequence[Record], language: Language) -> str:
    """How far chance in the choice of held-out images moves a share, at most: 1.96 binomial standard deviations."""
    counts = (number(_detail(record, "test_images")) for record in records)
    images = [int(count) for count in counts if count and count >= 1]
    if not images:
        return ""
    message = language._("{count} held-out images: a share is known within {points} points or better (95 %).")
    return message.format(count=min(images), points=language.number(98 / math.sqrt(min(images)), 1))


def _reasons(reasons: list[str], language: Language) -> list[str]:
    """Why weights could not be had; of many reasons of a kind only the first."""
    opening = language._("Why random weights: {reason}")
    if len(reasons) < 3:
        return [opening.format(reason=language.said(reason)) for reason in reasons]
    more = language.ngettext("and {count} more of the kind", "and {count} more of the kind", len(reasons) - 1)
    return [f"{opening.format(reason=language.said(reasons[0]))} ({more.format(count=len(reasons) - 1)})"]


def _detail(record: Record, key: str) -> object:
    reading = record.readings.get("finetune_top1")
    return reading.detail.get(key) if reading else None


def _recipe(record: Record, key: str, language: Language) -> str | int:
    """A part of the recipe as a word; what is switched off is empty."""
    recipe = _detail(record, "recipe")
    value = recipe.get(key) if isinstance(recipe, dict) else None
    if not value:
        return ""
    if isinstance(value, float):
        return f"{value:g}".replace(".", str(language.vega["decimal"]))
    return value if isinstance(value, int) else language.said(str(value))


EXTRAS: dict[str, Callable[[Builder, Language], Sequence[str]]] = {
    "size": _size,
    "compute": _compute,
    "memory": _memory,
    "latency": _latency,
    "finetune": _finetune,
}
ENTRIES = (
    Tabulation("size", group("size"), 45),
    Tabulation("compute", group("compute"), 46),
    Tabulation("memory", group("memory"), 55),
    Tabulation("latency", group("latency"), 65),
    Tabulation("finetune", group("finetune"), 76),
)
