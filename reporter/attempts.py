"""Work of others, which may raise anything: what came of it, or the reason in one line."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TypeVar

from reporter.readings import ReporterError, Verdict

Result = TypeVar("Result")
LACKING = re.compile(
    r"out[ _]of[ _]((host|device|gpu)[ _])?memory|outofmemory|ALLOC(ATION)?_FAILED|MemoryAllocation"
    r"|can't allocate memory|not enough memory|miopenStatusAllocFailed",
    re.IGNORECASE,
)
"""How torch's CPU allocator, CUDA, HIP, XPU, MPS and their libraries report that memory ran out."""
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Terminal escape sequences and control characters."""


def attempt(work: Callable[[], Result]) -> tuple[Result | None, Verdict]:
    """The result of some work, None and the reason where it raised."""
    try:
        return work(), Verdict("ok", None)
    except SystemExit as error:
        return None, Verdict("failed", f"it asked the interpreter to exit ({error.code})")
    except Exception as error:  # a network may raise anything; the row says what
        plain = isinstance(error, ReporterError) or _is_memory_error(error)
        kind = "" if plain else f"{type(error).__name__}: "
        return None, Verdict("oom" if _is_lack_of_memory(error) else "failed", kind + first_line(error))


def _is_memory_error(error: Exception) -> bool:
    """Whether it is Python's, or torch's by its name: this module knows no torch."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether that is what an error means: torch's CPU allocator and the libraries of accelerators have no class."""
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    lacking = isinstance(error, RuntimeError) and LACKING.search(str(error)) is not None
    return refused or lacking or _is_memory_error(error)


def first_line(error: BaseException) -> str:
    """What an error says in one line without control characters; of a traceback in its text, the error that ends it."""
    lines = [line.strip() for line in ESCAPES.sub("", str(error)).splitlines() if line.strip()]
    if not lines:
        return "no message"
    return (lines[-1] if lines[0].startswith("Traceback") else lines[0])[:300]
