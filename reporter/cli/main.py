"""The main command: parses options, measures and reports, and sets the exit code."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from reporter.cli import streams
from reporter.cli.options import asks_for_json, main_options
from reporter.cli.run_comparisons import with_baseline, with_reference
from reporter.host import files, interrupts, printing
from reporter.host.exit_codes import INTERRUPTED, REGRESSED, USAGE
from reporter.model import ReporterError
from reporter.model.names import nearest
from reporter.model.percentages import percentage
from reporter.registry import plugins
from reporter.registry.catalog import collect
from reporter.version import __version__

if TYPE_CHECKING:
    from reporter.cli.progress import Lines
    from reporter.cli.run_comparisons import Changed
    from reporter.documents.reference_verdicts import AgainstReference
    from reporter.model.settings import Settings
    from reporter.run.paired.against import Against
    from reporter.run.request import Outcome, Request
    from reporter.run.slots import Executor

COLLECTING = (100_000, 50, 100)
"""Thresholds of garbage collection: with Python's own, a report on thousands of records is searched over and over."""


class MainCommand(click.Group):
    """The main command; an unknown sub-command is refused with the nearest one, or all."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"unknown command {args[0]!r}; {nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


@click.group(cls=MainCommand, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reporter")
@main_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    out: Path | None,
    config: Path | None,
    label: dict[str, str],
    quiet: bool | None,
    progress: str,
    **options: Any,
) -> None:
    """Measure convolutional networks and report on them.

    Exit codes: 0 all measured; 1 a regression that --fail-on asks for, also where some measurement failed; 2 usage; 3
    some measurement failed; 130 interrupted.
    """
    if context.invoked_subcommand is None:
        with printing.messages_as_json(progress == "json"):
            code = measure_and_report(out, config, options, label, quiet=bool(quiet), shown=progress)
        context.exit(code)
    elif given := [
        each for each in context.params if context.get_parameter_source(each) is ParameterSource.COMMANDLINE
    ]:
        name = next(each.opts[0] for each in context.command.params if each.name == given[0])
        raise click.UsageError(f"{name} has no effect before {context.invoked_subcommand!r}; give options after it")


for entry in collect("reporter.cli.commands", click.Command).values():  # type: ignore[type-var]  # all have names
    command.add_command(entry)


def measure_and_report(
    out: Path | None,
    config: Path | None,
    options: dict[str, Any],
    labels: Mapping[str, str],
    *,
    quiet: bool = False,
    shown: str = "auto",
) -> int:
    """The main job; gives the exit code."""
    from reporter.cli import heartbeat
    from reporter.cli.progress import progress
    from reporter.compare.folders import baseline, check_this_machine
    from reporter.model.durations import duration
    from reporter.model.settings import configured_out, settings
    from reporter.nightly.run_folder import Folder
    from reporter.report.language import checked_codes
    from reporter.run.executors.registry import choose_executor
    from reporter.store import record_files

    chosen = settings(options, config)
    out = out or configured_out(config)
    languages = checked_codes(chosen.lang)
    before = baseline(chosen, out)
    executor = choose_executor(chosen)
    note = printing.silent if quiet else printing.note
    with heartbeat.during("preparing the run", note):
        request, reference = _prepared(out, chosen, executor, labels, note)
    if before:
        check_this_machine(chosen, before, request.folder)
    seen, lock = progress(sys.stderr, quiet, kind=shown), files.lock(request.folder)
    code, start = USAGE, record_files.history_size(request.folder)
    try:
        Folder(request.folder).supersede()
        outcome = _measured(request, executor, seen, quiet)
        pinned, problem = with_reference(reference, request.folder, quiet=quiet, shown=shown)
        failed = bool(outcome.failed or outcome.lost or problem or (pinned and not pinned.passes(chosen.fail_on)))
        asked = reference is not None
        changed = with_baseline(before, request.folder, chosen.fail_on, failed, pinned=pinned, asked=asked)
        code, written = _reported(request.folder, chosen, languages, changed, pinned=pinned, problem=problem, note=note)
    except KeyboardInterrupt:
        seen.close()
        resume = "rerun the command without --fresh to resume" if chosen.fresh else "rerun the same command to resume"
        printing.message(f"interrupted; all results so far are in {request.folder}; {resume}")
        code = INTERRUPTED
        return code
    finally:
        seen.close()
        record_files.add_to_history(request.folder, start, {"exit_code": code})
        lock.close()
    if written:
        spent = _spent(outcome, duration(outcome.seconds), compared=reference is not None)
        if pinned and pinned.seconds is not None:
            spent += f"; compared with the pinned reference for {duration(pinned.seconds)}"
        _closing(outcome, spent, next(path for path in written if path.suffix == ".html"))
    return code


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script: every error becomes one line and an exit code."""
    interrupts.listen()
    gc.set_threshold(*COLLECTING)
    streams.prepare()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    with printing.messages_as_json(asks_for_json(arguments)):  # also if the command line cannot be parsed
        code = _called(arguments)
    if code == INTERRUPTED:
        interrupts.leave()
    sys.exit(code or 0)


def _called(arguments: list[str]) -> int | None:
    """Runs the command; an error is printed in one line. Returns the exit code."""
    code: int | None
    try:
        code = command.main(arguments, prog_name="reporter", standalone_mode=False)
    except click.ClickException as error:
        code = _usage(error.format_message())
    except ReporterError as error:
        code = _usage(str(error))
    except OSError as error:  # a folder that cannot be read, for example
        reason = error.strerror or str(error) or type(error).__name__
        code = _usage(reason if error.filename is None else f"{error.filename}: {reason}")
    except (KeyboardInterrupt, click.Abort):
        interrupts.leave()
    except Exception as error:  # a defect; Python's own exit code would be that of a regression
        code = _usage(printing.unexpected(error))
    return code


def _reported(
    folder: Path,
    chosen: Settings,
    languages: Sequence[str],
    changed: Changed,
    *,
    pinned: AgainstReference | None,
    problem: str,
    note: Callable[[str], None],
) -> tuple[int, list[Path]]:
    """Saves both comparisons and writes the report; gives the exit code and the files, none where a regression is all
    that a full disk leaves.
    """
    from reporter.cli import heartbeat
    from reporter.compare import baseline_file, reference_file
    from reporter.nightly.run_folder import Folder
    from reporter.report import build

    found, document, code = changed
    try:
        reference_file.save(folder, pinned, chosen.fail_on, code, problem)
        baseline_file.save(folder, found, document)
        with heartbeat.during("writing the report", note):
            written = build.write(folder, languages, chosen)
        Folder(folder).supersede_unfinished()
        return code, written
    except ReporterError as error:  # a full disk hides no regression
        if code != REGRESSED:
            raise
        printing.error(str(error))
        return code, []


def _prepared(
    out: Path | None, chosen: Settings, executor: Executor, labels: Mapping[str, str], note: Callable[[str], None]
) -> tuple[Request, Against | None]:
    """What is measured, and the pinned reference with --against; prints what is to be known before."""
    from reporter.nightly import reference_findings
    from reporter.nightly.run_folder import Folder
    from reporter.run.paired import against
    from reporter.run.preparation import prepare

    request = replace(prepare(out, chosen, executor), labels=labels)
    if chosen.against is not None:  # an accepted.json that cannot be read is refused before anything is measured
        Folder(request.folder).acceptances()
    _announce(request)
    reference = against.prepare(chosen, request, request.folder, note)
    entries = Folder(request.folder).acceptances().accepted if reference else ()
    return request, reference_findings.measured_for_growth(reference, entries)


def _measured(request: Request, executor: Executor, seen: Lines, quiet: bool) -> Outcome:
    """Measures, then prints where the time went."""
    from reporter.run import experiment

    outcome = experiment.run(request, executor, seen)
    seen.close()
    if outcome.jobs and not quiet:
        printing.message(seen.split())
    return outcome


def _announce(request: Request) -> None:
    """Prints what is to be known before the first measurement."""
    cautions = [f"{each.name}: {each.caution}" for each in request.architectures if each.caution]
    for line in (*plugins.complaints(), *cautions, *request.notices):
        printing.note(line)


def _closing(outcome: Outcome, spent: str, page: Path) -> None:
    """The last lines: what disturbed the times, where the time went, and the report; on GitHub, the step summary."""
    from reporter.cli import step_summary

    if outcome.foreign:
        printing.message(
            f"other programs kept up to {outcome.foreign:.0%} of the processors busy: times marked ≈ are noisy"
        )
    printing.message(f"{spent}; {page}")
    step_summary.write(page.parent, outcome.failures)


def _spent(outcome: Outcome, words: str, *, compared: bool = False) -> str:
    """How long the results were measured; `compared` is whether a pinned reference was measured besides."""
    if not outcome.jobs:
        return f"{'' if compared else 'nothing to do: '}all results are up to date{outcome.failures}"
    inside = min(1.0, outcome.busy / outcome.seconds / outcome.slots)  # jobs that count run side by side
    modes = {"preparing modes": outcome.preparing, "checking their outputs": outcome.checking}
    other = "".join(
        f", {percentage(took / outcome.seconds / outcome.slots)} {what}" for what, took in modes.items() if took
    )
    return f"measured for {words}, {percentage(inside)} of it inside measured calls{other}{outcome.failures}"


def _usage(line: str) -> int:
    printing.error(" ".join(line.split()))
    return USAGE
