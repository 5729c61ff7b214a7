"""What a run with --against takes once in both environments: counts, exact memory and kernels, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reporter.compare.environments import About, is_control
from reporter.compare.matching import NO_NUMBER
from reporter.compare.reference_names import RowPlace
from reporter.compare.reference_rule import ReferenceTime
from reporter.documents.reference_verdicts import ReferenceChange, ReferenceGap, ReferenceLoss, SideName
from reporter.host.job import Job
from reporter.metrics.operators import KERNELS
from reporter.model import Metric, Quantity, Reading
from reporter.model.records import EAGER
from reporter.run.paired import paired_run, reference_counts, reference_kernels
from reporter.run.paired.paired_run import RecordsByPair
from reporter.run.request import Request

NAMES: tuple[SideName, SideName] = ("reference", "tonight")


@dataclass(frozen=True)
class ExactValues:
    """The counts of `metrics` and the jobs that record `kernels`; nothing if both sides are the same environment."""

    request: Request
    metrics: Mapping[str, Metric]
    kernels: Sequence[Job]
    examined: tuple[About, About]

    @property
    def jobs(self) -> list[Job]:
        """Each is done once on both sides."""
        if is_control(*self.examined):
            return []
        return [*self.kernels, *reference_counts.plan(self.request, self.metrics)]

    @property
    def shown(self) -> list[Job]:
        """Those of the progress: the others take little time."""
        return [job for job in self.jobs if job in self.kernels]

    def quantities(self, job: Job) -> list[Quantity]:
        """What a job gives."""
        if job in self.kernels:
            return [KERNELS]
        return [quantity for name in job.metrics for quantity in self.metrics[name].quantities]

    def changes(self, books: Sequence[RecordsByPair], rows: Iterable[ReferenceTime]) -> reference_kernels.Found:
        """What differs, and which kernels could not be compared; `rows` are the verdicts on times beside them."""
        if is_control(*self.examined):
            return [], []
        kernels, gaps = reference_kernels.compare(self.kernels, books, self.examined, rows)
        counts: list[ReferenceChange] = list(reference_counts.changes(self.request, self.metrics, books))
        return [*counts, *kernels], gaps

    def failures(self, books: Sequence[RecordsByPair]) -> Iterator[ReferenceGap]:
        """The counts that failed, and the kernels that were not recorded, in one of both environments."""
        for job in self.jobs:
            name, mode = paired_run.pair_of(job), job.modes[0] if job.modes else EAGER
            for quantity in self.quantities(job):
                sides = [book[name].readings[quantity.key] for book in books]
                failed = any(side.status in NO_NUMBER for side in sides)
                if failed or (quantity == KERNELS and not all(side.measured for side in sides)):
                    yield gap(RowPlace(quantity.key, mode, job.architecture), *sides)


def gap(place: RowPlace, reference: Reading, tonight: Reading) -> ReferenceGap:
    """Why there is no number: which side failed first."""
    lost = [(NAMES[index], each) for index, each in paired_run.failures((reference, tonight))]
    return ReferenceGap(
        architecture=place.architecture,
        metric=place.metric,
        mode=place.mode,
        reason=paired_run.in_words(lost),
        failed=any(each.status in NO_NUMBER for _, each in lost),
        sides=tuple(name for name, _ in lost),
    )


def losses(place: RowPlace, reading: Reading) -> Iterator[ReferenceLoss]:
    """The rounds of a row that failed after others had succeeded."""
    first = 0 if place.mode == EAGER else 1  # workers get the rounds of modes as later ones
    for each in reading.lost:
        yield ReferenceLoss(
            architecture=place.architecture,
            metric=place.metric,
            mode=place.mode,
            round=each.number - first,
            reason=each.reason,
        )
