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


def notes(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """What the states in a detail contain that may have changed a time, a clause each; empty if there is nothing."""
    found = detail.get(STATES)
    states = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    if not states:
        return ()
    return tuple(clause for clause in (_others(states), *_limits(states), _clock(states)) if clause)


def _others(states: list[dict[str, Any]]) -> str:
    count, memory = max(
        ((_number(each, "other_processes") or 0, _number(each, "other_memory_mib")) for each in states),
        key=lambda found: found[0],
        default=(0, None),
    )
    if count <= 0:
        return ""
    processes = f"{count:.0f} other process{'es' if count > 1 else ''} used the device"
    return processes if memory is None else f"{processes} ({memory:.0f} MiB)"


def _limits(states: list[dict[str, Any]]) -> list[str]:
    found = [each.get("limits") for each in states]
    limits = dict.fromkeys(str(limit) for each in found if isinstance(each, list) for limit in each)
    return [f"its clock was limited by {limit}" for limit in limits]


def _clock(states: list[dict[str, Any]]) -> str:
    moving = [each for each in states if each.get("settled") is False]
    waits = [wait for each in moving if (wait := _number(each, "seconds")) is not None]
    within = f" within {max(waits):.0f} s" if waits else ""
    return f"its clock did not settle{within}" if moving else ""


def _number(state: dict[str, Any], key: str) -> int | float | None:
    """A number of a state; None if it is missing or not a number, as in a record that was edited."""
    found = state.get(key)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
