"""`reporter compare BASE NEW`: what changed, and whether it is noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reporter.cli.paths import PATH
from reporter.host import collection, files, printing
from reporter.host.exit_codes import REGRESSED

if TYPE_CHECKING:
    from reporter.model.settings import FailOn


@click.command("compare")
@click.argument("base", type=PATH, metavar="BASE")
@click.argument("new", type=PATH, metavar="NEW")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for the summary of a nightly job.")
@click.option(
    "--fail-on",
    type=click.Choice(["exact", "timing", "level", "any", "never"]),
    default="never",
    help="Which findings make the exit code 1 (default: never).",
)
@click.pass_context
@collection.disabled()
def compare_command(
    context: click.Context, /, *, base: Path, new: Path, as_json: bool, markdown: bool, fail_on: FailOn
) -> None:
    """What changed between two result folders, and whether it is noise."""
    from reporter.compare import folders
    from reporter.nightly.level import of_folder
    from reporter.report.between_runs import changes

    if as_json and markdown:
        raise click.UsageError("--json and --markdown are two formats; use one of them")
    before, after = map(of_folder, folders.read_sides({"BASE": base, "NEW": new}))
    sides = before, after
    machines = folders.machines_of(sides[1])
    why = f"{base} and {new} are of different machines"
    folders.check_machines(fail_on, folders.machines_of(sides[0]), machines, why)
    folders.check_rounds(fail_on, sides)
    folders.check_level(fail_on, folders.past_level(*sides), machines, f"{base} and {new}")
    found = folders.compare_results(*sides).gated_by(fail_on)
    complaints = [line for side in sides for line in side.complaints]
    code = REGRESSED if found.fails(fail_on) else 0
    if as_json:
        from reporter.report.between_runs.folders_document import folders_document

        document = folders_document(found, sides, (str(base), str(new)), fail_on, code)
        click.echo(printing.document(files.dumps(document)))
    else:
        click.echo((changes.in_markdown if markdown else changes.in_words)(found, complaints))
    context.exit(code)


ENTRIES = (compare_command,)
