"""Pairs of architectures whose order by MACs and by time differs, those that differ most first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reporter.model import Record
from reporter.report.comparison import Comparison
from reporter.report.why import record_profiles
from reporter.report.why.record_profiles import SETTINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRIED = 20_000
"""So many pairs are tried, those that differ most first."""


def measured(comparison: Comparison, setting: str) -> list[Record]:
    """The architectures of the newest machine that have MACs, and a time and operators under the same conditions."""
    records = [record for record in comparison.latest if record.value("macs")]
    return [each for each in records if record_profiles.has_timed_operators(each, setting)]


def candidates(records: Sequence[Record], key: str) -> Iterator[tuple[Record, Record]]:
    """The pairs of which the one with fewer MACs takes longer, those that differ most first, TRIED at most."""
    import numpy as np

    if len(records) < 2:
        return
    sizes = _sizes(records, key)
    places = np.flatnonzero(sizes)
    if len(places) > TRIED:
        places = places[np.argpartition(-sizes[places], TRIED)[:TRIED]]
    for place in places[np.argsort(-sizes[places], kind="stable")]:
        row, column = divmod(int(place), len(records))
        yield records[row], records[column]


def are_too_many(comparison: Comparison) -> bool:
    """Whether the two orders disagree for more pairs than are tried in a setting."""
    found = ((measured(comparison, setting), f"latency_{setting}") for setting in SETTINGS)
    many = (each for each in found if math.comb(len(each[0]), 2) > TRIED)
    return any((_sizes(records, key) > 0).sum() > TRIED for records, key in many)


def _sizes(records: Sequence[Record], key: str) -> NDArray[np.float64]:
    """How far the order by MACs and that by time disagree, for each two architectures; 0 where they agree."""
    import numpy as np

    macs, times = np.log([count_macs(r) for r in records]), np.log([r.value(key) or 1.0 for r in records])
    fewer, longer = -np.subtract.outer(macs, macs), np.subtract.outer(times, times)
    return np.where((fewer > 0) & (longer > 0), fewer + longer, 0.0).ravel()


def count_macs(record: Record) -> float:
    """The MACs of an architecture; 1 where they are not known."""
    return record.value("macs") or 1.0
