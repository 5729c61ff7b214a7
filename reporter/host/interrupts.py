"""Handling of SIGINT, SIGTERM and SIGHUP: the run ends in order and soon, with exit code 130."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from reporter.host.exit_codes import INTERRUPTED

PATIENCE = 1.5
"""Seconds that an end in order may take. Files are whole at any moment, so that a sudden end harms nothing."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_TEMPORARY: dict[str, int] = {}
"""Temporary folders, each with the number of the process that uses it."""


class _Deferral:
    """How many blocks defer interrupts now, and whether an interrupt is pending."""

    depth = 0
    pending = False


def listen() -> None:
    """From now on an interrupt raises KeyboardInterrupt, once; one that is ignored already (nohup) stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer an interrupt until the block is done; used while processes are started and ended."""
    _Deferral.depth += 1
    try:
        yield
    finally:
        _Deferral.depth -= 1
        if _Deferral.pending and not _Deferral.depth:
            _Deferral.pending = False
            raise KeyboardInterrupt


def remove_at_end(folder: str) -> None:
    """Removes a temporary folder, which has files and sockets only, also if an interrupt ends this process.

    The finalizers of multiprocessing, which do so otherwise, do not run then.
    """
    _TEMPORARY[folder] = os.getpid()


def leave() -> NoReturn:
    """Ends the process after an interrupt, with its exit code.

    Not by sys.exit: where the interrupt fell into code that is made of a text, as dataclasses are, the interpreter
    would remember it to the last and end itself by SIGINT.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    _end_process()


def _interrupt(_: int, __: FrameType | None) -> None:
    """Further interrupts change nothing: a clock runs already, for an exception that is lost or comes too late.

    Python would print a traceback where the exception is lost in a finalizer, and where a signal arrived before it is
    ignored here but its handler is called afterwards.
    """
    sys.unraisablehook = lambda _: None
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _thread.start_new_thread(_end_at_last, ())  # threading takes locks that the code interrupted may hold
    if _Deferral.depth:
        _Deferral.pending = True
        return
    raise KeyboardInterrupt


def _end_at_last() -> None:
    time.sleep(PATIENCE)
    _end_process()


def _end_process() -> NoReturn:
    """Ends the process. It imports nothing and takes no locks, which the main thread may hold for good."""
    for folder, process in tuple(_TEMPORARY.items()):
        if process == os.getpid():  # not a process that was forked from the one that uses it
            with suppress(OSError):
                for name in os.listdir(folder):
                    os.unlink(os.path.join(folder, name))
                os.rmdir(folder)
    os._exit(INTERRUPTED)
