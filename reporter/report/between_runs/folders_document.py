"""The document for programs on two results folders, and on the comparison with a pinned reference in the same run."""

from __future__ import annotations

from typing import Any

from reporter.compare import document
from reporter.compare.differences import Differences
from reporter.compare.document import Context
from reporter.compare.folders import ResultsFolder
from reporter.documents.reference_verdicts import AgainstReference
from reporter.model.settings import FailOn
from reporter.report.between_runs import changes, reference_section
from reporter.report.language import SOURCE, language


def fails(found: Differences, pinned: AgainstReference | None, on: FailOn, *, asked: bool = False) -> bool:
    """Whether `--fail-on` makes one of both comparisons a regression.

    With a reference, times are judged by it only; also if it was `asked` for and could not be compared.
    """
    if pinned is None and not asked:
        return found.fails(on)
    return (pinned is not None and pinned.fails(on)) or (on in ("exact", "any") and found.fails("exact"))


def folders_document(
    found: Differences,
    sides: tuple[ResultsFolder, ResultsFolder],
    names: tuple[str, str],
    fail_on: FailOn,
    code: int,
    *,
    pinned: AgainstReference | None = None,
    asked: bool = False,
) -> dict[str, Any]:
    """The document that programs read; `code` is the exit code of the run, whichever comparison it is from.

    `asked`: whether a comparison with a reference was asked for.
    """
    base, new = sides
    complaints = (*base.complaints, *new.complaints)
    context = Context(
        base=base.side(names[0]),
        new=new.side(names[1]),
        headline=_headline(found, complaints, pinned),
        fail_on=fail_on,
        exit_code=code,
        still_failing=tuple(document.still_failing(base.records, new.records)),
        complaints=complaints,
        fails=lambda on: fails(found, pinned, on, asked=asked),
    )
    return document.as_json(found, context)


def _headline(found: Differences, complaints: tuple[str, ...], pinned: AgainstReference | None) -> str:
    """What changed since the baseline, and what differs from the reference."""
    text = changes.headline(found, complaints)
    if pinned is None:
        return text
    return f"{text} Against the reference: {reference_section.headline(pinned, language(SOURCE))}"
