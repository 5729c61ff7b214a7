"""A run: plans and runs the jobs for architectures and claims, and saves every reading at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from time import monotonic

from reporter.host.job import Job
from reporter.model import Metric
from reporter.model.device_readings import of_device, was_tried
from reporter.model.devices import accelerator_in
from reporter.model.modes import OUTPUT_ERROR, alternation, parse
from reporter.model.readings import same_conditions
from reporter.run import (
    budget,
    curve_plan,
    evidence,
    failure_counts,
    input_sizes,
    mode_plan,
    node_engines,
    node_environments,
    output_errors,
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
CHECKED = ("ok", "unsupported")
"""The status of outputs that are not checked again."""


def run(request: Request, executor: Executor, progress: Progress) -> Outcome:
    """Measures what is missing, round by round over all architectures; every reading is on disk before the next."""
    with closing(executor):
        return _run(request, executor, progress)


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
    outcome.slots = sum(not slot.counts for slot in slots)
    named = {name: ledger for (_, name), ledger in ledgers.items()}  # a budget is for one machine
    costs = _costs(request, ledgers)
    planned = budget.schedule(request, tasks, costs, executor, progress)
    if planned is None:
        progress.plan(jobs, outcome.slots, costs.total)
    notices += [*node_engines.notices(tasks, slots), *(ledger.notice for ledger in ledgers.values())]
    for notice in filter(None, notices):
        progress.note(f"note: {notice}")
    try:
        if planned:
            budget.gather(request, planned, executor, progress, outcome)
        Work(planned or Schedule(tasks), ledgers, executor, costs, progress=progress, outcome=outcome).run()
        if planned:
            budget.close(request, planned, named, progress)
        else:
            evidence.gather(request, executor, progress, outcome)
    finally:
        mode_plan.clear_cache(request)
        outcome.jobs += len(tasks)
        outcome.seconds = monotonic() - start
        now = moment()
        measured = [ledger for ledger in ledgers.values() if ledger.spent]
        if record_files.append_history(request.folder, (ledger.history(now) for ledger in measured)):
            progress.note(f"note: {request.folder / 'history.jsonl'}: the last line was cut short and does not count")
    outcome.failed += sum(failure_counts.failed(ledger) + curve_plan.failures(ledger) for ledger in ledgers.values())
    records = (record for ledger in ledgers.values() if ledger.spent for record in ledger.records.values())
    timed = (reading for record in records for reading in record.readings.values())
    outcome.foreign = max((reading.background_load for reading in timed if reading.disturbed), default=0.0)
    outcome.lost += sum(failure_counts.lacking(ledger) for ledger in ledgers.values())
    return outcome


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
    """The jobs of execution modes, round by round over all architectures.

    Modes of a group that lack other metrics than the first one have a job of their own: what is there is not measured
    again. If only the check of its outputs is missing, a job of the first round makes it, and the times stay.
    """
    groups = {
        (name, group): (ledger, mode_plan.metrics(ledger.request, group.device, group.modes[0]).values())
        for name, ledger in ledgers.items()
        for device in (each for each in ledger.devices if each != "any")
        for group in mode_plan.groups(ledger.request, device)
    }
    for number in range(request.conditions.rounds):
        for (_, group), (ledger, asked) in groups.items():
            metrics = [metric for metric in asked if metric.timed or not number]
            needs: dict[tuple[tuple[str, ...], bool], list[str]] = {}
            for mode in group.modes:
                names = tuple(each.name for each in metrics if _needs(ledger, each, number, mode))
                checked = _unchecked(ledger, metrics, names, mode) if not number else ()
                for lacking, checks in ((names, False), (checked, True)):
                    if lacking:
                        needs.setdefault((lacking, checks), []).append(mode)
            for (names, checks), modes in sorted(needs.items(), key=lambda each: not each[0][1]):  # checks come first
                job = _job(ledger, group.process, group.device, names, number)
                cache = str(mode_plan.cache(ledger.request, job.architecture))
                yield job.model_copy(update={"modes": tuple(modes), "cache": cache, "checks": checks})


def _unchecked(ledger: Ledger, metrics: Sequence[Metric], names: Sequence[str], mode: str) -> tuple[str, ...]:
    """The metrics in whose settings the outputs of a mode are to be checked again, besides the `names` that it lacks.

    A mode of torch is checked once for all of them, by the job that measures what it lacks.
    """
    outputs = [metric for metric in metrics if not metric.profile]
    if not any(output_errors.is_unchecked(ledger, mode, metric.device) for metric in outputs):
        return ()
    is_checked = not parse(mode, ledger.request.engines).engine and any(each.name in names for each in outputs)
    return () if is_checked else tuple(each.name for each in outputs if each.name not in names)


def _needs(ledger: Ledger, metric: Metric, number: int, mode: str) -> bool:
    """Whether a round of a metric is to be measured in a mode; of a curve, whether the outputs are to be checked."""
    if not metric.curve:
        return ledger.needs(metric, number, mode) or _lacks_alternation(ledger, metric, mode)
    error = ledger.records[mode].readings.get(OUTPUT_ERROR.key) if mode in ledger.records else None
    found = of_device(error, metric.device) if error and was_tried(error) else None
    if number or ledger.request.fresh or found is None or found.status not in CHECKED:
        return not number
    return not same_conditions(found.settings, output_errors.conditions(ledger, mode))


def _lacks_alternation(ledger: Ledger, metric: Metric, mode: str) -> bool:
    """Whether an engine was timed before it was also timed alone."""
    found = ledger.records[mode].readings if mode in ledger.records else {}
    quantity = metric.quantities[0]
    timed = bool(metric.inference and parse(mode, ledger.request.engines).engine and quantity.key in found)
    return timed and found[quantity.key].measured and alternation(quantity).key not in found


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
