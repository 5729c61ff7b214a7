"""Engines of nodes: nodes of one kind of machine may have different engines, or other versions of their packages.

The modes of an engine are measured with one version of its packages, on the nodes that have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reporter.host.job import Job
from reporter.model import Engine
from reporter.registry.execution_modes import EngineVersion, engine_version, engines_of, most_common
from reporter.run.schedule import Task
from reporter.run.slots import Slot


def of_machine(machine: str, slots: Sequence[Slot]) -> Mapping[str, Engine]:
    """The engines of a kind of machine, which any of its nodes may have."""
    described = [slot.engines for slot in slots if slot.machine == machine and slot.engines is not None]
    return engines_of(most_common(described) if described else None)


def of_job(job: Job, engines: Mapping[str, Engine]) -> EngineVersion | None:
    """The engine that a job needs; None if it needs none. The jobs of engines are of one mode."""
    modes = (*job.modes, *([job.curve.mode] if job.curve else []))
    return next(filter(None, (engine_version(mode, engines) for mode in modes)), None)


def notices(tasks: Iterable[Task], slots: Sequence[Slot]) -> Iterator[str]:
    """A line for each node and engine that is measured on other nodes of its kind only."""
    needed = {(task.machine, task.engine.title): task.engine for task in tasks if task.engine}
    lines = {
        f"{slot.node} takes no part in {mode}: {why}": None
        for (machine, mode), engine in needed.items()
        for slot in slots
        if slot.machine == machine and (why := engine.missing_from(slot.engines))
    }
    yield from lines
