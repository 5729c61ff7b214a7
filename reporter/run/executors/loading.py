"""A limit on the time in which the fork server loads torch."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer

from reporter.model import ReporterError

LOADING = 300.0
"""Seconds that a process has to load torch."""


@contextmanager
def limited(server: int | None) -> Iterator[None]:
    """Kill the fork server if the block, which waits for it, takes more than LOADING seconds; then ReporterError."""
    late = Event()

    def kill() -> None:
        late.set()
        if server is not None:
            with suppress(OSError):
                os.kill(server, signal.SIGKILL)

    timer = Timer(LOADING, kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (EOFError, OSError):
        if late.is_set():
            advice = "check that `python -c 'import torch'` ends in this environment"
            raise ReporterError(f"torch is not loaded after {LOADING:.0f} s; {advice}") from None
        raise
    finally:
        timer.cancel()
