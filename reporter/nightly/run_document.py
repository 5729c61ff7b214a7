"""The document of a nightly run for programs (reporter/documents/comparisons.py), and its lines in history.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reporter import documents
from reporter.compare import document
from reporter.compare.document import Context
from reporter.compare.matching import NO_NUMBER
from reporter.documents import comparisons
from reporter.documents.comparisons import StillFailing
from reporter.model import Quantity
from reporter.model.settings import FailOn
from reporter.nightly import screen
from reporter.nightly.run_folder import UNFINISHED
from reporter.nightly.screen import NightlyComparison
from reporter.nightly.state import Finding
from reporter.run.request import Request

BASE = "the last accepted run"


def as_json(night: NightlyComparison, request: Request, name: str, fail_on: FailOn, code: int) -> dict[str, Any]:
    """The whole document; `name` is the results folder, `code` the exit code."""
    context = Context(
        base=document.side(BASE, night.base.records, night.past),
        new=document.side(name, night.tonight, run=request.run),
        headline=screen.headline(night),
        fail_on=fail_on,
        exit_code=code,
        still_failing=tuple(_still_failing(night)),
        complaints=night.base.complaints,
        fails=lambda on: any(each.fails(on) for each in night.findings),
    )
    return document.as_json(night.differences, context, documents.COMPARISON)


def findings(night: NightlyComparison) -> list[comparisons.FindingRow]:
    """The findings with what programs need to know of their metrics."""
    readings = (reading for record in (*night.base.records, *night.tonight) for reading in record.readings.values())
    quantities = {reading.quantity.key: reading.quantity for reading in readings}
    return [_finding(each, quantities.get(each.metric)) for each in night.findings]


def unfinished(request: Request, now: str) -> dict[str, Any]:
    """The line of history.jsonl for a run that does not finish."""
    place = {key: request.about[key] for key in ("machine", "environment")}
    return {**request.line, **place, **UNFINISHED, "started": now, "generated": now, "unmeasured": {}}


def _still_failing(night: NightlyComparison) -> Iterator[StillFailing]:
    """The readings that failed in an earlier run, too."""
    by_name = {(each.architecture, each.mode): each.since for each in night.failing}
    failed = [each for each in night.findings if each.kind == "failed"]
    by_metric = {(each.architecture, each.mode, each.metric): each.since for each in failed}
    for record in night.tonight:
        for key, reading in record.readings.items():
            pair = (record.architecture, record.mode)
            since = by_metric.get((*pair, key)) or by_name.get(pair, night.now)
            if reading.status in NO_NUMBER and since != night.now:
                yield document.failure(record, reading, since)


def _finding(finding: Finding, quantity: Quantity | None) -> comparisons.FindingRow:
    return comparisons.FindingRow(
        **documents.metric_part(quantity),
        kind=finding.kind,
        architecture=finding.architecture,
        mode=finding.mode,
        machine=finding.machine,
        base=finding.base,
        new=finding.new,
        ratio=document.ratio(finding.base, finding.new),
        slowdown=finding.ratio,
        floor=document.factor(finding.floor),
        reason=finding.reason,
        since=finding.since,
        accepted=finding.accepted,
    )
