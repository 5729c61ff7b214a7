"""State of an accelerator before it is timed: its clock, what limits it, and other processes that use the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

STATES = "device_states"
"""In a time's detail: the state of the accelerator before each round."""


class DeviceState(NamedTuple):
    """A look at a device; None where its driver does not report a figure."""

    clock_mhz: int | None
    limits: tuple[str, ...] = ()
    """What lowers the clock."""
    other_processes: int = 0
    other_memory_mib: int | None = 0


def note(detail: Mapping[str, Any]) -> str | None:
    """What the states in a detail contain that may have changed a time, in words; None if there is nothing."""
    found = detail.get(STATES)
    states = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    clauses = [clause for clause in (_others(states), _limits(states), _clock(states)) if clause]
    return "; ".join(clauses) or None


def _others(states: list[dict[str, Any]]) -> str:
    most = max(states, key=lambda each: each.get("other_processes") or 0, default={})
    count, memory = most.get("other_processes") or 0, most.get("other_memory_mib")
    if not count:
        return ""
    processes = f"{count} other process{'es' if count > 1 else ''} used the device"
    return processes if memory is None else f"{processes} ({memory:,} MiB)"


def _limits(states: list[dict[str, Any]]) -> str:
    limits = dict.fromkeys(str(limit) for each in states for limit in each.get("limits") or ())
    return f"its clock was limited by {', '.join(limits)}" if limits else ""


def _clock(states: list[dict[str, Any]]) -> str:
    moving = [each for each in states if each.get("settled") is False]
    return f"its clock did not settle within {max(each['seconds'] for each in moving):.0f} s" if moving else ""
