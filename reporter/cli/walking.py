"""`reporter ab --walk PACKAGE A..B`: the version of a package at which an architecture became slower."""

from __future__ import annotations

import sys
from typing import Any

import click

from reporter.host import files, printing
from reporter.host.exit_codes import FAILED, INTERRUPTED, REGRESSED
from reporter.registry import plugins


def walk(package: str, span: str, options: dict[str, Any], *, as_json: bool, fails: bool) -> int:
    """Walks, prints the result, and returns the exit code: 3 if no time is slower, and one failed or is too noisy."""
    from reporter.cli import heartbeat
    from reporter.cli.progress import progress
    from reporter.model.settings import settings
    from reporter.report.between_runs import walk_text
    from reporter.run.paired import paired_run, version_environments, version_walk, walk_state
    from reporter.run.preparation import prepare_ab

    with heartbeat.during("preparing the comparisons", printing.note):
        request = prepare_ab(None, settings(options))
        for line in (*plugins.complaints(), *request.notices):
            printing.note(line)
        versions = version_environments.between(package, span)
    folder = walk_state.place_of(request, package, versions)
    environments = version_environments.VersionEnvironments(package, folder, paired_run.needs(request))
    printing.note(
        f"{len(versions)} versions of {package}; two environments at a time, {environments.size} each, in {folder}"
    )
    seen = progress(sys.stderr)
    try:
        found = version_walk.Walk(request, versions, environments, seen).run()
    except KeyboardInterrupt:
        seen.close()
        printing.message("interrupted; run the same command again to resume")
        return INTERRUPTED
    finally:
        seen.close()
    document = found.model_dump(mode="json") | {"headline": walk_text.headline(found)}
    click.echo(printing.document(files.dumps(document)) if as_json else walk_text.in_words(found))
    if found.step is not None:
        return REGRESSED if fails else 0
    return 0 if found.is_clear else FAILED
