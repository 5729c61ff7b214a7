"""The evidence for claims: measured in one worker, each piece saved at once and used again while it is good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reporter import files, store
from reporter.measuring import machine
from reporter.measuring.executor import LocalExecutor
from reporter.measuring.request import Outcome, Progress, Request
from reporter.types import Claim, Evidence, ReporterError


def gather(request: Request, executor: LocalExecutor, progress: Progress, outcome: Outcome) -> None:
    """Measures what is missing; a claim at which the worker ended gets the reason, and the others go on."""
    waiting = {
        claim.name: claim for claim in request.claims if claim.measure and not _is_there(request, claim, progress)
    }
    outcome.jobs += bool(waiting)

    def keep(claim: Claim, numbers: Mapping[str, Any], reason: str | None) -> None:
        evidence = _evidence(claim, numbers, reason)
        store.save_evidence(request.folder, evidence)
        outcome.failed += reason is not None
        progress.claim(evidence)

    def receive(message: Mapping[str, Any]) -> None:
        if "claim" in message:
            keep(waiting.pop(message["claim"]), message["numbers"], message["reason"])
        else:
            outcome.busy += message["busy"]

    while waiting:
        verdict = executor.gather(list(waiting), receive, request.timeout)
        if waiting:
            keep(waiting.pop(next(iter(waiting))), {}, verdict.reason or "the worker left it out")


def _evidence(claim: Claim, numbers: Mapping[str, Any], reason: str | None) -> Evidence:
    return Evidence(
        schema=1,
        claim=claim.name,
        definition=claim.definition,
        machine=machine.key(),
        environment=machine.versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        numbers=dict(numbers),
        reason=reason,
    )


def _is_there(request: Request, claim: Claim, progress: Progress) -> bool:
    """Whether there is evidence that the same code measured with the same versions; sets aside what is none."""
    path = store.evidence_path(request.folder, machine.key(), claim.name)
    if not path.exists():
        return False
    try:
        earlier = store.load_evidence(path)
    except ReporterError as error:
        progress.say(f"{error}; it is kept as {files.set_aside(path).name}")
        return False
    same = (earlier.environment, earlier.definition) == (machine.versions(), claim.definition)
    return same and earlier.reason is None and not request.fresh
