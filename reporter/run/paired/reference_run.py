"""The measurement of a run with --against: both environments in turns, each row until it is clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

from reporter.compare import reference_rule
from reporter.compare.environments import About, is_control
from reporter.compare.matching import is_exact
from reporter.compare.reference_rule import Place, ReferenceTime
from reporter.documents.reference_verdicts import ReferenceChange, ReferenceGap
from reporter.host.job import Job
from reporter.model import Metric, Reading, Record, ReporterError
from reporter.model.fields import DEFAULT_MALLOC
from reporter.model.records import EAGER, pair_name
from reporter.run import mode_plan
from reporter.run.costs import Costs
from reporter.run.ledger import blank
from reporter.run.paired import interleaving, paired_run
from reporter.run.paired.interleaving import Side
from reporter.run.paired.paired_run import Book, PairProgress
from reporter.run.request import Request

OPTIONS = ("--against", "this environment")
USUAL = ("latency_cpu_1thread", "latency_cuda")
"""What is measured if --metrics names nothing: the times that repeat best."""
LONGEST = 720.0
"""Seconds of both sides together, after which no more rounds are added."""
NOT_COUNTED = "macs_fvcore"
"""Needs a package that a reference does not have."""
EXACT_SECONDS = 300.0


@dataclass(frozen=True)
class ReferenceRequest:
    """What is measured in both environments: `times` in turns, `exact` once; in all modes or in eager only.

    `options` name both environments in messages; if `shared`, both may import the same torch.
    """

    request: Request
    times: Mapping[str, Metric]
    exact: Mapping[str, Metric]
    environments: tuple[Path, Path]
    examined: tuple[About, About]
    modes: bool = False
    options: tuple[str, str] = OPTIONS
    shared: bool = False
    enough: Callable[[ReferenceTime], bool] = field(default=lambda row: row.decided)
    """Whether a row needs no more rounds."""

    @property
    def needs(self) -> tuple[str, ...]:
        return paired_run.needs(self.request)


@dataclass
class ReferenceRun:
    """What was measured: `rows` has the verdict on each row, `taken` its readings on both sides."""

    rows: dict[Place, ReferenceTime] = field(default_factory=dict)
    taken: dict[Place, tuple[Reading, Reading]] = field(default_factory=dict)
    gaps: list[ReferenceGap] = field(default_factory=list)
    changes: list[ReferenceChange] = field(default_factory=list)
    seconds: float = 0.0


def prepare(request: Request, environment: Path, modes: bool = False) -> ReferenceRequest:
    """Examines both environments; ReporterError, before anything is written, if they cannot be compared."""
    there = {name: metric for name, metric in request.metrics.items() if metric.device in request.devices}
    times = {name: each for name, each in there.items() if each.timed and name not in DEFAULT_MALLOC}
    if not request.settings.get("metrics"):
        times = {name: metric for name, metric in times.items() if name in USUAL}
    if not times:
        raise ReporterError("--against: --metrics names no time that is measured in turns; try latency_cpu_1thread")
    exact = {name: each for name, each in request.metrics.items() if _is_counted(each)}
    both = (environment, interleaving.here())
    with paired_run.sides(both, paired_run.needs(request), OPTIONS) as (reference, tonight):
        return ReferenceRequest(request, times, exact, both, (reference.about, tonight.about), modes)


def run(work: ReferenceRequest, progress: PairProgress) -> ReferenceRun:
    """Measures all rows in rounds over all architectures; a row that is decided is not measured again."""
    start, found = monotonic(), ReferenceRun()
    books: tuple[Book, Book] = ({}, {})
    looks, open_jobs, done = reference_rule.looks(work.request.conditions.rounds), list(_jobs(work)), list[Job]()
    costs, number = paired_run.costs_of(work.request, books), 0
    for place, look in enumerate(looks):
        last = _affordable(looks[place:], partial(_cost, costs, open_jobs, number), start)
        if last is None and number:
            break
        progress.plan([*done, *_rounds(open_jobs, number, last or look)], 1, costs.total)
        planned = _rounds(open_jobs, number, look)
        for turn in range(number, look):
            _round(work, books, [job for job in planned if job.round == turn], progress, costs, exact=not turn)
        done, number = [*done, *planned], look
        found.taken, found.gaps = _sorted(work, books)
        _decide(found, work)
        open_jobs = [job for job in open_jobs if _is_open(job, work, found)]
        if not open_jobs:
            break
    progress.plan(done, 1, costs.total)
    found.changes = [] if is_control(*work.examined) else list(_changes(work, books))
    found.seconds = monotonic() - start
    return found


def _cost(costs: Costs, jobs: Sequence[Job], first: int, end: int) -> float:
    return costs.total(_rounds(jobs, first, end))


def _affordable(looks: Sequence[int], cost: Callable[[int], float], start: float) -> int | None:
    """The last of these looks that is reached before LONGEST is over; None if the first is not."""
    left = LONGEST - (monotonic() - start)
    return max((look for look in looks if cost(look) <= left), default=None)


def _decide(found: ReferenceRun, work: ReferenceRequest) -> None:
    """The verdicts after a look; a row that is not measured again keeps its verdict."""
    if found.taken:
        rows = {row.place: row for row in reference_rule.verdicts(found.taken)}
        kept = {place: row for place, row in found.rows.items() if work.enough(row)}
        found.rows = {**rows, **kept}


def _round(
    work: ReferenceRequest,
    books: tuple[Book, Book],
    jobs: Sequence[Job],
    progress: PairProgress,
    costs: Costs,
    *,
    exact: bool,
) -> None:
    """One round in fresh processes on both sides."""
    with paired_run.sides(work.environments, work.needs, work.options, shared=work.shared) as both:
        for side, before in zip(both, work.examined, strict=True):
            paired_run.unchanged(side, before)
        if exact and work.exact and not is_control(*work.examined):
            _count(work, both, books)
        for job in jobs:
            start = monotonic()
            progress.job_started(job)
            measured = paired_run.measure_pair(_of_mode(job), both, books, work.request, 0.0)
            seconds = monotonic() - start
            costs.learn(job, seconds, failed=not (measured and all(reading.measured for reading in measured)))
            if measured:
                progress.pair(job, measured)
            progress.job_finished(job, seconds)


def _of_mode(job: Job) -> Job:
    """The job as a worker gets it: a mode is prepared as in a later round, without the check of its outputs."""
    return job.model_copy(update={"round": job.round + 1}) if job.modes else job


def _jobs(work: ReferenceRequest) -> Iterator[Job]:
    """A job for each row, eager first; of the modes those that can be measured here."""
    request = work.request
    for name, metric in work.times.items():
        device = request.devices[metric.device]
        modes = [mode for group in mode_plan.groups(request, metric.device) for mode in group.modes]
        wanted = modes if work.modes and name in mode_plan.metrics(request, metric.device) else []
        for mode in (EAGER, *wanted):
            for architecture in request.architectures:
                yield Job(
                    architecture=architecture.name,
                    metrics=(name,),
                    device=device,
                    conditions=request.conditions_of(architecture.name),
                    process=metric.process if mode == EAGER else f"modes {metric.device}",
                    reference=architecture.reference,
                    modes=() if mode == EAGER else (mode,),
                )


def _rounds(jobs: Sequence[Job], first: int, end: int) -> list[Job]:
    """The jobs in the rounds from `first` on."""
    return [job.model_copy(update={"round": number}) for number in range(first, end) for job in jobs]


def _place(job: Job, metrics: Mapping[str, Metric]) -> Place:
    return metrics[job.metrics[0]].quantities[0].key, job.modes[0] if job.modes else EAGER, job.architecture


def _is_open(job: Job, work: ReferenceRequest, found: ReferenceRun) -> bool:
    row = found.rows.get(_place(job, work.times))
    return row is not None and not work.enough(row)


def _sorted(
    work: ReferenceRequest, books: Sequence[Book]
) -> tuple[dict[Place, tuple[Reading, Reading]], list[ReferenceGap]]:
    """The readings of rows that were measured on both sides, and the reasons of the others."""
    taken, gaps = {}, []
    for job in _jobs(work):
        key, mode, architecture = place = _place(job, work.times)
        reference, tonight = (book[paired_run.pair_of(job)].readings[key] for book in books)
        if reference.measured and tonight.measured:
            taken[place] = (reference, tonight)
        else:
            why = _reason(reference, tonight)
            gaps.append(ReferenceGap(architecture=architecture, metric=key, mode=mode, reason=why))
    return taken, gaps


def _reason(reference: Reading, tonight: Reading) -> str:
    """Why there is no number: which side failed first."""
    sides = (("reference", reference), ("tonight", tonight))
    lost = [(name, each) for name, each in sides if not each.measured and each.status != "skipped"] or list(sides)
    return "; ".join(f"{each.status} in {name}: {each.reason}" for name, each in lost)


def _is_counted(metric: Metric) -> bool:
    exact = all(is_exact(quantity) for quantity in metric.quantities)
    return metric.device == "none" and exact and not metric.always and metric.name != NOT_COUNTED


def _count(work: ReferenceRequest, sides: Sequence[Side], books: Sequence[Book]) -> None:
    """Counts and exact memory of each architecture on both sides."""
    for architecture in work.request.architectures:
        job = Job(
            architecture=architecture.name,
            metrics=tuple(work.exact),
            device="cpu",
            conditions=work.request.conditions_of(architecture.name),
            process="counts",
            reference=architecture.reference,
        )
        for side, book in zip(sides, books, strict=True):
            side.start(job, monotonic() + EXACT_SECONDS)
            verdict = side.finish()
            if verdict.status == "ok":
                record = book.get(architecture.name) or blank(architecture, work.request, side.about.recorded)
                readings = {reading.quantity.key: reading for reading in side.readings}
                book[architecture.name] = record.model_copy(update={"readings": record.readings | readings})


def _changes(work: ReferenceRequest, books: Sequence[Book]) -> Iterator[ReferenceChange]:
    """The counts that differ."""
    keys = [quantity.key for metric in work.exact.values() for quantity in metric.quantities]
    for architecture in work.request.architectures:
        reference, tonight = (book.get(pair_name(architecture.name, EAGER)) for book in books)
        yield from _differing(architecture.name, keys, reference, tonight)


def _differing(
    name: str, keys: Iterable[str], reference: Record | None, tonight: Record | None
) -> Iterator[ReferenceChange]:
    for key in keys if reference and tonight else ():
        before, now = (record.value(key) for record in (reference, tonight) if record)
        if before is not None and now is not None and before != now:
            yield ReferenceChange(architecture=name, metric=key, reference=before, tonight=now)
