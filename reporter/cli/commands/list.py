"""`reporter list`: the available architectures, data sets, metrics and execution modes."""

from __future__ import annotations

import json

import click

from reporter.cli.options import comma_list


@click.command("list")
@comma_list("--architectures", metavar="A,B,…", help="Which ones (default: the lecture's).")
@click.option("--all", "every", is_flag=True, help="All that can be measured: torchvision's and timm's, too.")
@click.option("--architecture", "references", multiple=True, metavar="FILE.py:NAME", help="Your own architecture.")
@click.option("--modes", "modes_only", is_flag=True, help="Execution modes only, and why one is not available here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(
    architectures: str | None, every: bool, references: tuple[str, ...], modes_only: bool, as_json: bool
) -> None:
    """Architectures (the lecture's, unless others are named), data sets, metrics and execution modes.

    Networks of timm are listed with the published accuracy of their weights and the license.
    """
    from reporter.cli import listing, mode_list
    from reporter.host import printing
    from reporter.registry import plugins

    if every and architectures is not None:
        raise click.UsageError("--all lists all architectures; leave out --architectures")
    if modes_only and (every or references or architectures is not None):
        given = "--all" if every else "--architecture" if references else "--architectures"
        raise click.UsageError(f"--modes lists execution modes only; leave out {given}")
    words = (
        listing.every()
        if every
        else architectures.split(",")
        if architectures is not None
        else []
        if references
        else ["lecture"]
    )
    listed = listing.modes() if modes_only else listing.as_dict(words, references)
    for line in (*plugins.complaints(), *mode_list.notices()):
        printing.note(line)
    document = printing.document(json.dumps(listed, ensure_ascii=False, indent=1))
    click.echo(document if as_json else listing.in_words(listed))
    if not (every or references or modes_only or as_json) and architectures is None:
        click.echo("\nMore architectures: reporter list --all, with those of torchvision and timm")


ENTRIES = (list_command,)
