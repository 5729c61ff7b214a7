"""The times of one quantity on one machine, round by round: which of them a run distinguishes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reporter.compare.log_times import round_keys
from reporter.model import Reading, Record
from reporter.model.records import with_readings
from reporter.stats.intervals import BEYOND, Ratio, Rounds, Spreads
from reporter.stats.noise import Log


class Times:
    """Readings of one quantity by architecture, compared by the ratio in each round that two have in common.

    Without a common round, as in results of two runs, times differ if their levels are more than a factor of 2 apart.
    Speedups are ratios of times measured alternately, without the drift of the machine: their levels are compared by
    the variances between rounds of both sides.
    """

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        timed = {name: reading for name, reading in readings.items() if reading.timed}
        self.names = list(timed)
        self._readings = list(timed.values())
        self._like: dict[str, set[str]] = {}
        self._rows = {name: row for row, name in enumerate(self.names)}

    def ratio(self, name: str, other: str) -> Ratio:
        """The first over the second, with its 95 % interval, which includes everything where one has no time."""
        return self.ratios(name, (other,))[0]

    def ratios(self, name: str, others: Sequence[str]) -> list[Ratio]:
        """The same over each of several others."""
        known = [other for other in others if name in self._rows and other in self._rows]
        found: dict[str, Ratio] = {}
        if known:
            rows = [self._rows[each] for each in (name, *known)]
            logs, margins = self._comparable.differences(self._spreads, rows[:1], rows, self._levels)
            pairs = zip(known, logs[0, 1:].tolist(), margins[0, 1:].tolist(), strict=True)
            found = {other: Ratio.of(log, margin) for other, log, margin in pairs}
        return [found.get(other) or Ratio.of(0.0, BEYOND) for other in others]

    def differ(self, name: str, other: str) -> bool:
        """Whether the run distinguishes two architectures."""
        return other not in self.like(name)

    def like(self, name: str) -> set[str]:
        """The architectures that the run does not distinguish from one, itself included."""
        if name not in self._rows:
            return {name, *self.names}
        if name not in self._like:
            row = self._rows[name]
            logs, margins = self._against(row)
            equal = np.abs(logs) <= margins
            equal[row] = True
            self._like[name] = {self.names[index] for index in np.flatnonzero(equal)}
        return self._like[name]

    def _against(self, row: int) -> tuple[Log, Log]:
        logs, margins = self._comparable.differences(self._spreads, [row], levels=self._levels)
        return logs[0], margins[0]

    @cached_property
    def _spreads(self) -> Spreads:
        return Spreads.of(self._all.spreads(interleaved=True))

    @cached_property
    def _levels(self) -> Spreads | None:
        """The spreads of the levels themselves, for ratios only; None for times."""
        ratios = all(reading.quantity.is_ratio for reading in self._readings)
        return Spreads.of(self._all.spreads(interleaved=False)) if ratios else None

    @cached_property
    def _all(self) -> Rounds:
        return table(self._readings)

    @cached_property
    def _comparable(self) -> Rounds:
        """The rounds that ratios are based on: where a level differs between runs, those of its newest run."""
        moved = any(reading.moved is not None for reading in self._readings)
        return table(self._readings, newest=True) if moved else self._all


def table(readings: Sequence[Reading], newest: bool = False) -> Rounds:
    """The log medians of some readings, the rounds of each run in columns of their own.

    With `newest`, older runs of a reading whose level differs between runs are left out. A round that a reading lost
    is missing in its row.
    """
    columns: dict[tuple[str, int], int] = {}
    cells = []
    for row, reading in enumerate(readings):
        keys = round_keys(reading)
        for run, logs in reading.levels[-1:] if newest and reading.moved is not None else reading.levels:
            rounds = zip((key for key in keys if key[0] == run), logs, strict=True)
            cells += [(row, columns.setdefault(key, len(columns)), log) for key, log in rounds]
    found = np.full((len(readings), len(columns)), np.nan)
    rows, places, values = zip(*cells, strict=True)
    found[list(rows), list(places)] = values
    return Rounds(found, _numbers([run for run, _ in columns]))


def with_intervals(records: Sequence[Record]) -> list[Record]:
    """The records with the intervals of their times from the rounds of all architectures of a machine together.

    The times of one mode are pooled: how far those of another mode vary has no influence on them.
    """
    places: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        for key, reading in record.readings.items():
            if reading.timed:
                places[record.machine, record.mode, key].append(index)
    changed: dict[int, dict[str, Reading]] = defaultdict(dict)
    for (_, _, key), rows in places.items():
        readings = [records[row].readings[key] for row in rows]
        spreads = table(readings).spreads(interleaved=False)
        for row, reading, spread in zip(rows, readings, spreads, strict=True):
            changed[row][key] = reading.with_spread(spread)
    return with_readings(records, changed)


def _numbers(runs: Sequence[str]) -> NDArray[np.int_]:
    numbers = {run: number for number, run in enumerate(dict.fromkeys(runs))}
    return np.array([numbers[run] for run in runs], dtype=int)
