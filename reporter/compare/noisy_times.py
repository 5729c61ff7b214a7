"""Which times of a run with --against have no verdict because the machine was too noisy, and in which metric and mode.

Each mode is judged by itself: a run is too noisy if more than half of the times of any metric in any mode have none. A
slowdown that is known has none if only growth of more than NOISY would be found, and its interval does not exclude
growth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from reporter.compare.reference_rule import LIMIT, NOISY
from reporter.documents.reference_verdicts import ReferenceVerdict

MetricAndMode = tuple[str, str]
"""The key of a metric, and an execution mode."""


def hides_growth(row: ReferenceVerdict) -> bool:
    """Whether a slowdown is known, and the machine was too noisy to show whether it grew."""
    return row.known is not None and is_growth_hidden(row.known.ratio, row.high, row.detectable)


def is_growth_hidden(accepted: float, high: float | None, detectable: float | None) -> bool:
    """The same of a ratio that was accepted, the upper end of its interval now, and the change that would be found."""
    if high is not None and high <= accepted:
        return False
    return detectable is None or detectable > NOISY


def lacks_verdict(row: ReferenceVerdict) -> bool:
    """Whether a time has no verdict."""
    return row.verdict == "noisy" or hides_growth(row)


def too_noisy(rows: Iterable[ReferenceVerdict]) -> list[MetricAndMode]:
    """The metrics and modes of which more than half of the times have no verdict."""
    groups: dict[MetricAndMode, list[bool]] = defaultdict(list)
    for row in rows:
        groups[row.metric, row.mode].append(lacks_verdict(row))
    return [place for place, lacking in groups.items() if 2 * sum(lacking) > len(lacking)]


def is_limited(row: ReferenceVerdict) -> bool:
    """Whether a time has no verdict because --timeout left no time for more rounds."""
    return row.verdict == "noisy" and LIMIT in (row.reason or "")
