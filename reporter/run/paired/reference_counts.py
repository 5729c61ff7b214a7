"""Counts and exact memory in both environments of a run with --against, each once, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reporter.compare.environments import About
from reporter.compare.matching import is_exact
from reporter.documents.reference_verdicts import ReferenceChange
from reporter.host.job import Job
from reporter.model import Metric, Reading, Record
from reporter.model.records import EAGER, pair_name
from reporter.run.blank_records import blank
from reporter.run.paired import interleaving
from reporter.run.paired.interleaving import Side
from reporter.run.paired.paired_run import Book
from reporter.run.request import Request

NOT_COUNTED = "macs_fvcore"
"""Needs a package that a reference does not have."""
SECONDS = 300.0


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


def count(job: Job, sides: Sequence[Side]) -> list[list[Reading]]:
    """The readings of both sides, none of a side on which it failed."""
    verdicts = [interleaving.alone(side, job, SECONDS) for side in sides]
    return [side.readings if verdict.status == "ok" else [] for side, verdict in zip(sides, verdicts, strict=True)]


def add(
    job: Job, found: Sequence[Sequence[Reading]], books: Sequence[Book], request: Request, abouts: Sequence[About]
) -> None:
    """Adds what was counted to the records."""
    architecture = next(entry for entry in request.architectures if entry.name == job.architecture)
    for book, about, counted in zip(books, abouts, found, strict=True):
        if counted:
            record = book.get(job.architecture) or blank(architecture, request, about.recorded)
            readings = {reading.quantity.key: reading for reading in counted}
            book[job.architecture] = record.model_copy(update={"readings": record.readings | readings})


def changes(request: Request, metrics: Mapping[str, Metric], books: Sequence[Book]) -> Iterator[ReferenceChange]:
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
