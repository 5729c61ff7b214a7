"""`reporter list`: the available architectures, data sets, metrics and execution modes."""

from __future__ import annotations

import json

import click


@click.command("list")
@click.option("--architectures", metavar="A,B,…", help="Which ones (default: the lecture's).")
@click.option("--architecture", "references", multiple=True, metavar="FILE.py:NAME", help="Your own network.")
@click.option("--modes", "modes_only", is_flag=True, help="Execution modes only, and why one is not available here.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_command(architectures: str | None, references: tuple[str, ...], modes_only: bool, as_json: bool) -> None:
    """Architectures, data sets, metrics and execution modes."""
    from reporter.cli import listing
    from reporter.host import printing
    from reporter.registry import plugins

    words = architectures.split(",") if architectures is not None else [] if references else ["lecture"]
    listed = listing.modes() if modes_only else listing.as_dict(words, references)
    for line in plugins.complaints():
        printing.note(line)
    document = printing.document(json.dumps(listed, ensure_ascii=False, indent=1))
    click.echo(document if as_json else listing.in_words(listed))


ENTRIES = (list_command,)
