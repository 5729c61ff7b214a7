"""Ledgers of kernels of the baseline: the calls that each record's digests belong to, whatever run they are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from reporter.compare import kernel_digests
from reporter.model import Reading, Record, ReporterError
from reporter.model.profiles import KernelLedger, LayerKernel
from reporter.store import kernel_files, record_files


def save(folder: Path, records: Sequence[Record], sources: Sequence[Path]) -> None:
    """Saves the kernels of records in a folder that has the records, from the first results folder with their calls."""
    ledgers: dict[tuple[str, str], list[KernelLedger]] = {}
    for record in records:
        place = record.machine, record.architecture
        if readings := kernel_digests.sources(record):
            if place not in ledgers:
                ledgers[place] = list(_ledgers(record, sources))
            calls = {setting: _calls(ledgers[place], record.mode, setting, of) for setting, of in readings.items()}
            kernel_files.save(folder, record, record.mode, {setting: rows for setting, rows in calls.items() if rows})


def _ledgers(record: Record, sources: Sequence[Path]) -> Iterator[KernelLedger]:
    """The ledgers of an architecture in the folders that have one."""
    for source in sources:
        with suppress(ReporterError):  # it is missing in the comparison, with the reason
            if found := kernel_files.load(record_files.record_path(source, record.machine, record.architecture)):
                yield found


def _calls(
    ledgers: Sequence[KernelLedger], mode: str, setting: str, readings: Sequence[Reading]
) -> tuple[LayerKernel, ...]:
    """The calls with the digests of one of the readings; empty where no ledger has them."""
    found = (each.of(mode, setting) for each in ledgers)
    belonging = (rows for rows in found if rows and any(kernel_digests.belongs(rows, each) for each in readings))
    return next(belonging, ())
