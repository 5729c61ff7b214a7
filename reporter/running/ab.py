"""Two environments in one job: every network is timed in both in turns, round by round, in fresh processes each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

from reporter import store
from reporter.measuring.job import Job
from reporter.running import turns
from reporter.running.ledger import blank, joined, with_loss
from reporter.running.request import Progress, Request, moment
from reporter.running.turns import Side
from reporter.types import LostRound, Metric, Origin, Reading, Record, ReporterError, Verdict, absent

OPTIONS = ("--a", "--b")
Book = dict[str, Record]


def timed(metrics: dict[str, Metric], devices: dict[str, str]) -> dict[str, Metric]:
    """The metrics that are times on a device that is there; ReporterError where there is none."""
    found = {name: metric for name, metric in metrics.items() if metric.timed and metric.device in devices}
    if not found:
        raise ReporterError("--metrics: only times are measured in turns; try latency, or latency_cpu_1thread")
    return found


def run(request: Request, environments: Sequence[Path], keep: bool, progress: Progress) -> tuple[Book, Book]:
    """The records of both sides by architecture; in request.folder under a/ and b/ after every measurement, if kept."""
    books: tuple[Book, Book] = ({}, {})
    jobs = list(plan(request))
    progress.plan(jobs)
    spent: dict[str, float] = {}
    for number in range(request.conditions.rounds):
        with sides(environments) as both:
            for job in (job for job in jobs if job.round == number):
                begun = monotonic()
                progress.begin(job)
                _measure(job, both, books, request, spent.get(job.architecture, 0.0))
                if keep:
                    _keep(request.folder, books, job.architecture)
                spent[job.architecture] = spent.get(job.architecture, 0.0) + monotonic() - begun
                progress.end(job, monotonic() - begun)
    return books


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
def sides(environments: Sequence[Path]) -> Iterator[list[Side]]:
    """Both environments, loaded anew: how a process lies in memory is part of the noise between rounds."""
    with closing(Side(OPTIONS[0], environments[0])) as a, closing(Side(OPTIONS[1], environments[1])) as b:
        if a.about["machine"] != b.about["machine"]:
            raise ReporterError("--a and --b see different machines; both must see the same processors and GPUs")
        yield [a, b]


def _measure(job: Job, sides: Sequence[Side], books: Sequence[Book], request: Request, spent: float) -> None:
    """One job on both sides; what failed in its first round is left as it is."""
    quantity = request.metrics[job.metrics[0]].quantities[0]
    architecture = next(entry for entry in request.architectures if entry.name == job.architecture)
    for book, side in zip(books, sides, strict=True):
        book.setdefault(job.architecture, blank(architecture, request, side.about))
    earlier = [book[job.architecture].readings.get(quantity.key) for book in books]
    if job.round and not all(reading and reading.measured for reading in earlier):
        return
    limit = request.timeout or math.inf
    over = Verdict("timeout", f"not begun: the {limit:.0f} s for this architecture were over")
    origin = Origin(run=request.run, started=moment())
    verdicts = [over] * 2 if spent >= limit else turns.measure(sides, (job, job), limit - spent)
    found = []
    for side, verdict in zip(sides, verdicts, strict=True):
        lost = absent((quantity,), verdict.status, verdict.reason or "")
        reading = next(iter(side.readings if verdict.status == "ok" else lost))
        found.append(reading.model_copy(update={"detail": {}, "origins": (origin,) * len(reading.rounds)}))
    for book, reading in zip(books, together(earlier, found, job.round, origin), strict=True):
        record = book[job.architecture]
        book[job.architecture] = record.model_copy(update={"readings": record.readings | {quantity.key: reading}})


def together(earlier: Sequence[Reading | None], found: Sequence[Reading], number: int, origin: Origin) -> list[Reading]:
    """Both sides with another round, or with the note that it was lost: a round counts on both sides or on neither."""
    there = [before for before in earlier if before and before.measured]
    if len(there) < len(found):
        return list(found)
    failed = next((reading for reading in found if not reading.measured), None)
    if failed is None:
        return [joined(before, now) for before, now in zip(there, found, strict=True)]
    lost = LostRound(number=number, status=failed.status, reason=failed.reason or "", origin=origin)
    return [with_loss(before, lost) for before in there]


def _keep(folder: Path, books: Sequence[Book], name: str) -> None:
    for side, book in zip("ab", books, strict=True):
        store.save(folder / side, book[name])
