"""Ranks by time as ranges: architectures whose times a run does not distinguish share their ranks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from reporter.compare.rounds import Times
from reporter.model import Reading
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.stats.shared_ranks import shared_ranks

CROWD = 500
"""Of more networks than this a rank is not worth its computation."""


class Rank(NamedTuple):
    """A rank of `reporter.stats.shared_ranks`, as it is printed."""

    rank: int
    low: int
    high: int

    def text(self, language: Language) -> str:
        bounds = [language.number(end) for end in (self.low, self.high)]
        return bounds[0] if self.low == self.high else "–".join(bounds)


@lru_cache(maxsize=64)
def ranks(comparison: Comparison, machine: str, key: str) -> dict[str, Rank]:
    """The rank of each architecture of a machine that has at least two samples of a time, the best first."""
    records = [record for record in comparison.of(machine) if record.value(key) is not None]
    readings = {record.architecture: record.readings[key] for record in records}
    return of_times(readings, comparison.times(machine, key))


def of_times(readings: Mapping[str, Reading], times: Times) -> dict[str, Rank]:
    """The ranks of readings of one quantity by name, the best first; empty for fewer than two or more than CROWD."""
    centers = {name: reading.value or 0 for name, reading in readings.items() if len(reading.samples) > 1}
    if not 1 < len(centers) <= CROWD:
        return {}
    names, down = list(centers), any(reading.quantity.better == "higher" for reading in readings.values())
    numbers = {name: number for number, name in enumerate(names)}
    alike = [[numbers[other] for other in times.like(name) if other in numbers] for name in names]
    placed = zip(names, shared_ranks(list(centers.values()), alike, down), strict=True)
    return {name: Rank(*rank) for name, rank in sorted(placed, key=lambda each: each[1].rank)}
