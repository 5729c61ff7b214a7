"""`reporter render DIR`: rebuilds the reports from the records."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("render")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--lang", metavar="L,…", help="Languages of the reports (default: those that the records name, or en).")
def render_command(folder: Path, lang: str | None) -> None:
    """Rebuild the reports from the records in DIR."""
    from reporter.host import printing
    from reporter.report import build
    from reporter.report.language import checked_codes

    for path in build.write(folder, checked_codes(lang.split(",")) if lang else ()):
        printing.message(f"wrote {path}")


ENTRIES = (render_command,)
