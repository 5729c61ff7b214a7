"""Timing several variants of one network in turns: blocks of calls, so that a drift of the machine is shared.

In turns call by call, the faster variant would pay for the caches that the others fill: a block's first call is not
counted, unless the calls of all variants are so long that the caches hardly matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Protocol

from reporter.worker.latency.alternation import LONG_CALL
from reporter.worker.latency.timing import WINDOW_SECONDS, Call, Timer, is_precise, warm_up

FEWEST_PASSES = 3
"""Every variant gets at least so many blocks: of three, one that was disturbed does not decide the median."""
MOST_CALLS = 25
"""Of one block."""
FEWEST_CALLS = 2
"""Of a block of one variant alone."""
Announce = Callable[[str], None]


class Rotation(Protocol):
    def __call__(
        self, calls: Mapping[str, Call], timer: Timer, *, seconds: float, goal: float, announce: Announce
    ) -> dict[str, tuple[float, ...]]:
        """Seconds per call of each variant, measured in turns."""


def rotate(
    calls: Mapping[str, Call], timer: Timer, *, seconds: float, goal: float, announce: Announce
) -> dict[str, tuple[float, ...]]:
    """Seconds per call of each variant once it is warm, in blocks in turns.

    Each variant is sampled for `seconds`, shorter where the interval of every one spans less than `goal` of its median.
    `announce` is called with the name of a variant before each of its blocks: if the process dies, the variant that was
    announced last is the one that ran.
    """
    took = {}
    for name, call in calls.items():
        announce(name)
        took[name] = warm_up(call, timer, seconds)
    uncounted = int(min(took.values()) < LONG_CALL)
    counts = {name: max(1, min(MOST_CALLS, round(WINDOW_SECONDS / each))) for name, each in took.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    deadline, passes = perf_counter() + seconds * len(calls), 0
    while passes < FEWEST_PASSES or (perf_counter() < deadline and not _are_precise(samples, goal)):
        for name in _in_order(list(calls), passes):
            announce(name)
            samples[name] += timer(calls[name], uncounted + counts[name])[uncounted:]
        passes += 1
    return {name: tuple(each) for name, each in samples.items()}


def consecutive(call: Call, timer: Timer) -> list[float]:
    """Seconds of each call in a block of one variant alone; of short calls, the first one is not counted."""
    (first,) = timer(call, 1)
    counted = [first] if first >= LONG_CALL else []
    return counted + timer(call, max(FEWEST_CALLS - len(counted), min(MOST_CALLS, round(WINDOW_SECONDS / first))))


def _in_order(names: list[str], passes: int) -> list[str]:
    """Each pass begins with another variant, so that none is always measured after the same one."""
    first = passes % len(names)
    return names[first:] + names[:first]


def _are_precise(samples: Mapping[str, list[float]], goal: float) -> bool:
    return all(is_precise(each, goal) for each in samples.values())
