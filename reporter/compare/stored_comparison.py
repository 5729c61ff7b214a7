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
