"""Allocation of jobs to a time budget.

First every job once, eager before other execution modes and the cheapest first, until one does not fit: what a network
costs decides how much of it is measured, and a larger budget measures all that a smaller one does. What is left then
goes into further rounds of the times, round by round, eager first and the cheapest network first; one that no longer
fits is passed over, so that the time is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from reporter.host.job import Job
from reporter.model.records import EAGER

Cost = Callable[[Job], float]
Identity = tuple[str, str, int, tuple[str, ...], bool]


def allocate(jobs: Sequence[Job], cost: Cost, seconds: float, opening: float = 0.0, now: int = 0) -> list[Job]:
    """The jobs that a time has room for, in the order to run them.

    Every round but `now`, in which one is already, costs `opening` besides.
    """
    prices = {identity(job): cost(job) for job in jobs}
    taken: set[Identity] = set()
    missing: set[tuple[str, str, str]] = set()
    opened = {now}
    for job in sorted(jobs, key=lambda job: (job.round, not job.is_eager, prices[identity(job)])):
        price = prices[identity(job)] + (0.0 if job.round in opened else opening)
        blocked = not missing.isdisjoint(_places(job)) if job.round else bool(missing)
        if blocked or price > seconds:
            missing |= _places(job)
        else:
            seconds -= price
            taken.add(identity(job))
            opened.add(job.round)
    return in_order(job for job in jobs if identity(job) in taken)


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Jobs round by round, in the order of the plan: what the allocation leaves out first comes last."""
    return sorted(jobs, key=lambda job: job.round)


def place(job: Job) -> tuple[str, str]:
    """What the rounds of one network's process have in common."""
    return job.architecture, job.process


def _places(job: Job) -> set[tuple[str, str, str]]:
    """The same of each mode of a job; a round of a mode follows the first one of this mode only."""
    return {(*place(job), mode) for mode in job.modes or (EAGER,)}


def identity(job: Job) -> Identity:
    """What makes a job unique among those of one machine: its architecture, process and round, modes and checks."""
    return job.architecture, job.process, job.round, job.modes, job.only_checks
