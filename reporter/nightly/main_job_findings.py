"""The findings of a run of the main job with --baseline, in the form of those that comparison.json has of nightly runs.

The main job keeps no findings: these are what its comparison has as changed, slower or above its level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reporter.compare.differences import BROKEN
from reporter.nightly.run_document import BASE

TIMES = {"slower": "times", "level": "levels"}
"""Where comparison.json has the times of each kind of finding."""


def is_of_main_job(comparison: Mapping[str, Any]) -> bool:
    """Whether a comparison is one with --baseline of the main job; false also without a comparison."""
    return bool(comparison) and comparison["base"] != BASE


def findings(comparison: Mapping[str, Any], *, for_information: bool) -> Iterator[dict[str, Any]]:
    """The rows of a comparison that are findings; none of a nightly run, whose findings have their own list.

    `for_information`: times are shown only, because the run is compared with a pinned reference, too.
    """
    if not is_of_main_job(comparison):
        return
    about = {
        "since": comparison["generated"],
        "accepted": False,
        "information": False,
        "slowdown": None,
        "reason": None,
    }
    for row in comparison["changes"]:
        if row["kind"] in BROKEN:
            yield {**about, **row}
    for kind, place in TIMES.items():
        for row in comparison[place]:
            if row["verdict"] == "slower":
                yield {**about, **row, "kind": kind, "information": for_information}
