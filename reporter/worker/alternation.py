"""Calls that are observed in alternation with calls that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
Observed = TypeVar("Observed")


def alternated(
    call: Call, observed: Callable[[int], list[Observed]], seconds: float
) -> Iterator[tuple[list[float], list[Observed]]]:
    """Passes of the seconds of some calls and of what `observed` returns for as many; for about `seconds` once warm."""
    call()
    first = cpu_timer(call, 1)[0]
    count, warming = max(1, min(MOST_CALLS, round(BLOCK / first))), int(first < LONG_CALL)
    passes, end = 0, perf_counter() + seconds
    while passes < FEWEST_PASSES or perf_counter() < end:
        yield cpu_timer(call, warming + count)[warming:], observed(warming + count)[warming:]
        passes += 1
