"""The command line: argv -> measure, store, tell; the only module that prints or turns an error into an exit code."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

import reporter
from reporter import store
from reporter.types import ReporterError

if TYPE_CHECKING:
    from reporter.comparing.compare import Results
    from reporter.measuring.request import Outcome
    from reporter.settings import FailOn

REGRESSED = 1
FAILED = 3
USAGE = 2
INTERRUPTED = 130


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(reporter.__version__, prog_name="reporter")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where records and reports are written.")
@click.option(
    "--architectures", metavar="A,B,…", help="Names, families, globs, or sets: lecture (default), torchvision, all."
)
@click.option(
    "--metrics", metavar="M,…", help="Groups or keys: size, compute, memory, latency, finetune (default: all)."
)
@click.option("--preset", metavar="NAME", help="How much time to spend: quick, standard (default), thorough.")
@click.option("--device", metavar="D,…", help="auto (default: CPU, and CUDA where there is one), cpu, cuda, cuda:1.")
@click.option("--dataset", metavar="NAME", help="For the fine-tuning: digits (default), or see `reporter list`.")
@click.option("--data-root", metavar="DIR", help="Where data sets lie or are put.")
@click.option(
    "--weights", metavar="W", help="auto (default: ImageNet weights where they can be had), pretrained, random."
)
@click.option("--steps", type=int, metavar="N", help="Steps of the fine-tuning.")
@click.option("--seeds", type=int, metavar="N", help="How often the fine-tuning is repeated.")
@click.option("--lang", metavar="L,…", help="Languages of the reports: en (default), ru.")
@click.option("--timeout", type=float, metavar="SECONDS", help="For one architecture, all its measurements together.")
@click.option("--fresh", is_flag=True, default=None, help="Measure again what is there already.")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="Any of these options from a file."
)
@click.option("--baseline", metavar="DIR", help="Compare with an earlier run at the end.")
@click.option("--fail-on", metavar="KIND", help="exact, timing, any, never (default): what makes the exit code 1.")
@click.option("--executor", metavar="NAME", help="Where the work runs: local (default), ray.")
@click.pass_context
def command(context: click.Context, /, out: Path | None, config: Path | None, **options: Any) -> None:
    """Measure convolutional networks and report on them.

    Exit codes: 0 all measured; 1 a regression that --fail-on asks for, also where some measurement failed; 2 usage; 3
    some measurement failed; 130 interrupted.
    """
    if context.invoked_subcommand is None:
        context.exit(measure_and_report(out, config, options))


@command.command("list")
@click.option("--architectures", default="lecture", metavar="A,B,…", help="Which ones (default: the lecture's).")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_command(architectures: str, as_json: bool) -> None:
    """Architectures, data sets and metrics."""
    from reporter import listing

    known = listing.known(architectures)
    click.echo(json.dumps(known, ensure_ascii=False, indent=1) if as_json else listing.in_words(known))


@command.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--lang", metavar="L,…", help="Languages of the reports (default: those that the records name, or en).")
def render(folder: Path, lang: str | None) -> None:
    """Rebuild the reports from the records in DIR."""
    from reporter.telling import report

    for path in report.write(folder, _languages(lang.split(",") if lang else report.languages(folder))):
        _say(str(path))


@command.command("compare")
@click.argument("base", type=click.Path(path_type=Path), metavar="BASE")
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--fail-on",
    type=click.Choice(["exact", "timing", "any", "never"]),
    default="never",
    help="What makes the exit code 1 (default: never).",
)
@click.pass_context
def compare_command(context: click.Context, /, base: Path, new: Path, as_json: bool, fail_on: FailOn) -> None:
    """What changed between two result folders, and whether it is noise."""
    from reporter.comparing import compare, words

    sides = compare.read(base, "BASE"), compare.read(new, "NEW")
    found = compare.compare_results(*sides)
    complaints = [line for side in sides for line in side.complaints]
    document = words.as_json(found, str(base), str(new), complaints)
    click.echo(store.dumps(document).rstrip() if as_json else words.in_words(found, complaints))
    context.exit(REGRESSED if found.fails(fail_on) else 0)


def measure_and_report(out: Path | None, config: Path | None, options: dict[str, Any]) -> int:
    """The main job; gives the exit code."""
    from reporter.comparing.compare import baseline
    from reporter.measuring import experiment
    from reporter.measuring.executor import LocalExecutor
    from reporter.preparation import prepare
    from reporter.progress import duration, progress
    from reporter.settings import settings
    from reporter.telling import report

    chosen = settings(options, config)
    languages = _languages(chosen.lang)
    before = baseline(chosen)
    executor = LocalExecutor()
    request = prepare(out, chosen, executor)
    seen, held = progress(sys.stderr), store.hold(request.folder)
    try:
        outcome = experiment.run(request, executor, seen)
    except KeyboardInterrupt:
        seen.close()
        _say(f"interrupted; what is measured is kept in {request.folder}: the same command goes on from there")
        return INTERRUPTED
    finally:
        seen.close()
    if outcome.jobs:
        _say(seen.split())
    written = report.write(request.folder, languages)
    held.close()
    regressed = before is not None and _regressed(before, request.folder, chosen.fail_on)
    _say(f"{_spent(outcome, duration(outcome.seconds))}; {next(path for path in written if path.suffix == '.html')}")
    return REGRESSED if regressed else FAILED if outcome.failed else 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script: every error becomes one line and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        code = command.main(arguments, prog_name="reporter", standalone_mode=False)
    except click.ClickException as error:
        code = _usage(error.format_message())
    except ReporterError as error:
        code = _usage(str(error))
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    sys.exit(code or 0)


def _regressed(before: Results, folder: Path, fail_on: FailOn) -> bool:
    """Tells what changed since the baseline; whether it is what --fail-on fails on."""
    from reporter.comparing import compare, words

    now = compare.read(folder, "--out")
    found = compare.compare_results(before, now)
    _say(f"compared with {before.folder}: {words.in_words(found, (*before.complaints, *now.complaints))}")
    return found.fails(fail_on)


def _spent(outcome: Outcome, words: str) -> str:
    if not outcome.jobs:
        return "nothing to measure: all readings are there already"
    failed = f", {outcome.failed} readings failed" if outcome.failed else ""
    return f"measured for {words}, {outcome.busy / outcome.seconds:.0%} of it inside measured calls{failed}"


def _languages(asked: Sequence[str]) -> Sequence[str]:
    from reporter.catalog import nearest
    from reporter.telling.language import available

    for code in asked:
        if code not in available():
            raise ReporterError(f"--lang: unknown language {code!r}; {nearest(code, available())}")
    return asked


def _usage(line: str) -> int:
    _say("reporter: " + " ".join(line.split()))
    return USAGE


def _say(line: str) -> None:
    click.echo(line, err=True)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
