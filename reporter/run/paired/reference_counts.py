"""Counts and exact memory in both environments of a run with --against, each once, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic

from reporter.compare.environments import About
from reporter.compare.matching import is_exact
from reporter.documents.reference_verdicts import ReferenceChange
from reporter.host.job import Job
from reporter.model import Metric, Quantity, Reading, Record, Verdict, absent
from reporter.model.records import EAGER, pair_name
from reporter.run import time_limit
from reporter.run.blank_records import blank
from reporter.run.paired import interleaving
from reporter.run.paired.interleaving import Side
from reporter.run.paired.paired_run import RecordsByPair, pair_of
from reporter.run.request import Request

NOT_COUNTED = "macs_fvcore"
"""Needs a package that a reference does not have."""
SECONDS = 300.0
"""The most that a job may take on one side."""


def is_counted(metric: Metric) -> bool:
    """Whether a metric is the same each time, and needs no device."""
    exact = all(is_exact(quantity) for quantity in metric.quantities)
    return metric.device == "none" and exact and not metric.always and metric.name != NOT_COUNTED


def plan(request: Request, metrics: Mapping[str, Metric]) -> list[Job]:
    """A job for each architecture."""
    return [
        Job(
            architecture=architecture.name,
            metrics=tuple(metrics),
            device="cpu",
            conditions=request.conditions_of(architecture.name),
            process="counts",
            reference=architecture.reference,
        )
        for architecture in (request.architectures if metrics else ())
    ]


def count(
    job: Job, sides: Sequence[Side], quantities: Sequence[Quantity], limit: float = math.inf, spent: float = 0.0
) -> list[list[Reading]]:
    """The readings of both sides; what is missing has the reason.

    `limit` are the seconds of the architecture, of which `spent` are over. The first side may take half of the others,
    so that one that takes too long is not the reason why there is none of the other.
    """
    if spent >= limit:
        over = time_limit.not_begun(limit)
        return [list(absent(quantities, over.status, over.reason or "")) for _ in sides]
    deadline = monotonic() + limit - spent
    shares = ((deadline - monotonic()) / left for left in range(len(sides), 0, -1))
    return [_counted(side, job, quantities, share, limit) for side, share in zip(sides, shares, strict=True)]


def _counted(side: Side, job: Job, quantities: Sequence[Quantity], seconds: float, limit: float) -> list[Reading]:
    verdict = interleaving.alone(side, job, min(SECONDS, max(0.0, seconds)))
    if verdict.status == "timeout" and seconds < SECONDS:
        verdict = Verdict("timeout", f"not done in its share of the {limit:.0f} s for this architecture")
    there = {reading.quantity.key for reading in side.readings}
    missing = [quantity for quantity in quantities if quantity.key not in there]
    verdict = interleaving.lost(side.unknown) if verdict.status == "ok" else verdict
    return [*side.readings, *absent(missing, verdict.status, verdict.reason or "")]


def add(
    job: Job,
    found: Sequence[Sequence[Reading]],
    books: Sequence[RecordsByPair],
    request: Request,
    abouts: Sequence[About],
) -> None:
    """Adds what was counted to the records."""
    architecture = request.architecture(job.architecture)
    for book, about, counted in zip(books, abouts, found, strict=True):
        record = book.get(pair_of(job)) or blank(architecture, request, about.recorded)
        readings = {reading.quantity.key: reading for reading in counted}
        book[pair_of(job)] = record.model_copy(update={"readings": record.readings | readings})


def changes(
    request: Request, metrics: Mapping[str, Metric], books: Sequence[RecordsByPair]
) -> Iterator[ReferenceChange]:
    """The counts that differ."""
    keys = [quantity.key for metric in metrics.values() for quantity in metric.quantities]
    for architecture in request.architectures:
        reference, tonight = (book.get(pair_name(architecture.name, EAGER)) for book in books)
        yield from _differing(architecture.name, keys, reference, tonight)


def _differing(
    name: str, keys: Iterable[str], reference: Record | None, tonight: Record | None
) -> Iterator[ReferenceChange]:
    for key in keys if reference and tonight else ():
        before, now = (record.value(key) for record in (reference, tonight) if record)
        if before is not None and now is not None and before != now:
            yield ReferenceChange(architecture=name, metric=key, reference=before, tonight=now)
