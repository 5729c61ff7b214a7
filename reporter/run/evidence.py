"""Evidence for claims: measured in one worker, saved at once, and reused while it is valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reporter.host import files
from reporter.host.questions import MeasureClaims
from reporter.model import Claim, Evidence, ReporterError, Verdict
from reporter.run.node_environments import NodeEnvironment, taking_part
from reporter.run.request import Outcome, Progress, Request
from reporter.run.slots import LOST, MOST_LOSSES, Executor, Message, Slot, converse, free
from reporter.store import record_files


def gather(
    request: Request,
    executor: Executor,
    progress: Progress,
    outcome: Outcome,
    limit: Callable[[], float] | None = None,
    *,
    environments: Mapping[str, NodeEnvironment] | None = None,
) -> tuple[str, ...]:
    """Measures what is missing; a claim at which the worker ended gets the reason, and the others continue.

    `limit` returns the seconds until a budget cuts off a worker that starts now. Nothing is stored for the claims that
    it left out; their names are returned. Nodes with others than the `environments` that are measured take no part.
    """

    def able(slots: Sequence[Slot]) -> Sequence[Slot]:
        return slots if environments is None else taking_part(slots, environments)

    request = _at(request, free(executor, able))
    waiting = {claim.name: claim for claim in missing(request, progress)}
    outcome.jobs += bool(waiting)

    def save(claim: Claim, numbers: Mapping[str, Any], reason: str | None) -> None:
        evidence = _evidence(request, claim, numbers, reason)
        record_files.save_evidence(request.folder, evidence)
        outcome.failed += reason is not None
        progress.claim(evidence)

    def receive(message: Message) -> None:
        if "claim" in message:
            save(waiting.pop(message["claim"]), message["numbers"], message["reason"])
        else:
            outcome.busy += message["busy"]

    losses = 0
    while waiting:
        slot = free(executor, able)
        request = _at(request, slot)
        task = MeasureClaims(names=tuple(waiting)).model_dump_json()
        left = limit() if limit else None
        is_cut = left is not None and left < request.limit
        verdict = converse(executor, slot, task, receive, left if is_cut else request.timeout)
        if is_cut and verdict and verdict.status == "timeout":
            break
        losses += verdict is None
        if waiting and (verdict or losses >= MOST_LOSSES):
            reason = (verdict or Verdict("failed", LOST)).reason
            save(waiting.pop(next(iter(waiting))), {}, reason or "the worker left it out")
    return tuple(waiting)


def missing(request: Request, progress: Progress) -> list[Claim]:
    """The claims whose evidence is still to be measured."""
    return [claim for claim in request.claims if claim.measure and not _is_there(request, claim, progress)]


def _at(request: Request, slot: Slot | None) -> Request:
    return replace(request, about=slot.about) if slot else request


def _evidence(request: Request, claim: Claim, numbers: Mapping[str, Any], reason: str | None) -> Evidence:
    return Evidence(
        schema=1,
        claim=claim.name,
        definition=claim.definition,
        machine=request.about["machine"],
        environment=request.about["environment"],
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        numbers=dict(numbers),
        reason=reason,
    )


def _is_there(request: Request, claim: Claim, progress: Progress) -> bool:
    """Whether there is evidence that the same code measured with the same versions; sets aside what is none."""
    path = record_files.evidence_path(request.folder, request.about["machine"], claim.name)
    if not path.exists():
        return False
    try:
        earlier = record_files.load_evidence(path)
    except ReporterError as error:
        progress.note(f"note: {error}; it is kept as {files.set_aside(path).name}")
        return False
    same = request.reuses(earlier.environment) and earlier.definition == claim.definition
    return same and earlier.reason is None and not request.fresh
