"""Which execution modes differ from eager by more than noise.

The samples of `speedup_KEY` are ratios of eager to the mode, taken alternately in one process, so the drift of the
machine is not in them. All computation is on their natural logarithms. The unit of repetition is the round. The
variance between rounds is pooled over the architectures of a run for each mode and key (stats/intervals.py); an
architecture that varies more gets more.

A gain or loss is `stated` only if both hold:

1. its 95 % interval does not include 1;
2. it is above its floor: t x its standard error, with t Student's quantile at ALPHA divided by the number of all rows
   (architectures x modes x keys, Bonferroni), and at least MIN_GAIN.

In tests/test_mode_gains.py, with simulated rounds: of 40 modes that are eager again none is stated (in 99 of 100 runs)
and at most 5 intervals exclude 1; a slowdown of 5 % at a deviation of 1 % between rounds is stated in 19 of 20.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from reporter.compare.rounds import table
from reporter.compare.times import ALPHA
from reporter.model import Reading, Record
from reporter.model.readings import SPEEDUP
from reporter.stats.intervals import BEYOND, Ratio, Spread, effective
from reporter.stats.noise import student

MIN_GAIN = 0.02
"""The smallest gain worth reporting."""

Place = tuple[str, str, str]
"""Architecture, mode, and the key of the time (without `speedup_`)."""


class Gain(NamedTuple):
    """Eager over a mode with its 95 % interval; `floor` is the ratio minus 1 that noise alone reaches."""

    ratio: float
    low: float
    high: float
    floor: float

    @property
    def stated(self) -> bool:
        """Whether the mode differs from eager: it is faster if the ratio is above 1, else slower."""
        beyond = abs(math.log(self.ratio)) > math.log1p(self.floor)
        return beyond and not self.low <= 1 <= self.high

    @property
    def faster(self) -> bool:
        """Whether the mode is faster than eager beyond noise."""
        return self.stated and self.ratio > 1


def gains(records: Iterable[Record]) -> dict[Place, Gain]:
    """The speedups of all modes of one machine, tested together; records without `speedup_` readings have none."""
    columns: dict[tuple[str, str], dict[Place, Reading]] = defaultdict(dict)
    for record in records:
        for key, reading in record.readings.items():
            if key.startswith(SPEEDUP) and reading.timed:
                columns[record.mode, key][record.architecture, record.mode, key.removeprefix(SPEEDUP)] = reading
    rows = sum(map(len, columns.values()))
    found: dict[Place, Gain] = {}
    for readings in columns.values():
        spreads = table(list(readings.values())).spreads(interleaved=False)
        for (place, reading), spread in zip(readings.items(), spreads, strict=True):
            found[place] = _gain(reading, spread, rows)
    return found


def _gain(reading: Reading, spread: Spread, rows: int) -> Gain:
    rounds = effective([len(part) for part in reading.counted])
    found = Ratio.of(math.log(reading.value or 1.0), spread.margin(rounds))
    noise = student(spread.freedom, ALPHA / rows) * math.sqrt(spread.variance / rounds)
    return Gain(*found, floor=max(MIN_GAIN, math.expm1(min(noise, BEYOND))))
