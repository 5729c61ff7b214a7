"""Seconds per stage, from profiled calls that are marked where a stage begins."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from reporter.model import UnsupportedError
from reporter.model.profiles import StageTime
from reporter.worker.counts.layers import visits
from reporter.worker.counts.stage_costs import CostUnit, grouped, stage_row
from reporter.worker.profiling.observation import (
    STAGE,
    Groups,
    Observation,
    ProfilerOverhead,
    Traced,
    profiler_overhead,
)
from reporter.worker.profiling.operator_events import OperatorEvent
from reporter.worker.subject import Subject


@dataclass(frozen=True)
class StageProfile:
    """The stages of a call, with the seconds of a call that is not profiled and the ratio of their sum to it."""

    stages: tuple[StageTime, ...]
    latency: float
    coverage: float


def stage_groups(subject: Subject) -> list[list[CostUnit]]:
    """The parts of each stage, as the cards name them; UnsupportedError for a network that has none."""
    met, _ = subject.counted(lambda device: visits(subject.on(device), subject.input(1, device)))
    if not (groups := grouped(met[""].module, met, subject.size, subject.heads)):
        raise UnsupportedError("the network has no stages: no part of it has parameters or MACs")
    return groups


def stage_profile(observation: Observation, groups: Groups) -> StageProfile:
    """The stages of an observed call that is marked where they begin."""
    overhead = profiler_overhead()
    calls = [stage_seconds(each, len(groups), overhead) for each in observation.calls]
    coverage = observation.coverage(lambda each: sum(stage_seconds(each, len(groups), overhead)))
    return StageProfile(_rows(groups, calls), observation.latency, coverage)


def stage_seconds(traced: Traced, count: int, overhead: ProfilerOverhead) -> list[float]:
    """The seconds of each stage: what passes until another begins, without what the profiler adds.

    What passes before any begins is charged to the first.
    """
    seconds, roots = [0.0] * count, traced.operators
    begun = [root.start for root in roots]
    marks = [(traced.event.start, 0), *_marks(traced.event.children)]
    ends = [*(start for start, _ in marks[1:]), traced.event.end]
    for (start, stage), end in zip(marks, ends, strict=True):
        inside = roots[bisect_left(begun, start) : bisect_left(begun, end)]
        seconds[stage] += (end - start - overhead.of(inside)) / 1e9
    return seconds


def _marks(found: Iterable[OperatorEvent]) -> Iterator[tuple[int, int]]:
    """When a stage begins, in ns, and which."""
    for event in found:
        if event.name.startswith(STAGE):
            yield event.start, int(event.name.removeprefix(STAGE))
        else:
            yield from _marks(event.children)


def _rows(groups: Groups, calls: Sequence[Sequence[float]]) -> tuple[StageTime, ...]:
    """Each stage with its MACs and the median of its seconds."""
    rows = [stage_row(list(group)) for group in groups]
    seconds = [max(0.0, median(call[stage] for call in calls)) for stage in range(len(groups))]
    macs, whole = sum(row["macs"] for row in rows) or 1, sum(seconds) or 1.0
    return tuple(
        StageTime(
            stage=row["name"], macs=row["macs"], macs_share=row["macs"] / macs, seconds=each, share=min(1, each / whole)
        )
        for row, each in zip(rows, seconds, strict=True)
    )
