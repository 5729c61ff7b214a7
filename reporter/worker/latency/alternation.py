"""Calls that are observed in alternation with calls that are not.

The constants were chosen, not measured one by one. What they give together is measured by benchmarks/profiling.py: how
close the sums of operators and stages are to the latency, and how long that takes (benchmarks/README.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

from reporter.worker.latency.timing import Call, cpu_timer

BLOCK = 0.03
"""Seconds of calls in a row of each kind."""
MOST_CALLS = 20
LONG_CALL = 0.1
"""Seconds of a call that need not be called once before it is timed: it finds nothing of the last one in the caches."""
SHORT_CALL = 0.05
"""Seconds of a call below which one pass is not enough, even if its calls agree."""
ALIKE = 0.03
"""How far the fastest observed call, without what observing adds, may lie from the fastest other one."""
UNSETTLED = 5
"""So many passes are taken if these disagree; more only while there is time."""
UNSETTLED_BRIEF = 2
"""The same of a brief effort."""
APART, MOST_PASSES = 0.05, 15
"""Unless the effort is brief, so many passes are taken if these differ by more than that share."""
Observed = TypeVar("Observed")


class Effort(NamedTuple):
    """How much alternated calls may take: `seconds`, but one pass at least, and `fewest` of short calls.

    Unless it is `brief`, the first of short calls in a row is not counted: the calls before it have emptied the caches.
    With `waits`, observed calls wait for a device in between and take longer than the others in every pass: the passes
    do not continue until they agree or time is up.
    """

    seconds: float
    fewest: int = 2
    brief: bool = False
    waits: bool = False

    def passes(self, difference: float) -> int:
        """How many passes are taken, whatever the time, while the calls of both kinds differ by such a share."""
        if self.brief:
            return UNSETTLED_BRIEF
        return MOST_PASSES if difference > APART and not self.waits else UNSETTLED


@dataclass(frozen=True)
class Alternation(Generic[Observed]):
    """The observed calls with the seconds of each, without what observing adds, and the seconds of all other calls."""

    observed: Sequence[Observed]
    seconds: Sequence[float]
    others: Sequence[float]

    @property
    def latency(self) -> float:
        """The median seconds of the calls that are not observed."""
        return median(self.others)

    @property
    def difference(self) -> float:
        """How far the fastest observed call lies from the fastest other one, as a share of the latter."""
        return abs(min(self.seconds, default=math.inf) / min(self.others) - 1)

    @property
    def is_settled(self) -> bool:
        """Whether these take equally long."""
        return self.difference <= ALIKE

    def coverage(self, part: Callable[[Observed], float]) -> float:
        """What some seconds of the fastest observed call are of the fastest other call.

        A disturbance only ever adds time, so the fastest calls of both kinds are those that it changes least.
        """
        _, fastest = min(enumerate(self.observed), key=lambda each: self.seconds[each[0]])
        return part(fastest) / min(self.others)


def alternated(
    call: Call, observed: Callable[[int], Sequence[Observed]], seconds: Callable[[Observed], float], effort: Effort
) -> Alternation[Observed]:
    """Alternates blocks of calls that are not observed with blocks that are; `observed` makes some of these in a row.

    A block of unobserved calls is the end of one pass and the beginning of the next, so that observed calls lie
    between others: a drift of the machine changes both. The passes end when the fastest call of each kind takes
    equally long, or time is up. The call has run before.
    """
    (first,) = cpu_timer(call, 1)
    count, warming = max(1, min(MOST_CALLS, round(BLOCK / first))), int(not effort.brief and first < LONG_CALL)
    fewest = effort.fewest if first < SHORT_CALL else 1
    deadline = perf_counter() + effort.seconds
    found = Alternation[Observed]((), (), [first] if not warming else cpu_timer(call, count))
    passes = 0
    while passes < fewest or not found.is_settled:
        if passes >= effort.passes(found.difference) and (effort.waits or perf_counter() > deadline):
            break
        calls = observed(warming + count)[warming:]
        others = cpu_timer(call, warming + count)[warming:]
        found = Alternation((*found.observed, *calls), (*found.seconds, *map(seconds, calls)), (*found.others, *others))
        passes += 1
    return found
