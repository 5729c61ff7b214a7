"""Levels of the runs that the rounds of a reading belong to, and descriptions of different levels."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from reporter.model.reasons import days, in_words
from reporter.stats.samples import log_medians

if TYPE_CHECKING:
    from reporter.stats.intervals import Spread

Run = tuple[str, str, list[Sequence[float]]]
"""Its id, when its first round started, and the samples of its rounds."""
Levels = tuple[tuple[str, tuple[float, ...]], ...]


def levels(runs: Sequence[Run]) -> Levels:
    """The logarithms of the medians of the rounds of each run."""
    return tuple((run, log_medians(parts)) for run, _, parts in runs if any(parts))


def moved(run_levels: Levels, spread: Spread) -> str | None:
    """The latest older run whose level differs from the newest run's by more than its rounds vary."""
    from reporter.stats.intervals import latest_different

    *older, (_, newest) = run_levels
    index = latest_different(newest, [logs for _, logs in older], spread)
    return None if index is None else older[index][0]


def change(runs: Sequence[Run], before: str, unit: str) -> str:
    """How the level of the newest run differs from that of the run `before`."""
    newest, older = runs[-1], next(run for run in runs if run[0] == before)
    old, new = (median(sample for part in parts for sample in part) for _, _, parts in (older, newest))
    old_words, new_words = in_words(old, unit), in_words(new, unit)
    if not older[1]:  # of reporter 0.1.0
        (now,) = days(newest[1])
        return f"the median was {old_words} in a run of unknown date and {new_words} in that of {now}"
    then, now = days(older[1], newest[1])
    return f"the median was {old_words} in the run of {then} and {new_words} in that of {now}"
