"""Calls that are observed in alternation with calls that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TypeVar

from reporter.worker.timing import Call, cpu_timer

FEWEST_PASSES = 3
"""Each pass has unobserved and observed calls."""
BLOCK = 0.03
"""Seconds of calls in a row of each kind."""
MOST_CALLS = 20
LONG_CALL = 0.1
"""Seconds of a call that need not be called once before it is timed: it finds nothing of the last one in the caches."""
SETTLED = 0.02
"""The share by which the two fastest calls differ at most."""
Observed = TypeVar("Observed")


def alternated(
    call: Call, observed: Callable[[int], list[Observed]], seconds: float
) -> Iterator[tuple[list[float], list[Observed]]]:
    """Passes of the seconds of some calls and of what `observed` returns for as many; for `seconds` at most once warm.

    The caller ends the passes before, once they are settled.
    """
    first = cpu_timer(call, 1)[0]
    if first < LONG_CALL:
        first = cpu_timer(call, 1)[0]
    count, warming = max(1, min(MOST_CALLS, round(BLOCK / first))), int(first < LONG_CALL)
    passes, end = 0, perf_counter() + seconds
    while passes < FEWEST_PASSES or perf_counter() < end:
        yield cpu_timer(call, warming + count)[warming:], observed(warming + count)[warming:]
        passes += 1


def is_settled(*samples: Sequence[float]) -> bool:
    """Whether another call of each kind took as long as the fastest: other programs interrupted neither.

    It takes at least three calls of each kind, or two that are long.
    """
    return all(map(_has_settled, samples))


def _has_settled(samples: Sequence[float]) -> bool:
    fastest = sorted(samples)
    fewest = 2 if fastest and fastest[0] >= LONG_CALL else 3
    return len(fastest) >= fewest and fastest[1] <= fastest[0] * (1 + SETTLED)
