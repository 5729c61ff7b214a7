"""The run history that a report shows: of the time with the least noise on the newest machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reporter.compare import levels
from reporter.compare.levels import NIGHTS, Nights
from reporter.report.comparison import Comparison
from reporter.store import history

KEYS = ("latency_cpu_1thread", "latency_cuda", "latency_cpu")
"""Quantities by how little they move by themselves."""


def remembered(comparison: Comparison, folder: Path) -> Comparison:
    """The same with the earlier runs of its newest machine; ReporterError where the history cannot be read."""
    past = history.recent(folder / "history.jsonl", comparison.machines[:1], NIGHTS, KEYS)
    return replace(comparison, past=tuple(past))


def nights(comparison: Comparison) -> Nights | None:
    """The nights of the newest machine, None where there are too few."""
    for key in KEYS:
        if found := levels.nights(comparison.past, comparison.machines[0], key):
            return found
    return None
