"""Output of a nightly run: a headline, the findings in groups, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reporter.compare.differences import LEVEL, Differences
from reporter.documents.reference_verdicts import AgainstReference
from reporter.model import Quantity, Record
from reporter.model.plurals import counted
from reporter.model.records import EAGER
from reporter.model.settings import FailOn
from reporter.nightly.accept_command import accept_command
from reporter.nightly.baseline import Baseline
from reporter.nightly.dates import day, moment
from reporter.nightly.findings import NOT_COMPARED
from reporter.nightly.state import Failing, Finding, Kind
from reporter.report import units
from reporter.report.between_runs import reference_section
from reporter.report.between_runs.grouping import (
    NAMED,
    FindingLine,
    and_more,
    by_reason,
    described,
    groups,
    most,
    quoted,
)
from reporter.report.language import SOURCE, language
from reporter.store.history import PastRun

NAMED_REASONS = 3
COUNTS: dict[Kind, str] = {
    "exact": "exact",
    "failed": "newly failed",
    "removed": "removed",
    "slower": "slower",
    "level": "above the level of earlier runs",
    "reference": "worse than the reference",
}
ENGLISH = language(SOURCE)


@dataclass(frozen=True)
class NightlyComparison:
    """What a run found, and what it was compared with."""

    tonight: Sequence[Record]
    base: Baseline
    differences: Differences
    findings: Sequence[Finding]
    failing: Sequence[Failing] = ()
    substituted: Sequence[str] = ()
    """Architectures without a readable baseline that were compared with the last values of the history."""
    unfinished: str | None = None
    """The start of a run that did not finish."""
    now: str = ""
    fail_on: FailOn = "never"
    past: Sequence[PastRun] = ()
    pinned: AgainstReference | None = None
    outdated: Sequence[str] = ()
    """Which acceptances are of slowdowns that this run does not have."""

    @property
    def is_first(self) -> bool:
        """Whether it was compared with no earlier run, whatever a reference finds."""
        return not self.base.records and not self.substituted


def headline(nightly: NightlyComparison) -> str:
    """In one line: what changed, what still fails, what was not compared and why, versions, noise, the baseline."""
    parts = [*_changed(nightly), *_still_failing(nightly)]
    if not parts:
        parts = ["nothing changed among what was compared" if _reasons(nightly) else "nothing changed"]
    if accepted := len([each for each in nightly.findings if each.accepted]):
        parts.append(f"{accepted} accepted")
    parts += [*nightly.outdated, *_not_compared(nightly), *_without_baseline(nightly)]
    if nightly.unfinished:
        parts.append(f"the run of {moment(nightly.unfinished)} did not finish")
    if nightly.base.newest:
        noise = (*_noise_of_times(nightly), *_noise_of_levels(nightly))
        parts += [_versions(nightly), *noise, f"baseline: run of {moment(nightly.base.newest.started)}"]
    if nightly.pinned:
        parts.append(f"against the reference: {reference_section.headline(nightly.pinned, ENGLISH).rstrip('.')}")
        advice = reference_section.advice(nightly.pinned, {}, ENGLISH).rstrip(".")
        parts += [f"{advice[0].lower()}{advice[1:]}"] if nightly.pinned.too_noisy else []
        if nightly.fail_on in ("exact", "never") and (nightly.pinned.slower or nightly.pinned.too_noisy):
            parts.append(f"times do not fail this run: --fail-on {nightly.fail_on}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def lines(findings: Sequence[Finding], out: str) -> list[str]:
    """A line for each group of findings that are not accepted, the accepted ones counted, MOST_LINES in all."""
    unaccepted = sorted((each for each in findings if not each.accepted), key=lambda each: -(each.ratio or 0))
    rows = [_row(each) for each in unaccepted]
    made = [f"- {described(group, ENGLISH)}; {_action(group, rows, out)}" for group in groups(rows)]
    return most(made, lambda count: f"- and {count} more groups; see {out}/report.html")


def not_compared_with_reference(nightly: NightlyComparison) -> list[str]:
    """A line for each time that was not measured on both sides, and for each round that failed."""
    found = list(reference_section.missing(nightly.pinned, {}, ENGLISH)) if nightly.pinned else []
    return most([f"- {line}" for line in found], lambda count: f"- and {count} more; see summary.json")


def _changed(nightly: NightlyComparison) -> Iterator[str]:
    if nightly.is_first:
        yield f"first run: {_why_first(nightly.base)}"
        return
    found = nightly.differences
    better = {
        "recovered": len(found.of("recovered")),
        "new": len(found.of("new")),
        "for information": len(found.of("information")),
        "faster": len(found.with_verdict("improved")),
    }
    better["slower than before, for information"] = sum(each.information for each in nightly.findings)
    counts = [*_counts(nightly), *(f"{count} {word}" for word, count in better.items() if count)]
    if counts:
        yield f"changed: {', '.join(counts)}"


def _counts(nightly: NightlyComparison) -> Iterator[str]:
    """How many findings of each kind this run has, and how many an earlier one had; what still fails comes later."""
    failing = {each.name for each in nightly.failing}
    for kind, word in COUNTS.items():
        group = [each for each in nightly.findings if each.kind == kind and each.is_open]
        first = [each for each in group if each.since == nightly.now]
        if first:
            yield f"{len(first)} {word}"
        still = failing if kind == "failed" else set()
        earlier = [each.since for each in group if each.since != nightly.now and each.name not in still]
        if earlier:
            yield f"{len(earlier)} {word.removeprefix('newly ')} since {day(min(earlier))}"


def _why_first(base: Baseline) -> str:
    why = f" ({base.complaints[0]})" if base.complaints else ""
    return f"there is no readable baseline to compare with{why}"


def _not_compared(nightly: NightlyComparison) -> Iterator[str]:
    reasons = _reasons(nightly) if nightly.base.records else []
    if reasons:
        left = len(reasons) - NAMED_REASONS
        more = f" and {counted(left, 'more reason')}" if left > 0 else ""
        yield f"not compared: {'; '.join(reasons[:NAMED_REASONS])}{more}"


def _reasons(nightly: NightlyComparison) -> list[str]:
    """What has no verdict, by its reason: which metrics, and of how many architectures."""
    found = nightly.differences
    gaps = by_reason(found.gaps).items()
    made = [f"{_metrics(what)} of {and_more(who, ENGLISH)} ({why})" for (why, who), what in gaps]
    without_verdict: dict[str, set[str]] = {}
    for row in found.timings:
        if row.floor is None and row.base != row.new:
            without_verdict.setdefault("too few rounds; --preset standard measures enough", set()).add(row.name)
        elif row.verdict == "noisy":
            without_verdict.setdefault("moved, but within noise", set()).add(row.name)
    return [*made, *(f"times of {and_more(sorted(who), ENGLISH)} ({why})" for why, who in without_verdict.items())]


def _gates_level(nightly: NightlyComparison) -> bool:
    return nightly.fail_on in LEVEL and not nightly.pinned


def _metrics(what: Sequence[Quantity | None]) -> str:
    return quoted([each.title if each else "times" for each in what], ENGLISH)


def _still_failing(nightly: NightlyComparison) -> Iterator[str]:
    newly = {each.name for each in nightly.findings if each.kind == "failed" and each.since == nightly.now}
    rows = [each for each in nightly.failing if each.name not in newly]
    for each in rows[:NAMED]:
        word = "failing" if each.since == nightly.now else f"still failing since {day(each.since)}"
        counts = {"reading": each.readings, "curve point": each.points}
        what = "".join(f"{counted(count, noun)}: " for noun, count in counts.items() if count)
        yield f"{word}: {each.name} ({what}{each.reason})"
    yield from _more(rows, "failing")


def _without_baseline(nightly: NightlyComparison) -> Iterator[str]:
    for name in nightly.base.unreadable[:NAMED]:
        served = "; compared with the last values of history.jsonl" if name in nightly.substituted else ""
        yield f"no baseline for {name}: its record cannot be read{served}"
    yield from _more(nightly.base.unreadable, "without a baseline")


def _more(items: Sequence[object], word: str) -> Iterator[str]:
    """How many there are besides those that are named."""
    if len(items) > NAMED:
        yield f"and {len(items) - NAMED} more {word}"


def _noise_of_levels(nightly: NightlyComparison) -> Iterator[str]:
    """The change that noise can reach in times that were compared with their level: the smallest and the largest."""
    floors = sorted(row.floor for row in nightly.differences.levels)
    if floors and _gates_level(nightly):
        yield f"noise of levels: {floors[0]:.0%} to {floors[-1]:.0%}"


def _versions(nightly: NightlyComparison) -> str:
    before = nightly.base.newest.environment if nightly.base.newest else {}
    newest = max(nightly.tonight, key=lambda record: record.started, default=None)
    now = newest.environment if newest else {}
    changed = [
        f"{name} {before.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted({*before, *now}, key=lambda name: (not name.startswith("torch"), name))
        if before.get(name) != now.get(name)
    ]
    return and_more(changed, ENGLISH) if changed else f"same versions (torch {now.get('torch', 'unknown')})"


def _noise_of_times(nightly: NightlyComparison) -> Iterator[str]:
    """The change that noise can reach, of the times that were compared: the smallest and the largest."""
    floors = sorted(row.floor for row in nightly.differences.timings if row.floor is not None)
    if floors:
        lowest, most = f"{floors[0]:.0%}", f"{floors[-1]:.0%}"
        yield f"noise of times: {lowest}" + (f" to {most}" if most != lowest else "")


def _row(each: Finding) -> FindingLine:
    values = {"exact": _value, "slower": _time, "level": _time, "reference": _of_reference}.get(
        each.kind, lambda _: ""
    )(each)
    return FindingLine(
        kind="information" if each.information else each.kind,
        name=each.name,
        architecture=each.architecture,
        mode=each.mode,
        metric=each.metric,
        title=each.title,
        values=values,
        reason="" if each.information else each.reason or "",
        since=each.since,
    )


def _action(group: Sequence[FindingLine], rows: Sequence[FindingLine], out: str) -> str:
    """Since when, and what to do; `rows` are all findings."""
    accept = accept_command(group, [row for row in rows if row.kind != "information"], out)
    action = {
        "exact": f"if this is intended: {accept}",
        "failed": f"fix it, or {accept}",
        "removed": f"add it to {_option(group)} again, or {accept}",
        "slower": f"confirm it with `reporter ab`, or {accept}",
        "reference": f"if this is known: {accept}",
        "level": f"confirm it with `reporter ab`, or start a new level: {accept}",
        "information": "no action needed: verdicts on times are based on the reference",
    }[group[0].kind]
    return f"since {day(group[0].since)}; {action}"


def _option(group: Sequence[FindingLine]) -> str:
    """The options that what was removed is missing from."""
    eager = {row.mode == EAGER for row in group}
    return " and ".join(name for name, of_eager in (("--architectures", True), ("--modes", False)) if of_eager in eager)


def _value(each: Finding) -> str:
    left_out = f" ({NOT_COMPARED})" if each.kind == "exact" and each.reason == NOT_COMPARED else ""
    if each.kernels:
        return f"{each.name} {each.kernels if left_out else each.reason or each.kernels}{left_out}"
    base, new = each.base or 0, each.new or 0
    share = f" ({new / base - 1:+.2%})" if base else ""
    shown = [f"{value:,}" if isinstance(value, int) else repr(value) for value in (base, new)]
    return f"{each.name} {shown[0]} -> {shown[1]}{share}{left_out}"


def _of_reference(each: Finding) -> str:
    """The change against the reference: of kernels both names, whatever the reason is, of a count both values."""
    if each.kernels:
        return f"{each.name} {each.kernels}"
    if each.ratio is None:
        return _value(each)
    return f"{each.name} {each.ratio - 1:+.1%} time (a change of {each.floor or 0:.1%} would be detected)"


def _time(each: Finding) -> str:
    quantity = Quantity.model_validate(
        {"key": each.metric, "title": each.title, "unit": each.unit, "group": "latency", "better": "lower",
         "definition": ""}
    )  # fmt: skip
    values = [units.words(ENGLISH, quantity, value) for value in (each.base or 0.0, each.new or 0.0)]
    change = f"{(each.ratio or 1) - 1:+.1%} time"
    level = f"level of {counted(each.runs, 'run')}; " if each.runs else ""
    return f"{each.name} {change} ({values[0]} -> {values[1]}; {level}noise {each.floor or 0:.1%})"
