"""`reporter move DIR --to VERSIONS`: measures a new reference of --against in turns with the current one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from reporter.compare import ratio_history, reference_file, reference_names, reference_rule
from reporter.compare.environments import About
from reporter.compare.reference_names import RowPlace
from reporter.compare.reference_rule import ReferenceTime
from reporter.documents.reference_verdicts import AgainstReference
from reporter.host import files, interrupts
from reporter.model import ReporterError
from reporter.model.names import first_of
from reporter.model.records import pair_name
from reporter.run import mode_plan
from reporter.run.paired import paired_run, pinned, reference_run
from reporter.run.paired.paired_run import PairProgress
from reporter.run.paired.reference_run import ReferenceRequest
from reporter.run.request import Request, moment

SIDES = ("the old reference", "the new reference")
PARTIAL = ".move.jsonl"
"""What a move that was interrupted has measured."""
NAMED = 5
"""Curves that a message names."""


def move(
    request: Request,
    new: str,
    old: str | None,
    progress: PairProgress,
    note: Callable[[str], None],
    *,
    modes: bool = False,
) -> AgainstReference:
    """Measures, adds the ratios to the history of the folder, and replaces its lock file by that of the new reference.

    `modes` is whether the modes of the request are measured, too. Those that are not available, and curves of the
    history that are not measured, are noted.
    ReporterError, and nothing is changed, if a time was not measured on both sides, is too noisy, or if the lock file
    of the folder is already that of the new reference. An interrupted move keeps its measurements; the lock file is
    replaced after the ratios are stored, so that the same command completes it.
    """
    folder = request.folder
    current = old or str(folder / pinned.LOCK)
    if old is None and not (folder / pinned.LOCK).is_file():
        raise ReporterError(f"{folder} has no {pinned.LOCK}; name the current reference with --from")
    progress.restart()
    needs, packages, started = paired_run.needs(request), reference_run.packages(request, modes), moment()
    with TemporaryDirectory() as made:
        places = (
            _environment(current, Path(made) / "old", note, packages, "--from" if old else current),
            _environment(new, Path(made) / "new", note, packages, "--to"),
        )
        if old is None and places[0] == places[1]:
            raise ReporterError(f"{new!r} is already the reference of {folder}; there is nothing to move")
        text = _lock_text(new, Path(made) / "new")  # read before anything is measured
        with paired_run.sides(places, needs, SIDES, keep=request.keep_env) as (a, b):
            examined = a.about, b.about
        journal = folder / PARTIAL
        work = ReferenceRequest(
            request, request.metrics, {}, places, examined, modes, options=SIDES, enough=_is_precise, journal=journal
        )
        for line in (*(_unavailable(request) if modes else ()), *_not_continued(work)):
            note(line)
        done = reference_run.run(work, progress)
        if done.gaps:
            gap = done.gaps[0]
            raise ReporterError(f"the reference is not moved: {gap.architecture} {gap.metric}: {gap.reason}")
        rows = list(done.rows.values())
        if noisy := [row for row in rows if not _has_verdict(row)]:
            journal.unlink(missing_ok=True)  # or the same command would use the same measurements again
            raise ReporterError(f"the reference is not moved: {_too_noisy(noisy)}")
        found = _document(request, examined, rows, started)
        with suppress(KeyboardInterrupt), interrupts.deferred():  # from here on an interrupt comes too late
            ratio_history.append(folder, ratio_history.line_of(found, "move"))
            _replace_lock(folder / pinned.LOCK, text)
            journal.unlink(missing_ok=True)
    return found


def _environment(named: str, folder: Path, note: Callable[[str], None], packages: Sequence[str], option: str) -> Path:
    """The environment of a side; its errors name the option that it was given with."""
    try:
        return pinned.environment(named, folder, note, packages, option)
    except pinned.InstallationError as error:
        raise pinned.InstallationError(error.why, option) from None


def _document(
    request: Request, examined: tuple[About, About], rows: list[ReferenceTime], started: str = ""
) -> AgainstReference:
    threads, sizes = request.conditions.threads, request.input_sizes
    return reference_file.document(
        examined, rows, gaps=[], changes=[], started=started, threads=threads, input_sizes=sizes
    )


def _unavailable(request: Request) -> Iterator[str]:
    """The modes that would be measured, but are not available, with the reasons: a line for each kind of device."""
    for device in dict.fromkeys(metric.device for metric in request.metrics.values()):
        refused = mode_plan.refused(request, device).items()
        if named := [f"{mode} ({why})" for mode, why in refused if mode_plan.metrics(request, device, mode)]:
            yield f"modes that are not available on {device} are not measured: {', '.join(named)}"


def _not_continued(work: ReferenceRequest) -> Iterator[str]:
    """Which curves of the history on this kind of machine end at the move, because it does not measure their rows."""
    here = _document(work.request, work.examined, [])
    names = {here.machine_kind, reference_names.former(here.machine_kind)}
    lines = ratio_history.load(work.request.folder)
    runs = [line for line in lines if line.kind == "run" and line.machine_kind in names]
    planned = set(reference_run.places(work))
    ended = []
    for row in runs[-1].rows if runs else ():
        threads = runs[-1].threads if reference_names.runs_on_all_threads(row.metric) else None
        continued = row.input_size == here.input_sizes.get(row.architecture) and threads in (None, here.threads)
        if RowPlace.of(row) not in planned or not continued:
            conditions = reference_names.conditions(threads, row.input_size)
            name = f"{pair_name(row.architecture, row.mode)} {row.metric}"
            ended.append(f"{name} ({conditions})" if conditions else name)
    if ended:
        yield (
            f"the history of {first_of(ended, NAMED)} is not continued; to continue it, interrupt and add "
            "--architectures, --metrics, --modes, --input-size and --threads as in the runs"
        )


def _is_precise(row: ReferenceTime) -> bool:
    """Whether a row needs no more rounds: its ratio is in all later ones, so that a clear change is not enough."""
    return row.is_precise and row.verdict != "noisy"


def _has_verdict(row: ReferenceTime) -> bool:
    """Whether the ratio of a row may be chained after the last round."""
    return row.verdict != "noisy" and row.detectable is not None and row.detectable <= reference_rule.NOISY


def _too_noisy(rows: Sequence[ReferenceTime]) -> str:
    """Which rows are too noisy, and what to do."""
    named = [f"{pair_name(row.architecture, row.mode)} {row.quantity.key} ({_why(row)})" for row in rows]
    return (
        f"too noisy: {first_of(named, NAMED)}; repeat the command on a machine without other work or with "
        "--preset thorough, or leave these out of --architectures"
    )


def _why(row: ReferenceTime) -> str:
    return row.reason or f"only a change of {row.detectable or 0.0:.0%} or more would be detected"


def _lock_text(new: str, made: Path) -> str | None:
    """The lock file of the new reference, as `pinned` reads it; None for an environment, which has none."""
    named = Path(os.path.expanduser(new))  # Path.expanduser raises without a home
    lock = named if named.suffix == ".lock" and named.is_file() else made / pinned.LOCK
    return lock.read_text("utf-8", errors="replace") if lock.is_file() else None


def _replace_lock(lock: Path, text: str | None) -> None:
    if text is None:
        lock.unlink(missing_ok=True)
    else:
        files.write(lock, text)
