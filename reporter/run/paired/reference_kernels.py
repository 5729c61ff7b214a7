"""The kernels of both environments of a run with --against, recorded once without times, and what differs.

They are recorded with one CPU thread: in eager, and if modes are named, in each mode of torch. Those of a GPU are not
recorded, which the output of a run on a GPU states.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from reporter.compare import document, kernel_changes
from reporter.compare.differences import Change, TimeVerdict, Timing
from reporter.compare.environments import About
from reporter.compare.kernel_changes import VARIABLES
from reporter.compare.matching import Pair
from reporter.compare.reference_rule import ReferenceTime
from reporter.documents.comparisons import SpeedVerdict
from reporter.documents.reference_verdicts import ReferenceChange, ReferenceGap
from reporter.host.fingerprints import variables
from reporter.host.job import Job
from reporter.metrics.operators import KERNELS
from reporter.model import Metric, Record
from reporter.model.modes import parse
from reporter.model.profiles import KernelLedger
from reporter.model.records import EAGER
from reporter.run import mode_plan
from reporter.run.paired.paired_run import RecordsByPair, pair_of
from reporter.run.request import Request
from reporter.store.kernel_files import ledger_of

METRIC = "kernels"
VERDICTS: dict[SpeedVerdict, TimeVerdict] = {word: verdict for verdict, word in document.VERDICTS.items()}
Found = tuple[list[ReferenceChange], list[ReferenceGap]]


def plan(request: Request, times: Mapping[str, Metric], modes: bool) -> list[Job]:
    """A job for each architecture and mode; none if no time is measured on the CPU."""
    if not any(metric.device == "cpu" for metric in times.values()):
        return []
    return [
        Job(
            architecture=architecture.name,
            metrics=(METRIC,),
            device=request.devices["cpu"],
            conditions=request.conditions_of(architecture.name),
            process="profiling",
            reference=architecture.reference,
            modes=() if mode == EAGER else (mode,),
        )
        for mode in (EAGER, *(_of_torch(request) if modes else ()))
        for architecture in request.architectures
    ]


def _of_torch(request: Request) -> Iterator[str]:
    """The modes without an engine: the layers of an engine have no names of their own."""
    for group in mode_plan.groups(request, "cpu"):
        yield from (mode for mode in group.modes if not parse(mode, request.engines).engine)


def compare(
    jobs: Iterable[Job], books: Sequence[RecordsByPair], abouts: Sequence[About], rows: Iterable[ReferenceTime]
) -> Found:
    """The layers that ran another kernel tonight than in the reference, and what could not be compared."""
    found = [each for job in jobs if (each := _pair(job, books, abouts))]
    if not found:
        return [], []
    reference, tonight = zip(*found, strict=True)
    timings = [_timing(row, abouts[1].machine) for row in rows]
    pairs = [Pair(*each) for each in found]
    changes, gaps = kernel_changes.compare(pairs, timings, (partial(_ledger, reference), partial(_ledger, tonight)))
    missing = [
        ReferenceGap(architecture=name, metric=KERNELS.key, mode=gap.mode, reason=gap.why)
        for gap in gaps
        for name in gap.architectures
    ]
    return list(map(_change, changes)), missing


def _change(change: Change) -> ReferenceChange:
    assert change.kernels
    return ReferenceChange(
        architecture=change.architecture,
        metric=KERNELS.key,
        mode=change.mode,
        reference=None,
        tonight=None,
        kernels=document.kernel_row(change.kernels),
    )


def _pair(job: Job, books: Sequence[RecordsByPair], abouts: Sequence[About]) -> tuple[Record, Record] | None:
    """The records of both sides with the kernels of a job; None if they were not recorded on both sides."""
    mode, made = job.modes[0] if job.modes else EAGER, []
    for book, about in zip(books, abouts, strict=True):
        record = book.get(pair_of(job))
        reading = record.readings.get(KERNELS.key) if record else None
        if not record or not reading or not reading.measured:
            return None
        settings = {**reading.settings, VARIABLES: variables(about.variables)}
        readings = {KERNELS.key: reading.model_copy(update={"settings": settings})}
        made.append(record.model_copy(update={"mode": mode, "readings": readings}))
    return made[0], made[1]


def _ledger(records: Iterable[Record], machine: str, architecture: str) -> KernelLedger:
    """The ledger of an architecture with all its modes, from the records of a side, which have no other readings."""
    return ledger_of(machine, architecture, {each.mode: each for each in records if each.architecture == architecture})


def _timing(row: ReferenceTime, machine: str) -> Timing:
    """The verdict on the time beside the kernels."""
    return Timing(
        architecture=row.architecture,
        machine=machine,
        quantity=row.quantity,
        verdict=VERDICTS[row.verdict],
        base=row.base,
        new=row.new,
        relative=False,
        ratio=row.ratio,
        low=row.low,
        high=row.high,
        floor=row.floor,
        rank=None,
        reason=row.reason,
        mode=row.mode,
    )
