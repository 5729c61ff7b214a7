"""Which times of a run with --against have no verdict because the machine was too noisy, and in which metric and mode.

Each mode is judged by itself: a run is too noisy if more than half of the times of any metric in any mode have none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from reporter.documents.reference_verdicts import ReferenceVerdict

MetricAndMode = tuple[str, str]
"""The key of a metric, and an execution mode."""


def lacks_verdict(row: ReferenceVerdict) -> bool:
    """Whether a time has no verdict."""
    return row.verdict == "noisy"


def too_noisy(rows: Iterable[ReferenceVerdict]) -> list[MetricAndMode]:
    """The metrics and modes of which more than half of the times have no verdict."""
    groups: dict[MetricAndMode, list[bool]] = defaultdict(list)
    for row in rows:
        groups[row.metric, row.mode].append(lacks_verdict(row))
    return [place for place, lacking in groups.items() if 2 * sum(lacking) > len(lacking)]
