"""`pytest --costs FILE`: the processor and wall seconds of each test, with those of its child processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reporter.host import confinement


def processor_seconds() -> float:
    """User and system time of this process and of all below it, those that have ended included."""
    return sum(os.times()[:4]) + sum(map(_seconds, children(os.getpid())))


def children(process: int) -> Iterator[int]:
    """The numbers of all processes below one."""
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                yield child
                yield from children(child)


def _seconds(process: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Costs:
    """Appends one line for each test, its fixtures included: processor seconds, wall seconds, the test's id.

    A process whose parent ends, such as the fork server of a run, counts as well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        confinement.adopt()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        processor, wall = processor_seconds(), time.perf_counter()
        try:
            return (yield)
        finally:
            line = f"{processor_seconds() - processor:.2f}\t{time.perf_counter() - wall:.2f}\t{item.nodeid}\n"
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
