"""Tests that measure times run alone, and test files whose tests start workers run in one process."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

from exclusive import held
from scheduling import FORKING, Scheduling
from xdist.remote import Producer

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


class Node:
    """A process of pytest-xdist, as its scheduler sees it: the tests that it was given, by their numbers."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway, self.given = SimpleNamespace(id=name), []

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.given += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


def test_one_process_begins_with_the_files_that_start_workers() -> None:
    """And every test runs once, whichever process is the faster one: it takes those of the other."""
    assert {path.name for path in Path(__file__).parent.glob("test_*.py")} >= FORKING
    files = ("test_ab.py", "test_names.py", "test_run.py", "test_load.py", "test_tables.py")
    tests = [f"tests/{file}::test_{number}" for file in files for number in range(3)]
    config = SimpleNamespace(getvalue=lambda _: ["2*popen"], option=SimpleNamespace(loadscopereorder=False))
    for faster, given in (
        (0, [[*range(3), *range(6, 15)], [3, 4, 5]]),
        (1, [[0, 1, 2], [3, 4, 5, *range(9, 15), 6, 7, 8]]),
    ):
        scheduling = Scheduling(config, Producer("test", enabled=False))
        nodes = [Node("gw0"), Node("gw1")]
        for node in nodes:
            scheduling.add_node(node)
            scheduling.add_node_collection(node, tests)
        scheduling.schedule()
        for node in (nodes[faster], nodes[1 - faster]):
            for number in node.given:  # grows meanwhile
                scheduling.mark_test_complete(node, number)
        assert [node.given for node in nodes] == given
