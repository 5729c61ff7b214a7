"""Exact vs. measured peaks of memory, and the reasons for differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from reporter.model import Record
from reporter.model.devices import ACCELERATORS
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.language import Language
from reporter.report.table import Builder, Cell, Column, Table, Tabulation
from reporter.report.units import MEBIBYTES

RESIDENT = "rss_inference_bytes"
ON_GPU, GPU_TRAINING = (tuple(f"{each}_{work}_bytes" for each in ACCELERATORS) for work in ("inference", "training"))
FLOAT = 4
"""Bytes of a number of the image in records of earlier versions, which do not state the bytes of the image."""
HEADS = "¹"
"""Marks what contains auxiliary heads."""

Sizes = list[float | None]


def make(comparison: Comparison, language: Language) -> Table | None:
    """A column for each measured peak, and how far it lies above the exact one."""
    _ = language._
    keys = (RESIDENT, *ON_GPU, *GPU_TRAINING)
    records = [record for record in comparison.records if any(record.value(key) is not None for key in keys)]
    if not records:
        return None
    rows = Builder(comparison, language, records)
    rows.names()
    rows.sizes()
    inference = [held_by_inference(record) for record in records]
    computed = Column("exact_inference_bytes", _("Computed (weights, image, activations)"), _("MiB"), "B", numeric=True)
    rows.add(computed, [_computed(size, record, language) for size, record in zip(inference, records, strict=True)])
    for key in (RESIDENT, *ON_GPU):
        _compare(rows, key, inference)
    training: Sizes = [record.value("peak_training_bytes") for record in records]
    trained = [key for key in GPU_TRAINING if any(record.value(key) is not None for record in records)]
    if trained:
        rows.quantity("peak_training_bytes")
    for key in trained:
        _compare(rows, key, training)
    return rows.table("peaks", _("Computed vs. measured memory"), _notes(records, language))


def held_by_inference(record: Record) -> float | None:
    """Weights, one image and the peak of activations: the bytes that a process holds for one answer."""
    reading = record.readings.get("peak_activation_bytes")
    weights = reading.detail.get("weights") if reading else None
    if reading is None or reading.value is None or not isinstance(weights, int):
        return None
    image = reading.detail.get("image")
    return reading.value + weights + (image if isinstance(image, int) else 3 * prod(record.image_size) * FLOAT)


def heads_in_inference(record: Record) -> float:
    """The bytes of auxiliary heads among those: they are built, and run in training only; 0 where not known."""
    reading = record.readings.get("peak_activation_bytes")
    weights = reading.detail.get("weights") if reading else None
    without = record.value("weights_bytes")
    return weights - without if isinstance(weights, int) and without is not None else 0


def _computed(size: float | None, record: Record, language: Language) -> Cell:
    """The computed bytes, with a mark where auxiliary heads are among them."""
    cell = _cell(size, language)
    return replace(cell, text=f"{cell.text}{HEADS}") if cell.value and heads_in_inference(record) > 0 else cell


def _compare(rows: Builder, key: str, exact: Sizes) -> None:
    """The column of a measured peak, and that of its distance from the exact one; nothing if no architecture has it."""
    measured: Sizes = [record.value(key) for record in rows.records]
    if all(value is None for value in measured):
        return
    rows.quantity(key)
    pairs = zip(measured, exact, strict=True)
    beyond: Sizes = [None if None in pair else (pair[0] or 0) - (pair[1] or 0) for pair in pairs]
    _add(rows, f"{key}_beyond", rows.language._("Difference"), beyond, sign="+")


def _add(rows: Builder, key: str, title: str, sizes: Sizes, sign: str = "") -> None:
    column = Column(key, title, unit=rows.language._(MEBIBYTES.word), base="B", numeric=True)
    rows.add(column, [_cell(size, rows.language, sign) for size in sizes])


def _cell(size: float | None, language: Language, sign: str = "") -> Cell:
    if size is None:
        return Cell("–", status="missing")
    return Cell((sign if size > 0 else "") + units.text(language, size, MEBIBYTES), size)


def _notes(records: Sequence[Record], language: Language) -> tuple[str, ...]:
    """What a measured peak holds that no tensor of the network does."""
    _ = language._
    on_gpu = any(record.value(key) is not None for record in records for key in (ON_GPU[0], GPU_TRAINING[0]))
    resident = _(
        "Resident memory also has the libraries' code and tables, loaded on first use, their scratch memory and the "
        "reordered weights of the layer at work, and what the allocator keeps for later."
    )
    cuda = _(
        "CUDA's allocator counts blocks in full (multiples of 512 bytes), the work space that cuDNN takes while a "
        "convolution runs, and that of cuBLAS, which stays once it is taken (8 to 32 MiB)."
    )
    heads = {
        display_name(record.architecture): f"{units.text(language, size, MEBIBYTES)} {_('MiB')}"
        for record in records
        if (size := heads_in_inference(record)) > 0
    }
    sizes = language.listing([f"{size} ({name})" for name, size in heads.items()])
    return (
        _("¹ With the auxiliary heads, which are built but not run: {sizes}.").format(sizes=sizes) if heads else "",
        _("Computed peaks add up the sizes of tensors, without what an allocator or a library takes."),
        resident if any(record.value(RESIDENT) is not None for record in records) else "",
        cuda if on_gpu else "",
    )


ENTRIES = (Tabulation("peaks", make, chapter="memory", order=6),)
