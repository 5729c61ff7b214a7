"""The headlines of recent nightly runs: .nightly/recent.json, and index.html, which lists them below the report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field

from reporter.host import files
from reporter.host.exit_codes import FAILED, REGRESSED, USAGE
from reporter.model import ReporterError
from reporter.model.readings import Model
from reporter.nightly import state
from reporter.nightly.dates import moment
from reporter.report.output import formats

MOST = 60
"""Runs that are kept; older ones are dropped."""
LONGEST = 2000
"""Characters of a headline that are kept."""
RESULTS = {0: "passed", REGRESSED: "regression", USAGE: "incomplete", FAILED: "measurement failed"}


class Headline(Model):
    """One run: when it started, its exit code, None if it did not finish, and the headline that it printed."""

    started: str
    exit_code: int | None
    headline: str

    @property
    def moment(self) -> str:
        """The start as it is printed."""
        return moment(self.started)

    @property
    def result(self) -> str:
        """The exit code in words."""
        return "did not finish" if self.exit_code is None else RESULTS.get(self.exit_code, str(self.exit_code))


class Headlines(Model):
    """The content of recent.json, newest first."""

    schema_number: int = Field(state.SCHEMA, alias="schema")
    runs: tuple[Headline, ...] = ()


def with_run(
    earlier: Sequence[Headline], started: str, code: int, headline: str, unfinished: str | None
) -> list[Headline]:
    """The earlier runs, this one, and the one before it if that did not finish and is not among them; newest first."""
    made = [Headline(started=started, exit_code=code, headline=headline[:LONGEST])]
    if unfinished is not None and unfinished not in {each.started for each in earlier}:
        made.append(Headline(started=unfinished, exit_code=None, headline=""))
    return [*made, *earlier]


def load(path: Path) -> tuple[Headline, ...]:
    """The runs of recent.json, none if there is no such file or it cannot be read."""
    try:
        stored = state.load(path, Headlines)
    except ReporterError:
        return ()
    return stored.runs[:MOST] if stored else ()


def save(path: Path, runs: Sequence[Headline]) -> None:
    """Writes recent.json with the newest runs."""
    state.save(path, Headlines(runs=tuple(runs[:MOST])))


def write_page(folder: Path, runs: Sequence[Headline]) -> None:
    """Writes index.html: links to the reports of the folder, and the newest runs."""
    reports = sorted(path.name for path in folder.glob("report*.html"))
    page = _environment().get_template("runs.html.j2").render(reports=reports, runs=runs[:MOST])
    files.write(folder / "index.html", page)


@cache
def _environment() -> Environment:
    """Everything is escaped; a template is compiled once in a process."""
    return Environment(
        loader=FileSystemLoader(formats.folder()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
