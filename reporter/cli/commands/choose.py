"""`reporter choose DIR --max-… --min-…`: the (architecture, mode) pairs that fit limits, best first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from reporter.cli.limit_options import Amount
from reporter.cli.options import Function, comma_list
from reporter.cli.paths import PATH
from reporter.host import files, printing
from reporter.model import ReporterError
from reporter.model.devices import ACCELERATORS
from reporter.report.choosing.amounts import Kind


def on_accelerators(stem: str, kind: Kind, about: str) -> Callable[[Function], Function]:
    """An option for each type of accelerator; the help lists that of CUDA, which names the others."""
    first, *others = ACCELERATORS
    named = f"{about}; also {stem}-{' and -'.join(others)}."

    def add(command: Function) -> Function:
        for each in reversed(others):
            command = click.option(f"{stem}-{each}", type=Amount(kind), help=f"{about}.", hidden=True)(command)
        return click.option(f"{stem}-{first}", type=Amount(kind), help=named)(command)

    return add


@click.command("choose")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--min-top1", type=Amount("share", 1.0), help="Published ImageNet top-1 of the weights.")
@click.option("--min-best-top1", type=Amount("share", 1.0), help="That of the best published weights.")
@click.option("--max-parameters", type=Amount("count"), help="Without auxiliary heads.")
@click.option("--max-macs", type=Amount("count"), help="Multiply-adds of one image.")
@click.option("--max-memory", type=Amount("size"), help="Weights and peak activations of one inference: tensors only.")
@click.option("--max-process-memory", type=Amount("size"), help="The whole process with torch and the model.")
@click.option("--max-latency-cpu", type=Amount("time"), help="One image, all CPU threads.")
@click.option("--max-latency-cpu-1thread", type=Amount("time"), help="One image, one CPU thread.")
@on_accelerators("--max-latency", "time", "One image on the GPU")
@click.option("--min-throughput-cpu", type=Amount("rate"), help="Images per second in batches, all CPU threads.")
@on_accelerators("--min-throughput", "rate", "Images per second in batches on the GPU")
@click.option("--min-best-throughput-cpu", type=Amount("rate"), help="At the best batch size of a curve.")
@on_accelerators("--min-best-throughput", "rate", "At the best batch size of a curve")
@click.option("--max-output-error", type=Amount("share", 1.0), help="Relative to a float64 run.")
@comma_list("--license", "licenses", metavar="L,…", help="Only weights under these licenses; globs.")
@click.option("--sort", metavar="KEY", default="", help="Best value of KEY first, such as macs (default: top-1).")
@comma_list("--modes", metavar="M,…", help="Only these execution modes; int8 only if it or all is named.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def choose_command(
    folder: Path, as_json: bool, modes: str | None, licenses: str | None, sort: str, **options: float | None
) -> None:
    """The (architecture, mode) pairs in DIR that fit all limits, best first.

    Best by the published single-crop ImageNet top-1 of the weights, else the paper's own, which is marked; networks
    without either come last. A network whose 95 % interval includes a limit is undecided; one that lacks a limited
    value is listed with the reason. If none fits, the limits to relax are listed. ≈ marks a value that is noisy or has
    no interval.

    Limits take units: 50ms, 512MiB, 5M, 80%; a plain number is in seconds, bytes, images per second, or a share of 1.

    An execution mode has its own latency and output error; counts, tensor memory and accuracy are those of eager, and
    process memory is measured in eager only. Modes with a wrong output are left out, and so are those with int8
    precision unless --modes names them or is all. † marks an accuracy that was measured in fp32 while the mode has
    another precision.
    """
    from reporter.cli import choosing

    limits = {choosing.criterion(name): limit for name, limit in options.items() if limit is not None}
    names, listed = _words("--modes", modes, "eager,bf16"), _words("--license", licenses, "apache-2.0,mit")
    chosen = choosing.chosen(folder, limits, names, licenses=listed, sort=sort.strip())
    click.echo(printing.document(files.dumps(chosen)) if as_json else choosing.in_words(chosen))


def _words(option: str, listed: str | None, example: str) -> list[str]:
    """The words of a comma list; ReporterError if it has none, which would be no filter."""
    words = [word.strip() for word in (listed or "").split(",") if word.strip()]
    if listed is not None and not words:
        raise ReporterError(f"{option}: invalid value {listed!r}; it should be a list of names, as in {example}")
    return words


ENTRIES = (choose_command,)
