"""What a run with --baseline found, kept in comparison.json beside its records, for programs and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import from_json

from reporter import documents
from reporter.compare.differences import Differences
from reporter.documents.comparisons import Finding
from reporter.host import files
from reporter.model import ReporterError
from reporter.model.fields import plain
from reporter.store.record_files import LARGEST_FILE

NAME = "comparison.json"


@dataclass(frozen=True)
class Kept:
    """A comparison and what it was with: the folder's name, when its newest record was measured."""

    base: str
    measured: str
    differences: Differences


KEPT = TypeAdapter(Kept)


def keep(
    folder: Path, kept: Kept | None, document: Mapping[str, Any] | None = None, findings: Sequence[Finding] = ()
) -> None:
    """Writes a comparison with the document for programs; None removes that of an earlier run."""
    if kept is None:
        (folder / NAME).unlink(missing_ok=True)
        return
    about = {"schema": documents.COMPARISON, "findings": [finding.model_dump() for finding in findings]}
    files.write(folder / NAME, files.dumps({**(document or {}), **about, **KEPT.dump_python(kept, mode="json")}))


def kept(folder: Path) -> Kept | None:
    """What was found, None where nothing was compared; ReporterError where the file does not say."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ReporterError(f"{path}: larger than {LARGEST_FILE >> 20} MiB; compare again with --baseline")
        return KEPT.validate_python(plain(from_json(path.read_bytes())))
    except (OSError, ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ReporterError(f"{path}: not a comparison: {first}; compare again with --baseline") from None
