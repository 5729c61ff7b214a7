"""The rows that other systems show of a run: its findings, verdicts against a reference, and what has none."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reporter.compare.kernel_changes import layers_in_words
from reporter.compare.noisy_times import is_growth_hidden
from reporter.model.records import EAGER, pair_name
from reporter.model.settings import FailOn
from reporter.nightly import main_job_findings
from reporter.nightly.screen import day
from reporter.nightly.state import Finding

EXACT, TIMES = ("exact", "any"), ("timing", "any")
"""The values of --fail-on that include each kind of difference from a reference."""
WORDS = {
    "exact": "changed",
    "failed": "failed",
    "removed": "not measured any more",
    "slower": "slower",
    "level": "above its level",
    "reference": "worse than the reference",
}
HIDDEN = ", too noisy to show whether it grew"
Place = tuple[str, str, str]
"""Architecture, metric, mode."""


@dataclass(frozen=True)
class OutletRow:
    """A finding or a verdict: `red` if it makes the run fail, `missing` if there is no verdict.

    `accepted` is empty, or how this is shown; `unjudged` is a regression that --fail-on does not include, and
    `of_reference` one against a pinned reference. `ratio` is that of a time, and infinite for what is not a time.
    """

    name: str
    metric: str
    result: str
    red: bool = False
    accepted: str = ""
    missing: bool = False
    unjudged: bool = False
    of_reference: bool = False
    ratio: float = math.inf


def rows(
    comparison: Mapping[str, Any], pinned: Mapping[str, Any], fail_on: FailOn, *, asked: bool = False
) -> list[OutletRow]:
    """The regressions first, the largest first; those against a reference of a nightly run are among its findings.

    `asked`: whether the run was to be compared with a reference that it could not be compared with.
    """
    against = () if comparison.get("findings") else _against(pinned, fail_on)
    of_main_job = main_job_findings.findings(comparison, for_information=asked or bool(pinned))
    findings = comparison.get("findings") or of_main_job
    found = [*_findings(findings, pinned, fail_on), *against, *_gaps(pinned)]
    return sorted(found, key=lambda row: (not row.red, not row.missing, bool(row.accepted), -row.ratio, row.name))


def _findings(findings: Iterable[Mapping[str, Any]], pinned: Mapping[str, Any], fail_on: FailOn) -> Iterator[OutletRow]:
    hidden = {_place(row) for row in pinned.get("verdicts", ()) if row["known"] and _hidden(row)}
    for each in findings:
        finding = _finding(each)
        ratio = each["slowdown"]
        change = f" ({(ratio - 1) * 100:+.1f} %)" if ratio else ""
        why = f": {each['reason']}" if each["reason"] else ""
        differs = each["kind"] == "reference" and not ratio
        counted = (differs or each["kind"] == "exact") and each["new"] is not None
        values = f" {_grouped(each['base'])} → {_grouped(each['new'])}" if counted else ""
        word = f"differs from the reference{':' if counted else ''}" if differs else WORDS[each["kind"]]
        yield OutletRow(
            name=pair_name(each["architecture"], each["mode"]),
            metric=_metric(each),
            result=f"{word}{values}{change}{why}",
            red=finding.fails(fail_on),
            unjudged=finding.is_open and not finding.fails(fail_on),
            of_reference=each["kind"] == "reference",
            accepted=_shown(each, hidden),
            ratio=ratio or math.inf,
        )


def _metric(row: Mapping[str, Any]) -> str:
    """The title of a metric; that of an output error has its device, unless that is the CPU."""
    device = row.get("device")
    title = row["title"] or "all metrics"
    return f"{title} ({device.upper()})" if device not in (None, "cpu") else str(title)


def _against(pinned: Mapping[str, Any], fail_on: FailOn) -> Iterator[OutletRow]:
    """The verdicts and changes of a run of the main job; those of a nightly run are among its findings."""
    for each in pinned.get("changes", ()):
        kernels = each.get("kernels")
        what = _kernels(kernels) if kernels else f"{_grouped(each['reference'])} → {_grouped(each['tonight'])}"
        yield OutletRow(
            name=pair_name(each["architecture"], each.get("mode", EAGER)),
            metric=each["metric"],
            result=f"differs from the reference: {what}",
            red=not each["known"] and fail_on in EXACT,
            unjudged=not each["known"] and fail_on not in EXACT,
            of_reference=True,
            accepted=_acceptance(each["known"]["since"]) if each["known"] else "",
        )
    for each in pinned.get("verdicts", ()):
        if each["verdict"] != "unchanged":
            slower = each["verdict"] == "slower" and not each["known"]
            yield OutletRow(
                name=pair_name(each["architecture"], each["mode"]),
                metric=each["metric"],
                result=f"{each['verdict']} ({(each['ratio'] - 1) * 100:+.1f} % time)",
                red=slower and fail_on in TIMES,
                unjudged=slower and fail_on not in TIMES,
                of_reference=True,
                accepted=_acceptance(each["known"]["since"]) + _hidden(each) if each["known"] else "",
                ratio=each["ratio"],
            )


def _gaps(pinned: Mapping[str, Any]) -> Iterator[OutletRow]:
    """What was not measured in both environments, and rounds that failed in one of them."""
    for each in pinned.get("gaps", ()):
        yield OutletRow(
            name=pair_name(each["architecture"], each["mode"]),
            metric=each["metric"],
            result=f"not compared: {each['reason']}",
            missing=each.get("failed", False),
        )
    for each in pinned.get("lost", ()):
        yield OutletRow(
            name=pair_name(each["architecture"], each["mode"]),
            metric=each["metric"],
            result=f"a round failed: {each['reason']}",
            missing=True,
        )


def _hidden(row: Mapping[str, Any]) -> str:
    """What a slowdown that is known has beside it if the machine was too noisy to show whether it grew."""
    return HIDDEN if is_growth_hidden(row["known"]["ratio"], row.get("high"), row.get("detectable")) else ""


def _place(row: Mapping[str, Any]) -> Place:
    return row["architecture"], row["metric"], row["mode"]


def _kernels(row: Mapping[str, Any]) -> str:
    """The layers that ran another kernel, with both names."""
    return "; ".join(f"{layers_in_words(swap['layers'])}: {swap['base']} -> {swap['new']}" for swap in row["swaps"])


def _grouped(value: object) -> str:
    """An exact value with all its digits, in groups of three."""
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _finding(row: Mapping[str, Any]) -> Finding:
    """A finding of comparison.json, as far as --fail-on depends on it."""
    about = {key: row[key] for key in ("kind", "architecture", "since", "accepted")}
    return Finding.model_validate({**about, "ratio": row["slowdown"], "information": row.get("information", False)})


def _shown(row: Mapping[str, Any], hidden: Collection[Place]) -> str:
    """How a finding of comparison.json is shown that does not fail a run; empty for another one.

    `hidden` are the times of which the run does not show whether they grew.
    """
    if row["accepted"] and row["kind"] == "reference":
        return _acceptance(row["since"]) + (HIDDEN if row["slowdown"] and _place(row) in hidden else "")
    if row["accepted"]:
        return _acceptance("")
    return "for information" if row.get("information") else ""


def _acceptance(since: str) -> str:
    """How a finding is shown that was accepted: one against a reference stays, so that its date is of interest."""
    return f"known since {day(since)}" if since else "accepted"
