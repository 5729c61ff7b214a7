"""`reporter nightly --out DIR`: a nightly run, compared with the last accepted one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reporter.cli.options import main_options
from reporter.host import printing
from reporter.host.exit_codes import INTERRUPTED
from reporter.registry import plugins

if TYPE_CHECKING:
    from reporter.cli.progress import Lines
    from reporter.run.request import Outcome


@click.command("nightly")
@main_options
@click.pass_context
def nightly_command(
    context: click.Context,
    /,
    *,
    out: Path | None,
    config: Path | None,
    quiet: bool | None,
    progress: str,
    label: dict[str, str],
    **options: Any,
) -> None:
    """Measure everything and compare it with the last accepted run.

    Takes all options of the main job; --fail-on is exact if it is not given, and any with --against. Exit codes: 0
    nothing regressed; 1 a regression that is not accepted; 2 usage, or the results cannot be written, or the comparison
    with the reference of --against failed as a whole; 3 some measurement failed; 130 interrupted. The last complete run
    stays in DIR until this one is complete.
    """
    from reporter.cli import heartbeat
    from reporter.cli.progress import progress as made
    from reporter.nightly import one_run
    from reporter.report import build
    from reporter.run import experiment
    from reporter.run.paired import against

    with printing.messages_as_json(progress == "json"):
        note = printing.silent if quiet else printing.note
        with heartbeat.during("preparing the run", note):
            work = one_run.plan(out, config, options, label, note)
        cautions = [f"{each.name}: {each.caution}" for each in work.request.architectures if each.caution]
        for line in (*plugins.complaints(), *cautions, *work.request.notices):
            printing.note(line)
    seen = made(sys.stderr, bool(quiet), kind=progress)

    def paired() -> closing[Lines]:
        return closing(made(sys.stderr, bool(quiet), against.SIDES, progress))

    def measure(*given: Any) -> Outcome:
        with closing(seen):
            return experiment.run(*given)

    def report(folder: Path, languages: Sequence[str]) -> None:
        with heartbeat.during("writing the report", note):
            build.write(folder, languages)

    with printing.messages_as_json(progress == "json"):
        try:
            output, steps = one_run.Output(printing.message, _show, paired), one_run.Steps(measure, report)
            code = one_run.run(work, seen, output, steps)
        except KeyboardInterrupt:
            seen.close()
            printing.message(f"interrupted; the last complete run stays in {work.folder.out}")
            code = INTERRUPTED
        finally:
            seen.close()
    context.exit(code)


def _show(line: str) -> None:
    """Prints a line of the result; a closed pipe or a full disk behind standard output changes no exit code."""
    try:
        click.echo(printing.inert(line))
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


ENTRIES = (nightly_command,)
