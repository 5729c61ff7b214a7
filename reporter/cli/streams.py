"""Standard output and standard error of the command line: UTF-8, and never the cause of exit code 1."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from reporter.model import ReporterError

if TYPE_CHECKING:
    from typing_extensions import Buffer

NAMES = ("stdin", "stdout", "stderr")


class UnwritableError(ReporterError, OSError):
    """Standard output cannot be written to; an OSError for the commands whose exit code does not depend on it."""


class Stream(io.FileIO):
    """A standard stream that discards what is written after its reader closed it.

    Click would exit with 1 instead, which is the exit code of a regression.
    """

    lost = False

    def write(self, data: Buffer, /) -> int:
        """Write what the stream accepts; UnwritableError if standard output cannot be written to."""
        size = memoryview(data).nbytes
        if self.lost:
            return size
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError as error:
            self.lost = True
            if isinstance(error, BrokenPipeError) or self.fileno() == NAMES.index("stderr"):
                return size
            raise UnwritableError(f"standard output cannot be written to ({error.strerror})") from None


def prepare() -> None:
    """Use UTF-8 whatever the locale is, and the null device in place of a stream that the caller has closed."""
    for number, name in enumerate(NAMES):
        _open(number)
        if name == "stdin":
            continue
        stream = getattr(sys, name)
        if stream is None or stream is getattr(sys, f"__{name}__"):
            if stream is not None:
                stream.flush()
            raw = Stream(number, "w", closefd=False)
            made = io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=raw.isatty() or name == "stderr")
            setattr(sys, name, made)
        getattr(sys, name).reconfigure(encoding="utf-8", errors="replace")


def _open(number: int) -> None:
    """Open the null device as this descriptor if it is closed, so that no other file gets its number."""
    try:
        os.fstat(number)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
