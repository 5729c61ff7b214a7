"""comparison.json: the comparison that a run with --baseline makes, for programs and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from reporter import documents
from reporter.compare import stored_comparison
from reporter.compare.differences import Differences
from reporter.documents.comparisons import FindingRow
from reporter.host import files

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
    return stored_comparison.load(folder / NAME, ADAPTER, "--baseline")
