"""comparison.json: the comparison that a run with --baseline makes, for programs and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from reporter import documents
from reporter.compare import stored_comparison
from reporter.compare.differences import Differences
from reporter.documents.comparisons import FindingRow
from reporter.host import files
from reporter.model import Record

NAME = "comparison.json"


@dataclass(frozen=True)
class BaselineComparison:
    """A comparison with a baseline: the name of its folder, and when its newest record was measured.

    `newest` is when the newest round of the run was begun; empty in files of earlier versions. `nightly`: whether it is
    of a nightly run.
    """

    base: str
    measured: str
    differences: Differences
    newest: str = ""
    nightly: bool = False


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


def load_for_report(folder: Path, records: Iterable[Record]) -> BaselineComparison | None:
    """Read the comparison; raises ReporterError, too, if some of these records were measured after it.

    This is so if the next run did not finish: the comparison is of the run before.
    """
    found = load(folder)
    if found:
        stored_comparison.check_current(folder / NAME, found.newest, records, "--baseline")
    return found
