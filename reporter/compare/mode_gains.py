"""Which execution modes differ from eager by more than noise.

The samples of `speedup_KEY` are ratios of eager to the mode, taken alternately in one process, so the drift of the
machine is not in them. All computation is on their natural logarithms: the gain is their median, of two rounds the
geometric mean, and is the value of the reading. The unit of repetition is the round. The variance between rounds is
pooled over the architectures of a run for each mode and key (stats/intervals.py); an architecture that varies more
gets more.

A gain or loss is `stated` only if all of these hold:

1. its 95 % interval does not include 1;
2. it is at least MIN_GAIN;
3. its t-test is among those that limit the share of false ones in all that are stated to FALSE_SHARE
   (stats/false_discovery.py), over all rows (architectures x modes x keys) of a machine;
4. if the reading is noisy, at least CONFIRMING rounds show it, each at least MIN_GAIN: neither a single disturbed
   round nor an only round makes a gain.

`floor` is the gain at which a row would meet 2 and 3. In tests/test_mode_gains.py, with simulated rounds: of 40 modes
that are eager again none is stated (in 95 of 100 runs) and at most 5 intervals exclude 1; a slowdown of 5 % at a
deviation of 1.8 % between rounds is stated in 19 of 20.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from reporter.compare.rounds import table
from reporter.model import Reading, Record
from reporter.model.readings import SPEEDUP
from reporter.stats.false_discovery import cutoff
from reporter.stats.intervals import BEYOND, Ratio, Spread, effective
from reporter.stats.noise import student, student_tail
from reporter.stats.samples import log_medians

MIN_GAIN = 0.02
"""The smallest gain worth reporting."""
FALSE_SHARE = 0.05
"""Of the gains and losses that are stated, at most this share is false on average."""
CONFIRMING = 2
"""Rounds that have to show a noisy gain or loss."""

ModePlace = tuple[str, str, str]
"""Architecture, mode, and the key of the time (without `speedup_`)."""


class Gain(NamedTuple):
    """Eager over a mode with its 95 % interval; `floor` is the ratio minus 1 that noise alone reaches.

    `confirmed` is False if the reading is noisy and fewer than CONFIRMING rounds show the difference.
    """

    ratio: float
    low: float
    high: float
    floor: float
    confirmed: bool = True

    @property
    def stated(self) -> bool:
        """Whether the mode differs from eager: it is faster if the ratio is above 1, else slower."""
        return self._beyond and self.confirmed

    @property
    def unconfirmed(self) -> bool:
        """Whether it differs by more than noise, but a single round decides."""
        return self._beyond and not self.confirmed

    @property
    def _beyond(self) -> bool:
        beyond = abs(math.log(self.ratio)) > math.log1p(self.floor)
        return beyond and not self.low <= 1 <= self.high

    @property
    def faster(self) -> bool:
        """Whether the mode is faster than eager beyond noise."""
        return self.stated and self.ratio > 1


def gains(records: Iterable[Record]) -> dict[ModePlace, Gain]:
    """The speedups of all modes of one machine, tested together; records without `speedup_` readings have none."""
    columns: dict[tuple[str, str], dict[ModePlace, Reading]] = defaultdict(dict)
    for record in records:
        for key, reading in record.readings.items():
            if key.startswith(SPEEDUP) and reading.timed:
                columns[record.mode, key][record.architecture, record.mode, key.removeprefix(SPEEDUP)] = reading
    rows: dict[ModePlace, _Tested] = {}
    for readings in columns.values():
        spreads = table(list(readings.values())).spreads(interleaved=False)
        rows |= zip(readings, map(_tested, readings.values(), spreads), strict=True)
    alpha = cutoff([row.p_value for row in rows.values()], FALSE_SHARE) if rows else FALSE_SHARE
    return {place: row.gain(alpha) for place, row in rows.items()}


class _Tested(NamedTuple):
    """The logarithm of a speedup, its standard error, how far rounds vary, and whether it is `confirmed`."""

    log: float
    error: float
    spread: Spread
    rounds: float
    confirmed: bool

    @property
    def p_value(self) -> float:
        """Of a t-test; 1 for what is too small to be stated, so that it makes no other row easier to state."""
        size = abs(self.log)
        if size <= math.log1p(MIN_GAIN):
            return 1.0
        return student_tail(self.spread.freedom, size / self.error if self.error else math.inf)

    def gain(self, alpha: float) -> Gain:
        noise = student(self.spread.freedom, alpha) * self.error
        found = Ratio.of(self.log, self.spread.margin(self.rounds))
        return Gain(*found, floor=max(MIN_GAIN, math.expm1(min(noise, BEYOND))), confirmed=self.confirmed)


def _tested(reading: Reading, spread: Spread) -> _Tested:
    rounds = effective([len(part) for part in reading.counted])
    error, value = math.sqrt(spread.variance / rounds), reading.value or 1.0
    return _Tested(math.log(value), error, spread, rounds, _confirmed(reading, spread, value))


def _confirmed(reading: Reading, spread: Spread, value: float) -> bool:
    """Whether enough rounds of a reading differ from eager in the direction of its value, or it is not noisy."""
    direction = 1 if value > 1 else -1
    showing = [log for log in log_medians(reading.counted) if log * direction >= math.log1p(MIN_GAIN)]
    return len(showing) >= CONFIRMING or reading.with_spread(spread).verdict.status != "noisy"
