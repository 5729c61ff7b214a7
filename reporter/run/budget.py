"""The budget of a run: what its jobs will cost, the plan that is told first, and at the end what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from time import monotonic

from reporter.host import machine
from reporter.host.job import Job
from reporter.host.questions import MeasureSpeed, WorkerError
from reporter.model.durations import duration
from reporter.run import evidence
from reporter.run.costs import Costs
from reporter.run.ledger import CUT_OFF, Ledger
from reporter.run.request import Outcome, Progress, Request
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import Executor, Slot
from reporter.run.spending import Spending, enumerated, first_of_all
from reporter.store import history

LEFT_OUT = "left out: the budget was spent"
CLAIMS_SECONDS = 10.0
"""What the evidence for all claims takes, about; it is left out where that is more than a fifth of the budget."""
USUAL_SPEED = 1e-11
"""Seconds per multiply-add where a machine does not tell its own."""


class Rationed(Schedule):
    """Tasks for one slot, each when there is time for it."""

    def __init__(self, tasks: Iterable[Task], spending: Spending) -> None:
        super().__init__(())
        self._tasks = {id(task.job): task for task in tasks}
        self._spending = spending

    @property
    def limit(self) -> float:
        """Seconds until a job is cut off."""
        return self._spending.limit

    def due(self, slots: Sequence[Slot]) -> tuple[Slot, Task] | None:
        """The slot and what the time has room for."""
        job = None if self.running else self._spending.take()
        if job is None:
            return None
        self.running[slots[0]] = self._tasks[id(job)]
        return slots[0], self._tasks[id(job)]

    def end(self, slot: Slot) -> Task:
        """Frees the slot; the plan learns what it took."""
        self._spending.end()
        return super().end(slot)


def opened(
    request: Request, jobs: Sequence[Job], ledgers: Mapping[str, Ledger], executor: Executor, progress: Progress
) -> Spending | None:
    """Plans the jobs of a run and tells the plan; None where there is no budget, or nothing to spend it on."""
    if request.budget is None or not jobs:
        return None
    start = monotonic()
    known = history.costs(request.folder / "history.jsonl", machine.key(), request.effort)
    try:
        speed = executor.ask(MeasureSpeed())
    except WorkerError:
        speed = USUAL_SPEED
    costs = Costs(known, speed, lambda name: ledgers[name].record)
    spending = Spending(request.budget, jobs, costs, opening=monotonic() - start, replanned=progress.plan)
    spending.plan(CLAIMS_SECONDS if _affords_claims(request) else 0.0)
    source = "what they took before" if known else "multiply-adds and the speed of this machine"
    for line in (*spending.told(), f"  estimated from {source}; planned anew while it goes on"):
        progress.say(line)
    return spending


def gather(request: Request, spending: Spending, executor: Executor, progress: Progress, outcome: Outcome) -> None:
    """The evidence for claims, before all else because it takes about the same everywhere."""
    if _affords_claims(request):
        limited = replace(request, timeout=min(request.timeout or spending.limit, spending.limit))
        evidence.gather(limited, executor, progress, outcome)


def close(request: Request, spending: Spending, ledgers: Mapping[str, Ledger], progress: Progress) -> None:
    """Says in each row what was left out of it, and in a line what that is in all."""
    for job in spending.waiting:
        ledgers[job.architecture].leave_out(job, LEFT_OUT)
    out = ["the evidence for claims"] * bool(request.claims and not _affords_claims(request))
    for process in dict.fromkeys(job.process for job in spending.waiting):
        if names := first_of_all(job for job in spending.waiting if job.process == process):
            out.append(f"{process} of {enumerated(names)}")
    cut = [name for name, ledger in ledgers.items() if ledger.has(CUT_OFF)]
    out += [f"what was under way of {enumerated(cut)}"] * bool(cut)
    told = f"left out: {'; '.join(out)}" if out else "nothing was left out but further rounds"
    progress.say(f"budget of {duration(spending.seconds)}: {duration(spending.seconds - spending.left)} spent; {told}")


def _affords_claims(request: Request) -> bool:
    return bool(request.claims and request.budget and request.budget >= 5 * CLAIMS_SECONDS)
