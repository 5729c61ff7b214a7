"""The kernels of both environments: each side records those of every architecture once, outside of the timed calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from reporter.compare import kernel_changes
from reporter.compare.differences import Differences, Gap
from reporter.compare.kernel_changes import VARIABLES
from reporter.compare.kernel_digests import COVERAGE
from reporter.compare.matching import NO_NUMBER, Pair
from reporter.host.fingerprints import variables
from reporter.host.job import Job
from reporter.metrics import operators
from reporter.model import Reading, Record, Verdict
from reporter.model.profiles import KernelLedger
from reporter.model.records import EAGER
from reporter.run.blank_records import blank
from reporter.run.paired import interleaving
from reporter.run.paired.interleaving import Side
from reporter.run.request import Request
from reporter.store.kernel_files import ledger_of

SECONDS = 0.1
"""Seconds of profiled calls in each setting, of which only the kernels are used."""
MISSING = Verdict("failed", "the worker ended without this reading")


@dataclass
class Kernels:
    """What A and B recorded, by architecture, and the architectures of which something is missing, by the reason.

    `failed`: some of it is missing because recording it failed or took too long, not because it is not supported.
    """

    books: tuple[dict[str, Record], dict[str, Record]] = field(default_factory=lambda: ({}, {}))
    missing: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    failed: bool = False

    def lose(self, setting: str, architecture: str, verdict: Verdict) -> None:
        """Notes why the kernels of an architecture in a setting are missing."""
        self.missing.setdefault((setting, verdict.reason or ""), []).append(architecture)
        self.failed = self.failed or verdict.status in NO_NUMBER

    def with_changes(self, found: Differences) -> Differences:
        """The differences in the times, and the layers that ran another kernel."""
        a, b = self.books
        pairs = [Pair(record, b[name]) for name, record in a.items()]
        ledgers = partial(_ledger, a), partial(_ledger, b)
        changes, gaps = kernel_changes.compare(pairs, found.timings, ledgers)
        lost = [Gap(why, kernel_changes.quantity(at), tuple(names)) for (at, why), names in self.missing.items()]
        return replace(found, changes=(*found.changes, *changes), gaps=(*found.gaps, *gaps, *lost))


def plan(request: Request) -> Iterator[Job]:
    """A job for each architecture and each device that is timed."""
    devices = {metric.device for metric in request.metrics.values()}
    for metric in (each for each in operators.ENTRIES if each.device in devices and not each.on_request):
        for architecture in request.architectures:
            yield Job(
                architecture=architecture.name,
                metrics=(metric.name,),
                device=request.devices[metric.device],
                conditions=request.conditions.model_copy(update={"seconds": SECONDS, "rounds": 1}),
                process=metric.process,
                reference=architecture.reference,
            )


def record(
    job: Job, sides: Sequence[Side], request: Request, found: Kernels, *, limit: float, spent: float = 0.0
) -> None:
    """Records the kernels of an architecture on both sides; a setting counts on both sides or on neither.

    `limit` are the seconds of the architecture, of which `spent` are over.
    """
    taken = [_recorded(side, job, limit, spent) for side in sides]
    architecture = request.architecture(job.architecture)
    keys = dict.fromkeys(key for readings, _ in taken for key in readings)
    for key in keys or [COVERAGE + device_of(job)]:
        if lost := _lost(key, taken):
            found.lose(key.removeprefix(COVERAGE), job.architecture, lost)
            continue
        for side, book, (readings, _) in zip(sides, found.books, taken, strict=True):
            before = book.get(job.architecture) or blank(architecture, request, side.about.recorded)
            book[job.architecture] = before.model_copy(update={"readings": {**before.readings, key: readings[key]}})


def device_of(job: Job) -> str:
    """The setting that stands for all of a job: its device without a number."""
    return job.device.partition(":")[0]


def _recorded(side: Side, job: Job, limit: float, spent: float) -> tuple[dict[str, Reading], Verdict]:
    """The readings with kernels by key, each with the variables of its side, and why others are missing."""
    verdict = interleaving.with_limit(interleaving.alone(side, job, limit - spent), limit, spent)
    found = {VARIABLES: variables(side.about.variables)}
    readings = {
        reading.quantity.key: reading.model_copy(update={"settings": {**reading.settings, **found}})
        for reading in side.readings
        if reading.quantity.key.startswith(COVERAGE)
    }
    return readings, verdict if verdict.status != "ok" else MISSING


def _lost(key: str, taken: Sequence[tuple[Mapping[str, Reading], Verdict]]) -> Verdict | None:
    """Why the kernels of a setting cannot be compared, of two sides for one that failed; None if both have them."""
    found = ((name, readings.get(key), verdict) for name, (readings, verdict) in zip("AB", taken, strict=True))
    lost = [(name, reading or verdict) for name, reading, verdict in found if reading is None or not reading.measured]
    lost.sort(key=lambda each: each[1].status not in NO_NUMBER)
    for name, why in lost:
        return Verdict(why.status, f"not recorded in {name}: {why.status}: {why.reason}")
    return None


def _ledger(book: Mapping[str, Record], machine: str, architecture: str) -> KernelLedger:
    return ledger_of(machine, architecture, {EAGER: book[architecture]})
