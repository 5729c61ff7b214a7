"""The run history that a report shows: of the time with the least noise; levels on the newest machine, and ratios."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from reporter.compare import levels, ratio_curves, ratio_history, ratio_levels
from reporter.compare.levels import MOST_RUNS, LevelHistory
from reporter.compare.ratio_levels import RatioCourse
from reporter.model.records import EAGER
from reporter.report.by_identity import ByIdentity
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.store import history
from reporter.store.history import PastRun

PANELS = 30
"""Architectures in a chart at most; those whose level changed come first."""
EVERY = 5000
"""Architectures that such a chart is given, which selects by itself."""
KEYS = ("latency_cpu_1thread", "latency_cuda", "latency_cpu")
"""Quantities by how little they move by themselves."""


def remembered(comparison: Comparison, folder: Path) -> Comparison:
    """The same with the earlier runs of its newest machine, and ratios to a pinned reference on all kinds of machines.

    ReporterError if the history cannot be read.
    """
    comparison = replace(comparison, ratios=tuple(ratio_curves.curves(ratio_history.load(folder))))
    past = history.recent(folder / "history.jsonl", comparison.machines[:1], MOST_RUNS, KEYS)
    return replace(comparison, past=tuple(past))


def level_history(comparison: Comparison) -> LevelHistory | None:
    """The levels over the runs of the newest machine, None where there are too few."""
    return _level_history(ByIdentity(comparison.past), comparison.machines[0])


@lru_cache(maxsize=4)
def _level_history(past: ByIdentity[tuple[PastRun, ...]], machine: str) -> LevelHistory | None:
    return next(filter(None, (levels.level_history(past.value, machine, key) for key in KEYS)), None)


@lru_cache(maxsize=4)
def ratio_courses(comparison: Comparison) -> list[RatioCourse]:
    """The ratios of all times and modes of the shown architectures to a pinned reference, by kind of machine."""
    shown = {record.architecture: rank for rank, record in enumerate(comparison.networks)}
    found = ratio_levels.courses(curve for curve in comparison.ratios if curve.row[0] in shown)
    return sorted(found, key=lambda course: shown[course.curve.row[0]])


def drawn_courses(comparison: Comparison) -> list[RatioCourse]:
    """Those of the time with the least noise in eager mode; empty if there are too few."""
    found = ratio_courses(comparison)
    return next(filter(None, ([each for each in found if each.curve.row[1:] == (key, EAGER)] for key in KEYS)), [])


def time_note(key: str, language: Language) -> str:
    """Which time and mode a chart of the run history shows."""
    return language._("Latency: {how}, eager.").format(how=how(key, language))


def selection_note(count: int, language: Language) -> str:
    """Which of so many architectures have panels; empty if all have."""
    if count <= PANELS:
        return ""
    message = language._("Shown: {shown} of {count} architectures; those whose level changed come first.")
    return message.format(shown=PANELS, count=language.number(count))
