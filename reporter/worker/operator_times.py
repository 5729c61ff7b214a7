"""Seconds per operator: profiled calls in alternation with unprofiled ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from statistics import median

import torch
from torch.autograd.profiler import profile, record_function
from torch.nn.functional import adaptive_avg_pool2d

from reporter.model.profiles import GEMM, NATIVE, LayerKernel, OperatorTime
from reporter.worker.alternation import alternated
from reporter.worker.operator_events import PRODUCTS, OperatorEvent, Timed, events, operators, timed
from reporter.worker.timing import Call, cpu_timer

Key = tuple[str, str]
"""An operator and its kernel."""
CALIBRATION_CALLS = 100
CALL = "reporter inference"


@dataclass(frozen=True)
class OperatorProfile:
    """The operators of a call, with the seconds of an unprofiled one and the ratio of both before any scaling."""

    operators: tuple[OperatorTime, ...]
    latency: float
    coverage: float


def profiled(call: Call, kernels: Sequence[LayerKernel], seconds: float) -> OperatorProfile:
    """The operators of a call with their kernels; takes about `seconds` once the call is warm."""
    overhead = profiler_overhead()
    latencies: list[float] = []
    calls: list[dict[Key, list[float]]] = []
    ratios: list[float] = []
    for unprofiled, traced in alternated(call, partial(_traced, call), seconds):
        found = [[part for root in roots for part in timed(root, overhead)] for roots in traced]
        ratios.append(median(sum(part.seconds for part in parts) for parts in found) / median(unprofiled))
        latencies += unprofiled
        calls += [_by_kernel(parts, kernels) for parts in found]
    return OperatorProfile(_rows(calls, median(latencies)), median(latencies), median(ratios))


def _traced(call: Call, count: int) -> list[list[OperatorEvent]]:
    """The outermost operators of each of some calls in a row."""
    with profile() as found:
        for _ in range(count):
            with record_function(CALL):
                call()
    return [list(operators(each.children)) for each in events(found.kineto_results) if each.name == CALL]


def _by_kernel(parts: Sequence[Timed], kernels: Sequence[LayerKernel]) -> dict[Key, list[float]]:
    """The seconds of all calls of each operator with the same kernel."""
    found: dict[Key, list[float]] = defaultdict(list)
    for part, kernel in zip(parts, aligned(parts, kernels), strict=True):
        found[part.event.name, kernel].append(part.seconds)
    return found


def aligned(parts: Sequence[Timed], kernels: Sequence[LayerKernel]) -> list[str]:
    """The kernel of each operator: those of the ledger in the order of its calls.

    An operator that ran more or less often than in the ledger gets its kernel only if it always was the same.
    """
    known: dict[str, list[str]] = defaultdict(list)
    ran: dict[str, int] = defaultdict(int)
    for row in kernels:
        known[row.operator].append(row.kernel)
    for part in parts:
        ran[part.event.name] += part.computes
    places: dict[str, int] = defaultdict(int)
    found = []
    for part in parts:
        name, place = part.event.name, places[part.event.name]
        places[name] += 1
        listed = known[name]
        if part.computes and (len(listed) == ran[name] or len(set(listed)) == 1):
            found.append(listed[place % len(listed)])
        else:
            found.append(GEMM if name in PRODUCTS else NATIVE)
    return found


def _rows(calls: Sequence[dict[Key, list[float]]], latency: float) -> tuple[OperatorTime, ...]:
    """The median over all calls of the seconds of each operator, scaled to the latency."""
    keys = {key: None for call in calls for key in call}
    seconds = {key: max(0.0, median(sum(call.get(key, ())) for call in calls)) for key in keys}
    whole = sum(seconds.values()) or 1.0
    rows = [
        OperatorTime(
            operator=key[0],
            kernel=key[1],
            calls=round(median(len(call.get(key, ())) for call in calls)),
            seconds=each / whole * latency,
            share=min(1.0, each / whole),
        )
        for key, each in seconds.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.seconds))


@cache
def profiler_overhead() -> float:
    """The ns that the profiler adds to an operator for each one that it calls.

    Measured with the average pooling of a single pixel, which calls several, beside one that calls none.
    """
    pixel = torch.zeros(1, 1, 1, 1)
    excess, nested = [], 0
    for call in (partial(adaptive_avg_pool2d, pixel, 1), pixel.neg):
        cpu_timer(call, CALIBRATION_CALLS)
        unprofiled = median(cpu_timer(call, CALIBRATION_CALLS))
        roots = [each for (each,) in _traced(call, CALIBRATION_CALLS)]
        excess.append(median(root.end - root.start for root in roots) - unprofiled * 1e9)
        nested = nested or roots[0].nested
    return max(0.0, (excess[0] - excess[1]) / nested)
