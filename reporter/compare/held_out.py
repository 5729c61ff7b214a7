"""Shares of held-out images of one column: their intervals, and which of them a run distinguishes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from reporter.model import Reading, Record
from reporter.model.fields import are_numbers
from reporter.model.records import with_readings
from reporter.stats.shares import SeedShares, Shares

IMAGES = "test_images"
"""The number of held-out images of each seed, in a reading's detail."""
POOL = "held_out_pool"
"""The number of images that every seed draws them from; readings of earlier versions lack it."""


def shares(readings: Mapping[str, Reading]) -> Shares:
    """The shares of those readings that have some."""
    measured = {name: each for name, each in readings.items() if is_share(each)}
    return Shares({name: SeedShares(each.samples, images_of(each), _pool_of(each)) for name, each in measured.items()})


def is_share(reading: Reading) -> bool:
    """Whether a reading is a measured share of held-out images."""
    return reading.measured and images_of(reading) >= 1


def images_of(reading: Reading) -> float:
    """The number of held-out images of each seed, 0 where it is not known."""
    return _number(reading.detail.get(IMAGES))


def _pool_of(reading: Reading) -> float:
    pool = _number(reading.detail.get(POOL))
    return pool if pool >= images_of(reading) else math.inf


def _number(value: object) -> float:
    return value if isinstance(value, int | float) and are_numbers((value,)) else 0


def with_share_intervals(records: Sequence[Record]) -> list[Record]:
    """The records with the intervals of their shares, for which all architectures of a machine are taken together."""
    columns: dict[tuple[str, str, str], dict[str, Reading]] = defaultdict(dict)
    for index, record in enumerate(records):
        for key, reading in record.readings.items():
            if IMAGES in reading.detail and is_share(reading):
                columns[record.machine, record.mode, key][str(index)] = reading
    changed: dict[int, dict[str, Reading]] = defaultdict(dict)
    for (_, _, key), readings in columns.items():
        found = shares(readings)
        for place, reading in readings.items():
            copied = reading.model_copy()
            copied.__dict__["interval"] = found.interval(place)  # in place of that of its samples alone
            changed[int(place)][key] = copied
    return with_readings(records, changed)
