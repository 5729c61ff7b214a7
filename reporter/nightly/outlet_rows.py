"""The rows that other systems show of a run: its findings, verdicts against a reference, and what has none."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from reporter.compare.kernel_changes import names_in_words
from reporter.compare.noisy_times import hides_growth
from reporter.compare.reference_names import RowPlace
from reporter.documents.comparisons import FindingRow, StoredComparison
from reporter.documents.reference_verdicts import EXACT, TIMES, AgainstReference
from reporter.model.records import pair_name
from reporter.model.settings import FailOn
from reporter.nightly import main_job_findings
from reporter.nightly.dates import day
from reporter.nightly.state import Finding

WORDS = {
    "exact": "changed",
    "failed": "failed",
    "removed": "not measured any more",
    "slower": "slower",
    "level": "above its level",
    "reference": "worse than the reference",
}
HIDDEN = ", too noisy to show whether it grew"


@dataclass(frozen=True)
class OutletRow:
    """A finding or a verdict: `red` if it makes the run fail, `missing` if there is no verdict.

    `accepted` is empty, or how this is shown; `ungated` is a regression that --fail-on does not include, and
    `of_reference` one against a pinned reference. `ratio` is that of a time, and infinite for what is not a time.
    """

    name: str
    metric: str
    result: str
    red: bool = False
    accepted: str = ""
    missing: bool = False
    ungated: bool = False
    of_reference: bool = False
    ratio: float = math.inf


def rows(
    comparison: StoredComparison | None, pinned: AgainstReference | None, fail_on: FailOn, *, asked: bool = False
) -> list[OutletRow]:
    """The regressions first, the largest first; those against a reference of a nightly run are among its findings.

    `asked`: whether the run was to be compared with a reference that it could not be compared with.
    """
    findings = comparison.findings if comparison else ()
    of_main_job = main_job_findings.findings(comparison, for_information=asked or pinned is not None)
    found = list(_findings(findings or tuple(of_main_job), pinned, fail_on))
    if pinned:
        found += [*(() if findings else _against(pinned, fail_on)), *_gaps(pinned)]
    return sorted(found, key=lambda row: (not row.red, not row.missing, bool(row.accepted), -row.ratio, row.name))


def _findings(findings: Sequence[FindingRow], pinned: AgainstReference | None, fail_on: FailOn) -> Iterator[OutletRow]:
    hidden = {RowPlace.of(row) for row in pinned.verdicts if hides_growth(row)} if pinned else set()
    for each in findings:
        finding = _finding(each)
        ratio = each.slowdown
        change = f" ({(ratio - 1) * 100:+.1f} %)" if ratio else ""
        why = f": {each.reason}" if each.reason else ""
        differs = each.kind == "reference" and not ratio
        counted = (differs or each.kind == "exact") and each.new is not None
        values = f" {_grouped(each.base)} → {_grouped(each.new)}" if counted else ""
        word = f"differs from the reference{':' if counted else ''}" if differs else WORDS[each.kind]
        yield OutletRow(
            name=pair_name(each.architecture, each.mode),
            metric=_metric(each),
            result=f"{word}{values}{change}{why}",
            red=finding.fails(fail_on),
            ungated=finding.is_open and not finding.fails(fail_on),
            of_reference=each.kind == "reference",
            accepted=_shown(each, hidden),
            ratio=ratio or math.inf,
        )


def _metric(row: FindingRow) -> str:
    """The title of a metric; that of an output error has its device, unless that is the CPU."""
    title = row.title or "all metrics"
    return f"{title} ({row.device.upper()})" if row.device not in (None, "cpu") else title


def _against(pinned: AgainstReference, fail_on: FailOn) -> Iterator[OutletRow]:
    """The verdicts and changes of a run of the main job; those of a nightly run are among its findings."""
    for change in pinned.changes:
        values = f"{_grouped(change.reference)} → {_grouped(change.tonight)}"
        what = names_in_words(change.kernels) if change.kernels else values
        yield OutletRow(
            name=pair_name(change.architecture, change.mode),
            metric=change.metric,
            result=f"differs from the reference: {what}",
            red=not change.known and fail_on in EXACT,
            ungated=not change.known and fail_on not in EXACT,
            of_reference=True,
            accepted=_acceptance(change.known.since) if change.known else "",
        )
    for each in pinned.verdicts:
        if each.verdict != "unchanged":
            slower = each.verdict == "slower" and not each.known
            hidden = HIDDEN if hides_growth(each) else ""
            yield OutletRow(
                name=pair_name(each.architecture, each.mode),
                metric=each.metric,
                result=f"{each.verdict} ({(each.ratio - 1) * 100:+.1f} % time)",
                red=slower and fail_on in TIMES,
                ungated=slower and fail_on not in TIMES,
                of_reference=True,
                accepted=_acceptance(each.known.since) + hidden if each.known else "",
                ratio=each.ratio,
            )


def _gaps(pinned: AgainstReference) -> Iterator[OutletRow]:
    """What was not measured in both environments, and rounds that failed in one of them."""
    for gap in pinned.gaps:
        yield OutletRow(
            name=pair_name(gap.architecture, gap.mode),
            metric=gap.metric,
            result=f"not compared: {gap.reason}",
            missing=gap.failed,
        )
    for loss in pinned.lost:
        yield OutletRow(
            name=pair_name(loss.architecture, loss.mode),
            metric=loss.metric,
            result=f"a round failed: {loss.reason}",
            missing=True,
        )


def _grouped(value: float | None) -> str:
    """An exact value with all its digits, in groups of three."""
    return "None" if value is None else f"{value:,}"


def _finding(row: FindingRow) -> Finding:
    """A finding of comparison.json, as far as --fail-on depends on it."""
    return Finding(
        kind=row.kind,
        architecture=row.architecture,
        ratio=row.slowdown,
        since=row.since,
        accepted=row.accepted,
        information=row.information,
    )


def _shown(row: FindingRow, hidden: Collection[RowPlace]) -> str:
    """How a finding of comparison.json is shown that does not fail a run; empty for another one.

    `hidden` are the times of which the run does not show whether they grew.
    """
    if row.accepted and row.kind == "reference":
        is_hidden = row.slowdown and RowPlace(row.metric or "", row.mode, row.architecture) in hidden
        return _acceptance(row.since) + (HIDDEN if is_hidden else "")
    if row.accepted:
        return _acceptance("")
    return "for information" if row.information else ""


def _acceptance(since: str) -> str:
    """How a finding is shown that was accepted: one against a reference stays, so that its date is of interest."""
    return f"known since {day(since)}" if since else "accepted"
