"""Which readings on the CPU depend on the number of threads."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from reporter.model.devices import ONE_THREAD

COUNTS = frozenset({"arithmetic_intensity", "operators", "stages"})
"""Keys that are counted, of metrics that depend on the threads."""
Value = TypeVar("Value")


def conditions_of(key: str, settings: dict[str, Value], without: Collection[str] = ()) -> dict[str, Value]:
    """The conditions of a reading, from those of its metric: without the number of threads if it is independent of it.

    That is a reading with one thread, and a count. Those in `without` are left out, too.
    """
    independent = key in COUNTS or key.endswith(f"_{ONE_THREAD}")
    left_out = {*without, "threads"} if independent else without
    if settings.keys().isdisjoint(left_out):
        return settings
    return {name: value for name, value in settings.items() if name not in left_out}
