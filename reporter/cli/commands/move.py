"""`reporter move DIR --to VERSIONS`: another reference for --against, with the ratios of old and new chained."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reporter.cli.options import comma_list, keep_env_option
from reporter.cli.paths import PATH


@click.command("move")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--to", "new", required=True, metavar="VERSIONS|ENV", help="The new reference, as for --against.")
@click.option("--from", "old", metavar="VERSIONS|ENV", help="The current one (default: DIR/against.lock).")
@comma_list("--architectures", metavar="A,B,…", help="Which ones (default: the lecture's).")
@click.option("--architecture", multiple=True, metavar="FILE.py:NAME", help="Your own architecture; repeatable.")
@comma_list("--metrics", metavar="M,…", default="latency_cpu_1thread", help="Which times (latency_cpu_1thread).")
@comma_list("--modes", metavar="M,…", help="Execution modes besides eager, as in the runs (default: none).")
@click.option("--input-size", metavar="N|HxW", help="Image size, as in the runs (default: each architecture's own).")
@click.option("--threads", type=int, metavar="N", help="Threads on the CPU, as in the runs (default: all cores).")
@click.option("--preset", metavar="NAME", help="How much time to spend: quick, standard (default), thorough.")
@comma_list("--device", metavar="D,…", help="auto (default), cpu, cuda, cuda:1.")
@keep_env_option
@click.pass_context
def move_command(context: click.Context, /, folder: Path, new: str, old: str | None, **options: Any) -> None:
    """Move the pinned reference of the runs in DIR.

    Measures the new reference interleaved with the current one and adds their ratios to DIR/ratios.jsonl, so that the
    history on this kind of machine continues.
    """
    from reporter.cli import heartbeat
    from reporter.cli.progress import progress
    from reporter.host import files, printing
    from reporter.host.exit_codes import INTERRUPTED
    from reporter.model import ReporterError
    from reporter.model.records import pair_name
    from reporter.model.settings import settings
    from reporter.report.between_runs.reference_section import described
    from reporter.report.language import SOURCE, language
    from reporter.run.paired import reference_move
    from reporter.run.preparation import prepare_ab

    if not folder.is_dir():
        raise ReporterError(f"{folder}: there is no such folder")
    chosen = settings(options)
    with heartbeat.during("preparing the comparison", printing.note):
        request = replace(prepare_ab(None, chosen, skips_others=True), folder=folder)  # --metrics are those of the runs
    for line in request.notices:
        printing.note(line)
    lock, seen = files.lock(folder, "DIR"), progress(sys.stderr, sides=("old", "new"))
    try:
        modes = "modes" in chosen.model_fields_set
        found = reference_move.move(request, new, old, seen, printing.note, modes=modes)
    except KeyboardInterrupt:
        seen.close()
        printing.message("interrupted; the reference is not moved; run the same command again to resume")
        context.exit(INTERRUPTED)
    finally:
        seen.close()
        lock.close()
    for row in found.verdicts:
        name = pair_name(row.architecture, row.mode)
        printing.message(f"new over old: {name} {row.metric} {described(row, language(SOURCE))}")
    printing.message(f"moved; use --against {new!r} from now on")


ENTRIES = (move_command,)
