"""Profiled calls of an inference between calls that are not: where operators and ceilings come from.

They are observed once in each setting, for all metrics of a job.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from statistics import median
from typing import NamedTuple

import torch
from torch.autograd.profiler import profile, record_function
from torch.nn.functional import adaptive_avg_pool2d

from reporter.worker.latency.alternation import Alternation, Effort, alternated
from reporter.worker.latency.timing import Call, cpu_timer
from reporter.worker.profiling.operator_events import OperatorEvent, events, operators

CALL = "reporter inference"
"""The name of the range of a call."""
CALIBRATION_CALLS, REPEATED = 20, 20


class ProfilerOverhead(NamedTuple):
    """The ns that the profiler adds to a call for each outermost operator, and to an operator for each nested one."""

    outer: float
    nested: float

    def of(self, found: Sequence[OperatorEvent]) -> float:
        """The ns that it adds for some outermost operators."""
        return sum(self.outer + self.nested * each.nested for each in found)


def observe(call: Call, effort: Effort) -> Alternation[OperatorEvent]:
    """Profiles a call that has run before, between calls that are not profiled: the ranges of the profiled ones."""
    overhead = profiler_overhead()

    def duration(event: OperatorEvent) -> float:
        return (event.end - event.start - overhead.of(list(operators(event.children)))) / 1e9

    return alternated(call, partial(traced, call), duration, effort)


def traced(call: Call, count: int) -> list[OperatorEvent]:
    """The ranges of some calls in a row."""
    with profile() as found:
        for _ in range(count):
            with record_function(CALL):
                call()
    return [each for each in events(found.kineto_results) if each.name == CALL]


@cache
def profiler_overhead() -> ProfilerOverhead:
    """Measured with two operators of a single pixel, one of which calls several others."""
    pixel = torch.zeros(1, 1, 1, 1)
    with torch.inference_mode():
        outer, _ = _excess(pixel.neg)
        duration, nested = _excess(partial(adaptive_avg_pool2d, pixel, 1))
    return ProfilerOverhead(max(0.0, outer), max(0.0, (duration - outer) / nested))


def _excess(call: Call) -> tuple[float, int]:
    """The ns that the profiler adds to a small call, and how many operators its outermost one calls."""

    def repeated() -> None:
        for _ in range(REPEATED):
            call()

    cpu_timer(repeated, CALIBRATION_CALLS)
    unprofiled = median(cpu_timer(repeated, CALIBRATION_CALLS)) * 1e9
    found = traced(repeated, CALIBRATION_CALLS)
    duration = median(each.end - each.start for each in found)
    return (duration - unprofiled) / REPEATED, next(operators(found[0].children)).nested
