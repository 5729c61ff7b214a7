"""Which readings on the CPU depend on the number of threads."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from reporter.model.devices import ONE_THREAD

COUNTS = frozenset({"arithmetic_intensity", "operators", "stages"})
"""Keys that are counted, of metrics that depend on the threads."""
ENDING = f"_{ONE_THREAD}"
Value = TypeVar("Value")


def conditions_of(key: str, settings: dict[str, Value], without: Collection[str] = ()) -> dict[str, Value]:
    """The conditions of a reading, from those of its metric: without the number of threads if it is independent of it.

    That is a reading with one thread, and a count. Those in `without` are left out, too.
    """
    if "threads" in settings and (key in COUNTS or key.endswith(ENDING)):
        without = {*without, "threads"}
    if settings.keys().isdisjoint(without):
        return settings
    return {name: value for name, value in settings.items() if name not in without}
