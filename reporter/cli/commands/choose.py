"""`reporter choose DIR --max-…`: the (architecture, mode) pairs that fit limits, best first."""

from __future__ import annotations

from pathlib import Path

import click

from reporter.host import files, printing


@click.command("choose")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--max-parameters", type=float, metavar="COUNT", help="Without auxiliary heads.")
@click.option("--max-macs", type=float, metavar="COUNT", help="Multiply-adds of one image.")
@click.option("--max-memory", type=float, metavar="BYTES", help="Weights and peak activations of one inference.")
@click.option("--max-latency-cpu", type=float, metavar="SECONDS", help="One image, all CPU threads.")
@click.option("--max-latency-cpu-1thread", type=float, metavar="SECONDS", help="One image, one CPU thread.")
@click.option("--max-latency-cuda", type=float, metavar="SECONDS", help="One image on the GPU.")
@click.option("--max-output-error", type=float, metavar="SHARE", help="Relative to a float64 run.")
@click.option("--modes", metavar="M,…", default="", help="Only these execution modes; int8 must be named.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def choose_command(folder: Path, as_json: bool, modes: str, **options: float | None) -> None:
    """The (architecture, mode) pairs in DIR that fit all limits, best first.

    Best by the published single-crop ImageNet top-1 of the weights, else the paper's own, which is marked; networks
    without either come last. A network whose 95 % interval includes a limit is undecided; one that lacks a limited
    value is listed with the reason. ≈ marks a value that is noisy or has no interval.

    An execution mode has its own latency and output error; counts, memory and accuracy are those of eager. Modes with a
    wrong output are left out, and so are those with int8 precision unless --modes names them. † marks an accuracy that
    was measured in fp32 while the mode has another precision.
    """
    from reporter.cli import choosing

    limits = {name.removeprefix("max_"): limit for name, limit in options.items() if limit is not None}
    found = choosing.chosen(folder, limits, [name for name in modes.split(",") if name.strip()])
    click.echo(printing.document(files.dumps(found)) if as_json else choosing.in_words(found))


ENTRIES = (choose_command,)
