"""Grouping of findings: those with the same reason or metric share a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from reporter.compare.differences import Gap
from reporter.model import Quantity
from reporter.model.records import EAGER
from reporter.report.language import Language

Kind = Literal[
    "removed", "failed", "exact", "reference", "slower", "level", "recovered", "faster", "information", "new"
]
ORDER: tuple[Kind, ...] = (
    "removed",
    "failed",
    "exact",
    "reference",
    "slower",
    "level",
    "recovered",
    "faster",
    "information",
    "new",
)
MOST_LINES = 40
"""Lines of findings; the rest is counted."""
NAMED = 5
"""Architectures named in a line; the rest is counted."""


@dataclass(frozen=True)
class FindingLine:
    """A finding with its texts: `name` has the mode, and the machine where there are several, `values` the name and
    both values."""

    kind: Kind
    name: str
    metric: str = ""
    title: str = ""
    values: str = ""
    reason: str = ""
    since: str = ""
    architecture: str = ""
    mode: str = EAGER


def groups(rows: Iterable[FindingLine]) -> list[list[FindingLine]]:
    """The rows of each line, in the order of ORDER."""
    found: dict[tuple[str, ...], list[FindingLine]] = {}
    for row in sorted(rows, key=lambda row: ORDER.index(row.kind)):
        metric = "" if row.kind in ("removed", "failed", "recovered", "new") else row.metric
        found.setdefault((row.kind, metric, row.reason, row.since), []).append(row)
    return list(found.values())


def described(group: Sequence[FindingLine], language: Language) -> str:
    """What a group has in common, and which architectures: `failed: 386 readings of a, b and 4 more: OSError: …`."""
    _, first = language._, group[0]
    readings = language.ngettext("{count} reading", "{count} readings", len(group)).format(count=len(group))
    patterns: dict[Kind, str] = {
        "removed": _("not measured any more{why}: {names}"),
        "failed": _("failed: {what} of {names}: {reason}"),
        "exact": _("{title} changed: {values}"),
        "slower": _("{title} slower{why}: {values}"),
        "level": _("{title} above the level of earlier runs{why}: {values}"),
        "reference": _("{title} differs from the reference{why}: {values}"),
        "recovered": _("recovered: {what} of {names}; before: {reason}"),
        "faster": _("{title} faster: {values}"),
        "information": _("{what} of {names}, not gated: {reason}")
        if first.reason
        else _("{title} changed by more than chance, not gated: {values}"),
        "new": _("new: {names}"),
    }
    return patterns[first.kind].format(
        names=and_more(sorted({row.name for row in group}), language),
        what=first.title if len({row.metric for row in group}) == 1 else readings,
        reason=first.reason,
        why=f" ({first.reason})" if first.reason else "",
        title=first.title,
        values=and_more([row.values for row in group], language),
    )


def and_more(items: Sequence[str], language: Language) -> str:
    """The first NAMED of the items, each once, and how many more there are."""
    return language.several(list(dict.fromkeys(items)), NAMED)


def quoted(titles: Sequence[str], language: Language) -> str:
    """The same for titles of metrics, in quotation marks where a title has a comma itself."""
    if any("," in title for title in titles):
        return and_more([language._('"{title}"').format(title=title) for title in titles], language)
    return and_more(titles, language)


def most(lines: Sequence[str], more: Callable[[int], str]) -> list[str]:
    """MOST_LINES lines at most: the last is `more` of the count of the others."""
    if len(lines) <= MOST_LINES:
        return list(lines)
    return [*lines[: MOST_LINES - 1], more(len(lines) - MOST_LINES + 1)]


def by_reason(gaps: Iterable[Gap]) -> dict[tuple[str, tuple[str, ...]], list[Quantity | None]]:
    """What was not compared, by its reason and the pairs; None is all times."""
    found: dict[tuple[str, tuple[str, ...]], list[Quantity | None]] = {}
    for gap in gaps:
        found.setdefault((gap.why, gap.names), []).append(gap.quantity)
    return found
