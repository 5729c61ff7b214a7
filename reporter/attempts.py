"""Work of others, which may raise anything: what came of it, or the reason in one line."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

from reporter.readings import ReporterError, Verdict

Result = TypeVar("Result")


def attempt(work: Callable[[], Result]) -> tuple[Result | None, Verdict]:
    """The result of some work, None and the reason where it raised."""
    try:
        return work(), Verdict("ok", None)
    except SystemExit as error:
        return None, Verdict("failed", f"it asked the interpreter to exit ({error.code})")
    except Exception as error:  # a network may raise anything; the row says what
        plain = isinstance(error, ReporterError) or _is_memory_error(error)
        kind = "" if plain else f"{type(error).__name__}: "
        return None, Verdict("oom" if _is_lack_of_memory(error) else "failed", kind + _first_line(error))


def _is_memory_error(error: Exception) -> bool:
    """Whether it is Python's, or torch's by its name: this module knows no torch."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether that is what an error means: torch's own allocator on the CPU has no class for it."""
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return refused or _is_memory_error(error) or "can't allocate memory" in str(error)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
