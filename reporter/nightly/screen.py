"""What a nightly run prints: a headline, the findings in groups, and what to do about each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reporter.comparing.differences import Differences
from reporter.history import PastRun
from reporter.nightly.baseline import Baseline
from reporter.nightly.state import Failing, Finding, Kind
from reporter.telling import units
from reporter.telling.language import SOURCE, language
from reporter.types import Quantity, Record

MOST_LINES = 40
"""Lines of findings; the rest is counted."""
NAMED = 5
"""Architectures named in a line; the rest is counted."""
NAMED_REASONS = 3
COUNTS: dict[Kind, str] = {"exact": "exact", "failed": "newly failed", "removed": "removed", "slower": "slower"}
ENGLISH = language(SOURCE)


@dataclass(frozen=True)
class Night:
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
    past: Sequence[PastRun] = ()


def headline(night: Night) -> str:
    """In one line: what changed, what still fails, what was not compared and why, both versions, the baseline."""
    parts = [*_changed(night), *_still_failing(night)]
    if not parts:
        parts = ["nothing changed among what was compared" if _reasons(night) else "nothing changed"]
    if accepted := len([each for each in night.findings if each.accepted]):
        parts.append(f"{accepted} accepted")
    parts += [*_not_compared(night), *_without_baseline(night)]
    if night.unfinished:
        parts.append(f"the run of {moment(night.unfinished)} did not finish")
    if night.base.newest:
        parts += [_versions(night), f"baseline: run of {moment(night.base.newest.started)}"]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def lines(findings: Sequence[Finding], out: str) -> list[str]:
    """A line for each group of findings that are not accepted, the accepted ones counted, MOST_LINES in all."""
    unaccepted = [each for each in findings if not each.accepted]
    made = [f"- {line}" for line in _grouped(unaccepted, out)]
    if len(made) > MOST_LINES:
        made = [*made[: MOST_LINES - 1], f"- and {len(made) - MOST_LINES + 1} more groups; see {out}/report.html"]
    return made


def moment(started: str) -> str:
    """A moment as it is printed: 25 November 2026, 02:17 UTC."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started or "an unknown date"
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def day(started: str) -> str:
    """A day as it is printed: 25 November."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{when.day} {when:%B}"


def _changed(night: Night) -> Iterator[str]:
    if not night.base.records and not night.substituted:
        yield f"first run: {_why_first(night.base)}"
        return
    found = night.differences
    better = {
        "recovered": len(found.of("recovered")),
        "new": len(found.of("new")),
        "for information": len(found.of("information")),
        "faster": len(found.judged("improved")),
    }
    counts = [*_counts(night), *(f"{count} {word}" for word, count in better.items() if count)]
    if counts:
        yield f"changed: {', '.join(counts)}"


def _counts(night: Night) -> Iterator[str]:
    """How many findings of each kind this run has, and how many an earlier one had; what still fails comes later."""
    for kind, word in COUNTS.items():
        group = [each for each in night.findings if each.kind == kind and not each.accepted]
        first = [each for each in group if each.since == night.now]
        if first:
            yield f"{len(first)} {word}"
        if len(group) > len(first) and kind != "failed":
            yield f"{len(group) - len(first)} {word} since {day(min(each.since for each in group))}"


def _why_first(base: Baseline) -> str:
    why = f" ({base.complaints[0]})" if base.complaints else ""
    return f"there is no readable baseline to compare with{why}"


def _not_compared(night: Night) -> Iterator[str]:
    reasons = _reasons(night) if night.base.records else []
    if reasons:
        more = f" and {len(reasons) - NAMED_REASONS} more reasons" if len(reasons) > NAMED_REASONS else ""
        yield f"not compared: {'; '.join(reasons[:NAMED_REASONS])}{more}"


def _reasons(night: Night) -> list[str]:
    """What has no verdict, by its reason: which metrics, and of how many architectures."""
    found = night.differences
    titles: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for gap in found.gaps:
        titles.setdefault((gap.why, gap.architectures), []).append(gap.quantity.title if gap.quantity else "times")
    made = [f"{_and_more(what)} of {_and_more(who)} ({why})" for (why, who), what in titles.items()]
    unjudged: dict[str, set[str]] = {}
    for row in found.timings:
        if row.floor is None and row.base != row.new:
            unjudged.setdefault("too few rounds; --preset standard measures enough", set()).add(row.architecture)
        elif row.judgement == "noisy":
            unjudged.setdefault("moved, but within noise", set()).add(row.architecture)
    return [*made, *(f"times of {_and_more(sorted(who))} ({why})" for why, who in unjudged.items())]


def _still_failing(night: Night) -> Iterator[str]:
    newly = {each.architecture for each in night.findings if each.kind == "failed" and each.since == night.now}
    for each in [each for each in night.failing if each.architecture not in newly][:NAMED]:
        word = "failing" if each.since == night.now else f"still failing since {day(each.since)}"
        yield f"{word}: {each.architecture} ({each.readings} readings: {each.reason})"


def _without_baseline(night: Night) -> Iterator[str]:
    for name in night.base.unreadable[:NAMED]:
        served = "; compared with the last values of history.jsonl" if name in night.substituted else ""
        yield f"no baseline for {name}: its record cannot be read{served}"


def _versions(night: Night) -> str:
    before = night.base.newest.environment if night.base.newest else {}
    newest = max(night.tonight, key=lambda record: record.started, default=None)
    now = newest.environment if newest else {}
    changed = [
        f"{name} {before.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted({*before, *now}, key=lambda name: (not name.startswith("torch"), name))
        if before.get(name) != now.get(name)
    ]
    return _and_more(changed) if changed else f"same versions (torch {now.get('torch', 'unknown')})"


def _grouped(findings: Sequence[Finding], out: str) -> Iterator[str]:
    """Failures with one reason are one line, and so are changes of one metric."""
    for removed in _by(findings, "removed", lambda each: each.since):
        yield _with_action(f"not measured any more: {_names(removed)}", removed, out)
    for failed in _by(findings, "failed", lambda each: (each.reason, each.since)):
        names = {each.architecture for each in failed}
        what = f"{failed[0].title} of" if len({each.metric for each in failed}) == 1 else f"{len(failed)} readings of"
        yield _with_action(f"failed: {what} {_and_more(sorted(names))}: {failed[0].reason}", failed, out)
    for exact in _by(findings, "exact", lambda each: (each.metric, each.since)):
        yield _with_action(f"{exact[0].title} changed: {_and_more([_value(each) for each in exact])}", exact, out)
    for slower in _by(findings, "slower", lambda each: (each.metric, each.reason, each.since)):
        slower.sort(key=lambda each: -(each.ratio or 0))
        why = f" ({slower[0].reason})" if slower[0].reason else ""
        yield _with_action(f"{slower[0].title} slower{why}: {_and_more([_time(each) for each in slower])}", slower, out)


def _by(findings: Iterable[Finding], kind: Kind, key: Callable[[Finding], object]) -> list[list[Finding]]:
    groups: dict[object, list[Finding]] = {}
    for each in findings:
        if each.kind == kind:
            groups.setdefault(key(each), []).append(each)
    return list(groups.values())


def _with_action(line: str, group: Sequence[Finding], out: str) -> str:
    one = {each.architecture for each in group}, {each.metric for each in group}
    options = [
        f" {option} {next(iter(names))}"
        for option, names in (("--architecture", one[0]), ("--metric", one[1]))
        if len(names) == 1 and "" not in names
    ]
    accept = f"`reporter accept {out}{''.join(options)}`"
    action = {
        "exact": f"if this is intended: {accept}",
        "failed": f"fix it, or {accept}",
        "removed": f"add it to --architectures again, or {accept}",
        "slower": f"confirm it with `reporter ab`, or {accept}",
    }[group[0].kind]
    return f"{line}; since {day(group[0].since)}; {action}"


def _names(group: Sequence[Finding]) -> str:
    return _and_more(sorted({each.architecture for each in group}))


def _and_more(items: Sequence[str]) -> str:
    kept = list(dict.fromkeys(items))
    more = f" and {len(kept) - NAMED} more" if len(kept) > NAMED else ""
    return ", ".join(kept[:NAMED]) + more


def _value(each: Finding) -> str:
    base, new = each.base or 0, each.new or 0
    share = f" ({new / base - 1:+.2%})" if base else ""
    shown = [f"{value:,}" if isinstance(value, int) else repr(value) for value in (base, new)]
    return f"{each.architecture} {shown[0]} -> {shown[1]}{share}"


def _time(each: Finding) -> str:
    quantity = Quantity.model_validate(
        {"key": each.metric, "title": each.title, "unit": each.unit, "group": "latency", "better": "lower",
         "definition": ""}
    )  # fmt: skip
    values = [units.words(ENGLISH, quantity, value) for value in (each.base or 0.0, each.new or 0.0)]
    change = f"{(each.ratio or 1) - 1:+.1%} time"
    return f"{each.architecture} {change} ({values[0]} -> {values[1]}; noise {each.floor or 0:.1%})"
