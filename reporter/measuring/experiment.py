"""From architectures to records, and evidence for claims: plan the jobs, run them, keep every reading at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from time import monotonic
from uuid import uuid4

from reporter import store
from reporter.measuring import budget, evidence
from reporter.measuring.executor import LocalExecutor
from reporter.measuring.job import Job
from reporter.measuring.ledger import Ledger
from reporter.measuring.request import Outcome, Progress, Request
from reporter.types import Metric


def run(request: Request, executor: LocalExecutor, progress: Progress) -> Outcome:
    """Measures what is missing, round by round over all architectures; every reading is on disk before the next."""
    outcome, start = Outcome(), monotonic()
    ledgers = {entry.name: Ledger(entry, request) for entry in request.architectures}
    jobs = plan(request, ledgers)
    spending = budget.opened(request, jobs, ledgers, executor, progress)
    if spending is None:
        progress.plan(jobs)
    for notice in filter(None, (ledger.notice for ledger in ledgers.values())):
        progress.say(notice)
    try:
        if spending:
            budget.gather(request, spending, executor, progress, outcome)
        for number, job in enumerate(spending or jobs):
            ledger, begun = ledgers[job.architecture], monotonic()
            progress.begin(job)
            ledger.measure(job, executor, progress, outcome, spending.limit if spending else None)
            ledger.spend(job.process, monotonic() - begun, usual=bool(number or spending))
            progress.end(job, monotonic() - begun)
        if spending:
            budget.close(request, spending, ledgers, progress)
        else:
            evidence.gather(request, executor, progress, outcome)
    finally:
        outcome.jobs += len(jobs)
        outcome.seconds = monotonic() - start
        run, moment = uuid4().hex[:12], datetime.now(UTC).isoformat(timespec="seconds")
        measured = [ledger for ledger in ledgers.values() if ledger.spent]
        if store.append_history(request.folder, (ledger.history(run, moment) for ledger in measured)):
            progress.say(f"{request.folder / 'history.jsonl'}: the last line was cut short and does not count")
    outcome.failed += sum(ledger.failed() for ledger in ledgers.values())
    return outcome


def plan(request: Request, ledgers: Mapping[str, Ledger]) -> list[Job]:
    """The jobs still to be done: each process once for every architecture, timed ones in rounds over all of them."""
    jobs: list[Job] = []
    for process, metrics in _by_process(request.metrics.values()).items():
        rounds = request.conditions.rounds if metrics[0].timed else 1
        for number in range(rounds):
            for ledger in ledgers.values():
                names = tuple(metric.name for metric in metrics if ledger.needs(metric, number))
                if names:
                    device = request.devices.get(metrics[0].device, "cpu")
                    jobs.append(
                        Job(
                            architecture=ledger.record.architecture,
                            metrics=names,
                            device=device,
                            conditions=request.conditions_of(ledger.record.architecture),
                            process=process,
                            round=number,
                            reference=ledger.reference,
                        )
                    )
    return jobs


def _by_process(metrics: Iterable[Metric]) -> dict[str, list[Metric]]:
    """Metrics that share a process, in an order that has counts first, then times, then training."""
    groups: dict[str, list[Metric]] = {}
    for metric in sorted(metrics, key=_turn):
        groups.setdefault(metric.process, []).append(metric)
    return groups


def _turn(metric: Metric) -> tuple[bool, bool]:
    return metric.device == "any", metric.timed
