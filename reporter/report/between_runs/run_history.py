"""The run history that a report shows: of the time with the least noise on the newest machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reporter.compare import levels
from reporter.compare.levels import MOST_RUNS, LevelHistory
from reporter.report.comparison import Comparison
from reporter.store import history

KEYS = ("latency_cpu_1thread", "latency_cuda", "latency_cpu")
"""Quantities by how little they move by themselves."""


def remembered(comparison: Comparison, folder: Path) -> Comparison:
    """The same with the earlier runs of its newest machine; ReporterError where the history cannot be read."""
    past = history.recent(folder / "history.jsonl", comparison.machines[:1], MOST_RUNS, KEYS)
    return replace(comparison, past=tuple(past))


def level_history(comparison: Comparison) -> LevelHistory | None:
    """The levels over the runs of the newest machine, None where there are too few."""
    for key in KEYS:
        if found := levels.level_history(comparison.past, comparison.machines[0], key):
            return found
    return None
