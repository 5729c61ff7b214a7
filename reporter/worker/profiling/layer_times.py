"""Seconds per layer: the operators of profiled calls, assigned to the layers of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from reporter.model.profiles import LayerKernel, LayerTime
from reporter.worker.profiling.operator_events import Timed

LISTED = 5
"""The layers that a record has, those with the most seconds."""


def layer_times(
    calls: Sequence[Sequence[Timed]], kernels: Sequence[LayerKernel], inside: float, latency: float
) -> tuple[LayerTime, ...]:
    """The layers that take most, from the operators of each call; they are scaled so that all sum to `inside`.

    An operator is a layer's if it ran in the same place in the ledger; calls that ran others are left out. There are
    none where operators are so short that, less what the profiler adds to each, nothing is left of them.
    """
    names = [row.operator for row in kernels]
    found: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    wholes = []
    for parts in calls:
        computing = [part for part in parts if part.computes]
        if [part.event.name for part in computing] == names:
            seconds: dict[tuple[str, str, str, str], float] = defaultdict(float)
            for part, row in zip(computing, kernels, strict=True):
                seconds[row.layer, row.operator, row.kernel, row.library] += max(0.0, part.seconds)
            for key, each in seconds.items():
                found[key].append(each)
            wholes.append(sum(max(0.0, part.seconds) for part in parts))
    whole = median(wholes) if wholes else 0.0
    shares = {key: median(each) / whole for key, each in found.items()} if whole > 0 else {}
    largest = sorted(shares.items(), key=lambda each: -each[1])[:LISTED]
    scaled = ((*key, share * inside) for key, share in largest)
    return tuple(
        LayerTime(
            layer=layer,
            operator=operator,
            kernel=kernel,
            seconds=each,
            share=min(1.0, each / latency),
            library=library,
        )
        for layer, operator, kernel, library, each in scaled
    )
