"""Capture of what third-party code prints while it is imported; it is written to the log instead."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO

from reporter.model.fields import legible

LONGEST = 10_000
"""More characters than this are cut off."""
log = logging.getLogger("reporter")


@contextmanager
def captured(source: str) -> Iterator[None]:
    """Redirects standard output and error, of Python and of the process, while the code of `source` runs.

    What it printed is logged at level INFO by the logger `reporter`, control characters escaped.
    """
    with TemporaryFile() as file:
        try:
            with _redirected(file):
                yield
        finally:
            file.seek(0)
            if text := file.read(LONGEST).decode(errors="replace").rstrip():
                log.info("%s printed: %s", source, " | ".join(map(legible, text.splitlines())))


@contextmanager
def _redirected(file: IO[bytes]) -> Iterator[None]:
    with ExitStack() as stack:
        for number in (1, 2):
            with suppress(OSError):  # the caller closed it
                saved = os.dup(number)
                stack.callback(os.close, saved)
                stack.callback(os.dup2, saved, number)
                for stream in (sys.stdout, sys.stderr):
                    with suppress(AttributeError, OSError, ValueError):
                        stream.flush()
                os.dup2(file.fileno(), number)
        text = TextIOWrapper(os.fdopen(os.dup(file.fileno()), "wb"), encoding="utf-8", errors="backslashreplace")
        stack.enter_context(text)
        stack.enter_context(redirect_stdout(text))
        stack.enter_context(redirect_stderr(text))
        yield
