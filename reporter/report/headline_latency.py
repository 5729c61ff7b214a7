"""The latency that represents an architecture: the first kind that the newest machine has."""

from __future__ import annotations

from reporter.model import Record
from reporter.model.devices import ACCELERATORS
from reporter.report.comparison import Comparison
from reporter.report.language import Language

TIMES = ("latency_cpu_1thread", "latency_cpu", *(f"latency_{each}" for each in ACCELERATORS))


def timing(comparison: Comparison) -> tuple[str, list[Record]]:
    """Its key, and the records that have it."""
    records = comparison.of(comparison.machines[0])
    for key in TIMES:
        measured = [record for record in records if record.value(key)]
        if measured:
            return key, measured
    return TIMES[0], []


def how(key: str, language: Language) -> str:
    """A kind of latency in words."""
    _ = language._
    return {TIMES[0]: _("one CPU thread"), TIMES[1]: _("all CPU threads")}.get(key, _("GPU"))


def newest_machine(comparison: Comparison, language: Language) -> str:
    """Of which machine the times are that stand for an architecture; empty with one machine, or where it has none."""
    if len(comparison.machines) < 2 or not timing(comparison)[1]:
        return ""
    message = language._("Times are those of {machine}, the machine that was measured last.")
    return message.format(machine=comparison.machines[0])
