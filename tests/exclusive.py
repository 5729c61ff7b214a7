"""Tests that measure times run alone: a plugin for pytest-xdist, whose processes run tests at the same time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

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
    stack, gate = ExitStack(), locked(folder / "gate")
    if alone:
        stack.enter_context(gate)
        for lock in sorted(folder.glob("*.process")):  # a process without one yet waits at the gate
            stack.enter_context(locked(lock))
    else:
        with gate:
            stack.enter_context(locked(folder / f"{process}.process"))
    return stack


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file, which the system gives to who has waited for it, also where its holder is killed.

    Each test takes two: the locks of the package filelock take many times as long, and poll while they wait.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)  # closing it is not enough: a process that was forked meanwhile has it open
        os.close(file)
