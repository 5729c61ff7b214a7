"""Ranks by time as ranges: architectures whose times a run does not distinguish share their ranks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from reporter.report.comparison import Comparison
from reporter.report.language import Language

CROWD = 500
"""Of more networks than this a rank is not worth its computation."""


class Rank(NamedTuple):
    """The rank of the measured value, and the first and last rank of all that the run does not distinguish from it."""

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
    known = {name: reading.value or 0 for name, reading in readings.items() if len(reading.samples) > 1}
    if not 1 < len(known) <= CROWD:
        return {}
    down = comparison.quantities[key].better == "higher"
    places = {name: place for place, name in enumerate(sorted(known, key=known.__getitem__, reverse=down), start=1)}
    times = comparison.times(machine, key)
    shared = {name: [places[other] for other in times.like(name) if other in places] for name in places}
    return {name: Rank(place, min(shared[name]), max(shared[name])) for name, place in places.items()}
