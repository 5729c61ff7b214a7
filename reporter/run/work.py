"""The jobs of a run, each begun when a slot is free for it, its readings saved as they come, until none is left."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from reporter.host.job import Job
from reporter.model import Reading, Verdict, absent
from reporter.run.ledger import CUT_OFF, Ledger
from reporter.run.request import Outcome, Progress, moment
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import GONE, LOST, MOST_LOSSES, Executor, Message, Slot

Ledgers = Mapping[tuple[str, str], Ledger]
"""By machine and architecture."""


class Measurement:
    """One job from its first beginning to its end; begun anew on another slot, it measures only what is missing.

    A metric that failed in its first round, or in several, is left out of the later ones.
    """

    def __init__(self, job: Job, ledger: Ledger, progress: Progress, outcome: Outcome) -> None:
        self.job, self.ledger, self.progress, self.outcome = job, ledger, progress, outcome
        self._cut = False
        names = [name for name in job.metrics if ledger.goes_on(name, job.round)]
        self._missing = {q.key: (name, q) for name in names for q in ledger.request.metrics[name].quantities}
        self._delivered: set[str] = set()
        self._begun, self._started = monotonic(), moment()

    def begin(self, most: float | None = None) -> tuple[Job, float | None] | None:
        """What is to be measured, and in how many seconds; None where nothing is missing or the time is over.

        After `most` seconds it is cut off: that is no failure, and takes nothing from earlier rounds.
        """
        self._begun, self._started = monotonic(), moment()
        limit = self.ledger.request.timeout
        left = None if limit is None else limit - self.ledger.spent
        if left is not None and left <= 0:
            self._give_up(Verdict("timeout", f"not begun: the {limit:.0f} s for this architecture were over"))
        self._cut = most is not None and (left is None or most < left)
        left = most if self._cut else left
        names = tuple(dict.fromkeys(name for name, _ in self._missing.values()))
        return (self.job.model_copy(update={"metrics": names}), left) if names else None

    def hear(self, message: Message) -> None:
        """Takes in a reading, at once, or how long the worker was busy."""
        if "reading" not in message:
            self.outcome.busy += message["busy"]
            self.outcome.building += message["building"]
            return
        reading = Reading.model_validate(message["reading"])
        self._missing.pop(reading.quantity.key, None)
        if reading.quantity.key not in self._delivered:
            self._delivered.add(reading.quantity.key)
            self.ledger.keep(reading, self.job, self.progress, self._started)
        self._started = moment()

    def pause(self, usual: bool = False) -> float:
        """The slot is lost or the job is over: the seconds that it took this time, and whether its like will, too."""
        seconds = monotonic() - self._begun
        self.ledger.spend(self.job.process, seconds, usual)
        return seconds

    def end(self, verdict: Verdict, usual: bool = False) -> None:
        """How the worker ended, as the status of what it did not deliver."""
        if self._cut and verdict.status == "timeout":
            verdict = Verdict("skipped", CUT_OFF)
        self._give_up(verdict if verdict.status != "ok" else Verdict("failed", "the worker ended before it"))
        self.progress.end(self.job, self.pause(usual and verdict.status == "ok"))

    def _give_up(self, verdict: Verdict) -> None:
        if verdict.status == "skipped" and self.job.round:
            return
        quantities = [quantity for _, quantity in self._missing.values()]
        for reading in absent(quantities, verdict.status, verdict.reason or ""):
            self.ledger.keep(reading, self.job, self.progress, self._started)
        self._missing.clear()


class Work:
    """What is measured at the moment, and what is to follow."""

    def __init__(
        self, schedule: Schedule, ledgers: Ledgers, executor: Executor, progress: Progress, outcome: Outcome
    ) -> None:
        self.schedule, self.ledgers, self.executor = schedule, ledgers, executor
        self.progress, self.outcome = progress, outcome
        self._hand: dict[Task, Measurement] = {}
        self._opened: dict[Slot, int] = {}

    def do(self) -> None:
        """All of it: sleeps until there is something to hear, and begins what can begin then."""
        self._begin()
        while self.schedule.running or self.schedule.waiting:
            heard = self.executor.listen()
            if heard is None:
                self._look_around()
            elif isinstance(heard[1], Verdict):
                self._end(heard[0], heard[1])
            else:
                self._hand[self.schedule.running[heard[0]]].hear(heard[1])
            self._begin()

    def _begin(self) -> None:
        while due := self.schedule.due(self.executor.slots):
            slot, task = due
            self.progress.begin(task.job)
            measurement = self._of(task)
            if begun := measurement.begin(self.schedule.limit):
                self.executor.start(slot, begun[0].model_dump_json(), begun[1], task.job.round)
            else:
                self._end(slot, Verdict("ok", None))

    def _end(self, slot: Slot, verdict: Verdict) -> None:
        """A job is over; the first one of a round on a slot waited until torch was loaded."""
        task = self.schedule.end(slot)
        usual = self._opened.get(slot) == task.job.round
        self._opened[slot] = task.job.round
        self._hand.pop(task).end(verdict, usual)

    def _look_around(self) -> None:
        """Slots were lost or came back: what ran in a lost one waits for another, if there can be one."""
        for slot in [slot for slot in self.schedule.running if slot not in self.executor.slots]:
            self._lose(slot)
        for task in self.schedule.drop([*self.executor.slots, *self.executor.away]):
            self._fail(task, GONE)

    def _lose(self, slot: Slot) -> None:
        task = self.schedule.lose(slot)
        self.progress.say(f"note: {task.job.architecture}: {slot.node} was lost, {task.job.process} is begun anew")
        self._hand[task].pause()
        if task.losses == MOST_LOSSES:
            self.schedule.waiting.remove(task)
            self._fail(task, LOST)

    def _fail(self, task: Task, reason: str) -> None:
        measurement = self._of(task)
        measurement.begin()
        self._hand.pop(task).end(Verdict("failed", reason))

    def _of(self, task: Task) -> Measurement:
        if task not in self._hand:
            ledger = self.ledgers[task.machine, task.job.architecture]
            self._hand[task] = Measurement(task.job, ledger, self.progress, self.outcome)
        return self._hand[task]
