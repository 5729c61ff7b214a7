"""`reporter accept DIR`: the findings of the last nightly run become the new baseline."""

from __future__ import annotations

from pathlib import Path

import click

from reporter.cli.paths import PATH


@click.command("accept")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--architecture", metavar="NAME", multiple=True, help="Only the findings of this architecture.")
@click.option("--mode", metavar="NAME", multiple=True, help="Only the findings of this execution mode.")
@click.option("--metric", metavar="KEY", multiple=True, help="Only the findings of this metric.")
@click.option("--reason", metavar="TEXT", default="", help="Why the change is accepted; stored in accepted.json.")
def accept_command(
    folder: Path, architecture: tuple[str, ...], mode: tuple[str, ...], metric: tuple[str, ...], reason: str
) -> None:
    """Accept the findings of the last nightly run in DIR.

    They are added to DIR/accepted.json, which can be committed. When all findings are accepted, the run is the
    baseline of the next one. --architecture, --mode and --metric can be repeated.
    """
    from reporter.host import files, printing
    from reporter.model import ReporterError
    from reporter.nightly.acceptance import accept
    from reporter.nightly.run_folder import Folder
    from reporter.run.request import moment

    if not folder.is_dir():
        raise ReporterError(f"{folder}: there is no such folder")
    with files.lock(folder, "DIR"):
        place = Folder(folder)
        if place.complete.exists():
            place.place()
        accepted = accept(place, architecture, metric, reason, moment(), modes=mode)
    for each in accepted:
        printing.message(f"accepted: {each.name} {each.title or 'not measured any more'}")
    printing.message(f"stored in {folder / 'accepted.json'}; commit this file to use it on other machines")


ENTRIES = (accept_command,)
