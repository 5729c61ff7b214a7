"""Processors of one machine key that have instructions for other precisions.

These are not part of the machine's key: the virtual machines of a cloud may have one name and other processors.
"""

from __future__ import annotations

from reporter.model import Record
from reporter.model.modes import PRECISIONS


def other_precisions(base: Record, new: Record) -> str:
    """Why what depends on these instructions is not compared; empty where they are equal, or not known of a side."""
    before, now = (_in_words(side) for side in (base, new))
    differ = before and now and before != now
    return f"the processors compute in other precisions ({before}, then {now})" if differ else ""


def native_on_one_side(mode: str, base: Record, new: Record) -> str:
    """The same for a mode whose precision the processor of one side only has instructions for; empty for others."""
    named = {"bf16" if part == "amp" else part for part in mode.split("+") if part in PRECISIONS}
    differing = set(_native(base) or ()) ^ set(_native(new) or ())
    return other_precisions(base, new) if named & differing else ""


def _in_words(record: Record) -> str:
    """The precisions that the processor has instructions for; empty where a record does not have them."""
    found = _native(record)
    return "" if found is None else ", ".join(["fp32", *found])


def _native(record: Record) -> list[str] | None:
    """The precisions besides fp32 that the processor has instructions for, None where a record does not have them."""
    found = record.machine_facts.get("native_precisions")
    return [*map(str, found)] if isinstance(found, list) else None
