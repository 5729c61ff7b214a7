"""Confinement of a worker: it ends with the run, has a memory limit, and its output is discarded."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from reporter.host.cgroups import groups
from reporter.model.devices import is_accelerator

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PARENT = "REPORTER_PARENT"
"""The variable that gives the fork server the number of the process that starts it; no worker inherits it."""
FILES = {True: ("memory.max", "memory.current"), False: ("memory.limit_in_bytes", "memory.usage_in_bytes")}
"""A control group's limit and use, in the unified hierarchy and in the older one of the memory controller."""


def confine(connection: Connection) -> None:
    """Makes this process a worker; `connection` is its way to the parent, and not that of its children."""
    die_with_parent()
    run = multiprocessing.parent_process()
    if run is not None and not run.is_alive():  # killed in the moment before
        os._exit(1)
    os.setsid()  # so that whatever the network starts can be killed with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means

    def part() -> None:
        connection.close()
        die_with_parent()

    os.register_at_fork(after_in_child=part)
    if sys.platform == "linux":  # by any other method, what a killed worker has locked is reported as leaked
        multiprocessing.set_start_method("fork", force=True)
    silence()


def die_with_parent() -> None:
    """Asks Linux to end this process with its parent, also where that was killed."""
    _control(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def named_as_parent() -> Iterator[None]:
    """Sets that variable to the number of this process while the fork server is started."""
    os.environ[PARENT] = str(os.getpid())
    try:
        yield
    finally:
        del os.environ[PARENT]


def adopt() -> None:
    """Makes this process the parent of every process below it whose own parent ends, so that none is lost sight of."""
    _control(PR_SET_CHILD_SUBREAPER, 1)


def children(process: Path = Path("/proc/self")) -> set[int]:
    """The processes directly below one, by its folder in /proc; none if the system does not report them."""
    found: set[int] = set()
    for path in (process / "task").glob("*/children"):
        with suppress(OSError):
            found.update(map(int, path.read_text().split()))
    return found


def silence() -> None:
    """Sends what a network prints nowhere: standard output belongs to the report's own answers."""
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def limit_memory(device: str) -> None:
    """Lets an allocation fail where the kernel would have to kill somebody; if it still must, it takes this process.

    RLIMIT_DATA counts what is private and writable. It is left alone on a GPU, whose driver maps what it does not take.
    """
    if sys.platform != "linux":
        return
    import resource

    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if not is_accelerator(device):
        allowed = _numbers(Path("/proc/self/status")).get("VmData", 0) * 1024 + available_memory()
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (allowed if hard < 0 else min(allowed, hard), hard))


def available_memory() -> int:
    """Bytes that can still be had: of the machine, swap included, and of every control group that this process is in.

    A group's page cache counts as free; files that the kernel does not show set no limit.
    """
    machine = _numbers(Path("/proc/meminfo"))
    left = [(machine.get("MemAvailable", 2**50) + machine.get("SwapFree", 0)) * 1024]
    return max(0, min([*left, *_left_in_groups()]))


def _left_in_groups() -> Iterator[int]:
    for group in groups("memory"):
        limit, used = (_number(group.folder / file) for file in FILES[group.unified])
        if limit is not None and used is not None:
            yield limit - used + _numbers(group.folder / "memory.stat").get("inactive_file", 0)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _numbers(path: Path) -> dict[str, int]:
    """The lines `name: number ...` or `name number` of a file of the kernel."""
    with suppress(OSError):
        lines = (line.replace(":", " ").split() for line in path.read_text().splitlines())
        return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}
    return {}


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
