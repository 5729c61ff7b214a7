"""`reporter ab --a ENV --b ENV`: compares two environments by interleaved measurements."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reporter.cli.options import comma_list, keep_env_option
from reporter.cli.paths import PATH
from reporter.host import files, printing
from reporter.host.exit_codes import FAILED, REGRESSED
from reporter.model import Record, ReporterError
from reporter.registry import plugins

if TYPE_CHECKING:
    from reporter.compare.differences import Differences
    from reporter.compare.environments import About
    from reporter.model.settings import FailOn
    from reporter.run.paired.kernels import Kernels
    from reporter.run.paired.paired_run import RecordsByPair
    from reporter.run.request import Request


@click.command("ab")
@click.option("--a", "a", type=PATH, metavar="ENV", help="The environment before.")
@click.option("--b", "b", type=PATH, metavar="ENV", help="The environment after.")
@click.option("--walk", type=(str, str), metavar="PACKAGE A..B", help="Find the version at which it became slower.")
@click.option("--out", type=PATH, metavar="DIR", help="Keep the records of both in DIR/a, DIR/b.")
@comma_list("--architectures", metavar="A,B,…", help="Which ones (default: the lecture's).")
@click.option("--architecture", multiple=True, metavar="FILE.py:NAME", help="Your own architecture.")
@comma_list("--metrics", metavar="M,…", default="latency", help="Which times (default: latency, all of them).")
@click.option("--preset", metavar="NAME", help="How much time to spend: quick, standard (default), thorough.")
@comma_list("--device", metavar="D,…", help="auto (default), cpu, cuda, cuda:1.")
@click.option("--timeout", type=float, metavar="SECONDS", help="For one architecture, all its measurements together.")
@keep_env_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--fail-on",
    type=click.Choice(["exact", "timing", "any", "never"]),
    default="never",
    help="What makes the exit code 1: a changed kernel or a new failure (exact), a slower time (timing).",
)
@click.pass_context
def ab_command(
    context: click.Context,
    /,
    *,
    a: Path | None,
    b: Path | None,
    walk: tuple[str, str] | None,
    out: Path | None,
    as_json: bool,
    fail_on: FailOn,
    **options: Any,
) -> None:
    """Which of two Python environments is slower: every architecture timed in both, interleaved in one job.

    ENV is a virtual environment, or the path of its Python. Each side imports its own torch and torchvision; besides
    these it needs pydantic, but not this program. The same ENV on both sides is an A/A control.

    With --walk in place of --a and --b, versions A to B of a package are bisected; rerun an interrupted walk to resume.
    """
    if walk:
        if a or b or out:
            raise ReporterError("--walk makes its own environments; remove --a, --b and --out")
        if fail_on == "exact":
            raise ReporterError("--fail-on exact: a walk finds slower times only; use --fail-on timing or any")
        from reporter.cli import walking

        context.exit(walking.walk(*walk, options, as_json=as_json, fails=fail_on in ("timing", "any")))
    if a is None or b is None:
        missing = "a" if a is None else "b"
        raise click.MissingParameter(param=next(each for each in context.command.params if each.name == missing))
    context.exit(_compared((a, b), out, options, fail_on, as_json=as_json))


def _compared(
    environments: tuple[Path, Path], out: Path | None, options: dict[str, Any], fail_on: FailOn, *, as_json: bool
) -> int:
    """Measures both environments and prints what differs; gives the exit code."""
    from reporter.cli import heartbeat
    from reporter.compare import paired
    from reporter.compare.document import still_failing
    from reporter.model.settings import check_gate, settings
    from reporter.report.between_runs import ab_verdicts
    from reporter.run.paired import paired_run
    from reporter.run.preparation import prepare_ab

    chosen = settings({**options, "fail_on": fail_on})
    check_gate(chosen)
    with heartbeat.during("preparing the comparison", printing.note):
        request = prepare_ab(out, chosen)
        for line in (*plugins.complaints(), *request.notices):
            printing.note(line)
        examined = paired_run.examine(request, environments)
    books, kernels = _measured(request, environments, examined, out)
    records = [list(book.values()) for book in books]
    found, failing = kernels.with_changes(paired.compare_sides(*records)), still_failing(*records)
    code = _exit_code(found, records, fail_on, lost=kernels.failed)
    call = ab_verdicts.Call(request.run, request.started, fail_on, code, tuple(failing))
    a, b = map(str, environments)
    document = ab_verdicts.document(found, examined, (a, b), call)
    click.echo(printing.document(files.dumps(document)) if as_json else ab_verdicts.in_words(found, examined))
    return code


def _measured(
    request: Request, environments: tuple[Path, Path], examined: Sequence[About], out: Path | None
) -> tuple[tuple[RecordsByPair, RecordsByPair], Kernels]:
    """The records of both environments by architecture, and their kernels; the folder, if any, is locked meanwhile."""
    from reporter.cli.progress import progress
    from reporter.run.paired import paired_run
    from reporter.run.paired.kernels import Kernels

    kernels = Kernels()
    seen, lock = progress(sys.stderr), files.lock(out) if out else None
    try:
        return paired_run.run(request, environments, examined, out is not None, seen, recorded=kernels), kernels
    finally:
        seen.close()
        if lock:
            lock.close()


def _exit_code(found: Differences, sides: Iterable[Iterable[Record]], fail_on: FailOn, *, lost: bool = False) -> int:
    """The exit code of a comparison; `lost`: kernels are missing because recording them failed.

    Also 3 if --fail-on is for times and none was compared; what an environment does not support is no failure.
    """
    from reporter.compare.matching import NO_NUMBER

    if found.fails(fail_on):
        return REGRESSED
    readings = (reading for side in sides for record in side for reading in record.readings.values())
    broken = any(reading.status in NO_NUMBER or reading.lost for reading in readings)
    return FAILED if broken or lost or (fail_on in ("timing", "any") and not found.timings) else 0


ENTRIES = (ab_command,)
