"""The schedule of a run with a budget: one job at a time, planned again whenever jobs take longer or shorter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import monotonic

from reporter.host.job import Job
from reporter.run.allocation import allocate, identity
from reporter.run.costs import Costs
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import Slot

TOLERANCE = 0.05
"""The last job may be expected to end this share of the budget late."""
CUT_OFF = 0.09
"""A job that has run over the end by this share of the budget is cut off."""
Replanned = Callable[[Sequence[Job]], None]


class BudgetSchedule(Schedule):
    """Starts the planned jobs in order; what does not fit into the budget stays in `waiting`.

    `spent` seconds of the budget are over already. `replanned` is called with all jobs that are started or planned.
    """

    loaded_round = 0  # by the worker that measured the speed of the machine

    def __init__(
        self,
        tasks: Iterable[Task],
        seconds: float,
        costs: Costs,
        *,
        spent: float = 0.0,
        replanned: Replanned = lambda jobs: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(tasks)
        self.seconds = seconds
        self.planned: list[Job] = []
        self.cut_claims: Sequence[str] = ()
        """The claims whose evidence was cut off or not begun."""
        self._costs, self._replanned, self._clock = costs, replanned, clock
        self._deadline = clock() + seconds - spent
        self._tasks = {identity(task.job): task for task in self.waiting}
        self._started: list[Job] = []

    @property
    def left(self) -> float:
        """Seconds to the end of the budget."""
        return self._deadline - self._clock()

    def limit(self, job: Job | None = None) -> float:
        """Seconds until a job that starts now is cut off, counted from when torch is loaded for its round."""
        opening = self._costs.opening if job and job.round != self._costs.round else 0.0
        return max(0.0, self.left + CUT_OFF * self.seconds - opening)

    @property
    def is_over(self) -> bool:
        """Whether nothing runs, and the time has room for nothing that waits."""
        return not self.running and not self._has_plan()

    def plan(self, reserved: float = 0.0) -> None:
        """Fills the time that is left, less what is reserved for something else.

        If nothing fits any more, a job is planned that ends late, provided that this is nearer to the end of the
        budget than now is.
        """
        room = self.left - reserved
        self.planned = self._fitting(room) or self._fitting(room + min(room, TOLERANCE * self.seconds))
        self._replanned([*self._started, *self.planned])

    def _fitting(self, seconds: float) -> list[Job]:
        costs = self._costs
        return allocate([task.job for task in self.waiting], costs, seconds, costs.opening, costs.round)

    def _next(self, slot: Slot) -> Task | None:
        """The first job of the plan, once the slot of the run is free."""
        if self.running or not self._has_plan():
            return None
        return self._tasks[identity(self.planned[0])]

    def _start(self, task: Task, slot: Slot) -> None:
        super()._start(task, slot)
        self._started.append(self.planned.pop(0))

    def _has_plan(self) -> bool:
        """Whether there is a next job; plans again where the plan has become too long or is done."""
        if not self.planned or self._costs.total(self.planned) > self.left:
            self.plan()
        return bool(self.planned)
