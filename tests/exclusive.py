"""Tests that measure times run alone: a plugin for pytest-xdist, whose processes run tests at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filelock import FileLock

FOLDER = "exclusive_folder"
"""What a process finds its folder of lock files under in its workerinput."""


class Exclusive:
    """Lets a test marked `timing` start when the tests of all other processes are done, and no test start beside it.

    Each process holds its own lock during a test; one that is marked holds those of all processes. The gate keeps the
    other processes from taking theirs again while it waits, and two marked tests from waiting for each other.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="reporter-tests-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        """Gives a new process the folder of the locks; called by pytest-xdist."""
        node.workerinput[FOLDER] = self._folder.name

    def pytest_unconfigure(self) -> None:
        self._folder.cleanup()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        process = getattr(item.config, "workerinput", None)
        if process is None:
            return (yield)
        folder, alone = Path(process[FOLDER]), item.get_closest_marker("timing") is not None
        with held(folder, process["workerid"], alone):
            return (yield)


def held(folder: Path, process: str, alone: bool) -> ExitStack:
    """The locks that a test of a process runs under, as a context manager to leave when it is done."""
    stack, gate = ExitStack(), FileLock(folder / "gate")
    if alone:
        stack.enter_context(gate)
        for lock in sorted(folder.glob("*.process")):  # a process without one yet waits at the gate
            stack.enter_context(FileLock(lock))
    else:
        with gate:
            stack.enter_context(FileLock(folder / f"{process}.process"))
    return stack
