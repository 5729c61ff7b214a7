"""The measurement of a run with --against: both environments in turns, each row until it is clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any

from reporter.compare import reference_rule
from reporter.compare.environments import About
from reporter.compare.reference_names import RowPlace
from reporter.compare.reference_rule import ReferenceTime
from reporter.documents.reference_verdicts import ReferenceChange, ReferenceGap, ReferenceLoss
from reporter.host.job import Job
from reporter.model import Metric, Origin, Reading, ReporterError
from reporter.model.devices import ACCELERATORS, device_in
from reporter.model.fields import DEFAULT_MALLOC
from reporter.model.plurals import counted
from reporter.model.records import EAGER
from reporter.model.settings import PRESETS
from reporter.registry.execution_modes import engine_version
from reporter.run import mode_plan
from reporter.run.costs import Costs
from reporter.run.paired import interleaving, paired_run, reference_counts, reference_kernels
from reporter.run.paired.pair_journal import PairJournal
from reporter.run.paired.paired_run import PairProgress, RecordsByPair
from reporter.run.paired.reference_exact import NAMES, ExactValues, gap, losses
from reporter.run.request import Request, moment

OPTIONS = ("--against", "this environment")
USUAL = ("latency_cpu_1thread", *(f"latency_{each}" for each in ACCELERATORS))
"""What is measured if --metrics names nothing: the times that repeat best."""
LONGEST = 720.0
"""Seconds of both sides together, after which no more rounds are added."""


@dataclass(frozen=True)
class ReferenceRequest:
    """What is measured in both environments: `times` in turns, `exact` and `kernels` once; in all modes or in eager.

    `options` name both environments in messages; if `shared`, both may import the same torch.
    """

    request: Request
    times: Mapping[str, Metric]
    exact: Mapping[str, Metric]
    environments: tuple[Path, Path]
    examined: tuple[About, About]
    modes: bool = False
    kernels: bool = False
    options: tuple[str, str] = OPTIONS
    shared: bool = False
    enough: Callable[[ReferenceTime], bool] = field(default=lambda row: row.decided)
    """Whether a row needs no more rounds."""
    journal: Path | None = None
    """The file from which an interrupted run resumes."""

    @property
    def exact_values(self) -> ExactValues:
        """What is taken once on both sides."""
        kernels = reference_kernels.plan(self.request, self.times, self.modes) if self.kernels else []
        return ExactValues(self.request, self.exact, kernels, self.examined)

    @property
    def needs(self) -> tuple[str, ...]:
        return paired_run.needs(self.request)


@dataclass
class ReferenceRun:
    """What was measured: `rows` has the verdict on each row, `taken` its readings on both sides."""

    rows: dict[RowPlace, ReferenceTime] = field(default_factory=dict)
    taken: dict[RowPlace, tuple[Reading, Reading]] = field(default_factory=dict)
    gaps: list[ReferenceGap] = field(default_factory=list)
    lost: list[ReferenceLoss] = field(default_factory=list)
    changes: list[ReferenceChange] = field(default_factory=list)
    seconds: float = 0.0


def packages(request: Request, modes: bool) -> tuple[str, ...]:
    """What a reference needs besides torch and torchvision: for the architectures, and for the engines of its modes."""
    groups = [group for device in request.devices for group in mode_plan.groups(request, device)] if modes else []
    engines = [engine_version(mode, request.engines) for group in groups for mode in group.modes]
    modules = {module: None for each in engines if each for module in each.versions if module != "torch"}
    installed = metadata.packages_distributions() if modules else {}
    return (*paired_run.needs(request), *(installed.get(module, [module])[0] for module in modules))


def prepare(request: Request, environment: Path, modes: bool = False) -> ReferenceRequest:
    """Examines both environments; ReporterError, before anything is written, if they cannot be compared."""
    there = {name: metric for name, metric in request.metrics.items() if metric.device in request.devices}
    times = {name: each for name, each in there.items() if each.is_compared_in_turns and name not in DEFAULT_MALLOC}
    if not request.settings.get("metrics"):
        times = {name: metric for name, metric in times.items() if name in USUAL}
    if not times:
        usual = next(name for name in USUAL if device_in(name) in request.devices)
        raise ReporterError(f"--against: --metrics names no time that can be interleaved; try {usual}")
    exact = {name: each for name, each in request.metrics.items() if reference_counts.is_counted(each)}
    both = (environment, interleaving.here())
    needs = paired_run.needs(request)
    with paired_run.sides(both, needs, OPTIONS, keep=request.keep_env) as (reference, tonight):
        return ReferenceRequest(request, times, exact, both, (reference.about, tonight.about), modes)


def run(work: ReferenceRequest, progress: PairProgress) -> ReferenceRun:
    """Measures all rows in rounds over all architectures; a row that is decided is not measured again."""
    journal = PairJournal(work.journal, _about(work), fresh=work.request.fresh)
    if len(journal):
        are = "is" if len(journal) == 1 else "are"
        progress.note(f"{counted(len(journal), 'earlier measurement')} {are} used again")
    start, found = monotonic() - journal.seconds, ReferenceRun()
    books: tuple[RecordsByPair, RecordsByPair] = ({}, {})
    looks, open_jobs = reference_rule.looks(_fewest_rounds(work.request)), list(_jobs(work))
    half = work.request.limit / 2  # the rounds up to a look take at most as long as all before
    ended: set[RowPlace] = set()
    done = [job for job in work.exact_values.shown if job not in journal]
    costs, number = paired_run.costs_of(work.request, books), 0
    for place, look in enumerate(looks):
        planned = partial(_planned, open_jobs, journal, number)
        last = _affordable(looks[place:], partial(_cost, costs, planned), start)
        if last is None and number:
            break
        progress.plan([*done, *planned(last or look)], 1, costs.total)
        for turn in range(number, look):
            _round(work, books, _rounds(open_jobs, turn, turn + 1), progress, costs=costs, journal=journal)
        done, number = [*done, *planned(look)], look
        found.taken, found.gaps = _sorted(work, books)
        _decide(found, work)
        open_jobs = [job for job in open_jobs if _is_open(job, work, found)]
        late = [job for job in open_jobs if look != looks[-1] and journal.spent(job.architecture) > half]
        ended |= {_place(job, work.times) for job in late}
        open_jobs = [job for job in open_jobs if job not in late]
        if not open_jobs:
            break
    found.rows |= {place: reference_rule.ended(found.rows[place], 2 * half) for place in ended}
    progress.plan(done, 1, costs.total)
    found.lost = [loss for place, (reading, _) in found.taken.items() for loss in losses(place, reading)]
    listed = {(each.architecture, each.mode) for each in found.gaps if each.failed or each.mode != EAGER}
    found.changes, missing = work.exact_values.changes(books, found.rows.values())
    failures = work.exact_values.failures(books)
    found.gaps += [each for each in failures if (each.architecture, each.mode) not in listed]
    found.gaps += missing
    found.seconds = monotonic() - start
    return found


def _fewest_rounds(request: Request) -> int:
    """The rounds of the preset; those of a request with a budget are the most that fit, and no minimum."""
    if request.budget is None:
        return request.conditions.rounds
    rounds: int = PRESETS[request.settings["preset"]]["rounds"]
    return rounds


def _cost(costs: Costs, planned: Callable[[int], list[Job]], rounds: int) -> float:
    return costs.total(planned(rounds))


def _affordable(looks: Sequence[int], cost: Callable[[int], float], start: float) -> int | None:
    """The last of these looks that is reached before LONGEST is over; None if the first is not."""
    left = max(0.0, LONGEST - (monotonic() - start))  # what an interrupted run has measured costs nothing
    return max((look for look in looks if cost(look) <= left), default=None)


def _decide(found: ReferenceRun, work: ReferenceRequest) -> None:
    """The verdicts after a look; a row that is not measured again keeps its verdict."""
    if found.taken:
        rows = {row.place: row for row in reference_rule.verdicts(found.taken)}
        kept = {place: row for place, row in found.rows.items() if work.enough(row)}
        found.rows = {**rows, **kept}


def _about(work: ReferenceRequest) -> dict[str, Any]:
    """What is measured, and where: an interrupted run resumes if it is the same."""
    return {
        "sides": [side.model_dump(mode="json", exclude={"machine_facts"}) for side in work.examined],
        "definitions": [entry.definition for entry in work.request.architectures],
        "jobs": [job.model_dump(mode="json") for job in (*work.exact_values.jobs, *_jobs(work))],
    }


def _round(
    work: ReferenceRequest,
    books: tuple[RecordsByPair, RecordsByPair],
    jobs: Sequence[Job],
    progress: PairProgress,
    *,
    costs: Costs,
    journal: PairJournal,
) -> None:
    """One round in fresh processes on both sides; the first one also counts. What is in the journal is not repeated."""
    counts = [] if any(job.round for job in jobs) else work.exact_values.jobs
    for job in (job for job in counts if job in journal):
        reference_counts.add(job, journal.replay(job).readings, books, work.request, work.examined)
    for job in (_of_mode(job) for job in jobs if _of_mode(job) in journal):
        kept = journal.replay(job)
        taken = [side[0] for side in kept.readings]
        paired_run.add_round(job, taken, kept.origin, books, request=work.request, abouts=work.examined, names=NAMES)
    counts = [job for job in counts if job not in journal]
    jobs = [job for job in jobs if _of_mode(job) not in journal]
    if not counts and not jobs:
        return
    opened, limit, keep = monotonic(), work.request.limit, work.request.keep_env
    with paired_run.sides(work.environments, work.needs, work.options, shared=work.shared, keep=keep) as both:
        for side, before in zip(both, work.examined, strict=True):
            paired_run.unchanged(side, before)
        costs.opening = monotonic() - opened
        for job in counts:
            start, origin = monotonic(), Origin(run=work.request.run, started=moment())
            shown = job in work.exact_values.shown
            if shown:
                progress.job_started(job)
            quantities, spent = work.exact_values.quantities(job), journal.spent(job.architecture)
            found = reference_counts.count(job, both, quantities, limit, spent)
            journal.add(job, found, origin, monotonic() - start)
            reference_counts.add(job, found, books, work.request, work.examined)
            if shown:
                costs.learn(job, monotonic() - start)
                progress.job_finished(job, monotonic() - start)
        for job in jobs:
            start = monotonic()
            progress.job_started(job)
            of_mode, spent = _of_mode(job), journal.spent(job.architecture)
            measured = paired_run.measure_pair(of_mode, both, books, work.request, spent, journal=journal, names=NAMES)
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
        modes = [mode for group in mode_plan.groups(request, metric.device) for mode in group.modes if work.modes]
        wanted = [mode for mode in modes if name in mode_plan.metrics(request, metric.device, mode)]
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


def places(work: ReferenceRequest) -> list[RowPlace]:
    """The rows that are measured."""
    return [_place(job, work.times) for job in _jobs(work)]


def _planned(jobs: Sequence[Job], journal: PairJournal, first: int, stop: int) -> list[Job]:
    """The rounds from `first` to `stop` - 1, without what an interrupted run has measured."""
    return [job for job in _rounds(jobs, first, stop) if _of_mode(job) not in journal]


def _rounds(jobs: Sequence[Job], first: int, stop: int) -> list[Job]:
    """The jobs in the rounds from `first` to `stop` - 1."""
    return [job.model_copy(update={"round": number}) for number in range(first, stop) for job in jobs]


def _place(job: Job, metrics: Mapping[str, Metric]) -> RowPlace:
    metric = metrics[job.metrics[0]].quantities[0].key
    return RowPlace(metric, job.modes[0] if job.modes else EAGER, job.architecture)


def _is_open(job: Job, work: ReferenceRequest, found: ReferenceRun) -> bool:
    row = found.rows.get(_place(job, work.times))
    return row is not None and not work.enough(row)


def _sorted(
    work: ReferenceRequest, books: Sequence[RecordsByPair]
) -> tuple[dict[RowPlace, tuple[Reading, Reading]], list[ReferenceGap]]:
    """The readings of rows that were measured on both sides, and the reasons of the others."""
    taken, gaps = {}, []
    for job in _jobs(work):
        place = _place(job, work.times)
        reference, tonight = (book[paired_run.pair_of(job)].readings[place.metric] for book in books)
        if reference.measured and tonight.measured:
            taken[place] = (reference, tonight)
        else:
            gaps.append(gap(place, reference, tonight))
    return taken, gaps
