"""The largest batch that fits into memory, as part of the reason why a larger one has no figure."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import TypeVar

from reporter.model.attempts import LONGEST_REASON, attempt, in_memory

Result = TypeVar("Result")
MOST_FAILED = 64
"""The batch sizes that may fail for another reason than memory in the search for the largest that fits."""


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
    """The largest batch below one that does not fit that a call runs with; 0 if there is none, or if it is not known.

    A failure for another reason shows nothing about memory: a network may take only some batch sizes. The next sizes
    are tried then, and after MOST_FAILED such failures it is not known.
    """
    fits, too_large = 0, batch
    failed: set[int] = set()
    while size := next((each for each in _from_the_middle(fits, too_large) if each not in failed), None):
        verdict = attempt(partial(call, size))[1]  # without the result, which takes memory
        gc.collect()
        if verdict.status == "ok":
            fits = size
        elif verdict.status == "oom":
            too_large = size
        elif len(failed) == MOST_FAILED:
            return 0
        else:
            failed.add(size)
    return fits


def _from_the_middle(fits: int, too_large: int) -> Iterator[int]:
    """The sizes between two others: from the middle downwards, then those above it."""
    middle = (fits + too_large) // 2
    return chain(range(middle, fits, -1), range(middle + 1, too_large))
