"""The implementations that oneDNN reports: its verbose output, which it prints to standard output from C.

MKL, if torch is built with it, prints the calls that it executes to the same place.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from functools import cache
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import torch

from reporter.model import ReporterError

PREFIX = "onednn_verbose,"
REPORTED = re.compile(rb"(?:onednn_verbose,|MKL_VERBOSE )[^\n]*\n?")
"""What oneDNN and MKL print: to the end of a line, which others may have begun, as a program that prints dots."""
REPORTING = frozenset({"aten::mkldnn_convolution", "aten::mkldnn_linear"})
"""Operators of torch that always execute a primitive of oneDNN."""
ISA = re.compile(r"(?:sse41|avx\d*(?:_\w+)?|amx\w*|sve_?\w*|asimd|neon|rvv|vsx|vxe2?)$")
"""How the names of instruction sets at the end of an implementation's name look."""


class Primitive(NamedTuple):
    """A primitive that oneDNN executed: its kind, e.g. `convolution`, and the implementation, `jit:avx512_core`."""

    kind: str
    implementation: str

    @property
    def instructions(self) -> str:
        """The instruction set in the name of the implementation; empty if it names none."""
        found = ISA.search(self.implementation.rpartition(":")[2])
        return found[0] if found else ""


class Capture:
    """Standard output of the process in a file; `position` is how much was written so far."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def size(self) -> int:
        """The number of bytes in the file."""
        return os.fstat(self._descriptor).st_size

    def position(self) -> int:
        """The number of bytes written so far; OSError if some could not be written, as on a full disk."""
        _flush()
        if _failed():
            raise OSError("what oneDNN and MKL print could not be written to a temporary file; the disk may be full")
        return self.size

    def text(self, start: int = 0, end: int | None = None) -> bytes:
        """What was written between two positions."""
        end = self.position() if end is None else end
        return os.pread(self._descriptor, max(0, end - start), start)


@contextmanager
def verbose(onednn: bool = True) -> Iterator[Capture]:
    """Standard output goes to a file while oneDNN and MKL report what they execute; without `onednn`, MKL alone.

    A file takes any amount, where a pipe would block once it is full. What Python prints is not redirected, so that it
    is not lost if the process dies; what others print is written to standard output afterwards.
    """
    with TemporaryFile() as file, _redirected(file.fileno()) as saved, _printing_to(saved):
        capture = Capture(file.fileno())
        try:
            with _reporting(onednn):
                yield capture
        finally:
            _flush()
            _forward(capture.text(0, capture.size), saved)


@contextmanager
def _reporting(onednn: bool) -> Iterator[None]:
    """The libraries that torch is built with report what they execute."""
    mkldnn, mkl = torch.backends.mkldnn, torch.backends.mkl
    with ExitStack() as stack:
        if onednn and mkldnn.is_available():
            stack.enter_context(mkldnn.verbose(mkldnn.VERBOSE_ON))
        if mkl.is_available():
            with suppress(AssertionError, RuntimeError):  # it then is known which library is loaded, not what it ran
                stack.enter_context(mkl.verbose(mkl.VERBOSE_ON))
        yield


@contextmanager
def _redirected(target: int) -> Iterator[int | None]:
    """Descriptor 1 refers to `target`; yields a copy of what it was before, None where it was closed."""
    _flush()
    saved = None
    with suppress(OSError):
        saved = os.dup(1)
    os.dup2(target, 1)
    _forget_errors()
    try:
        yield saved
    finally:
        _flush()
        if saved is None:
            os.close(1)
        else:
            os.dup2(saved, 1)
            os.close(saved)


@contextmanager
def _printing_to(descriptor: int | None) -> Iterator[None]:
    """What Python prints to standard output goes to a descriptor, line by line."""
    printed = None
    with suppress(AttributeError, OSError, ValueError):  # it is not a file, or closed
        printed = sys.stdout if sys.stdout.fileno() == 1 else None
    if descriptor is None or printed is None:
        yield
        return
    with (
        open(os.dup(descriptor), "w", buffering=1, encoding=printed.encoding, errors=printed.errors) as direct,
        redirect_stdout(direct),
    ):
        yield


def _forward(text: bytes, target: int | None) -> None:
    rest = REPORTED.sub(b"", text)
    with suppress(OSError):  # the reader is gone
        while rest and target is not None:
            rest = rest[os.write(target, rest) :]


def _flush() -> None:
    """Writes what Python and the C library have buffered for standard output."""
    with suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()
    if library := _library():
        library.fflush(None)


@cache
def _library() -> Any:
    """The C library; None on Windows, which has no handle of all libraries."""
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        return library if hasattr(library, "fflush") else None
    return None


@cache
def _stream() -> Any:
    """Standard output in the C library, a FILE *; None where it is not found."""
    for name in ("stdout", "__stdoutp"):  # the second one on macOS
        with suppress(AttributeError, TypeError, ValueError):
            return ctypes.c_void_p.in_dll(_library(), name)
    return None


def _failed() -> bool:
    """Whether the C library could not write to standard output since `_forget_errors`.

    oneDNN writes each line itself: the next time that its buffer is written, there is nothing left that could fail.
    """
    stream = _stream()
    return stream is not None and bool(_library().ferror(stream))


def _forget_errors() -> None:
    if (stream := _stream()) is not None:
        _library().clearerr(stream)


def executed(text: bytes, operators: Iterable[str], whole: bytes) -> list[Primitive]:
    """The primitives that some operators executed, of which `text` was captured; `whole` was in all of their call.

    Raises ReporterError if one of oneDNN is among the operators and reported none, but oneDNN does report them: it is
    not known then which kernel ran.
    """
    found = primitives(text)
    if not found and PREFIX.encode() in whole and (silent := REPORTING.intersection(operators)):
        raise ReporterError(f"the kernel of {min(silent)} is not known: what oneDNN printed for it was not captured")
    return found


def primitives(text: bytes) -> list[Primitive]:
    """The primitives that were executed, in their order, without those that only convert layouts."""
    found = []
    for line in text.decode(errors="replace").splitlines():
        _, reports, rest = line.partition(PREFIX)
        fields = rest.split(",")
        if reports and "exec" in fields[:4]:
            about = fields[fields.index("exec") + 1 :]
            if len(about) > 2 and about[1] != "reorder":
                found.append(Primitive(about[1], about[2]))
    return found
