"""One nightly run: measure, compare with the last accepted run, move it into place, print the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reporter.compare import baseline_file, ratio_history, recent_level, reference_file, stored_comparison
from reporter.compare.differences import Differences
from reporter.compare.folders import ResultsFolder, check_times, ledgers_of
from reporter.documents.reference_verdicts import AgainstReference
from reporter.host import files
from reporter.host.exit_codes import FAILED, INTERRUPTED, REGRESSED, USAGE
from reporter.model import ReporterError
from reporter.model.settings import FailOn, Settings, check_gate, configured_out, settings
from reporter.nightly import baseline, headlines, level, missing, reference_findings, run_document, run_failures, screen
from reporter.nightly import findings as comparison
from reporter.nightly.acceptance import settle
from reporter.nightly.baseline import Baseline
from reporter.nightly.missing import Roster
from reporter.nightly.run_folder import Folder
from reporter.nightly.screen import NightlyComparison
from reporter.nightly.state import NightlyRun
from reporter.report import build as report
from reporter.report.language import checked_codes
from reporter.run import experiment
from reporter.run.executors.registry import choose_executor
from reporter.run.paired import against
from reporter.run.paired.against import Against
from reporter.run.paired.paired_run import PairProgress
from reporter.run.preparation import check_folder, prepare
from reporter.run.request import Outcome, Progress, Request, moment
from reporter.run.slots import Executor
from reporter.store import history, record_files
from reporter.store.history import PastRun

DEFAULT: FailOn = "exact"
"""What --fail-on is if it is not given."""
DEFAULT_AGAINST: FailOn = "any"
"""The same with --against: a run that measures times in turns with a reference judges them."""
Print = Callable[[str], None]
Measure = Callable[[Request, Executor, Progress], Outcome]
Write = Callable[[Path, Sequence[str]], object]


def print_nothing(_: str) -> None:
    """Discards a line."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do, checked before anything is written."""

    folder: Folder
    chosen: Settings
    fail_on: FailOn
    languages: tuple[str, ...]
    request: Request
    executor: Executor
    roster: Roster
    against: Against | None = None
    fixed: ResultsFolder | None = None
    """The folder that --baseline names."""


@dataclass(frozen=True)
class Before:
    """What was there when a run started: the baseline, the last complete run, the history, a run that was killed."""

    base: Baseline
    last: NightlyRun | None
    past: list[PastRun]
    unfinished: str | None
    pinned: AgainstReference | None = None
    """What this run found against a pinned reference."""


@dataclass(frozen=True)
class Output:
    """Where a run prints: `message` is for messages, `result` for its result; `paired` shows a paired measurement."""

    message: Print
    result: Print
    paired: Callable[[], AbstractContextManager[PairProgress]] | None = None


@dataclass(frozen=True)
class Steps:
    """What a run does outside of this package."""

    measure: Measure = experiment.run
    report: Write = report.write
    clock: Callable[[], str] = moment


STEPS = Steps()


def plan(
    out: Path | None,
    config: Path | None,
    options: Mapping[str, Any],
    labels: Mapping[str, str],
    note: Print = print_nothing,
) -> Plan:
    """Checks the options as the main job does; ReporterError before anything is written."""
    chosen = settings({**options, "fresh": True}, config)
    out = out or configured_out(config)
    if out is None:
        raise ReporterError("missing option --out DIR: the folder for records and reports")
    usual = DEFAULT if chosen.against is None else DEFAULT_AGAINST
    fail_on = chosen.fail_on if "fail_on" in chosen.model_fields_set else usual
    check_gate(chosen)
    fixed = baseline.named(chosen.baseline)
    languages = tuple(checked_codes(chosen.lang))
    check_folder(out)
    folder, roster, executor = Folder(out), Roster(), choose_executor(chosen)
    folder.acceptances()  # an accepted.json that cannot be read is refused before anything is measured
    request = replace(prepare(folder.tonight, chosen, executor, roster.choose, roster.check), labels=labels)
    check_times(chosen, fixed)  # now that the machine has its key, which may depend on what torch lists
    if not request.architectures and not any(out.glob("records/*/*.json")):
        raise ReporterError(next(iter(roster.missing.values())))
    reference = reference_findings.measured_for_growth(
        against.prepare(chosen, request, out, note), folder.acceptances().accepted
    )
    return Plan(folder, chosen, fail_on, languages, request, executor, roster, reference, fixed)


def run(work: Plan, progress: Progress, output: Output, steps: Steps = STEPS) -> int:
    """The run itself; gives the exit code. What it measured is discarded unless it is complete."""
    folder, now = work.folder, steps.clock()
    lock = files.lock(folder.out)
    try:
        unfinished = folder.recover()
        settle(folder)
        base = baseline.read(folder, work.fixed)
        if base.records and not folder.base.exists():
            # or the next run would be compared with this one, whatever it finds
            folder.promote(base.records, base.place)
        before = Before(base, folder.last(), baseline.past(folder, base), unfinished)
        if unreadable := history.complaint(folder.out / "history.jsonl"):
            output.message(unreadable)
        folder.mark_started(now, run_document.unfinished(work.request, now))
        outcome, problem = _measured(work, base, progress, steps.measure)
        partial = problem is not None
        if work.against and output.paired and not partial:
            pinned, problem = _paired(work.against, output.paired(), folder)
            before = replace(before, pinned=pinned)
        nightly = _compared(work, before, now, partial=partial)
        _print_findings(work, nightly, output)  # first, so that no defect of the report hides them
        problem = problem or _complete(work, before, nightly, outcome, steps)
        code = _ended(work, nightly, _code(work, nightly, outcome), problem, output)
        if problem is not None:
            folder.mark_failed(code)
        return code
    except KeyboardInterrupt:
        folder.mark_failed(INTERRUPTED)
        raise
    finally:
        folder.discard()
        lock.close()


def _measured(work: Plan, base: Baseline, progress: Progress, measure: Measure) -> tuple[Outcome, str | None]:
    """What the measurement did, and why it ended early if it did."""
    try:
        outcome = measure(work.request, work.executor, progress)
        missing.save(work.roster.missing, base.records, work.request)
    except ReporterError as error:
        return Outcome(), str(error)
    return outcome, None


def _paired(
    against: Against, shown: AbstractContextManager[PairProgress], folder: Folder
) -> tuple[AgainstReference | None, str | None]:
    """The comparison with the pinned reference, or why there is none: it hides no other finding of the run."""
    try:
        with shown as progress:
            measured = against.measure(progress)
    except ReporterError as error:
        return None, f"the comparison with the pinned reference failed: {error}"
    return reference_findings.mark_accepted(measured, folder.acceptances().accepted), None


def _compared(work: Plan, before: Before, now: str, partial: bool) -> NightlyComparison:
    """The findings; a run that ended early has not removed what it did not reach."""
    base, last = before.base, before.last
    tonight, _ = record_files.load_all_modes(work.request.folder)
    served = baseline.from_history(base, tonight, work.folder.out / "history.jsonl", last)
    compared = (*base.records, *served)
    if served and not work.fixed:
        with suppress(ReporterError):  # a full disk hides no finding of this run
            # the history has the values of this run as soon as it is complete
            work.folder.promote(compared, base.place)
    ledgers = ledgers_of(base.place), ledgers_of(work.request.folder)
    found = comparison.differences(compared, tonight, before.past, ledgers) if compared else Differences()
    levels, without = recent_level.verdicts(tonight, level.before(work.folder, base.records, tonight, last, now))
    found = replace(found, levels=tuple(levels), without_level=tuple(without))
    found = found.gated_by("never" if before.pinned else work.fail_on)
    findings = comparison.findings(found, tonight, last, work.folder.acceptances().accepted, now)
    if work.against:
        findings = comparison.for_information(findings)
    if before.pinned and work.against:
        entries = work.folder.acceptances().accepted
        quantities, absent = work.against.quantities, missing.reasons(tonight, work.request)
        findings += tuple(reference_findings.findings(before.pinned, last, quantities, entries, now, missing=absent))
    if partial:
        findings = tuple(each for each in findings if each.kind != "removed")
    return NightlyComparison(
        tonight=tonight,
        base=base,
        differences=found,
        findings=findings,
        failing=run_failures.failing(tonight, record_files.load_all_evidence(work.request.folder)[0], last, now),
        substituted=tuple(each.architecture for each in served),
        unfinished=before.unfinished,
        now=now,
        fail_on=work.fail_on,
        past=before.past,
        pinned=before.pinned,
        outdated=tuple(reference_findings.outdated(before.pinned, work.folder.acceptances().accepted)),
    )


def _code(work: Plan, nightly: NightlyComparison, outcome: Outcome) -> int:
    if any(each.fails(work.fail_on) for each in nightly.findings):
        return REGRESSED
    blind = nightly.pinned is not None and not nightly.pinned.passes(work.fail_on)
    return FAILED if nightly.failing or outcome.failed or outcome.lost or blind else 0


def _complete(work: Plan, before: Before, nightly: NightlyComparison, outcome: Outcome, steps: Steps) -> str | None:
    """Writes everything that belongs to a complete run and puts it in place; gives what went wrong."""
    code, newest = _code(work, nightly, outcome), nightly.base.newest
    made = NightlyRun(
        started=nightly.now,
        ended=steps.clock(),
        run=work.request.run,
        exit_code=code,
        findings=tuple(nightly.findings),
        failing=tuple(nightly.failing),
        red=tuple(level.red(before.last, nightly.now)),
        starts=level.restarted(work.folder, nightly.base.records, nightly.tonight, before.last, nightly.now),
        elsewhere=reference_findings.elsewhere(nightly.pinned, before.last),
    )
    since = newest.started if newest else ""  # all values of the baseline are those of the history
    measured = stored_comparison.newest(nightly.tonight)
    compared = baseline_file.BaselineComparison(nightly.base.name, since, nightly.differences, measured, nightly=True)
    try:
        found = run_document.as_json(nightly, work.request, work.folder.out.name, work.fail_on, code)
        reference_file.save(work.request.folder, nightly.pinned, work.fail_on, code)
        ratio_history.add(work.request.folder, nightly.pinned)
        baseline_file.save(
            work.request.folder, None if nightly.is_first else compared, found, run_document.findings(nightly)
        )
        record_files.add_to_history(
            work.request.folder, record_files.history_size(work.folder.out), {"exit_code": code}
        )
        steps.report(work.request.folder, work.languages)
        runs = _recent(work, nightly, code, screen.headline(nightly))
        headlines.write_page(work.request.folder, runs)
        headlines.save(work.request.folder / ".recent.json", runs)
        is_base = made.accepted or nightly.is_first
        base = baseline.merged(nightly.base.records, nightly.tonight, made.findings) if is_base else None
        work.folder.finish(made, base)
    except ReporterError as error:
        return str(error)
    return None


def _print_findings(work: Plan, nightly: NightlyComparison, output: Output) -> None:
    output.result(screen.headline(nightly))
    rows = screen.lines(nightly.findings, str(work.folder.out))
    for line in (*rows, *screen.not_compared_with_reference(nightly)):
        output.result(line)


def _ended(work: Plan, nightly: NightlyComparison, code: int, problem: str | None, output: Output) -> int:
    """Prints the last lines; a problem of the disk or the reference is exit code 2, but not instead of a regression."""
    for complaint in nightly.base.complaints:
        output.message(f"note: {complaint}")
    if problem is not None:
        output.message(f"reporter: {problem}; the last complete run stays in {work.folder.out}")
        code = REGRESSED if code == REGRESSED else USAGE
        with suppress(ReporterError):  # the disk may be full
            runs = _recent(work, nightly, code, f"{screen.headline(nightly)} {problem}")
            headlines.save(work.folder.recent_file, runs)
        return code
    output.result(f"Report: {work.folder.out / 'report.html'}")
    return code


def _recent(work: Plan, nightly: NightlyComparison, code: int, headline: str) -> list[headlines.Headline]:
    """The headlines of recent runs with the one of this run, newest first."""
    earlier = headlines.load(work.folder.recent_file)
    return headlines.with_run(earlier, nightly.now, code, headline, nightly.unfinished)
