"""Calls that are observed in alternation with calls that are not.

The constants were chosen, not measured one by one. What they give together is measured by benchmarks/profiling.py: how
close the sums of operators and stages are to the latency, and how long that takes (benchmarks/README.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, median
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

from reporter.worker.latency.timing import Call, cpu_timer

BLOCK = 0.03
"""Seconds of calls in a row of each kind."""
MOST_CALLS = 20
LONG_CALL = 0.1
"""Seconds of a call that need not be called once before it is timed: it finds nothing of the last one in the caches."""
VERY_LONG_CALL = 0.25
"""Seconds of a call that a short disturbance does not change: one pass is enough if it agrees with itself."""
SETTLED = 0.015
"""The error of the median of all ratios with which the passes end."""
ALIKE = 0.03
"""How far the median ratio may lie from 1: the observed calls, without what observing adds, take as long as others."""
UNSETTLED = 2
"""So many times the fewest passes are taken if their ratios disagree; more only while there is time."""
Observed = TypeVar("Observed")


class Effort(NamedTuple):
    """How much alternated calls may take: `seconds`, but so many passes at least.

    With `warming`, the first of short calls in a row is not counted: the calls before it have emptied the caches.
    """

    seconds: float
    fewest: int = 2
    warming: bool = True


@dataclass(frozen=True)
class Pass(Generic[Observed]):
    """Some observed calls between unobserved ones, whose seconds before and after them are medians."""

    observed: Sequence[Observed]
    before: float
    after: float

    @property
    def baseline(self) -> float:
        """The seconds of an unobserved call at the time of the observed ones."""
        return mean((self.before, self.after))


def alternated(
    call: Call, observed: Callable[[int], Sequence[Observed]], seconds: Callable[[Observed], float], effort: Effort
) -> tuple[list[float], list[Pass[Observed]]]:
    """The seconds of all unobserved calls, and the passes; `observed` makes some observed calls in a row.

    A block of unobserved calls is the end of one pass and the beginning of the next, so that each observed call is
    compared with calls just before and just after it: a drift of the machine changes both. The passes end when the
    median ratio of `seconds` to unobserved calls is settled, or time is up. The call has run before.
    """
    (first,) = cpu_timer(call, 1)
    count, warming = max(1, min(MOST_CALLS, round(BLOCK / first))), int(effort.warming and first < LONG_CALL)
    fewest = 1 if first >= VERY_LONG_CALL else effort.fewest
    end = perf_counter() + effort.seconds
    unobserved = [first] if not warming else cpu_timer(call, count)
    latencies, before = list(unobserved), median(unobserved)
    passes: list[Pass[Observed]] = []
    ratios: list[float] = []
    while len(passes) < fewest or not is_settled(ratios):
        if len(passes) >= UNSETTLED * fewest and perf_counter() > end:
            break
        found = observed(warming + count)[warming:]
        unobserved = cpu_timer(call, warming + count)[warming:]
        passes.append(Pass(found, before, median(unobserved)))
        whole = median(map(seconds, found))
        ratios += [whole / passes[-1].before, whole / passes[-1].after]
        latencies += unobserved
        before = passes[-1].after
    return latencies, passes


def is_settled(ratios: Sequence[float]) -> bool:
    """Whether the median of some ratios is near 1 and has a small error, by the range of their middle half."""
    ordered, outer = sorted(ratios), len(ratios) // 4
    small = ordered[-1 - outer] - ordered[outer] <= SETTLED * sqrt(len(ordered)) * median(ordered)
    return small and abs(median(ordered) - 1) <= ALIKE
