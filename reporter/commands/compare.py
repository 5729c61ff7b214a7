"""`reporter compare BASE NEW`: what changed, and whether it is noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reporter import files
from reporter.exits import REGRESSED

if TYPE_CHECKING:
    from reporter.settings import FailOn


@click.command("compare")
@click.argument("base", type=click.Path(path_type=Path), metavar="BASE")
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--markdown", is_flag=True, help="For the summary of a nightly job.")
@click.option(
    "--fail-on",
    type=click.Choice(["exact", "timing", "any", "never"]),
    default="never",
    help="What makes the exit code 1 (default: never).",
)
@click.pass_context
def compare_command(
    context: click.Context, /, *, base: Path, new: Path, as_json: bool, markdown: bool, fail_on: FailOn
) -> None:
    """What changed between two result folders, and whether it is noise."""
    from reporter.comparing import compare, words

    if as_json and markdown:
        raise click.UsageError("--json and --markdown: choose one of them")
    sides = compare.read(base, "BASE"), compare.read(new, "NEW")
    found = compare.compare_results(*sides)
    complaints = [line for side in sides for line in side.complaints]
    code = REGRESSED if found.fails(fail_on) else 0
    if as_json:
        click.echo(files.dumps(compare.as_json(found, sides, (str(base), str(new)), fail_on, code)).rstrip())
    else:
        click.echo((words.in_markdown if markdown else words.in_words)(found, complaints))
    context.exit(code)


ENTRIES = (compare_command,)
