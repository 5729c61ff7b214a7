"""What the times say beside a changed kernel: slower, faster or not resolved, and the ratio of the latencies.

The ratio is that of the latencies themselves, new over old. Verdicts on paired times and on those of few architectures
are based on it, too, and are taken as they are. All others are relative to what the architectures share (times.py),
which is drift of the machine only as long as most of them run the same kernels as before: a slowdown that most of them
share would be divided out. Such a verdict counts where fewer than half of the architectures have a changed kernel, or
where what all share is at most MIN_EFFECT, and only if the latencies differ by more than MIN_EFFECT in its direction.

Otherwise, and where there is no verdict, as with other variables or versions of the engine, latencies of at least
FEWEST_ROUNDS rounds differ if their 95 % intervals are separated and their ratio is above ABSOLUTE_EFFECT, which drift
is not expected to reach; it has to be above it also relative to the architectures without a changed kernel, if there
are any.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from reporter.compare.differences import TimeEffect, Timing
from reporter.compare.matching import Pair
from reporter.compare.times import ABSOLUTE_EFFECT, MIN_EFFECT
from reporter.model import Reading
from reporter.stats.samples import FEWEST_ROUNDS

EFFECTS: dict[str, TimeEffect] = {"regressed": "slower", "improved": "faster"}
UNRESOLVED: TimeEffect = "not resolved"
SMALL, LARGE = math.log1p(MIN_EFFECT), math.log1p(ABSOLUTE_EFFECT)

Column = tuple[str, str, str]
"""The machine, the mode and the key of a latency."""
Effect = tuple[TimeEffect, float | None]
"""The verdict, and the latency now divided by that before; None where it was not measured on both sides."""


@dataclass(frozen=True)
class _Changes:
    """The log ratios of the latencies of a column by architecture, and the median of all."""

    of: Mapping[str, float]
    common: float
    drift: float
    """The median of those without a changed kernel; 0 if there are none."""
    mostly_unchanged: bool
    """Whether fewer than half of the architectures have a changed kernel."""


class KernelEffects:
    """The verdicts on latencies beside changed kernels: those of the architectures and settings in `changed`."""

    def __init__(self, timings: Iterable[Timing], changed: Iterable[tuple[Pair, str]]) -> None:
        self._rows: dict[Column, dict[str, Timing]] = defaultdict(dict)
        for row in timings:
            self._rows[row.machine, row.mode, row.quantity.key][row.architecture] = row
        self._changed: dict[Column, set[str]] = defaultdict(set)
        for pair, setting in changed:
            self._changed[_column(pair, setting)].add(pair.new.architecture)
        self._changes: dict[Column, _Changes] = {}

    def of(self, pair: Pair, setting: str) -> Effect:
        """What the latency of a pair says about its changed kernels in a setting."""
        column, name = _column(pair, setting), pair.new.architecture
        rows = self._rows.get(column, {})
        row = rows.get(name)
        if row and not row.relative:
            return EFFECTS.get(row.verdict, UNRESOLVED), row.ratio
        changes = self._changes_of(column)
        if row and (changes.mostly_unchanged or abs(changes.common) <= SMALL):
            return _relative(row, changes.of[name]), row.new / row.base
        return _absolute(pair, column[-1], changes.drift)

    def _changes_of(self, column: Column) -> _Changes:
        """Computed once for all findings of a column."""
        if column not in self._changes:
            rows = self._rows.get(column, {})
            changes = {each: math.log(timing.new / timing.base) for each, timing in rows.items()}
            unchanged = [change for each, change in changes.items() if each not in self._changed[column]]
            common, drift = (median(found) if found else 0.0 for found in (list(changes.values()), unchanged))
            self._changes[column] = _Changes(changes, common, drift, 2 * len(unchanged) > len(rows))
        return self._changes[column]


def _column(pair: Pair, setting: str) -> Column:
    return pair.new.machine, pair.new.mode, f"latency_{setting}"


def _relative(row: Timing, change: float) -> TimeEffect:
    """The verdict relative to the other architectures, if the latency changed in its direction by itself, too."""
    effect = EFFECTS.get(row.verdict, UNRESOLVED)
    towards: Mapping[TimeEffect, float] = {"slower": change, "faster": -change}
    return effect if towards.get(effect, 0.0) > SMALL else UNRESOLVED


def _absolute(pair: Pair, key: str, drift: float) -> Effect:
    """The verdict on both latencies alone; `drift` is the log ratio of those without a changed kernel."""
    base, new = (side.readings.get(key) for side in (pair.base, pair.new))
    if not base or not new or not base.value or not new.value:
        return UNRESOLVED, None
    ratio = new.value / base.value
    change = math.log(ratio)
    if _separated(base, new) and min(change, change - drift) > LARGE:
        return "slower", ratio
    if _separated(base, new) and max(change, change - drift) < -LARGE:
        return "faster", ratio
    return UNRESOLVED, ratio


def _separated(base: Reading, new: Reading) -> bool:
    """Whether the 95 % intervals of two times have nothing in common, each over enough rounds."""
    if min(len(base.rounds), len(new.rounds)) < FEWEST_ROUNDS or not base.interval or not new.interval:
        return False
    return base.interval[1] < new.interval[0] or new.interval[1] < base.interval[0]
