"""The result of the main job in the summary of a job of GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reporter.host import printing
from reporter.model import ReporterError
from reporter.model.plurals import counted
from reporter.nightly import outlets

VARIABLE = "GITHUB_STEP_SUMMARY"


def write(folder: Path, failures: str, variables: Mapping[str, str] = os.environ) -> None:
    """Adds the result of the last run in a folder, if this is a job of GitHub Actions; a note if this fails.

    `failures` lists the failures of that run, see `Outcome.failures`.
    """
    path = variables.get(VARIABLE)
    if not path or variables.get("GITHUB_ACTIONS") != "true":
        return
    try:
        text = content(outlets.read(folder), failures)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except (OSError, ReporterError) as error:
        printing.note(f"the step summary is not written: {error}")


def content(run: outlets.PublishedRun, failures: str = "") -> str:
    """What a comment on a pull request has; without a comparison, the number of architectures and the failures."""
    if run.is_compared:
        return outlets.comment(run, "report", "").partition("\n")[2]
    headline = f"### Architecture report: {counted(len(run.summary.records), 'architecture')}{failures}"
    return f"{headline}\n\nThe report is `report.html` in the results.\n"
