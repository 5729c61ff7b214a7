"""Findings of a comparison with a pinned reference, and those of them that are known.

A finding that was accepted stays known as long as it does not grow beyond noise: a pinned reference would otherwise be
red in every run. It is about one reference, and about one kind of machine, because the ratio of two versions depends on
the processor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from reporter.compare import noisy_times, reference_file, reference_names
from reporter.compare.kernel_changes import names_in_words
from reporter.compare.reference_names import RowPlace
from reporter.documents.reference_verdicts import (
    AgainstReference,
    KnownSlowdown,
    ReferenceChange,
    ReferenceGap,
    ReferenceVerdict,
)
from reporter.model import Metric, Quantity
from reporter.model.records import EAGER, pair_name
from reporter.nightly.state import Acceptance, Finding, Kind, NightlyRun
from reporter.registry.catalog import collect
from reporter.report.between_runs.grouping import and_more
from reporter.report.language import SOURCE, language
from reporter.run.paired import reference_run
from reporter.run.paired.against import Against

KIND: Kind = "reference"
Row = ReferenceVerdict | ReferenceChange
Marked = TypeVar("Marked", ReferenceVerdict, ReferenceChange)
TIME_UNITS = ("s", "1/s")
OUTDATED = "accepted, but not slower in this run: {names} (if it is fixed, remove it from accepted.json)"


def measured_for_growth(against: Against | None, acceptances: Sequence[Acceptance]) -> Against | None:
    """The same comparison, in which a slowdown that is known is measured until growth of GOAL would be found.

    One that is new needs no more rounds once it is clear.
    """
    entries = [each for each in acceptances if each.kind == KIND and each.ratio is not None]
    if against is None or not entries:
        return against
    request = against.work.request
    here = reference_file.document(
        against.work.examined, [], gaps=[], changes=[], threads=request.conditions.threads,
        input_sizes=request.input_sizes,
    )  # fmt: skip
    known = set()
    for place in reference_run.places(against.work):
        row = ReferenceGap(architecture=place.architecture, metric=place.metric, mode=place.mode, reason="")
        finding = Finding.model_validate({**_about(row, here, ""), "ratio": 1.0})
        if any(entry.is_about(finding) for entry in entries):
            known.add(place)
    work = replace(against.work, enough=lambda row: row.decided and (row.is_precise or row.place not in known))
    return replace(against, work=work)


def mark_accepted(found: AgainstReference, acceptances: Sequence[Acceptance]) -> AgainstReference:
    """The same with the acceptance of each slowdown and each change that is known.

    It is too noisy, too, if it does not show whether the slowdowns that are known grew.
    """
    entries = [each for each in acceptances if each.kind == KIND]

    def marked(row: Marked) -> Marked:
        finding = _finding(row, found, "")
        entry = next((entry for entry in reversed(entries) if finding and entry.covers(finding)), None)
        if entry is None:
            return row
        return row.model_copy(
            update={"known": KnownSlowdown(since=entry.since, ratio=entry.ratio or 1.0, reason=entry.reason)}
        )

    verdicts, changes = tuple(map(marked, found.verdicts)), tuple(map(marked, found.changes))
    too_noisy = found.too_noisy or bool(noisy_times.too_noisy(verdicts))
    return found.model_copy(update={"verdicts": verdicts, "changes": changes, "too_noisy": too_noisy})


def findings(
    found: AgainstReference,
    last: NightlyRun | None,
    quantities: Iterable[Quantity],
    acceptances: Sequence[Acceptance],
    now: str,
    *,
    missing: Mapping[str, str],
) -> Iterator[Finding]:
    """The slowdowns and changes, known or not, with the start of the first run that had each.

    One of an earlier run on this kind of machine remains while this run does not show whether it is gone: if the
    machine was too noisy, if it was not measured in both environments, or if its architecture is `missing`, which has
    the reasons. That of an architecture that is no longer part of the run is gone.
    """
    titles = {quantity.key: quantity for quantity in quantities}
    earlier = list(_earlier(last, found))
    before = {each.identity: each for each in earlier if _is_here(each, found)}
    first_seen = {each.identity: each.since for each in sorted(earlier, key=lambda each: each.since, reverse=True)}
    made: set[RowPlace] = set()
    for row in _rows(found):
        finding = _finding(row, found, now)
        if finding is not None:
            made.add(RowPlace.of(finding))
            quantity = titles.get(finding.metric)
            since = first_seen.get(finding.identity, now)
            about = {"title": quantity.title, "unit": quantity.unit} if quantity else {"title": finding.metric}
            yield finding.model_copy(update={**about, "since": since, "accepted": row.known is not None})
    reasons = _without_verdict(found)
    of_times = [gap for gap in found.gaps if gap.metric not in titles or titles[gap.metric].unit in TIME_UNITS]
    for each in before.values():
        why = reasons.get(RowPlace.of(each)) or _not_measured(each, of_times, missing)
        if why and RowPlace.of(each) not in made:
            accepted = any(entry.covers(each) for entry in acceptances)
            yield each.model_copy(update={"reason": why, "accepted": accepted})


def outdated(found: AgainstReference | None, acceptances: Sequence[Acceptance]) -> Iterator[str]:
    """A line with the slowdowns that are accepted although this run does not have them, if there are any.

    One run does not end an acceptance: a user decides whether the slowdown is fixed.
    """
    if found is None:
        return
    names = []
    for row in found.verdicts:
        here = Finding.model_validate({**_about(row, found, ""), "ratio": row.ratio})
        entries = [each for each in acceptances if each.kind == KIND and each.is_about(here)]
        ratios = [each.ratio for each in entries if each.ratio is not None]
        is_refuted = row.high is not None and row.high < min(ratios, default=0.0)
        if is_refuted and row.verdict in ("unchanged", "faster"):
            names.append(f"{pair_name(row.architecture, row.mode)} {row.metric}")
    if names:
        yield OUTDATED.format(names=and_more(names, language(SOURCE)))


def elsewhere(found: AgainstReference | None, last: NightlyRun | None) -> tuple[Finding, ...]:
    """The findings of earlier runs that this one is not about: on other kinds of machines, or all without --against.

    Each nightly run of a job may be on another kind of machine.
    """
    if found is None:
        return tuple(_stored(last))
    reference = reference_names.reference(found.reference)
    return tuple(each for each in _earlier(last, found) if each.reference == reference and not _is_here(each, found))


def _stored(last: NightlyRun | None) -> list[Finding]:
    return [each for each in (*last.findings, *last.elsewhere) if each.kind == KIND] if last else []


def _is_here(finding: Finding, found: AgainstReference) -> bool:
    """Whether a run can refute a finding: on its kind of machine, against its reference, with its threads and size.

    A count is about all kinds of machines, and about images of one size unless it is one of the weights.
    """
    if finding.reference != reference_names.reference(found.reference):
        return False
    on_others = reference_names.runs_on_all_threads(finding.metric) and finding.threads not in (None, found.threads)
    if (finding.machine or _takes_input(finding.metric)) and any(
        finding.architecture == row.architecture for row in (*_rows(found), *found.gaps)
    ):
        on_others |= finding.input_size != found.input_sizes.get(finding.architecture, "")
    return finding.machine in ("", found.machine_kind) and not on_others


def _earlier(last: NightlyRun | None, found: AgainstReference) -> Iterator[Finding]:
    """The findings of earlier runs, under the names of this run where these are the same."""
    gap = ReferenceGap(architecture="", metric="", mode=EAGER, reason="")
    here = Finding.model_validate(_about(gap, found, ""))
    for each in _stored(last):
        yield each.as_named_in(here)


def _without_verdict(found: AgainstReference) -> dict[RowPlace, str]:
    """What has no verdict, and why."""
    noisy = [row for row in found.verdicts if row.verdict == "noisy"]
    reasons = {RowPlace.of(row): "the machine was too noisy to confirm it" for row in noisy}
    return reasons | {RowPlace.of(gap): f"not compared in this run: {gap.reason}" for gap in found.gaps}


def _not_measured(finding: Finding, gaps: Iterable[ReferenceGap], missing: Mapping[str, str]) -> str:
    """Why nothing of the architecture was measured; empty if it was.

    Counts and kernels that failed have no gaps of their own if a time in their mode failed, or an execution mode has no
    times.
    """
    if finding.architecture in missing:
        return f"not measured in this run: {missing[finding.architecture]}"
    place = finding.architecture, finding.mode
    of_pair = [gap for gap in gaps if (gap.architecture, gap.mode) == place and (gap.failed or gap.mode != EAGER)]
    return f"not compared in this run: {of_pair[0].reason}" if of_pair and finding.ratio is None else ""


def accepted(
    found: AgainstReference, named: Mapping[str, Sequence[str]], reason: str, now: str
) -> tuple[list[Finding], list[Acceptance]]:
    """The findings of a run of the main job that are accepted, and the entries for them."""
    rows = [row for row in _rows(found) if row.known is None]
    made = [each for row in rows if (each := _finding(row, found, found.started))]
    meant = [each for each in made if all(getattr(each, key) in names for key, names in named.items())]
    return meant, [Acceptance.of(each, now, found.started, reason) for each in meant]


def every(found: AgainstReference) -> list[Finding]:
    """All findings of a run of the main job, also those that are known."""
    return [each for row in _rows(found) if (each := _finding(row, found, found.started))]


def _rows(found: AgainstReference) -> list[Row]:
    return [*found.verdicts, *found.changes]


def _finding(row: Row, found: AgainstReference, since: str) -> Finding | None:
    """The finding of a row; None if it is no regression."""
    about = _about(row, found, since)
    if isinstance(row, ReferenceChange):
        kernels = names_in_words(row.kernels) if row.kernels else ""
        return Finding.model_validate({**about, "base": row.reference, "new": row.tonight, "kernels": kernels})
    if row.verdict != "slower":
        return None
    return Finding.model_validate({**about, "unit": "s", "ratio": row.ratio, "floor": row.detectable or 0.0})


def _about(row: Row | ReferenceGap, found: AgainstReference, since: str) -> dict[str, Any]:
    """The place of a finding: a count is about all machines, times and kernels about a mode on one kind of machine.

    Parameters are about images of any size, other counts about those of one.
    """
    is_count = isinstance(row, ReferenceChange) and row.kernels is None
    size = found.input_sizes.get(row.architecture, "") if not is_count or _takes_input(row.metric) else ""
    return {
        "kind": KIND,
        "architecture": row.architecture,
        "metric": row.metric,
        "title": row.metric,
        "mode": row.mode,
        "machine": "" if is_count else found.machine_kind,
        "threads": None if is_count else found.threads,
        "input_size": size,
        "reference": reference_names.reference(found.reference),
        "since": since,
    }


def _takes_input(key: str) -> bool:
    """Whether a quantity depends on the size of the images; one of a metric that is not known here does not."""
    return any(
        metric.takes_input and any(each.key == key for each in metric.quantities)
        for metric in collect("reporter.metrics", Metric).values()
    )
