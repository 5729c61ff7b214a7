"""Two environments in one job: every network is timed in both in turns, round by round, in fresh processes each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Protocol

from reporter.architectures.timm import PREFIX
from reporter.compare.environments import About
from reporter.host.job import Job
from reporter.model import LostRound, Metric, Origin, Quantity, Reading, Record, ReporterError, Verdict, absent
from reporter.model.fields import DEFAULT_MALLOC
from reporter.model.records import EAGER, pair_name
from reporter.run import time_limit
from reporter.run.blank_records import blank
from reporter.run.costs import USUAL_SPEED, Costs
from reporter.run.joined_rounds import joined, with_loss
from reporter.run.paired import interleaving, kernels
from reporter.run.paired.imports import OPTIONS, check
from reporter.run.paired.interleaving import Side
from reporter.run.paired.kernels import Kernels
from reporter.run.paired.pair_journal import PairJournal
from reporter.run.request import Progress, Request, moment
from reporter.store import record_files

RecordsByPair = dict[str, Record]


class PairProgress(Progress, Protocol):
    def restart(self) -> None:
        """Another comparison is prepared: what was planned and done in the one before is no part of it."""

    def pair(self, job: Job, readings: Sequence[Reading]) -> None:
        """A measurement on both sides is done: the readings of A and B so far."""


def timed(metrics: dict[str, Metric], devices: dict[str, str]) -> dict[str, Metric]:
    """The metrics that are times on a device that is there; ReporterError where there is none."""
    there = {name: metric for name, metric in metrics.items() if metric.device in devices}
    times = {name: metric for name, metric in there.items() if metric.is_compared_in_turns}
    found = {name: metric for name, metric in times.items() if name not in DEFAULT_MALLOC}
    if not found:
        raise ReporterError("--metrics: only times can be interleaved; try latency, or latency_cpu_1thread")
    return found


def examine(request: Request, environments: Sequence[Path]) -> tuple[About, About]:
    """What each side imports, by its own account; ReporterError, before anything is written, where they cannot measure.

    Loads both once without measuring, which also brings their files into the page cache.
    """
    with sides(environments, needs(request), keep=request.keep_env) as (a, b):
        return a.about, b.about


def needs(request: Request) -> tuple[str, ...]:
    """The packages that the architectures need besides torch and torchvision."""
    return ("timm",) if any(entry.name.startswith(PREFIX) for entry in request.architectures) else ()


def run(
    request: Request,
    environments: Sequence[Path],
    examined: Sequence[About],
    keep: bool,
    progress: PairProgress,
    *,
    recorded: Kernels | None = None,
) -> tuple[RecordsByPair, RecordsByPair]:
    """The records of both sides by architecture; in request.folder under a/ and b/ after every measurement, if kept.

    At the end of the first round, the kernels of both sides are added to `recorded`.
    """
    books: tuple[RecordsByPair, RecordsByPair] = ({}, {})
    profiles = [] if recorded is None else list(kernels.plan(request))
    jobs = sorted([*plan(request), *profiles], key=lambda job: job.round)
    costs = costs_of(request, books)
    progress.plan(jobs, 1, costs.total)
    spent: dict[str, float] = {}
    for number in range(request.conditions.rounds):
        start = monotonic()
        with sides(environments, needs(request), keep=request.keep_env) as both:
            for side, before in zip(both, examined, strict=True):
                unchanged(side, before)
            costs.opening = monotonic() - start
            for job in (job for job in jobs if job.round == number):
                job_start = monotonic()
                progress.job_started(job)
                earlier = spent.get(job.architecture, 0.0)
                if recorded is not None and job in profiles:
                    _record_kernels(job, both, books, request, recorded=recorded, spent=earlier)
                    measured = []
                else:
                    measured = measure_pair(job, both, books, request, earlier, names="AB")
                if keep:
                    _save(request.folder, books, job.architecture)
                seconds = monotonic() - job_start
                spent[job.architecture] = earlier + seconds
                costs.learn(job, seconds, failed=not (measured and all(reading.measured for reading in measured)))
                if measured:
                    progress.pair(job, measured)
                progress.job_finished(job, seconds)
    return books


def _record_kernels(
    job: Job,
    sides: Sequence[Side],
    books: Sequence[RecordsByPair],
    request: Request,
    *,
    recorded: Kernels,
    spent: float,
) -> None:
    """Records the kernels of an architecture, if both sides can measure it and its time is not over."""
    readings = [list(book[job.architecture].readings.values()) for book in books]
    if not all(any(each.measured for each in side) for side in readings):
        return
    if spent >= request.limit:
        recorded.lose(kernels.device_of(job), job.architecture, time_limit.not_begun(request.limit))
    else:
        kernels.record(job, sides, request, recorded, limit=request.limit, spent=spent)


def unchanged(side: Side, before: About) -> None:
    """ReporterError if an environment imports something else than before."""
    if side.about.imports != before.imports:
        raise ReporterError(f"{side.name} was changed while it was measured; run the command again")


def costs_of(request: Request, books: Sequence[RecordsByPair]) -> Costs:
    """The cost model; of the multiply-adds of an architecture it has only what is published."""
    blanks = {entry.name: blank(entry, request, request.about) for entry in request.architectures}
    return Costs({}, USUAL_SPEED, lambda name: books[0].get(name, blanks[name]))


def plan(request: Request) -> Iterator[Job]:
    """One metric of one network in one round: a job for either side."""
    for number in range(request.conditions.rounds):
        for name, metric in request.metrics.items():
            for architecture in request.architectures:
                yield Job(
                    architecture=architecture.name,
                    metrics=(name,),
                    device=request.devices[metric.device],
                    conditions=request.conditions,
                    process=metric.process,
                    round=number,
                    reference=architecture.reference,
                )


@contextmanager
def sides(
    environments: Sequence[Path],
    needs: Sequence[str] = (),
    options: Sequence[str] = OPTIONS,
    *,
    shared: bool = False,
    keep: Collection[str] = (),
) -> Iterator[list[Side]]:
    """Both environments, loaded again: the memory layout of a process is part of the noise between rounds.

    `shared`: both may import torch from the same path. `keep`: variables that they inherit although they may be
    credentials.
    """
    first, second = zip(options, environments, strict=True)
    with closing(Side(*first, needs, keep)) as a, closing(Side(*second, needs, keep)) as b:
        for side in (a, b):
            side.hello()
        check((a.about, b.about), environments, options, shared=shared)
        yield [a, b]


def measure_pair(
    job: Job,
    sides: Sequence[Side],
    books: Sequence[RecordsByPair],
    request: Request,
    spent: float,
    *,
    journal: PairJournal | None = None,
    names: Sequence[str] = (),
) -> list[Reading]:
    """One job on both sides: the readings of A and B so far; none where an earlier round failed, which is kept.

    `names` of the sides are in the reasons of lost rounds, if they are given.
    """
    quantity, start = request.metrics[job.metrics[0]].quantities[0], monotonic()
    earlier = [book[pair_of(job)].readings.get(quantity.key) if pair_of(job) in book else None for book in books]
    if any(earlier) and not all(reading and reading.measured for reading in earlier):
        return []
    limit, over = request.limit, time_limit.not_begun(request.limit)
    origin = Origin(run=request.run, started=moment())
    verdicts = [over] * 2 if spent >= limit else interleaving.measure(sides, (job, job), limit - spent)
    if spent < limit:
        verdicts = [interleaving.with_limit(verdict, limit, spent) for verdict in verdicts]
    taken = [_reading(side, verdict, quantity, origin) for side, verdict in zip(sides, verdicts, strict=True)]
    if journal is not None:
        journal.add(job, [[reading] for reading in taken], origin, monotonic() - start)
    abouts = [side.about for side in sides]
    return add_round(job, taken, origin, books, request=request, abouts=abouts, names=names)


def add_round(
    job: Job,
    taken: Sequence[Reading],
    origin: Origin,
    books: Sequence[RecordsByPair],
    *,
    request: Request,
    abouts: Iterable[About],
    names: Sequence[str] = (),
) -> list[Reading]:
    """Adds what a job measured on both sides to the records: the readings of A and B so far."""
    key, pair = request.metrics[job.metrics[0]].quantities[0].key, pair_of(job)
    architecture = request.architecture(job.architecture)
    for book, about in zip(books, abouts, strict=True):
        book.setdefault(pair, blank(architecture, request, about.recorded))
    earlier = [book[pair].readings.get(key) for book in books]
    for book, reading in zip(books, together(earlier, taken, job.round, origin, names), strict=True):
        record = book[pair]
        book[pair] = record.model_copy(update={"readings": record.readings | {key: reading}})
    return [book[pair].readings[key] for book in books]


def pair_of(job: Job) -> str:
    """The name of the (architecture, mode) pair that a job measures, its key in a book."""
    return pair_name(job.architecture, job.modes[0] if job.modes else EAGER)


def _reading(side: Side, verdict: Verdict, quantity: Quantity, origin: Origin) -> Reading:
    """What a side measured, or why there is nothing."""
    if verdict.status != "ok":
        return next(absent((quantity,), verdict.status, verdict.reason or ""))
    reading = next((each for each in side.readings if each.quantity.key == quantity.key), side.readings[0])
    return reading.model_copy(update={"detail": {}, "origins": (origin,) * len(reading.rounds)})


def together(
    earlier: Sequence[Reading | None],
    found: Sequence[Reading],
    number: int,
    origin: Origin,
    names: Sequence[str] = (),
) -> list[Reading]:
    """Both sides with another round, or with the note that it was lost: a round counts on both sides or on neither."""
    there = [before for before in earlier if before and before.measured]
    if len(there) < len(found):
        return list(found)
    if all(reading.measured for reading in found):
        return [joined(before, now) for before, now in zip(there, found, strict=True)]
    failed = failures(found)
    status, reason = failed[0][1].status, failed[0][1].reason or ""
    if names:
        reason = in_words([(names[index], reading) for index, reading in failed])
    lost = LostRound(number=number, status=status, reason=reason, origin=origin)
    return [with_loss(before, lost) for before in there]


def failures(found: Sequence[Reading]) -> list[tuple[int, Reading]]:
    """The sides without a number, by their index: not those that were skipped because the other one failed."""
    lost = [(index, reading) for index, reading in enumerate(found) if not reading.measured]
    return [(index, reading) for index, reading in lost if reading.status != "skipped"] or lost


def in_words(failed: Iterable[tuple[str, Reading]]) -> str:
    """Why there is no number, by the names of the sides."""
    return "; ".join(f"{reading.status} in {name}: {reading.reason}" for name, reading in failed)


def _save(folder: Path, books: Sequence[RecordsByPair], name: str) -> None:
    for side, book in zip("ab", books, strict=True):
        record_files.save(folder / side, book[name])
