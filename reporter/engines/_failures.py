"""Reasons in one line for models that an engine cannot run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reporter.model.attempts import attempt, one_line
from reporter.model.readings import UnsupportedError

Result = TypeVar("Result")


def step(name: str, work: Callable[[], Result]) -> Result:
    """The result of one step of a preparation; UnsupportedError or MemoryError with its name and the cause."""
    found, verdict = attempt(work)
    if verdict.status == "ok":
        return found  # type: ignore[return-value]  # None only where `work` returns it
    reason = one_line(f"{name} failed: {verdict.reason}")
    raise MemoryError(reason) if verdict.status == "oom" else UnsupportedError(reason)
