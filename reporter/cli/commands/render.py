"""`reporter render DIR`: rebuilds the reports from the records."""

from __future__ import annotations

from pathlib import Path

import click

from reporter.cli.options import comma_list, heading_options
from reporter.cli.paths import PATH


@click.command("render")
@click.argument("folder", type=PATH, metavar="DIR")
@comma_list("--lang", metavar="L,…", help="Languages of the reports (default: those that the records name, or en).")
@heading_options
def render_command(folder: Path, lang: str | None, **heading: str | None) -> None:
    """Rebuild the reports from the records in DIR."""
    from reporter.host import printing
    from reporter.model.settings import settings
    from reporter.report import build
    from reporter.report.language import checked_codes

    languages = checked_codes(settings({"lang": lang}).lang) if lang is not None else ()
    for path in build.write(folder, languages, settings(heading)):
        printing.message(f"wrote {path}")


ENTRIES = (render_command,)
