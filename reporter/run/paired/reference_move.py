"""`reporter move DIR --to VERSIONS`: measures a new reference of --against in turns with the current one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from reporter.compare import ratio_history, reference_file
from reporter.documents.reference_verdicts import AgainstReference
from reporter.model import ReporterError
from reporter.run.paired import paired_run, pinned, reference_run
from reporter.run.paired.paired_run import PairProgress
from reporter.run.paired.reference_run import ReferenceRequest
from reporter.run.request import Request, moment

SIDES = ("the old reference", "the new reference")
PARTIAL = ".move.jsonl"
"""What a move that was interrupted has measured."""


def move(
    request: Request, new: str, old: str | None, progress: PairProgress, note: Callable[[str], None]
) -> AgainstReference:
    """Measures, adds the ratios to the history of the folder, and replaces its lock file by that of the new reference.

    ReporterError, and nothing is changed, if a time was not measured on both sides.
    """
    folder = request.folder
    current = old or str(folder / pinned.LOCK)
    if old is None and not (folder / pinned.LOCK).is_file():
        raise ReporterError(f"{folder} has no {pinned.LOCK}; name the current reference with --from")
    needs, started = paired_run.needs(request), moment()
    with TemporaryDirectory() as made:
        places = (
            pinned.environment(current, Path(made) / "old", note, needs),
            pinned.environment(new, Path(made) / "new", note, needs),
        )
        with paired_run.sides(places, needs, SIDES) as (a, b):
            examined = a.about, b.about
        journal = folder / PARTIAL
        work = ReferenceRequest(request, request.metrics, {}, places, examined, options=SIDES, journal=journal)
        done = reference_run.run(work, progress)
        if done.gaps:
            gap = done.gaps[0]
            raise ReporterError(f"the reference is not moved: {gap.architecture} {gap.metric}: {gap.reason}")
        found = reference_file.document(examined, list(done.rows.values()), gaps=[], changes=[], started=started)
        ratio_history.append(folder, ratio_history.line_of(found, "move"))
        journal.unlink(missing_ok=True)
        lock = Path(new) if new.endswith(".lock") else Path(made) / "new" / pinned.LOCK
        if lock.is_file():
            shutil.copyfile(lock, folder / pinned.LOCK)
        else:  # an environment has no lock file
            (folder / pinned.LOCK).unlink(missing_ok=True)
    return found
