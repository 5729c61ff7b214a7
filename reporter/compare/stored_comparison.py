"""Comparisons that lie in a results folder as JSON: read with the reason if one is not valid."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from reporter.model import Record, ReporterError
from reporter.model.fields import plain
from reporter.store.record_files import LARGEST_FILE

Stored = TypeVar("Stored")


def newest(records: Iterable[Record]) -> str:
    """When the newest of these records or of their rounds was begun."""
    found = ""
    for record in records:
        origins = (each.started for reading in record.readings.values() for each in reading.origins)
        found = max(found, record.started, *origins)
    return found


def is_older(moment: str, records: Iterable[Record]) -> bool:
    """Whether a comparison of this moment, empty if it has none, is older than some of these records."""
    return bool(moment) and moment < newest(records)


def check_current(path: Path, moment: str, records: Iterable[Record], option: str) -> None:
    """ReporterError if a comparison is older than some of these records; `option` of the command writes it again."""
    if is_older(moment, records):
        raise ReporterError(f"{path}: older than the newest results; compare again with {option}")


def load(path: Path, kind: TypeAdapter[Stored], option: str) -> Stored | None:
    """Reads a comparison, None if there is no file.

    Raises ReporterError if the file is not valid; `option` is the option of the command that writes it again.
    """
    if not path.exists():
        return None
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ReporterError(f"{path}: larger than {LARGEST_FILE >> 20} MiB; compare again with {option}")
        return kind.validate_python(plain(from_json(path.read_bytes())))
    except (OSError, ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ReporterError(f"{path}: not a comparison: {first}; compare again with {option}") from None
