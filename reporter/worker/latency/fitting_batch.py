"""The largest batch that fits into memory, as part of the reason why a larger one has no figure."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from reporter.model.attempts import LONGEST_REASON, attempt, in_memory

Result = TypeVar("Result")


def with_fitting_batch(work: Callable[[], Result], call: Callable[[int], object], batch: int) -> Result:
    """The result of some work on a batch; if memory runs out, MemoryError with the largest batch that `call` runs."""
    found, reason = in_memory(work)
    if reason is None:
        return found  # type: ignore[return-value]  # None only where `work` returns it
    gc.collect()  # what the traceback kept in memory
    fits = largest(call, batch)
    raise MemoryError(_with_largest(reason, fits) if fits else reason)


def _with_largest(reason: str, fits: int) -> str:
    """A reason with the largest batch that fits; of a long one without the last sentences, so that none is cut off."""
    addition = f"; the largest batch that fits: {fits}"
    most = LONGEST_REASON - len(addition)
    while len(reason) > most and ". " in reason:
        reason = reason.rpartition(". ")[0]
    return reason[:most].rstrip(".") + addition


def largest(call: Callable[[int], object], batch: int) -> int:
    """The largest batch below one that does not fit that a call runs with; 0 if there is none."""
    fits, too_large = 0, batch
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        verdict = attempt(partial(call, middle))[1]  # without the result, which takes memory
        gc.collect()
        fits, too_large = (middle, too_large) if verdict.status == "ok" else (fits, middle)
    return fits
