"""The findings of a run of the main job with --baseline, in the form of those that comparison.json has of nightly runs.

The main job keeps no findings: these are what its comparison has as changed, slower or above its level.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reporter.compare.differences import BROKEN
from reporter.documents.comparisons import ChangeRow, FindingRow, LevelRow, StoredComparison, Time
from reporter.nightly.baseline import LAST


def is_of_main_job(comparison: StoredComparison | None) -> bool:
    """Whether a comparison is one with --baseline of the main job; false also without a comparison."""
    return comparison is not None and not (comparison.nightly or comparison.base == LAST)


def findings(comparison: StoredComparison | None, *, for_information: bool) -> Iterator[FindingRow]:
    """The rows of a comparison that are findings; none of a nightly run, whose findings have their own list.

    `for_information`: times are shown only, because the run is compared with a pinned reference, too.
    """
    if comparison is None or not is_of_main_job(comparison):
        return
    for change in comparison.changes:
        if change.kind in BROKEN:
            yield _finding(change, comparison)
    for kind, times in (("slower", comparison.times), ("level", comparison.levels)):
        for row in times:
            if row.verdict == "slower":
                yield _finding(row, comparison, kind=kind, information=for_information)


def _finding(row: ChangeRow | Time | LevelRow, comparison: StoredComparison, **about: Any) -> FindingRow:
    """A row as a finding that this run is the first one to have."""
    missing = {"slowdown": None, "floor": None, "reason": None}
    common = row.model_dump(include=set(FindingRow.model_fields))
    return FindingRow.model_validate({**missing, **common, "since": comparison.generated, "accepted": False, **about})
