"""What a run of the main job is compared with: an earlier run, and a pinned reference."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporter.host import printing
from reporter.host.exit_codes import FAILED, REGRESSED
from reporter.model import ReporterError

if TYPE_CHECKING:
    from reporter.compare.baseline_file import BaselineComparison
    from reporter.compare.folders import ResultsFolder
    from reporter.documents.reference_verdicts import AgainstReference
    from reporter.model.settings import FailOn
    from reporter.run.paired.against import Against

    Changed = tuple[BaselineComparison | None, dict[str, Any] | None, int]
    """What changed since the baseline, the same as a document, and the exit code."""


def with_reference(
    reference: Against | None, folder: Path, *, quiet: bool, shown: str
) -> tuple[AgainstReference | None, str]:
    """What differs from the pinned reference, which is printed, None without one; and why the comparison failed.

    A failure, such as a process that is killed, is printed and takes nothing from what the run has measured.
    """
    from reporter.cli.progress import progress
    from reporter.compare import ratio_history
    from reporter.nightly import reference_findings as findings
    from reporter.nightly.run_folder import Folder
    from reporter.report.between_runs import reference_section
    from reporter.run.paired import against

    if reference is None:
        return None, ""
    seen = progress(sys.stderr, quiet, against.SIDES, shown)
    try:
        measured = reference.measure(seen)
    except ReporterError as error:
        printing.error(f"the comparison with the pinned reference failed: {error}")
        return None, str(error) or repr(error)
    finally:
        seen.close()
    accepted = Folder(folder).acceptances().accepted
    found = findings.mark_accepted(measured, accepted)
    for line in reference_section.lines(found, reference.titles):
        printing.message(line)
    for line in findings.outdated(found, accepted):
        printing.note(line)
    with suppress(ReporterError):  # a full disk hides no regression
        ratio_history.add(folder, found)
    return found, ""


def with_baseline(
    before: ResultsFolder | None,
    folder: Path,
    fail_on: FailOn,
    failed: bool,
    *,
    pinned: AgainstReference | None,
    asked: bool,
) -> Changed:
    """What changed since the baseline, which is printed, as nouns and as a document; and the exit code of the run.

    `asked`: whether the run was to be compared with a reference.
    """
    from reporter.compare import baseline_file, folders, stored_comparison
    from reporter.nightly.level import of_folder
    from reporter.report.between_runs import changes as words
    from reporter.report.between_runs.folders_document import fails, folders_document

    code = REGRESSED if pinned and pinned.fails(fail_on) else FAILED if failed else 0
    if before is None:
        return None, None, code
    now = folders.read(folder, "--out")
    sides = of_folder(before), of_folder(now)
    found = folders.compare_results(*sides).gated_by("never" if asked else fail_on)
    code = REGRESSED if fails(found, pinned, fail_on, asked=asked) else code
    names = before.folder.name, folder.name
    document = folders_document(found, sides, names, fail_on, code, pinned=pinned, asked=asked)
    lines = words.in_words(found, (*before.complaints, *now.complaints)).split("\n")
    for line in (f"compared with {before.folder}: {lines[0]}", *lines[1:]):
        printing.message(line)
    if asked and (found.fails("timing") or found.fails("level")):
        printing.note(
            "verdicts on times are based on the reference; times that are slower than in the baseline are shown only"
        )
    newest = stored_comparison.newest(now.records)
    return baseline_file.BaselineComparison(before.folder.name, before.measured, found, newest), document, code
