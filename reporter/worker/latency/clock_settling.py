"""Waits until the clock of an accelerator is steady under load, and records the state of the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reporter.model.device_states import STATES, DeviceState
from reporter.worker.device import Device
from reporter.worker.latency.timing import Call, waiting_timer

LONGEST = 3.0
"""Seconds of calls after which the clock is not waited for any longer."""
INTERVAL = 0.1
"""Seconds of calls between two looks at the clock."""
LOOKS = 3
"""So many looks in a row see the same clock once it is steady."""
FIRST = 2
"""Calls before those whose seconds count: the first ones in a process load libraries, while the device is idle."""
ALIKE = 0.02
"""Clocks that differ by less than this share are the same."""


def settled(place: Device, call: Call) -> dict[str, Any]:
    """Repeats a call until the clock is steady or time is up; the entry for the detail of a time.

    Empty for the CPU, and for a device whose state is not known.
    """
    if place.runtime is None or place.state() is None:
        return {}
    clocks: list[int] = []
    waiting_timer(place, call, FIRST)
    spent = _loaded(place, call)  # an idle device has a clock of its own, which is the same in every look
    while (state := place.state()) and state.clock_mhz is not None:
        clocks.append(state.clock_mhz)
        if is_steady(clocks) or spent >= LONGEST:
            break
        spent += _loaded(place, call)
    return {STATES: [_entry(state, clocks, spent)]} if state else {}


def is_steady(clocks: Sequence[int]) -> bool:
    """Whether the last looks saw the same clock."""
    last = clocks[-LOOKS:]
    return len(last) == LOOKS and max(last) - min(last) <= ALIKE * max(last)


def _loaded(place: Device, call: Call) -> float:
    """The seconds of calls for one interval."""
    seconds = 0.0
    while seconds < INTERVAL:
        seconds += sum(waiting_timer(place, call, 1))
    return seconds


def _entry(state: DeviceState, clocks: Sequence[int], spent: float) -> dict[str, Any]:
    about = {**state._asdict(), "limits": list(state.limits)}
    return about | {"settled": is_steady(clocks) if clocks else None, "seconds": round(spent, 3)}
