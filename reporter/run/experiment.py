"""A run: plans and runs the jobs for architectures and claims, and saves every reading at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from time import monotonic
from typing import Any

from reporter.host.exit_codes import INTERRUPTED
from reporter.host.job import Job
from reporter.model import Metric
from reporter.model.devices import accelerator_in
from reporter.model.readings import DISTURBING
from reporter.model.scaling_curves import AXES
from reporter.run import (
    budget,
    curve_plan,
    failure_counts,
    input_sizes,
    mode_jobs,
    mode_plan,
    node_engines,
    node_environments,
)
from reporter.run.costs import USUAL_SPEED, Costs
from reporter.run.ledger import Ledger
from reporter.run.request import Outcome, Progress, Request, moment
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import NO_CUDA, Executor, Slot
from reporter.run.work import Ledgers, Work
from reporter.store import history, record_files

COUNTING = "counting"
"""The process of metrics that count on one thread, without real tensors."""


def run(request: Request, executor: Executor, progress: Progress) -> Outcome:
    """Measures what is missing, round by round over all architectures; every reading is on disk before the next."""
    try:
        with closing(executor):
            return _run(request, executor, progress)
    finally:
        mode_plan.clear_cache(request)  # last: after an interrupt the process may be ended while it is removed


def _run(request: Request, executor: Executor, progress: Progress) -> Outcome:
    outcome, start = Outcome(), monotonic()
    notices = list(executor.open(request))
    mode_plan.clear_cache(request)  # of a killed run: `prepare_seconds` is that with an empty cache
    environments = node_environments.measured(executor.slots)
    slots = node_environments.taking_part(executor.slots, environments)
    notices += node_environments.notices(executor.slots, environments)
    ledgers: Ledgers = {
        (key, entry.name): Ledger(entry, asked, number)
        for key, asked in kinds(request, slots).items()
        for number, entry in enumerate(request.architectures)
    }
    tasks = list(_tasks(request, ledgers, environments))
    jobs = [task.job for task in tasks]
    if any(job.cache for job in jobs):
        mode_plan.make_cache(request)
    outcome.slots = sum(not slot.counts for slot in slots)
    named = {name: ledger for (_, name), ledger in ledgers.items()}  # a budget is for one machine
    costs = _costs(request, ledgers)
    planned = budget.schedule(request, tasks, costs, executor, progress)
    if planned is None:
        progress.plan(jobs, outcome.slots, costs.total)
    notices += [*node_engines.notices(tasks, slots), *(ledger.notice for ledger in ledgers.values())]
    saved = {job.architecture for job in jobs}
    notices.append(input_sizes.notice([each.dropped for (_, name), each in ledgers.items() if name in saved]))
    for notice in filter(None, notices):
        progress.note(f"note: {notice}")
    ending: dict[str, Any] = {"finished": False}
    try:
        if planned:
            budget.gather(request, planned, executor, progress, outcome)
        Work(planned or Schedule(tasks), ledgers, executor, costs, progress=progress, outcome=outcome).run()
        if planned:
            budget.close(request, planned, named, progress)
        else:
            budget.gather_alone(request, costs, executor, progress, outcome, environments=environments)
        ending = {"finished": True}
    except KeyboardInterrupt:
        ending = {"finished": True, "exit_code": INTERRUPTED}  # at once: the process may be ended before `main` adds it
        raise
    finally:
        outcome.jobs += len(tasks)
        outcome.seconds = monotonic() - start
        now = moment()
        measured = [ledger.history(now) | ending for ledger in ledgers.values() if ledger.spent]
        if record_files.append_history(request.folder, measured):
            progress.note(f"note: {request.folder / 'history.jsonl'}: the last line was cut short and does not count")
    outcome.failed += sum(failure_counts.failed(ledger) + curve_plan.failures(ledger) for ledger in ledgers.values())
    outcome.foreign = max((_disturbance(ledger) for ledger in ledgers.values() if ledger.spent), default=0.0)
    outcome.lost += sum(failure_counts.lacking(ledger) for ledger in ledgers.values())
    return outcome


def _disturbance(ledger: Ledger) -> float:
    """The largest background load that disturbed a time or a point of a curve in this run; 0 if none was disturbed."""
    run, curves = ledger.request.run, ledger.record.curves
    timed = (reading for record in ledger.records.values() for reading in record.readings.values())
    loads = [reading.of_run(run).background_load for reading in timed if reading.disturbed]
    points = (point for axis in AXES for point in curves.points(axis))
    loads += [point.foreign_load or 0.0 for point in points if point.run == run]
    return max((load for load in loads if load > DISTURBING), default=0.0)


def _costs(request: Request, ledgers: Ledgers) -> Costs:
    """The cost model, from what the jobs took in earlier runs; of several kinds of machines, the first one's."""
    kind = next((machine for machine, _ in ledgers), "")
    records = {name: ledger for (machine, name), ledger in ledgers.items() if machine == kind}
    earlier = history.costs(request.folder / "history.jsonl", kind, request.effort)
    return Costs(earlier, USUAL_SPEED, lambda name: records[name].record)


def kinds(request: Request, slots: Sequence[Slot]) -> dict[str, Request]:
    """What is asked of each kind of machine: all of it, but nothing on CUDA where no slot has a GPU."""
    found: dict[str, Request] = {}
    for slot in sorted(slots, key=lambda slot: not slot.device):
        if slot.machine in found:
            continue
        asked = replace(request, about=slot.about, engines=node_engines.of_machine(slot.machine, slots))
        if slot.variables is not None:
            there = request.conditions.model_copy(update={"variables": dict(slot.variables) or None})
            asked = replace(asked, conditions=there)
        if accelerator_in(request.devices) and not slot.device:
            asked = replace(asked, devices={"cpu": "cpu", "any": "cpu"}, no_cuda=NO_CUDA)
        there = slot.about.get("machine_facts", {}).get("threads")
        asked = replace(asked, conditions=input_sizes.usable(asked.conditions, there))
        found[slot.machine] = asked
    return found


def _tasks(
    request: Request, ledgers: Ledgers, environments: Mapping[str, node_environments.NodeEnvironment]
) -> Iterable[Task]:
    """The jobs for each kind of machine, which has a schedule of its own."""
    for key in dict.fromkeys(key for key, _ in ledgers):
        mine = {name: ledger for (machine, name), ledger in ledgers.items() if machine == key}
        for job in plan(request, mine):
            metrics = [request.metrics[name] for name in job.metrics]
            counts = all(metric.process == COUNTING and metric.device == "none" for metric in metrics)
            engine = node_engines.of_job(job, mine[job.architecture].request.engines)
            yield Task(
                job, key, timed=metrics[0].timed, counts=counts, engine=engine, environment=environments.get(key)
            )


def plan(request: Request, ledgers: Mapping[str, Ledger]) -> list[Job]:
    """The jobs still to be done: each process once for every architecture, timed ones in rounds over all of them.

    Execution modes follow the times of eager, and curves follow them.
    """
    jobs: list[Job] = []
    groups = _by_process(request.metrics.values())
    for process, metrics in groups.items():
        if metrics[0].device != "any" and not metrics[0].curve:
            jobs += _jobs(request, ledgers, process, metrics)
    jobs += _mode_jobs(request, ledgers)
    jobs += _curve_jobs(ledgers)
    for process, metrics in groups.items():
        if metrics[0].device == "any":
            jobs += _jobs(request, ledgers, process, metrics)
    return jobs


def _jobs(request: Request, ledgers: Mapping[str, Ledger], process: str, metrics: Sequence[Metric]) -> Iterator[Job]:
    """The jobs of one process, round by round over all architectures."""
    for number in range(request.conditions.rounds if metrics[0].timed else 1):
        for ledger in ledgers.values():
            names = tuple(metric.name for metric in metrics if ledger.needs(metric, number))
            if names:
                yield _job(ledger, process, metrics[0].device, names, number)


def _mode_jobs(request: Request, ledgers: Mapping[str, Ledger]) -> Iterator[Job]:
    """The jobs of execution modes, round by round over all architectures."""
    for ledger, group, number, names, modes, only_checks in mode_jobs.jobs(ledgers, request.conditions.rounds):
        job = _job(ledger, group.process, group.device, names, number)
        cache = str(mode_plan.cache(ledger.request, job.architecture))
        yield job.model_copy(update={"modes": modes, "cache": cache, "only_checks": only_checks})


def _curve_jobs(ledgers: Mapping[str, Ledger]) -> Iterator[Job]:
    """The jobs of curves, one for each architecture, device and mode that lacks points."""
    for ledger, metric, process, curve in curve_plan.jobs(ledgers):
        job = _job(ledger, process, metric.device, (metric.name,), 0)
        yield job.model_copy(update={"curve": curve, "cache": str(mode_plan.cache(ledger.request, job.architecture))})


def _job(ledger: Ledger, process: str, device: str, names: tuple[str, ...], number: int) -> Job:
    return Job(
        architecture=ledger.record.architecture,
        metrics=names,
        device=ledger.devices.get(device, "cpu"),
        conditions=ledger.request.conditions_of(ledger.record.architecture),
        process=process,
        round=number,
        reference=ledger.reference,
    )


def _by_process(metrics: Iterable[Metric]) -> dict[str, list[Metric]]:
    """Metrics that share a process, in an order that has counts first, then times, then training."""
    groups: dict[str, list[Metric]] = {}
    for metric in sorted(metrics, key=_turn):
        groups.setdefault(metric.process, []).append(metric)
    return groups


def _turn(metric: Metric) -> tuple[bool, bool]:
    return metric.device == "any", metric.timed
