"""How sure a rank is: samples are drawn anew many times, and each time the networks are ranked."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reporter.statistics import split
from reporter.telling.comparison import Comparison
from reporter.telling.language import Language
from reporter.types import Reading

DRAWS, SEED = 1000, 20120930
CROWD = 500
"""Of more networks than this a rank is not worth its computation."""


class Rank(NamedTuple):
    """The rank of what was measured, and the ends of 95 % of the ranks of what might have been."""

    rank: int
    low: int
    high: int

    def told(self, language: Language) -> str:
        bounds = [language.number(end) for end in (self.low, self.high)]
        return bounds[0] if self.low == self.high else "–".join(bounds)


@lru_cache(maxsize=64)
def ranks(comparison: Comparison, machine: str, key: str) -> dict[str, Rank]:
    """The rank of each network of a machine that has at least two samples of a quantity, the best first."""
    records = [record for record in comparison.of(machine) if record.value(key) is not None]
    readings = {record.architecture: record.readings[key] for record in records}
    known = {name: reading for name, reading in readings.items() if len(reading.samples) > 1}
    if not 1 < len(known) <= CROWD:
        return {}
    down = -1 if comparison.quantities[key].better == "higher" else 1
    chance = np.random.default_rng(SEED)
    drawn = np.stack([down * _centres(reading, chance) for reading in known.values()])
    places = drawn.argsort(axis=0, kind="stable").argsort(axis=0) + 1
    ends = np.quantile(places, (0.025, 0.975), axis=1, method="inverted_cdf").astype(int)
    order = sorted(known, key=lambda name: down * (known[name].value or 0))
    bounds = {name: (int(ends[0][row]), int(ends[1][row])) for row, name in enumerate(known)}
    found = {name: Rank(place, *bounds[name]) for place, name in enumerate(order, start=1)}
    return {name: Rank(r.rank, min(r.low, r.rank), max(r.high, r.rank)) for name, r in found.items()}


def _centres(reading: Reading, chance: np.random.Generator) -> NDArray[np.float64]:
    """Centres of samples drawn anew: first rounds with replacement, then samples within them (draws)."""
    sizes = np.array([len(part) for part in split(reading.samples, reading.rounds) if part])
    starts, count = np.cumsum(sizes) - sizes, int(sizes.sum())
    rounds = chance.integers(len(sizes), size=(DRAWS, len(sizes)))
    taken = np.take_along_axis(rounds, chance.integers(len(sizes), size=(DRAWS, count)), axis=1)
    index = starts[taken] + (chance.random((DRAWS, count)) * sizes[taken]).astype(int)
    samples = np.array(reading.samples[:count], dtype=float)[index]
    centre = np.mean if reading.quantity.centre == "mean" else np.median
    return np.asarray(centre(samples, axis=1), dtype=float)
