"""Which job runs where and when: what is on the CPU has its machine to itself, the rounds of a time come from one slot.

Jobs that only count run side by side, never beside others. With one slot jobs run in the order in which they were
planned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reporter.host.job import Job
from reporter.model.devices import is_accelerator
from reporter.registry.execution_modes import EngineVersion
from reporter.run.node_environments import NodeEnvironment
from reporter.run.slots import Slot


@dataclass(eq=False)
class Task:
    """A job for a kind of machine; `timed`: one of several rounds; `losses`: how many slots were lost under it.

    `counts`: it counts, on one thread and without real tensors, so that others like it may run beside it. `engine` is
    what its node must have installed, `environment` its versions and variables.
    """

    job: Job
    machine: str
    timed: bool = False
    losses: int = 0
    counts: bool = False
    engine: EngineVersion | None = None
    environment: NodeEnvironment | None = None

    @property
    def on_gpu(self) -> bool:
        return is_accelerator(self.job.device)

    @property
    def series(self) -> tuple[str, str, str]:
        """What the rounds of a time have in common."""
        return self.machine, self.job.architecture, self.job.process


class Schedule:
    """The tasks that wait and those that run; a task is due where a slot is free for it."""

    loaded_round: int | None = None
    """The round for which torch is loaded before the first job."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.waiting = list(tasks)
        self.running: dict[Slot, Task] = {}
        self._homes: dict[tuple[str, str, str], Slot] = {}

    def limit(self, job: Job | None = None) -> float | None:
        """Seconds until a job that begins now is cut off, where that is so."""
        return None

    @property
    def is_over(self) -> bool:
        """Whether nothing runs, and nothing that waits will."""
        return not self.running and not self.waiting

    def due(self, slots: Sequence[Slot]) -> tuple[Slot, Task] | None:
        """A slot and what it is to begin now, which counts as running from here on; None where nothing can begin."""
        for slot in slots:
            task = None if slot in self.running else self._next(slot)
            if task:
                self._start(task, slot)
                return slot, task
        return None

    def finish(self, slot: Slot) -> Task:
        """Frees a slot; gives what ran there."""
        return self.running.pop(slot)

    def lose(self, slot: Slot) -> Task:
        """Puts what ran in a lost slot first among those that wait; the rounds it was to take go to other slots."""
        task = self.running.pop(slot)
        task.losses += 1
        self.waiting.insert(0, task)
        self._homes = {series: home for series, home in self._homes.items() if home is not slot}
        return task

    def drop(self, slots: Collection[Slot]) -> list[Task]:
        """Takes out what waits in vain, because none of those slots could take it."""
        dropped = [task for task in self.waiting if not any(_fits(task, slot) for slot in slots)]
        self.waiting = [task for task in self.waiting if task not in dropped]
        return dropped

    def _start(self, task: Task, slot: Slot) -> None:
        self.waiting.remove(task)
        self.running[slot] = task
        if task.timed:
            self._homes.setdefault(task.series, slot)

    def _next(self, slot: Slot) -> Task | None:
        """The first in order; what is on another GPU may be overtaken, what waits for the whole machine may not."""
        occupied = {other: task for other, task in self.running.items() if other.node == slot.node}
        beside = occupied.values()
        if slot.counts or any(other.counts for other in occupied):
            return self._next_to_count(slot, occupied)
        if not all(task.on_gpu for task in beside):
            return None
        for task in self.waiting:
            if _fits(task, slot) and self._is_at_home(task, slot):
                return None if beside and not task.on_gpu else task
        return None

    def _next_to_count(self, slot: Slot, occupied: Mapping[Slot, Task]) -> Task | None:
        """The first in order if it only counts, as all beside it do; of the other slots one takes part."""
        first = next((task for task in self.waiting if _is_of_kind(task, slot)), None)
        alone = slot.counts or all(other.counts for other in occupied)
        ready = first is not None and first.counts and all(task.counts for task in occupied.values())
        return first if ready and alone else None

    def _is_at_home(self, task: Task, slot: Slot) -> bool:
        home = self._homes.get(task.series, slot) if task.timed else slot
        return home is slot or (home.node == slot.node and not task.on_gpu)


def _fits(task: Task, slot: Slot) -> bool:
    if slot.counts and not task.counts:
        return False
    if task.engine and task.engine.missing_from(slot.engines):
        return False
    return _is_of_kind(task, slot) and (not task.on_gpu or task.job.device == slot.device)


def _is_of_kind(task: Task, slot: Slot) -> bool:
    """Whether a slot is of the kind of machine of a task, with its environment."""
    return task.machine == slot.machine and not (task.environment and task.environment.missing_from(slot))
