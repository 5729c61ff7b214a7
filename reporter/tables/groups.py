"""A table for each group of metrics, with a column for each metric that was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reporter.model import WITHIN, Group, Quantity, Record
from reporter.model.devices import ACCELERATORS
from reporter.model.fields import DEFAULT_MALLOC, GRADIENT_RATIOS, KEEPING
from reporter.model.modes import OUTPUT_ERROR
from reporter.model.reasons import dropped_heads
from reporter.report import accelerator_notes, units
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import TIMES
from reporter.report.language import Language
from reporter.report.rank_ranges import ranks
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, mark
from reporter.report.tail_latency import add_percentiles, add_relative
from reporter.report.throughput_batches import batches
from reporter.report.training import gradient_ratios
from reporter.report.training.training_names import specific, start
from reporter.report.training.training_ranks import add_intervals, add_ranks
from reporter.report.training.training_recipes import TOP1_KEYS, add_recipes
from reporter.tables.fvcore_operators import verdict

ELSEWHERE = ("imagenet_top1", "imagenet_top5", "imagenet_best_top1", "imagenet_best_top5", OUTPUT_ERROR.key)
"""Listed in other tables: those of published accuracies and of execution modes."""
BLOCK, TRAINING = "block_parameters", "peak_training_bytes"
ON_DEVICE = frozenset(f"{device}_{work}_bytes" for device in ACCELERATORS for work in ("inference", "training"))
"""The measured memory peaks of accelerators."""
COSTS: tuple[Group, ...] = ("compute", "memory", "latency")
"""The groups whose values depend on the image size."""


def group(name: Group) -> Callable[[Comparison, Language], Table | None]:
    def make(comparison: Comparison, language: Language) -> Table | None:
        shown = [quantity for quantity in comparison.measured(name) if quantity.key not in ELSEWHERE]
        if not shown:
            return None
        rows = Builder(comparison, language, comparison.records)
        rows.names()
        if name in COSTS:
            rows.sizes()
        for quantity in _before_and_after(shown):
            rows.quantity(quantity.key, whole=name == "size")
            if quantity.key == BLOCK:
                rows.cells[-1] = [
                    _block(cell, record) for cell, record in zip(rows.cells[-1], rows.records, strict=True)
                ]
            if quantity.key == TRAINING:
                _activations(rows, language)
            if quantity.unit == "1/s":
                _batch(rows, quantity.key)
            if quantity.key in TIMES:
                _rank(rows, quantity.key)
            if quantity.key in TOP1_KEYS:
                add_intervals(rows, quantity.key)
                add_ranks(rows, quantity.key)
        notes = EXTRAS[name](rows, language) if name in EXTRAS else ()
        title = language._(specific(titles(language)[name], start(comparison.records))) if name == "finetune" else None
        return rows.table(name, title or titles(language)[name], notes)

    return make


def _block(cell: Cell, record: Record) -> Cell:
    """The parameters of a block; nothing of a network that repeats none and is drawn whole."""
    return Cell("–", status="missing") if cell.value is not None and cell.value == record.value("parameters") else cell


def _activations(rows: Builder, language: Language) -> None:
    """What of the peak in training are activations: a network with few weights may have many of these."""
    readings = [record.readings.get(TRAINING) for record in rows.records]
    sizes = [reading.detail.get("activations") if reading and reading.measured else None for reading in readings]
    cells = [
        Cell(units.text(language, size, units.MEBIBYTES), size)
        if isinstance(size, int)
        else Cell("–", status="missing")
        for size in sizes
    ]
    if any(cell.value for cell in cells):
        title = language._("Activations in training")
        word = language._(units.MEBIBYTES.word)
        rows.add(Column("training_activations", title, word, "B", numeric=True), cells)


def _before_and_after(shown: Sequence[Quantity]) -> list[Quantity]:
    """The quantities, the gradient ratio next to that after training; records have them in any order."""
    keys = [quantity.key for quantity in shown]
    if not set(GRADIENT_RATIOS) <= set(keys):
        return list(shown)
    first, second = (shown[keys.index(key)] for key in GRADIENT_RATIOS)
    others = [quantity for quantity in shown if quantity.key != first.key]
    place = others.index(second)
    return [*others[:place], first, *others[place:]]


def _batch(rows: Builder, key: str) -> None:
    """The batch sizes of a throughput that was measured over several; nothing of one at a fixed batch size."""
    readings = [record.readings.get(key) for record in rows.records]
    found = [reading.detail.get("batch") if reading and reading.measured else None for reading in readings]
    if any(type(each) is int for each in found):
        language = rows.language
        title = language._("Batch: {what}").format(what=language._(rows.comparison.quantities[key].title))
        cells = [
            Cell(language.number(each), each) if type(each) is int else Cell("–", status="missing") for each in found
        ]
        rows.add(Column(f"{key}_batch", title, base="1", numeric=True), cells)


def _rank(rows: Builder, key: str) -> None:
    """The ranks of a time, machine by machine; architectures that the run does not distinguish share theirs."""
    _, language = rows.language._, rows.language
    placed = {machine: ranks(rows.comparison, machine, key) for machine in rows.comparison.machines}
    found = [placed[record.machine].get(record.architecture) for record in rows.records]
    if any(found):
        title = _("Rank: {what}").format(what=_(rows.comparison.quantities[key].title))
        signs = [mark(record.readings.get(key)) for record in rows.records]
        cells = [
            Cell(r.text(language) + sign, r.rank, r.low, r.high) if r else Cell("–", status="missing")
            for r, sign in zip(found, signs, strict=True)
        ]
        rows.add(Column(f"rank_{key}", title, numeric=True, interval=True), cells)


def titles(language: Language) -> dict[Group, str]:
    _ = language._
    return {
        "size": _("Table: size"),
        "compute": _("Table: compute"),
        "memory": _("Table: memory"),
        "latency": _("Table: times"),
        "finetune": "Table: training",
    }


def _size(rows: Builder, language: Language) -> Sequence[str]:
    _ = language._
    rows.text("input_size", _("Input, pixels"), [str(record.image_size) for record in rows.records])
    rows.text("variant", _("Variant"), [language.translate(record.variant) for record in rows.records])
    return (_("Auxiliary heads are used in training only and are counted apart."),)


def _compute(rows: Builder, language: Language) -> Sequence[str]:
    """What MACs are, what fvcore adds to them, and which counts are incomplete."""
    _ = language._
    return (
        _("MACs: one multiply and one add are one. FLOPs, where the term means operations, are 2 × MACs."),
        _("fvcore counts batch norm and adaptive pooling, too: see the table “fvcore, operator by operator”.")
        if any(verdict(record, language) for record in rows.records)
        else "",
        *_limits(rows.records, language),
    )


def _limits(records: Sequence[Record], language: Language) -> Iterator[str]:
    """Which networks were not counted on meta, and what the counts of which leave out."""
    _ = language._
    counted = [(record.architecture, record.readings["macs"].detail) for record in records if "macs" in record.readings]
    if on_cpu := [name for name, detail in counted if detail.get("counted_on") == "cpu"]:
        yield _("Counted by a forward pass on the CPU, because meta tensors do not support the model: {names}.").format(
            names=", ".join(dict.fromkeys(on_cpu))
        )
    left_out = [(name, operators) for name, detail in counted if isinstance(operators := detail.get("uncounted"), dict)]
    if left_out:
        listed = dict.fromkeys(f"{name} ({', '.join(sorted(operators))})" for name, operators in left_out)
        yield _("MACs leave out operators that have no formula: {names}.").format(names="; ".join(listed))


def _memory(rows: Builder, language: Language) -> Sequence[str]:
    _ = language._
    return (
        _("1 MiB = 1,048,576 bytes. Peaks are computed from the sizes of tensors; resident memory is measured."),
        _("Memory of a device is measured, too: the peak that its allocator counts while the model runs.")
        if any(column.key in ON_DEVICE for column in rows.columns)
        else "",
        _without_heads(rows, language),
    )


def _without_heads(rows: Builder, language: Language) -> str:
    """Which networks have training steps without auxiliary heads in the columns of the table."""
    keys = [column.key for column in rows.columns]
    names = [
        record.architecture
        for record in rows.records
        if any((each := record.readings.get(key)) and dropped_heads(each.detail) for key in keys)
    ]
    message = language._("Training without auxiliary heads, for which the training images are too small: {names}.")
    return message.format(names=language.several([*dict.fromkeys(names)])) if names else ""


def _latency(rows: Builder, language: Language) -> Sequence[str]:
    _ = language._
    add_relative(rows)
    add_percentiles(rows)
    apart = _("Machines stand side by side: times of two machines are not comparable.")
    ranked = any(column.key.startswith("rank_") for column in rows.columns)
    relative = any(column.key.endswith("_relative") for column in rows.columns)
    places = _(
        "Ranks: the first and last rank of all architectures that this run does not distinguish from the row's, by "
        "the 95 % interval of their ratio round by round."
    )
    return (
        _("Medians, rounded by the 95 % interval, which is in the CSV file. ≈: noisy or without an interval."),
        f"{places if ranked else ''} {batches(rows.comparison, language)}".strip(),
        _("Relative: time over the geometric mean of the times of its column, machine by machine.") if relative else "",
        within(rows.comparison, language),
        *accelerator_notes.notes(rows.comparison, language),
        _without_heads(rows, language),
        _default_malloc(rows, language),
        apart if len(rows.comparison.machines) > 1 else "",
    )


def _default_malloc(rows: Builder, language: Language) -> str:
    """How the columns for default malloc differ from the others, where the table has them."""
    if not any(column.key in DEFAULT_MALLOC for column in rows.columns):
        return ""
    return language._(
        "Default malloc: as in a service that is started without further settings. The other times on the CPU keep "
        "freed memory, as with {variables} in the environment."
    ).format(variables=KEEPING)


def _training(rows: Builder, language: Language) -> Sequence[str]:
    return (*add_recipes(rows, language), *gradient_ratios.notes(rows, language))


def within(comparison: Comparison, language: Language) -> str:
    """A note where intervals of times do not include how far processes differ."""
    readings = (reading for record in comparison.records for reading in record.readings.values())
    if not any(reading.verdict.reason == WITHIN for reading in readings):
        return ""
    return language._(
        "Fewer than three rounds: intervals are within one process only and do not include how far processes differ."
    )


EXTRAS: dict[str, Callable[[Builder, Language], Sequence[str]]] = {
    "size": _size,
    "compute": _compute,
    "memory": _memory,
    "latency": _latency,
    "finetune": _training,
}
ENTRIES = (
    Tabulation("size", group("size"), chapter="size", order=5),
    Tabulation("compute", group("compute"), chapter="size", order=6),
    Tabulation("memory", group("memory"), chapter="memory", order=5),
    Tabulation("latency", group("latency"), chapter="time", order=5),
    Tabulation("finetune", group("finetune"), chapter="finetune", order=6),
)
