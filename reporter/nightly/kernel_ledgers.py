"""Ledgers of kernels of the baseline: the calls that each record's digests belong to, whatever run they are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from reporter.compare import kernel_changes
from reporter.model import Record, ReporterError
from reporter.model.profiles import KernelLedger, LayerKernel, digest
from reporter.store import kernel_files, record_files


def save(folder: Path, records: Sequence[Record], sources: Sequence[Path]) -> None:
    """Saves the kernels of records in a folder that has the records, from the first results folder with their calls."""
    ledgers: dict[tuple[str, str], list[KernelLedger]] = {}
    for record in records:
        place = record.machine, record.architecture
        if digests := kernel_changes.digests(record):
            if place not in ledgers:
                ledgers[place] = list(_ledgers(record, sources))
            calls = {setting: _calls(ledgers[place], record.mode, setting, of) for setting, of in digests.items()}
            kernel_files.save(folder, record, record.mode, {setting: rows for setting, rows in calls.items() if rows})


def _ledgers(record: Record, sources: Sequence[Path]) -> Iterator[KernelLedger]:
    """The ledgers of an architecture in the folders that have one."""
    for source in sources:
        with suppress(ReporterError):  # it is missing in the comparison, with the reason
            if found := kernel_files.load(record_files.record_path(source, record.machine, record.architecture)):
                yield found


def _calls(ledgers: Sequence[KernelLedger], mode: str, setting: str, digests: Sequence[str]) -> tuple[LayerKernel, ...]:
    """The calls with one of the digests; empty where no ledger has them."""
    found = (each.of(mode, setting) for each in ledgers)
    return next((rows for rows in found if rows and digest(rows) in digests), ())
