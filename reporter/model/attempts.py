"""Calls of third-party code that may raise anything: the result, or the reason in one line."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from reporter.model.fields import legible
from reporter.model.readings import ReporterError, Status, UnsupportedError, Verdict

Result = TypeVar("Result")
LACKING = re.compile(
    r"out[ _]of[ _]((host|device|gpu)[ _])?memory|outofmemory|ALLOC(ATION)?_FAILED|MemoryAllocation"
    r"|can't allocate memory|not enough memory|miopenStatusAllocFailed|bad_alloc|bad allocation"
    r"|failed to allocate (memory|output tensor|\d+ bytes)|memory allocation failed"
    r"|could not allocate memory|cannot allocate memory(?! for| in static)",
    re.IGNORECASE,
)
"""How torch's CPU allocator, CUDA, HIP, XPU, MPS, their libraries and the engines report that memory ran out.

"Could not allocate memory" is the message of pugixml, with which OpenVINO reads its files; "Cannot allocate memory" is
that of ENOMEM. It has another meaning in "… for type" (OpenVINO) and "… in static TLS block" (the dynamic linker).
"""
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])?|[\x00-\x08\x0e-\x1a\x7f-\x9f]"
)
"""ANSI escape sequences (colors, cursor movements, window titles), and control characters that end no line."""
LONGEST_REASON = 300
"""Characters of a reason; the error of CUDA's allocator has 579, half of them advice."""
LONGEST_VALUE = 60
"""Characters of an invalid value in a reason."""
RAISED_AT = re.compile(r"(Exception from|Check '.*' failed at) \S+:\d+:")
"""A line of an error of OpenVINO with a place in its source code; the cause follows on a line of its own."""
TRACEBACK = re.compile(r"^Traceback ", re.MULTILINE)
"""Python's, or that of TorchScript."""


def attempt(work: Callable[[], Result]) -> tuple[Result | None, Verdict]:
    """The result of some work, None and the reason where it raised."""
    try:
        return work(), Verdict("ok", None)
    except SystemExit as error:
        return None, Verdict("failed", f"it asked the interpreter to exit ({error.code})")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a network may raise anything; the row says what
        plain = isinstance(error, ReporterError) or _is_memory_error(error)
        kind = "" if plain else f"{type(error).__name__}: "
        lost: Status = "unsupported" if isinstance(error, UnsupportedError) else "failed"
        return None, Verdict("oom" if is_lack_of_memory(error) else lost, kind + first_line(error))


def in_memory(work: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """The result of some work, None and the reason where memory ran out; other errors are raised."""
    try:
        return work(), None
    except Exception as error:
        if not is_lack_of_memory(error):
            raise
        return None, first_line(error)


def _is_memory_error(error: BaseException) -> bool:
    """Whether it is Python's, or torch's by its name, as this module does not import torch."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether that is what an error means: torch's CPU allocator, libraries of accelerators and engines have no class.

    Errors of ONNX Runtime are no RuntimeErrors. The messages of other classes, such as AttributeError, quote names,
    and this program's own errors state their kind by their class.
    """
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    general = _builtin(error) is Exception or isinstance(error, RuntimeError)
    lacking = general and not isinstance(error, ReporterError) and LACKING.search(_text(error)) is not None
    return refused or lacking or _is_memory_error(error)


def _builtin(error: BaseException) -> type:
    """The class of Python that the class of an error is derived from first."""
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


def first_line(error: BaseException) -> str:
    """The message of an error in one line."""
    return one_line(_text(error))


def _text(error: BaseException) -> str:
    """The message of an error, whose own method may raise or return something else."""
    try:
        return _first_fault(error) if isinstance(error, ValidationError) else str(error)
    except Exception:
        return ""


def _first_fault(error: ValidationError) -> str:
    """The first field of a model that is wrong, and what it may be: the first line of the message names neither."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, (error.title, *first["loc"])))
    if first["type"] == "missing":
        return f"{place}: {first['msg']}"
    given = repr(first["input"])
    shown = given if len(given) <= LONGEST_VALUE else f"{given[:LONGEST_VALUE]}…"
    wanted = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    return f"{place}: invalid value {shown}; {wanted.replace('String should', 'it should')}"


def one_line(text: str, most: int = LONGEST_REASON) -> str:
    """The line of an error message that names the cause, without escape sequences and control characters.

    That is the first line, or the last one where a traceback comes between; a first line that ends with a colon goes
    with the next. Lines with a place in the source code of OpenVINO are left out.
    """
    lines = [line for each in ESCAPES.sub("", text).splitlines() if (line := legible(" ".join(each.split())))]
    if not lines:
        return "no message"
    lines = [line for line in lines if not RAISED_AT.fullmatch(line)] or lines[-1:]
    if TRACEBACK.search(text):
        return lines[-1][:most]
    return (" ".join(lines[:2]) if lines[0].endswith(":") else lines[0])[:most]
