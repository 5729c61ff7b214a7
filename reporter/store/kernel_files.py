"""Files of kernel ledgers: one beside each record, read only when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from reporter.host.files import lines, write
from reporter.model import Record, ReporterError
from reporter.model.fields import legible
from reporter.model.profiles import LEDGER_SCHEMA, KernelLedger, LayerKernel
from reporter.store.record_files import KERNELS, newer_version, record_path
from reporter.version import __version__

SUFFIX = f"{KERNELS}.json"
CALLS = TypeAdapter(dict[str, list[LayerKernel]])
"""What a reading of operators brings for the ledger: the calls of each setting."""
LARGEST_FILE = 2**26
"""Bytes of a ledger; that of a network with a thousand layers in ten modes takes less than a tenth of this."""


def kernels_path(record: Path) -> Path:
    """Where the ledger of a record is, which is at `record`."""
    return record.with_name(record.name.removesuffix(".json") + SUFFIX)


def recorded(folder: Path, record: Record) -> frozenset[tuple[str, str]]:
    """The modes and settings whose calls are in the ledger beside a record; none if it is missing or cannot be read."""
    ledger = None
    with suppress(ReporterError):
        ledger = load(record_path(folder, record.machine, record.architecture))
    calls = ledger.calls if ledger else {}
    return frozenset((mode, setting) for mode, settings in calls.items() for setting in settings)


def save(folder: Path, record: Record, mode: str, calls: object) -> str:
    """Adds the calls of a mode, by setting, to the ledger beside a record, whole or not at all.

    A ledger that cannot be read is replaced; returns what is wrong with it, else an empty string.
    """
    place, complaint = record_path(folder, record.machine, record.architecture), ""
    ledger = KernelLedger(schema=LEDGER_SCHEMA, architecture=record.architecture, machine=record.machine)
    try:
        ledger = load(place) or ledger
    except ReporterError as error:
        complaint = str(error)
    for setting, rows in CALLS.validate_python(calls).items():
        ledger = ledger.with_calls(mode, setting, rows)
    content = ledger.model_dump(mode="json", by_alias=True)
    for row in content["rows"]:
        if not row["library"]:  # as in files of earlier versions
            del row["library"]
    write(kernels_path(place), lines(content, "rows", "calls"))
    return complaint


def ledger_of(machine: str, architecture: str, records: Mapping[str, Record]) -> KernelLedger:
    """The ledger of an architecture, from the details of all readings of its record of each mode."""
    ledger = KernelLedger(schema=LEDGER_SCHEMA, architecture=architecture, machine=machine)
    for mode, record in records.items():
        for reading in record.readings.values():
            for setting, rows in CALLS.validate_python(reading.detail["calls"]).items():
                ledger = ledger.with_calls(mode, setting, rows)
    return ledger


def load(record: Path) -> KernelLedger | None:
    """The ledger beside a record, None if there is none.

    Raises ReporterError with the file's name where it is torn, no regular file, of a newer reporter, or that of another
    record.
    """
    path = kernels_path(record)
    try:
        if not path.exists():
            return None
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            raise ReporterError(f"{path}: not a ledger of kernels: no file of at most {LARGEST_FILE >> 20} MiB")
        found = KernelLedger.model_validate_json(path.read_bytes())
    except ValidationError as error:
        if newer := newer_version(record):
            line = f"{path}: written by reporter {newer}, which is newer than {__version__}; upgrade reporter"
            raise ReporterError(line) from None
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = legible(": ".join(filter(None, (where, first["msg"]))))
        raise ReporterError(f"{path}: not a ledger of kernels: {' '.join(reason.split())[:200]}") from None
    except OSError as error:
        raise ReporterError(f"{path}: cannot be read: {error.strerror}") from None
    if record.parts[-2:] != record_path(Path(), found.machine, found.architecture).parts[-2:]:
        raise ReporterError(f"{path}: not its ledger, but that of {found.architecture} on {found.machine}")
    return found
