"""The document of a nightly run for programs (reporter/documents/comparisons.py), and its lines in history.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reporter import documents
from reporter.compare import document, kernel_changes
from reporter.compare.document import Context
from reporter.compare.kernel_digests import setting_of
from reporter.compare.matching import NO_NUMBER
from reporter.documents import comparisons
from reporter.documents.comparisons import StillFailing
from reporter.metrics.operators import KERNELS
from reporter.model import Quantity
from reporter.model.settings import FailOn
from reporter.nightly import screen
from reporter.nightly.findings import NOT_COMPARED
from reporter.nightly.run_folder import UNFINISHED
from reporter.nightly.screen import NightlyComparison
from reporter.nightly.state import Finding
from reporter.run.request import Request


def as_json(nightly: NightlyComparison, request: Request, name: str, fail_on: FailOn, code: int) -> dict[str, Any]:
    """The whole document; `name` is the results folder, `code` the exit code."""
    base = nightly.base
    context = Context(
        base=document.side(base.name, base.records, base.named.history if base.named else nightly.past),
        new=document.side(name, nightly.tonight, run=request.run),
        headline=screen.headline(nightly),
        fail_on=fail_on,
        exit_code=code,
        still_failing=tuple(_still_failing(nightly)),
        complaints=base.complaints,
        fails=lambda on: any(each.fails(on) for each in nightly.findings),
    )
    return document.as_json(nightly.differences, context, documents.COMPARISON)


def findings(nightly: NightlyComparison) -> list[comparisons.FindingRow]:
    """The findings with what programs need to know of their metrics."""
    readings = (reading for record in (*nightly.base.records, *nightly.tonight) for reading in record.readings.values())
    quantities = {KERNELS.key: KERNELS, **{reading.quantity.key: reading.quantity for reading in readings}}
    settings = {each.metric: setting_of(each.metric) for each in nightly.findings if each.kernels}
    quantities |= {key: kernel_changes.quantity(setting) for key, setting in settings.items() if key != KERNELS.key}
    return [_finding(each, quantities.get(each.metric)) for each in nightly.findings]


def unfinished(request: Request, now: str) -> dict[str, Any]:
    """The line of history.jsonl for a run that does not finish."""
    place = {key: request.about[key] for key in ("machine", "environment")}
    return {**request.line, **place, **UNFINISHED, "started": now, "generated": now, "unmeasured": {}}


def _still_failing(nightly: NightlyComparison) -> Iterator[StillFailing]:
    """The readings that failed in an earlier run, too."""
    by_name = {(each.architecture, each.mode): each.since for each in nightly.failing if not each.claim}
    failed = [each for each in nightly.findings if each.kind == "failed"]
    by_metric = {(each.architecture, each.mode, each.metric): each.since for each in failed}
    for record in nightly.tonight:
        for key, reading in record.readings.items():
            pair = (record.architecture, record.mode)
            since = by_metric.get((*pair, key)) or by_name.get(pair, nightly.now)
            if reading.status in NO_NUMBER and since != nightly.now:
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
        reason=_reason(finding),
        since=finding.since,
        accepted=finding.accepted,
        information=finding.information,
        device=finding.device or None,
    )


def _reason(finding: Finding) -> str | None:
    """Why it is one; that of kernels has both names, also if it remains for another reason."""
    kernels = finding.kernels if finding.kind == "reference" or finding.reason == NOT_COMPARED else ""
    return "; ".join(part for part in (kernels, finding.reason) if part) or finding.kernels or None
