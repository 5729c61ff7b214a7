"""against.json: the comparison with a pinned reference that a run with --against makes; or why it failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from reporter.compare import noisy_times, stored_comparison
from reporter.compare.environments import About, is_control
from reporter.compare.reference_rule import ReferenceTime, detectable
from reporter.documents.reference_verdicts import (
    AgainstReference,
    ReferenceChange,
    ReferenceGap,
    ReferenceLoss,
    ReferenceSide,
    ReferenceVerdict,
)
from reporter.host import files, machine
from reporter.model import Record
from reporter.model.readings import Model
from reporter.model.settings import FailOn

NAME = "against.json"
PARTIAL = ".against.jsonl"
"""What a run that was interrupted has measured."""
FAILURE = ".against-failed.json"
"""Why the comparison of the last run failed, in place of against.json."""
ADAPTER = TypeAdapter(AgainstReference)


class ReferenceFailure(Model):
    """Why the comparison with the pinned reference failed, and the exit code of its run."""

    reason: str
    exit_code: int


FAILURE_ADAPTER = TypeAdapter(ReferenceFailure)


def document(
    examined: tuple[About, About],
    rows: list[ReferenceTime],
    *,
    gaps: list[ReferenceGap],
    changes: list[ReferenceChange],
    lost: Sequence[ReferenceLoss] = (),
    started: str = "",
    seconds: float | None = None,
    threads: int | None = None,
    input_sizes: Mapping[str, str] | None = None,
) -> AgainstReference:
    """The block of summary.json; `threads` is the number of threads if it is not that of the usable cores.

    `input_sizes` are those of the architectures that were not measured at their own.
    """
    reference, tonight = examined
    size, verdicts = detectable(rows), tuple(map(as_verdict, rows))
    return AgainstReference(
        reference=_side(reference),
        tonight=_side(tonight),
        control=is_control(reference, tonight),
        detectable=None if size is None else round(size, 4),
        verdicts=verdicts,
        started=started,
        seconds=seconds,
        too_noisy=bool(noisy_times.too_noisy(verdicts)),
        gaps=tuple(gaps),
        changes=tuple(changes),
        lost=tuple(lost),
        machine_kind=machine.kind(tonight.machine_facts, tonight.kernels),
        machine=tonight.machine,
        threads=threads or tonight.machine_facts.get("threads", 0),
        input_sizes=dict(input_sizes or {}),
    )


def save(folder: Path, found: AgainstReference | None, fail_on: FailOn, code: int, problem: str = "") -> None:
    """Writes the comparison, which completes its measurement, of a run with this exit code.

    None removes that of an earlier run; if the comparison failed, `problem` is the reason, which is stored.
    """
    if found is None:
        if problem:
            files.write(folder / FAILURE, files.dumps(ReferenceFailure(reason=problem, exit_code=code).model_dump()))
        (folder / NAME).unlink(missing_ok=True)
    else:
        of_run = found.model_copy(update={"fail_on": fail_on, "exit_code": code})
        files.write(folder / NAME, files.dumps(of_run.model_dump(mode="json")))
        (folder / PARTIAL).unlink(missing_ok=True)
    if not problem:
        (folder / FAILURE).unlink(missing_ok=True)


def load(folder: Path) -> AgainstReference | None:
    """Reads the comparison, None if there is no file; ReporterError if the file is not valid."""
    return stored_comparison.load(folder / NAME, ADAPTER, "--against")


def load_for_report(folder: Path, records: Iterable[Record]) -> AgainstReference | None:
    """Reads the comparison; ReporterError, too, if some of these records of its machine were measured after it.

    This is so if the next run did not finish: the comparison is of the run before.
    """
    found = load(folder)
    if found:
        same = [each for each in records if found.machine in ("", each.machine)]
        stored_comparison.check_current(folder / NAME, found.started, same, "--against")
    return found


def load_failure(folder: Path) -> ReferenceFailure | None:
    """Reads why the comparison of the last run failed, None if it did not; ReporterError if the file is not valid."""
    return stored_comparison.load(folder / FAILURE, FAILURE_ADAPTER, "--against")


def _side(about: About) -> ReferenceSide:
    return ReferenceSide(versions=about.versions, torch_file=about.imports["torch"].file, packages=about.installed)


def as_verdict(row: ReferenceTime) -> ReferenceVerdict:
    """The same in the words of summary.json."""
    return ReferenceVerdict(
        architecture=row.architecture,
        metric=row.quantity.key,
        mode=row.mode,
        verdict=row.verdict,
        ratio=row.ratio,
        low=row.low,
        high=row.high,
        detectable=row.detectable,
        rounds=row.rounds,
        reason=row.reason,
    )
