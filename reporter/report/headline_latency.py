"""The latency that represents an architecture: the first kind that at least half as many have as any other kind."""

from __future__ import annotations

from reporter.model import Record
from reporter.model.devices import ACCELERATORS
from reporter.report.comparison import Comparison
from reporter.report.language import Language

TIMES = ("latency_cpu_1thread", "latency_cpu", *(f"latency_{each}" for each in ACCELERATORS))


def timing(comparison: Comparison) -> tuple[str, list[Record]]:
    """Its key, and the records of the newest machine that have it: one network that was added later decides nothing."""
    records = comparison.of(comparison.machines[0])
    measured = {key: [record for record in records if record.value(key)] for key in TIMES}
    most = max(map(len, measured.values()))
    key = next(each for each in TIMES if 2 * len(measured[each]) >= most)
    return key, measured[key]


def how(key: str, language: Language) -> str:
    """A kind of latency in words."""
    _ = language._
    return {TIMES[0]: _("one CPU thread"), TIMES[1]: _("all CPU threads")}.get(key, _("GPU"))


def newest_machine(comparison: Comparison, language: Language) -> str:
    """Of which machine the times are that stand for an architecture; empty with one machine, or where it has none."""
    return machine_of_times(comparison, language) if timing(comparison)[1] else ""


def machine_of_times(comparison: Comparison, language: Language) -> str:
    """A note that times are those of the newest machine; empty with one machine."""
    if len(comparison.machines) < 2:
        return ""
    message = language._("Times are those of {machine}, the machine that was measured last.")
    return message.format(machine=comparison.machines[0])
