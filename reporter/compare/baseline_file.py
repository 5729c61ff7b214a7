"""comparison.json: the comparison that a run with --baseline makes, for programs and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import from_json

from reporter import documents
from reporter.compare.differences import Differences
from reporter.documents.comparisons import FindingRow
from reporter.host import files
from reporter.model import ReporterError
from reporter.model.fields import plain
from reporter.store.record_files import LARGEST_FILE

NAME = "comparison.json"


@dataclass(frozen=True)
class BaselineComparison:
    """A comparison with a baseline: the name of its folder, and when its newest record was measured."""

    base: str
    measured: str
    differences: Differences


ADAPTER = TypeAdapter(BaselineComparison)


def save(
    folder: Path,
    comparison: BaselineComparison | None,
    document: Mapping[str, Any] | None = None,
    findings: Sequence[FindingRow] = (),
) -> None:
    """Write a comparison with the document for programs; None removes that of an earlier run."""
    if comparison is None:
        (folder / NAME).unlink(missing_ok=True)
        return
    about = {"schema": documents.COMPARISON, "findings": [finding.model_dump() for finding in findings]}
    files.write(
        folder / NAME,
        files.dumps({**(document or {}), **about, **ADAPTER.dump_python(comparison, mode="json", by_alias=True)}),
    )


def load(folder: Path) -> BaselineComparison | None:
    """Read the comparison, None if there is no file; raises ReporterError if the file is not valid."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ReporterError(f"{path}: larger than {LARGEST_FILE >> 20} MiB; compare again with --baseline")
        return ADAPTER.validate_python(plain(from_json(path.read_bytes())))
    except (OSError, ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ReporterError(f"{path}: not a comparison: {first}; compare again with --baseline") from None
