"""Progress lines at regular times: a long measurement is never silent for longer than INTERVAL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread
from time import monotonic

from reporter.model.durations import duration

INTERVAL = 30.0
"""Seconds."""
EARLY = 0.8
"""The share of the interval after which a line is due, so that the time between two lines stays below it."""


class Heartbeat:
    """Calls `beat` when nothing was printed for a while; `printed` is called with every line that is."""

    def __init__(self, beat: Callable[[], None], interval: float = INTERVAL) -> None:
        self._beat, self._interval = beat, interval * EARLY
        self._last = monotonic()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def printed(self) -> None:
        """A line was printed just now."""
        self._last = monotonic()

    def stop(self) -> None:
        """No line follows."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(max(0.0, self._last + self._interval - monotonic())):
            if monotonic() >= self._last + self._interval:
                self._beat()
                self.printed()


@contextmanager
def during(what: str, note: Callable[[str], None]) -> Iterator[None]:
    """Prints a line at regular times while something runs that prints none, such as the preparation of a run."""
    start, context = monotonic(), copy_context()  # which has the form of messages

    def beat() -> None:
        context.run(note, f"still {what}, after {duration(monotonic() - start)}")

    heartbeat = Heartbeat(beat, INTERVAL)
    try:
        yield
    finally:
        heartbeat.stop()
