"""Readings that do not depend on the machine, taken from the records of all machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reporter.model import Reading, Record
from reporter.model.devices import ACCELERATORS

SAMPLED = ("rss_inference_bytes", "rss_process_bytes")
"""Sizes that are measured once and vary from process to process; all others are exact."""
MEASURED = {*SAMPLED, *(f"{device}_{work}_bytes" for device in ACCELERATORS for work in ("inference", "training"))}
"""The sizes that are measured and not computed."""
EXACT = ("size", "compute", "memory")
"""The groups whose other quantities are the same on every machine."""


def merged(records: Iterable[Record]) -> list[Record]:
    """The first record of each architecture, with what the later ones have of it that does not depend on the machine.

    Only where they have the same definition and were measured with images of the same size.
    """
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.architecture, []).append(record)
    return [_merged(each) for each in found.values()]


def _merged(records: Sequence[Record]) -> Record:
    first, *others = records
    alike = (each for each in others if (each.definition, each.image_size) == (first.definition, first.image_size))
    lacking: dict[str, Reading] = {}
    for reading in (reading for record in alike for reading in record.readings.values()):
        key = reading.quantity.key
        if first.value(key) is None and reading.measured and _is_exact(reading):
            lacking.setdefault(key, reading)
    return first.model_copy(update={"readings": {**first.readings, **lacking}}) if lacking else first


def _is_exact(reading: Reading) -> bool:
    return reading.quantity.group in EXACT and reading.quantity.key not in MEASURED
