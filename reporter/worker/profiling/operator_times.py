"""Seconds per operator: from profiled calls, or as an engine lists them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from reporter.model.profiles import GEMM, NATIVE, LayerKernel, LayerTime, OperatorTime
from reporter.worker.latency.alternation import Alternation
from reporter.worker.latency.timing import Call, cpu_timer
from reporter.worker.profiling.layer_times import layer_times
from reporter.worker.profiling.observation import ProfilerOverhead, profiler_overhead
from reporter.worker.profiling.operator_events import PRODUCTS, OperatorEvent, Timed, operators, timed

Listed = Callable[[int], Sequence[Sequence[tuple[str, str, str, float]]]]
"""The operators of some calls as an engine lists them: node, operator, kernel and seconds."""
Key = tuple[str, str, str]
"""An operator, its kernel, and the library of that; empty where it has none."""
ENGINE_CALLS = 5
PYTHON = ("python", "interpreter", "")
"""The operator and kernel that stand for the time between operators."""
GPU_IDLE = ("gpu_idle", "idle", "")
"""The operator and kernel that stand for the time in which a GPU runs no kernel."""
USUAL_GAP = 3
"""So many times as long as the median gap between operators is one that the interpreter alone explains."""


@dataclass(frozen=True)
class OperatorProfile:
    """The operators of a call, with the seconds of an unprofiled one and the ratio of both before any scaling."""

    operators: tuple[OperatorTime, ...]
    latency: float
    coverage: float
    layers: tuple[LayerTime, ...] = ()


def profiled(observation: Alternation[OperatorEvent], kernels: Sequence[LayerKernel]) -> OperatorProfile:
    """The operators of an observed call with their kernels.

    What passes between the operators, in the Python interpreter, is listed as one more. In the coverage each of these
    gaps counts as long as is usual in the call at most: an operator that is missed leaves a longer gap.
    """
    overhead = profiler_overhead()
    calls = [_seconds(each, kernels, overhead) for each in observation.observed]
    coverage = observation.coverage(lambda each: _covered(each, overhead))
    rows, latency = _rows(calls, observation.latency), observation.latency
    inside = latency - sum(row.seconds for row in rows if (row.operator, row.kernel, row.library) == PYTHON)
    layers = layer_times([_parts(each, overhead) for each in observation.observed], kernels, inside, latency)
    return OperatorProfile(rows, latency, coverage, layers)


def from_engine(call: Call, operators: Listed) -> tuple[OperatorProfile, list[LayerKernel]]:
    """The operators that an engine lists of some calls, between calls that it does not profile."""
    before = cpu_timer(call, 1 + ENGINE_CALLS)[1:]
    listed = operators(1 + ENGINE_CALLS)[1:]
    return from_lists(listed, median(before + cpu_timer(call, 1 + ENGINE_CALLS)[1:]))


def from_lists(
    listed: Sequence[Sequence[tuple[str, str, str, float]]], latency: float, rest: Key | None = None
) -> tuple[OperatorProfile, list[LayerKernel]]:
    """The operators of some calls that are listed with node, operator, kernel and seconds, and the ledger's rows.

    With `rest`, what they leave of the latency is a row of that name, and all others keep their seconds. It is no part
    of the coverage and of the ledger.
    """
    calls: list[dict[Key, list[float]]] = []
    for each in listed:
        found: dict[Key, list[float]] = defaultdict(list)
        for _, operator, kernel, seconds in each:
            found[operator, kernel, ""].append(seconds)
        calls.append(found)
    whole = median(sum(row[3] for row in each) for each in listed)
    left = latency - sum(_medians(calls).values())
    if rest and left > 0:
        calls = [{**each, rest: [left]} for each in calls]
    rows = [
        LayerKernel(layer=node, operator=operator, kernel=kernel, shapes="", dtype="", layout="")
        for node, operator, kernel, _ in listed[-1]
    ]
    return OperatorProfile(_rows(calls, latency), latency, whole / latency), rows


def _seconds(call: OperatorEvent, kernels: Sequence[LayerKernel], overhead: ProfilerOverhead) -> dict[Key, list[float]]:
    """The seconds of all calls of each operator with the same kernel, and those between the operators."""
    parts = _parts(call, overhead)
    found: dict[Key, list[float]] = defaultdict(list)
    for part, kernel in zip(parts, aligned(parts, kernels), strict=True):
        found[(part.event.name, *kernel)].append(part.seconds)
    found[PYTHON].append(sum(_gaps(call, overhead)))
    return found


def _parts(call: OperatorEvent, overhead: ProfilerOverhead) -> list[Timed]:
    """The backend operators of a call."""
    return [part for root in operators(call.children) for part in timed(root, overhead.nested)]


def _gaps(call: OperatorEvent, overhead: ProfilerOverhead) -> list[float]:
    """The seconds before each outermost operator and after the last."""
    roots = list(operators(call.children))
    ends = [call.start, *(root.end for root in roots)]
    starts = [*(root.start for root in roots), call.end]
    lost = [overhead.outer] * len(roots) + [0.0]
    return [(start - end - each) / 1e9 for start, end, each in zip(starts, ends, lost, strict=True)]


def _covered(call: OperatorEvent, overhead: ProfilerOverhead) -> float:
    """The seconds of the operators and of the usual gaps between them."""
    gaps = _gaps(call, overhead)
    most = USUAL_GAP * median(gaps)
    return sum(part.seconds for part in _parts(call, overhead)) + sum(min(gap, most) for gap in gaps)


def aligned(parts: Sequence[Timed], kernels: Sequence[LayerKernel]) -> list[tuple[str, str]]:
    """The kernel of each operator with its library: those of the ledger in the order of its calls.

    An operator that ran more or less often than in the ledger gets its kernel only if it always was the same.
    """
    known: dict[str, list[tuple[str, str]]] = defaultdict(list)
    ran: dict[str, int] = defaultdict(int)
    for row in kernels:
        known[row.operator].append((row.kernel, row.library))
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
            found.append((GEMM if name in PRODUCTS else NATIVE, ""))
    return found


def _rows(calls: Sequence[dict[Key, list[float]]], latency: float) -> tuple[OperatorTime, ...]:
    """The median over all calls of the seconds of each operator, scaled to the latency."""
    seconds = _medians(calls)
    whole = sum(seconds.values()) or 1.0
    rows = [
        OperatorTime(
            operator=key[0],
            kernel=key[1],
            calls=round(median(len(call.get(key, ())) for call in calls)),
            seconds=each / whole * latency,
            share=min(1.0, each / whole),
            library=key[2],
        )
        for key, each in seconds.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.seconds))


def _medians(calls: Sequence[dict[Key, list[float]]]) -> dict[Key, float]:
    """The median over all calls of the seconds of each operator."""
    keys = {key: None for call in calls for key in call}
    return {key: max(0.0, median(sum(call.get(key, ())) for call in calls)) for key in keys}
