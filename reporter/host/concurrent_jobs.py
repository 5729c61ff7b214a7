"""The jobs that run on this machine at a time, each on a GPU: how many, and the processor time of the others."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
OWN, WAITED = (11, 13), (13, 15)
"""Where a process's own time and that of its ended children are in /proc/PID/stat, counted from the state (proc(5))."""


@dataclass
class _Sharing:
    jobs: int = 1


_sharing = _Sharing()


def share(jobs: int) -> None:
    """Sets how many jobs run at a time, with that of this process; a worker calls it before its job."""
    _sharing.jobs = max(1, jobs)


def count() -> int:
    """How many jobs run at a time, with that of this process."""
    return _sharing.jobs


def seconds(proc: Path = PROC) -> float:
    """Processor time so far of the run's other workers and of what they started; 0 if no other job runs at a time.

    Workers are children of one process. What it has waited for is counted as well, so that the sum does not fall when a
    worker ends.
    """
    if _sharing.jobs == 1:
        return 0.0
    parent, own = os.getppid(), os.getpid()
    ticks = _ticks(parent, WAITED, proc) + sum(_all(each, proc) for each in _children(parent, proc) if each != own)
    return ticks / os.sysconf("SC_CLK_TCK")


def _all(process: int, proc: Path) -> int:
    """Ticks of a process and of all below it, also of those that have ended."""
    mine = _ticks(process, (OWN[0], WAITED[1]), proc)
    return mine + sum(_all(each, proc) for each in _children(process, proc))


def _ticks(process: int, fields: tuple[int, int], proc: Path) -> int:
    """Ticks in user and system mode; 0 for a process that is gone."""
    with suppress(OSError, ValueError):
        about = (proc / str(process) / "stat").read_text()
        return sum(map(int, about.rpartition(")")[2].split()[fields[0] : fields[1]]))
    return 0


def _children(process: int, proc: Path) -> set[int]:
    from reporter.host.confinement import children

    return children(proc / str(process))
