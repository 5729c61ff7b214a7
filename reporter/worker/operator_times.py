"""Seconds per operator: profiled calls in alternation with unprofiled ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from statistics import median
from typing import NamedTuple

import torch
from torch.autograd.profiler import profile, record_function
from torch.nn.functional import adaptive_avg_pool2d

from reporter.model.profiles import GEMM, NATIVE, LayerKernel, OperatorTime
from reporter.worker.alternation import alternated, is_settled
from reporter.worker.operator_events import PRODUCTS, OperatorEvent, Timed, events, operators, timed
from reporter.worker.timing import Call, cpu_timer

Listed = Callable[[int], Sequence[Sequence[tuple[str, str, str, float]]]]
"""The operators of some calls as an engine lists them: node, operator, kernel and seconds."""
Key = tuple[str, str]
"""An operator and its kernel."""
CALIBRATION_CALLS, REPEATED, ENGINE_CALLS = 20, 20, 5
PYTHON = ("python", "interpreter")
"""The operator and kernel that stand for the time between operators."""
CALL = "reporter inference"


@dataclass(frozen=True)
class OperatorProfile:
    """The operators of a call, with the seconds of an unprofiled one and the ratio of both before any scaling."""

    operators: tuple[OperatorTime, ...]
    latency: float
    coverage: float


def profiled(call: Call, kernels: Sequence[LayerKernel], seconds: float) -> OperatorProfile:
    """The operators of a call with their kernels; takes `seconds` at most, or a few calls.

    What passes between the operators, in the Python interpreter, is listed as one more, and no part of the coverage:
    operators that are missed would be in it.
    """
    overhead = profiler_overhead()
    latencies: list[float] = []
    calls: list[dict[Key, list[float]]] = []
    sums: list[float] = []
    for unprofiled, traced in alternated(call, partial(_traced, call), seconds):
        found = [_seconds(each, kernels, overhead) for each in traced]
        sums += [sum(sum(parts) for key, parts in each.items() if key != PYTHON) for each in found]
        latencies += unprofiled
        calls += found
        if is_settled(latencies, sums):
            break
    return OperatorProfile(_rows(calls, median(latencies)), median(latencies), min(sums) / min(latencies))


def from_engine(call: Call, operators: Listed) -> tuple[OperatorProfile, list[LayerKernel]]:
    """The operators that an engine lists of some calls, between calls that it does not profile."""
    before = cpu_timer(call, 1 + ENGINE_CALLS)[1:]
    listed = operators(1 + ENGINE_CALLS)[1:]
    return from_lists(listed, median(before + cpu_timer(call, 1 + ENGINE_CALLS)[1:]))


def from_lists(
    listed: Sequence[Sequence[tuple[str, str, str, float]]], latency: float
) -> tuple[OperatorProfile, list[LayerKernel]]:
    """The operators of some calls that are listed with node, operator, kernel and seconds, and the ledger's rows."""
    calls: list[dict[Key, list[float]]] = []
    for each in listed:
        found: dict[Key, list[float]] = defaultdict(list)
        for _, operator, kernel, seconds in each:
            found[operator, kernel].append(seconds)
        calls.append(found)
    whole = median(sum(row[3] for row in each) for each in listed)
    rows = [
        LayerKernel(layer=node, operator=operator, kernel=kernel, shapes="", dtype="", layout="")
        for node, operator, kernel, _ in listed[-1]
    ]
    return OperatorProfile(_rows(calls, latency), latency, whole / latency), rows


def _traced(call: Call, count: int) -> list[OperatorEvent]:
    """The ranges of some calls in a row."""
    with profile() as found:
        for _ in range(count):
            with record_function(CALL):
                call()
    return [each for each in events(found.kineto_results) if each.name == CALL]


def _seconds(
    traced: OperatorEvent, kernels: Sequence[LayerKernel], overhead: ProfilerOverhead
) -> dict[Key, list[float]]:
    """The seconds of all calls of each operator with the same kernel, and those between the operators."""
    roots = list(operators(traced.children))
    parts = [part for root in roots for part in timed(root, overhead.nested)]
    found: dict[Key, list[float]] = defaultdict(list)
    for part, kernel in zip(parts, aligned(parts, kernels), strict=True):
        found[part.event.name, kernel].append(part.seconds)
    between = traced.end - traced.start - sum(root.end - root.start for root in roots) - overhead.outer * len(roots)
    found[PYTHON].append(between / 1e9)
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


class ProfilerOverhead(NamedTuple):
    """The ns that the profiler adds to a call for each outermost operator, and to an operator for each nested one."""

    outer: float
    nested: float


@cache
def profiler_overhead() -> ProfilerOverhead:
    """Measured with two operators of a single pixel, one of which calls several others."""
    pixel = torch.zeros(1, 1, 1, 1)
    with torch.inference_mode():
        outer, _ = _excess(pixel.neg)
        whole, nested = _excess(partial(adaptive_avg_pool2d, pixel, 1))
    return ProfilerOverhead(max(0.0, outer), max(0.0, (whole - outer) / nested))


def _excess(call: Call) -> tuple[float, int]:
    """The ns that the profiler adds to a small call, and how many operators its outermost one calls."""

    def repeated() -> None:
        for _ in range(REPEATED):
            call()

    cpu_timer(repeated, CALIBRATION_CALLS)
    unprofiled = median(cpu_timer(repeated, CALIBRATION_CALLS)) * 1e9
    traced = _traced(repeated, CALIBRATION_CALLS)
    whole = median(each.end - each.start for each in traced)
    return (whole - unprofiled) / REPEATED, next(operators(traced[0].children)).nested
