"""The jobs of a run: each starts when a slot is free for it, and its readings are saved as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reporter.host.job import Job
from reporter.model import Verdict
from reporter.model.devices import is_accelerator
from reporter.run import node_engines, node_environments
from reporter.run.costs import Costs
from reporter.run.curve_measurement import CurveMeasurement
from reporter.run.ledger import Ledger
from reporter.run.measurement import Measurement
from reporter.run.request import Outcome, Progress
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import GONE, LOST, MOST_LOSSES, Executor, Slot

Ledgers = Mapping[tuple[str, str], Ledger]
"""By machine and architecture."""


class Work:
    """What is measured at the moment, and what is to follow; every finished job improves the cost model."""

    def __init__(
        self,
        schedule: Schedule,
        ledgers: Ledgers,
        executor: Executor,
        costs: Costs,
        *,
        progress: Progress,
        outcome: Outcome,
    ) -> None:
        self.schedule, self.ledgers, self.executor, self.costs = schedule, ledgers, executor, costs
        self.progress, self.outcome = progress, outcome
        self._running: dict[Task, Measurement] = {}
        self._rounds: dict[Slot, int] = {}
        self._seen_slots, self._environments = set(executor.slots), node_environments.measured(executor.slots)

    def run(self) -> None:
        """Runs all of it: sleeps until a worker sends something, and starts what can start then."""
        self._start_due()
        while not self.schedule.is_over:
            event = self.executor.listen()
            if event is None:
                self._check_slots()
            elif isinstance(event[1], Verdict):
                self._finish(event[0], event[1])
            else:
                self._running[self.schedule.running[event[0]]].receive(event[1])
            self._start_due()

    def _start_due(self) -> None:
        while due := self.schedule.due(self.executor.slots):
            slot, task = due
            measurement = self._measurement(task)
            self.progress.job_started(measurement.job)
            self._launch(slot, measurement)

    def _launch(self, slot: Slot, measurement: Measurement) -> None:
        """Starts a worker for what remains of a job, in the time that is left for it."""
        measurement.start(self.schedule.limit(measurement.job))
        if job := measurement.remaining:
            sent = job.model_copy(update={"concurrent": _concurrent(job, slot, self.executor.slots)})
            self.executor.start(slot, sent.model_dump_json(), measurement.limit, job.round)
        else:
            self._skip(slot)

    def _finish(self, slot: Slot, verdict: Verdict) -> None:
        """A worker ended; the first one of a round on a slot waited until torch was loaded, if it was not before."""
        task = self.schedule.running[slot]
        if self._running[task].drop_crashed(verdict):
            self.progress.note(f"note: {task.job.architecture}: {task.job.process} is repeated: {verdict.reason}")
            self._running[task].interrupt()
            self._launch(slot, self._running[task])
            return
        task = self.schedule.finish(slot)
        opens = self._rounds.get(slot, self.schedule.loaded_round) != task.job.round
        self._rounds[slot] = task.job.round
        self._running.pop(task).finish(verdict, self.costs, opens)

    def _skip(self, slot: Slot) -> None:
        """Nothing remains of a job: no worker is started for it."""
        self._running.pop(self.schedule.finish(slot)).skip(self.costs)

    def _check_slots(self) -> None:
        """Slots were lost, came back or joined: what ran in a lost one waits for another, if there can be one."""
        self._note_late()
        for slot in [slot for slot in self.schedule.running if slot not in self.executor.slots]:
            self._lose(slot)
        for task in self.schedule.drop([*self.executor.slots, *self.executor.away]):
            self._fail(task, f"{GONE} with {task.engine}" if task.engine else GONE)

    def _note_late(self) -> None:
        """Prints which nodes that joined during the run take no part in all or some of it."""
        late = [slot for slot in self.executor.slots if slot not in self._seen_slots]
        self._seen_slots.update(late)
        tasks = [*self.schedule.waiting, *self.schedule.running.values()]
        able = node_environments.taking_part(late, self._environments)
        lines = (*node_environments.notices(late, self._environments), *node_engines.notices(tasks, able))
        for line in (*self.executor.late_notices(), *lines):
            self.progress.note(f"note: {line}")

    def _lose(self, slot: Slot) -> None:
        task = self.schedule.lose(slot)
        self.progress.note(f"note: {task.job.architecture}: {slot.node} was lost, {task.job.process} is restarted")
        self._running[task].interrupt()
        if task.losses == MOST_LOSSES:
            self.schedule.waiting.remove(task)
            self._fail(task, LOST)

    def _fail(self, task: Task, reason: str) -> None:
        measurement = self._measurement(task)
        measurement.start()
        self._running.pop(task).finish(Verdict("failed", reason), self.costs)

    def _measurement(self, task: Task) -> Measurement:
        if task not in self._running:
            ledger = self.ledgers[task.machine, task.job.architecture]
            kind = CurveMeasurement if task.job.curve else Measurement
            self._running[task] = kind(task.job, ledger, self.progress, self.outcome)
        return self._running[task]


def _concurrent(job: Job, slot: Slot, slots: Sequence[Slot]) -> int:
    """How many jobs run at a time on a node: one on each of its GPUs, or one on the CPU."""
    gpus = [each for each in slots if each.node == slot.node and not each.counts]
    return len(gpus) if is_accelerator(job.device) else 1
