"""What other systems show of a run: its findings, and a comment in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args
from zlib import crc32

from reporter.compare import reference_file, stored_comparison
from reporter.compare.reference_file import ReferenceFailure
from reporter.documents import SUMMARY
from reporter.documents.comparisons import StoredComparison
from reporter.documents.reference_verdicts import AgainstReference
from reporter.documents.run_files import Summary
from reporter.host import files
from reporter.host.exit_codes import FAILED, INTERRUPTED, REGRESSED
from reporter.host.printing import inert
from reporter.model import ReporterError
from reporter.model.fields import legible
from reporter.model.settings import FailOn
from reporter.nightly import issue_places, outlet_advice, outlet_rows, state, stored_documents
from reporter.nightly.dates import moment
from reporter.nightly.main_job_findings import is_of_main_job
from reporter.nightly.outlet_advice import HOW_TO_FAIL
from reporter.nightly.outlet_rows import OutletRow
from reporter.nightly.run_folder import Folder, Started
from reporter.report.output.markdown import escape
from reporter.store import record_files
from reporter.version import __version__

MARKER = "<!-- architecture-reporter: {name} -->"
MOST_ROWS = 12
NOT_COMPARED = "Nothing was compared: this run has no baseline and no pinned reference."
MEASUREMENT_FAILED = "some measurement failed"
COMPLETE = (0, REGRESSED, FAILED)
"""The exit codes of runs whose files are complete."""
LONGEST = 1000
"""Characters of a headline or a cell: GitHub refuses a comment of more than 65,536."""


@dataclass(frozen=True)
class PublishedRun:
    """The files of a results folder."""

    folder: Path
    summary: Summary
    comparison: StoredComparison | None = None
    unfinished: Started | None = None
    """A later nightly run, which did not finish: the files are of a run before it."""
    given: int | None = None
    """The exit code of the last run, if the caller knows it."""
    failure: ReferenceFailure | None = None
    """Why the comparison of the last run with its pinned reference failed."""

    @property
    def has_results(self) -> bool:
        """Whether the folder has results of any run."""
        return bool(self.summary.records)

    @property
    def is_outdated(self) -> bool:
        """Whether the results are those of an earlier run, because the last one did not finish."""
        code = self._code
        return code != 0 and (self.unfinished is not None or code not in (None, *COMPLETE))

    @property
    def is_compared(self) -> bool:
        """Whether the run was to be compared with anything: an earlier run, a baseline, or a pinned reference."""
        return bool(self.comparison or self._pinned or self.failure)

    @property
    def fail_on(self) -> FailOn:
        """What makes a run fail."""
        stored = [each.fail_on for each in (self.comparison, self._pinned) if each]
        found = next(filter(None, (*stored, self.summary.settings.get("fail_on"))), "never")
        return cast(FailOn, found)

    @property
    def has_regression(self) -> bool:
        """Whether the run has a regression that is not accepted, or failed."""
        code = self._code
        return code == REGRESSED if code is not None else any(row.red for row in self.rows)

    @property
    def passes(self) -> bool:
        """Whether nothing regressed among what the run compared; one that failed or was too noisy is no pass."""
        code = self._code
        return code == 0 if code is not None else not self.has_regression and not self._why_open

    @property
    def closes_issue(self) -> bool:
        """Whether an issue may be closed: not by a run that compared nothing, is too noisy, or has open findings."""
        is_blind = self._pinned is not None and self._pinned.is_blind
        return self.passes and self.is_compared and not is_blind and not any(row.ungated for row in self.rows)

    def left_open(self, issue: str) -> str:
        """The text of an issue after this run passed: with what still has no verdict; empty if all of it has one.

        The main job keeps no findings of earlier runs; those of a nightly run remain in it until they are refuted.
        """
        left = issue_places.without_verdict(self._pinned, issue)
        return issue_places.replaced(issue, left) if left else ""

    def places(self, issue: str) -> str:
        """The invisible line of what an issue is open for after this run; it has this text before."""
        return issue_places.line(self._pinned, issue)

    @property
    def left_out(self) -> int:
        """How many findings a run that passes has since its baseline, as --fail-on does not include them."""
        return sum(row.ungated and not row.of_reference for row in self.rows) if self.passes else 0

    @property
    def ungated(self) -> str:
        """What a run that passes differs in from its reference, or cannot show, as --fail-on does not include it."""
        differences = sum(row.ungated and row.of_reference for row in self.rows)
        parts = [f"differences from the reference: {differences}"] if differences else []
        if self._pinned and self._pinned.is_blind:
            parts.append("the machine was too noisy for a verdict on times")
        return "; ".join(parts) if self.passes else ""

    @property
    def headline(self) -> str:
        """What the run found, in a line."""
        if self.unfinished:
            return f"The run of {moment(self.unfinished.started)} did not finish; what follows is of the run before it."
        if self.given not in (None, *COMPLETE):
            rest = "what follows is of the run before it" if self.has_results else "no earlier results can be read"
            return f"The run did not finish (exit code {self.given}); {rest}."
        if self.comparison:
            failed = f" Against the reference: no verdict, because {self._why_open}." if self.failure else ""
            return f"{self.comparison.headline}{failed}"
        red = sum(row.red for row in self.rows)
        if red:
            return f"Regressions: {red}."
        if not self.passes:
            return f"No verdict: {self._why_open or MEASUREMENT_FAILED}."
        return "No regression." if self.is_compared else NOT_COMPARED

    @property
    def rows(self) -> list[OutletRow]:
        """The regressions first, the largest first."""
        return outlet_rows.rows(self.comparison, self._pinned, self.fail_on, asked=self.failure is not None)

    @property
    def _code(self) -> int | None:
        """The exit code of the last run, None if it is not known."""
        if self.given is not None:
            return self.given
        if self.unfinished:
            stored = (self.unfinished.line or {}).get("exit_code")
            return stored if isinstance(stored, int) else INTERRUPTED
        if self.failure:
            return self.failure.exit_code
        found = (each.exit_code for each in (self.comparison, self._pinned) if each)
        return next((each for each in found if each is not None), None)

    @property
    def _pinned(self) -> AgainstReference | None:
        """The comparison with a pinned reference; None without --against, or if it failed."""
        return None if self.failure else self.summary.against

    @property
    def _why_open(self) -> str:
        """Why a comparison with a pinned reference, or a run that compared nothing, is no pass; empty if it is one."""
        if self.failure:
            return f"the comparison with the pinned reference failed: {self.failure.reason}"
        pinned = self._pinned
        if pinned and pinned.failed:
            return f"times that failed in one of both environments: {len(pinned.failed)}"
        if pinned and pinned.lost:
            return f"rounds that failed in one of both environments: {len(pinned.lost)}"
        if pinned and pinned.too_noisy:
            return "too much noise"
        return MEASUREMENT_FAILED if not self.is_compared and self.summary.failed else ""


def read(folder: Path, code: int | None = None) -> PublishedRun:
    """The last run of a results folder, which had this exit code if it is known.

    ReporterError if there are no results that can be read, unless the run did not finish: it has none of its own; and
    if there is a symbolic link, a FIFO or a device among them.
    """
    files.refuse_links(folder)
    try:
        return _read(folder, code)
    except ReporterError:
        if code in (None, *COMPLETE):
            raise
        now = datetime.now(UTC).isoformat(timespec="seconds")
        nothing = Summary(
            schema=SUMMARY, reporter=__version__, generated=now, run=None, started="", environment={}, machine={},
            machines={}, settings={}, counts={}, failed=(), records=(),
        )  # fmt: skip
        return PublishedRun(folder, nothing, given=code)


def _read(folder: Path, code: int | None) -> PublishedRun:
    summary = stored_documents.load(folder / "summary.json", Summary)
    path = folder / "comparison.json"
    comparison = stored_documents.load(path, StoredComparison) if path.is_file() else None
    if comparison and comparison.newest:
        records = record_files.load_all_modes(folder)[0]
        is_older = stored_comparison.is_older(comparison.newest, records)
        if is_older and stored_comparison.newest(records) <= summary.generated:  # the summary is of a later run
            comparison = None
    for fail_on in (comparison and comparison.fail_on, summary.settings.get("fail_on")):
        if fail_on not in (None, *get_args(FailOn)):
            raise ReporterError(f"{folder}: unknown value of --fail-on: {legible(str(fail_on))}")
    run = PublishedRun(folder, summary, comparison, given=code, failure=reference_file.load_failure(folder))
    with suppress(ReporterError):  # a file that cannot be read
        started = state.load(Folder(folder).started_file, Started)
        return run if started is None or started.superseded else replace(run, unfinished=started)
    return run


def marker(name: str) -> str:
    """The invisible line by which a comment or an issue is found again."""
    letters = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    if letters != name:  # other names have the same letters
        letters += f"-{crc32(name.encode(errors='replace')):08x}"
    return MARKER.format(name=letters or "report")


def comment(run: PublishedRun, name: str, link: str) -> str:
    """The comment: a headline, at most MOST_ROWS rows, what to do, and a link to the report."""
    passed = "no regression" if run.is_compared else "nothing was compared"
    passed = "findings that do not fail the run" if run.left_out else passed
    word = "regression" if run.has_regression else passed if run.passes else "no verdict"
    ungated = run.ungated
    word += ", no verdict on some results" if ungated else ""
    lines = [marker(name), f"### Architecture report: {word}", "", _plain(run.headline), ""]
    if run.left_out:
        lines += [f"**Left out by `--fail-on {run.fail_on}`:** findings: {run.left_out}. {HOW_TO_FAIL}", ""]
    if ungated:
        lines += [f"**No verdict with `--fail-on {run.fail_on}`:** {ungated}. {HOW_TO_FAIL}", ""]
    if rows := run.rows:
        lines += ["| architecture | metric | result |", "| --- | --- | --- |"]
        lines += map(_row, rows[:MOST_ROWS])
        if len(rows) > MOST_ROWS:
            lines += ["", f"and {len(rows) - MOST_ROWS} more in the report"]
        lines.append("")
    if not run.passes:
        of_main_job = is_of_main_job(run.comparison)
        advice = outlet_advice.advice(rows, has_regression=run.has_regression, of_main_job=of_main_job)
        lines += [f"**What to do:** {advice}", ""]
    if link:
        lines.append(f"[{'Report' if run.has_results else 'Log'}]({link})")
    elif run.has_results:
        lines.append("The report is `report.html` in the results of this run.")
    return "\n".join(lines) + "\n"


def issue(run: PublishedRun, name: str, link: str, before: str) -> str:
    """The text of an issue: the comment, with an invisible line of the times and kernels that it is open for.

    `before` is the text of the open issue, empty without one.
    """
    first, rest = comment(run, name, link).split("\n", 1)
    return "\n".join((first, run.places(before), rest))


def write(texts: Sequence[tuple[Path | None, str | bytes]]) -> None:
    """Writes the files that were asked for."""
    for path, content in texts:
        if path is not None:
            files.write(path, content)


def _row(row: OutletRow) -> str:
    result = f"{row.result} ({row.accepted})" if row.accepted else row.result
    return f"| `{_code(row.name)}` | {_plain(row.metric, in_table=True)} | {_plain(result, in_table=True)} |"


def _plain(text: str, *, in_table: bool = False) -> str:
    """Markdown that shows a text: no markup, link, mention or line break of a foreign name; only the start if long."""
    return escape(inert(text if len(text) <= LONGEST else f"{text[:LONGEST]}…"), in_table=in_table)


def _code(name: str) -> str:
    return inert(name[:LONGEST]).replace("`", "'").replace("|", "\\|")
