"""The budget of a run: its plan, which is printed first, and at the end what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic

from reporter.host.job import Job
from reporter.host.questions import MeasureSpeed, WorkerError
from reporter.model.durations import duration
from reporter.model.names import first_of
from reporter.run import curve_plan, evidence, failure_counts
from reporter.run.allocation import identity
from reporter.run.budget_schedule import BudgetSchedule
from reporter.run.costs import Costs
from reporter.run.ledger import CUT_OFF, Ledger
from reporter.run.node_environments import NodeEnvironment
from reporter.run.request import Outcome, Progress, Request
from reporter.run.schedule import Task
from reporter.run.slots import Executor

LEFT_OUT = "left out: the budget was spent"
CLAIMS_SECONDS = 10.0
"""What the evidence for all claims takes, about; it is left out where that is more than a fifth of the budget."""
MANY = 8
"""So many architectures are named in a line."""


def schedule(
    request: Request, tasks: Sequence[Task], costs: Costs, executor: Executor, progress: Progress
) -> BudgetSchedule | None:
    """Plans the jobs of a run and prints the plan; None where there is no budget, or nothing to spend it on."""
    if request.budget is None or not tasks:
        return None
    start = monotonic()
    try:
        costs.speed = executor.ask(MeasureSpeed())
    except WorkerError:
        progress.note("note: the speed of this machine is not measured; the plan starts from a usual one")
    spent = monotonic() - start
    costs.opening = executor.loading or spent  # torch may have been loaded before, for another question

    def replanned(jobs: Sequence[Job]) -> None:
        progress.plan(jobs, 1, costs.total)

    made = BudgetSchedule(tasks, request.budget, costs, spent=spent, replanned=replanned)
    made.plan(CLAIMS_SECONDS if _affords_claims(request) else 0.0)
    for line in described(made, costs):
        progress.note(line)
    return made


def described(plan: BudgetSchedule, costs: Costs) -> Iterator[str]:
    """The plan, a line for each process."""
    seconds = duration(costs.total(plan.planned))
    yield f"budget of {duration(plan.seconds)}: about {seconds} of measurements planned"
    for process in dict.fromkeys(task.job.process for task in plan.waiting):
        mine = [job for job in plan.planned if job.process == process]
        planned = set(map(identity, mine))
        out = first_of_all(job for job in _waiting(plan, process) if identity(job) not in planned)
        parts = [_planned(mine, costs)] if mine else []
        if out:
            parts.append(f"left out: {first_of(out, MANY)}")
        yield f"  {process}: {'; '.join(parts)}"
    source = "what they took before" if costs.has_earlier else "multiply-adds and the speed of this machine"
    yield f"  estimated from {source}; planned again while it runs"


def _planned(jobs: Sequence[Job], costs: Costs) -> str:
    """How many architectures and rounds are planned of a process, and what they take."""
    rounds = Counter(name for name, _ in {(job.architecture, job.round) for job in jobs}).values()
    few, many = min(rounds), max(rounds)
    parts = [f"{len(rounds)} architectures" if len(rounds) > 1 else "1 architecture"]
    if many > 1:
        parts.append(f"{few} to {many} rounds" if few < many else f"{many} rounds")
    return ", ".join([*parts, f"about {duration(sum(map(costs, jobs)))}"])


def gather(request: Request, plan: BudgetSchedule, executor: Executor, progress: Progress, outcome: Outcome) -> None:
    """The evidence for claims, before all else because it takes about the same everywhere."""
    if _affords_claims(request):
        plan.cut_claims = evidence.gather(request, executor, progress, outcome, plan.limit)
    else:
        plan.cut_claims = [claim.name for claim in evidence.missing(request, progress)]


def gather_alone(
    request: Request,
    costs: Costs,
    executor: Executor,
    progress: Progress,
    outcome: Outcome,
    *,
    environments: Mapping[str, NodeEnvironment],
) -> None:
    """The evidence for claims where there is no plan: nothing else is measured in the time of the budget, if any."""
    plan = BudgetSchedule((), request.budget, costs) if request.budget else None
    limit = plan.limit if plan else None
    cut = evidence.gather(request, executor, progress, outcome, limit, environments=environments)
    if plan and cut:
        progress.note(f"budget of {duration(plan.seconds)}: left out: the evidence for {first_of(cut, MANY)}")


def close(request: Request, plan: BudgetSchedule, ledgers: Mapping[str, Ledger], progress: Progress) -> None:
    """Stores in each row what was left out of it, and prints all of that in a line.

    Where only further rounds wait, the first one has stored a value or the reason why there is none.
    """
    for task in plan.waiting:
        if not task.job.round and (task.job.curve is None or task.job.curve.has_batches):  # sizes have no throughput
            ledgers[task.job.architecture].leave_out(task.job, LEFT_OUT)
    out = []
    if request.claims and plan.cut_claims:
        claims = first_of(plan.cut_claims, MANY) if _affords_claims(request) else "claims"
        out.append(f"the evidence for {claims}")
    for process in dict.fromkeys(task.job.process for task in plan.waiting):
        if names := first_of_all(_waiting(plan, process)):
            out.append(f"{process} of {first_of(names, MANY)}")
    if cut := [name for name, ledger in ledgers.items() if failure_counts.lacks(ledger, CUT_OFF)]:
        out.append(f"what was under way of {first_of(cut, MANY)}")
    out += [f"points of {process} of {first_of(names, MANY)}" for process, names in _cut_curves(plan, ledgers).items()]
    missing = f"left out: {'; '.join(out)}" if out else "nothing was left out but further rounds"
    progress.note(f"budget of {duration(plan.seconds)}: {duration(plan.seconds - plan.left)} spent; {missing}")


def _cut_curves(plan: BudgetSchedule, ledgers: Mapping[str, Ledger]) -> dict[str, list[str]]:
    """The processes of curves that were cut off, with their architectures; those that still wait were not begun."""
    waiting = {(task.job.process, task.job.architecture) for task in plan.waiting}
    found: dict[str, list[str]] = {}
    for name, ledger in ledgers.items():
        for process in curve_plan.lacking(ledger, CUT_OFF):
            if (process, name) not in waiting:
                found.setdefault(process, []).append(name)
    return found


def first_of_all(jobs: Iterable[Job]) -> list[str]:
    """The architectures whose first measurement of a process is among the jobs: further rounds are not counted."""
    return list(dict.fromkeys(job.architecture for job in jobs if not job.round))


def _waiting(plan: BudgetSchedule, process: str) -> list[Job]:
    return [task.job for task in plan.waiting if task.job.process == process]


def _affords_claims(request: Request) -> bool:
    return bool(request.claims and request.budget and request.budget >= 5 * CLAIMS_SECONDS)
