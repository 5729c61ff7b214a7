"""Measuring one architecture from Python, in a separate process: the state of the caller does not change.

Options go to it as JSON on standard input, the place of the record comes back on standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict, Unpack, overload

from reporter.host import files, importing, interrupts
from reporter.host.exit_codes import USAGE
from reporter.model import Record, ReporterError, option_values
from reporter.model.records import EAGER
from reporter.model.settings import Preset, Weights, settings
from reporter.store import record_files


class Options(TypedDict, total=False):
    """The options of the main job that matter for one network, with its defaults."""

    preset: Preset
    device: str | Sequence[str]
    dataset: str
    data_root: str
    weights: Weights
    steps: int
    seeds: int
    first_seed: int
    input_size: int | str
    threads: int
    batches: str | Sequence[int]
    sizes: str | Sequence[int | str]
    timeout: float
    fresh: bool


Folder = str | os.PathLike[str] | None


@overload
def measure(
    architecture: str, metrics: str | Sequence[str] = ..., *, out: Folder = ..., **options: Unpack[Options]
) -> Record: ...


@overload
def measure(
    architecture: str,
    metrics: str | Sequence[str] = ...,
    *,
    modes: str | Sequence[str],
    out: Folder = ...,
    **options: Unpack[Options],
) -> dict[str, Record]: ...


def measure(
    architecture: str,
    metrics: str | Sequence[str] = (),
    *,
    modes: str | Sequence[str] | None = None,
    out: Folder = None,
    **options: Unpack[Options],
) -> Record | dict[str, Record]:
    """Measures one network and returns its record, which contains failures with their reasons.

    With `modes` the result is a dictionary of the records of all modes, `eager` included; without, only eager is
    measured.

    `architecture` is a name of the catalog, or your own network as FILE.py:NAME; `metrics` are groups or keys,
    all where none is named. With `out` the record is kept in that folder, in which a leading `~` is the home folder,
    and used again. ReporterError says what is wrong with what was asked for.
    """
    if unknown := sorted(set(options) - set(Options.__annotations__)):
        raise TypeError(f"measure() has no option {unknown[0]!r}; it has {', '.join(Options.__annotations__)}")
    if not isinstance(architecture, str):
        raise TypeError(f"measure() takes a name or FILE.py:NAME, not a value of type {type(architecture).__name__}")
    own = ":" in architecture and not architecture.startswith("timm:")
    asked = {"architecture" if own else "architectures": [architecture], **options}
    asked |= {} if metrics in ((), []) else {"metrics": metrics}
    asked["modes"] = [EAGER] if modes is None else modes
    try:
        given = None if out is None else option_values.path(os.fspath(out))
    except ValueError as error:
        raise ReporterError(f"out: invalid value {out!r}; {error}") from None
    with TemporaryDirectory(prefix="reporter-", ignore_cleanup_errors=True) as temporary:
        folder = Path(given or temporary)
        question = {"out": str(folder.absolute()), "settings": asked}
        records = record_files.load_modes(Path(_ask(json.dumps(question, default=_plain))))
    return records[0] if modes is None else {record.mode: record for record in records}


def _plain(value: object) -> object:
    """The value of an option as JSON: any iterable as a list, a path as text."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"measure() takes text, numbers, and sequences of them, not {type(value).__name__}")


def _ask(question: str) -> str:
    """What the process answers; ReporterError with its last line where it has none."""
    path = os.pathsep.join(part for part in (importing.ROOT, os.environ.get("PYTHONPATH", "")) if part)
    variables = os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "reporter.api.single"]
    done = subprocess.run(command, input=question, capture_output=True, text=True, check=False, env=variables)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"the measuring process ended with exit code {done.returncode}"]
        raise ReporterError(lines[-1])
    return done.stdout.strip()


def serve() -> int:
    """Measures what standard input asks for; the exit code, 2 where it cannot be measured."""
    interrupts.listen()
    asked = json.load(sys.stdin)
    try:
        sys.stdout.write(str(_measured(Path(asked["out"]), asked["settings"])))
    except ReporterError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return USAGE
    return 0


def _measured(out: Path, asked: dict[str, object]) -> Path:
    from reporter.cli.progress import Lines
    from reporter.host import machine
    from reporter.run import experiment
    from reporter.run.executors.local import LocalExecutor
    from reporter.run.preparation import prepare

    own = asked.get("architecture")
    chosen = settings({**asked, "architecture": tuple(own) if isinstance(own, list) else ()})
    executor = LocalExecutor()
    request = replace(prepare(out, chosen, executor), claims=())
    if len(request.architectures) > 1:
        names = ", ".join(entry.name for entry in request.architectures)
        raise ReporterError(f"one architecture at a time, not {names}")
    lock = files.lock(out)
    try:
        experiment.run(request, executor, Lines(StringIO()))
    finally:
        lock.close()
    return record_files.record_path(out, machine.key(), request.architectures[0].name)


if __name__ == "__main__":
    sys.exit(serve())
