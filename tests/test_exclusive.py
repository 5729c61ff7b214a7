"""A test that measures times runs while no other test runs."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

from exclusive import held

PATIENCE = 10
"""Seconds until a thread that should have gone on is taken as stuck."""
BRIEF = 0.1
"""Seconds in which one that should wait would have gone on."""


class Process:
    """One process of pytest-xdist with one test, as a thread: it can be seen when it runs, and be allowed to finish."""

    def __init__(self, folder: Path, name: str, *, alone: bool) -> None:
        self.runs, self._done = Event(), Event()
        self._arguments = folder, name, alone
        self._thread = Thread(target=self._test, daemon=True)
        self._thread.start()

    def _test(self) -> None:
        with held(*self._arguments):
            self.runs.set()
            self._done.wait(PATIENCE)

    def finish(self) -> None:
        self._done.set()
        self._thread.join(PATIENCE)


def test_a_test_that_measures_times_waits_and_is_waited_for(tmp_path: Path) -> None:
    first, second = (Process(tmp_path, name, alone=False) for name in ("gw0", "gw1"))
    assert first.runs.wait(PATIENCE)
    assert second.runs.wait(PATIENCE)  # at the same time
    timing = Process(tmp_path, "gw2", alone=True)
    first.finish()
    assert not timing.runs.wait(BRIEF)  # the second still runs
    following = Process(tmp_path, "gw0", alone=False)
    second.finish()
    assert timing.runs.wait(PATIENCE)
    assert not following.runs.wait(BRIEF)
    timing.finish()
    assert following.runs.wait(PATIENCE)
    following.finish()


def test_two_tests_that_measure_times_run_one_after_the_other(tmp_path: Path) -> None:
    first = Process(tmp_path, "gw0", alone=True)
    assert first.runs.wait(PATIENCE)
    second = Process(tmp_path, "gw1", alone=True)
    assert not second.runs.wait(BRIEF)
    first.finish()
    assert second.runs.wait(PATIENCE)
    second.finish()
