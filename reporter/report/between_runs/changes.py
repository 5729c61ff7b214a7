"""Descriptions of differences, in any language of the reports and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reporter.compare import document
from reporter.compare.differences import Basis, Change, Differences, Gap, Level, Timing
from reporter.compare.differences import Kind as Changed
from reporter.compare.document import Context
from reporter.compare.times import MIN_EFFECT
from reporter.host import printing
from reporter.model import Quantity
from reporter.model.records import pair_name
from reporter.report import units
from reporter.report.between_runs import kernel_lines
from reporter.report.between_runs.grouping import NAMED, FindingLine, Kind, described, groups, most, quoted
from reporter.report.language import SOURCE, Language, language
from reporter.report.output.markdown import escape

ENGLISH = language(SOURCE)
SHARED = 0.05
"""Drift that all architectures share is reported above this share."""
LITTLE = 0.0005
"""A smaller share has no digits of its own."""
SEVERAL = 3
"""From so many architectures on they are counted, not named."""
COUNTED: dict[Changed, str] = {
    "exact": "{count} exact",
    "failed": "{count} newly failed",
    "removed": "{count} removed",
    "recovered": "{count} recovered",
    "new": "{count} new",
    "information": "{count} for information",
}
SLOWER, FASTER = "{count} slower", "{count} faster"
KERNELS = "{count} with changed kernels"
ABOVE = "{count} above the level of earlier runs"


def in_words(differences: Differences, complaints: Sequence[str] = ()) -> str:
    """A headline, a line for each group of changes, and what the comparison is based on."""
    words = Words(differences, ENGLISH, complaints)
    return printing.text([words.headline(), *(f"- {line}" for line in (*words.changes(), *words.grounds()))])


def in_markdown(differences: Differences, complaints: Sequence[str] = ()) -> str:
    """The same for a step summary: only what changed stands open."""
    words, proper_names = Words(differences, ENGLISH, complaints), differences.names
    lines = [
        f"**{escape(words.headline(), proper_names)}**",
        "",
        *(f"- {escape(line, proper_names)}" for line in words.changes()),
    ]
    grounds = [f"- {escape(line, proper_names)}" for line in words.grounds()]
    rests = (
        ["", "<details><summary>Basis of this comparison</summary>", "", *grounds, "", "</details>"] if grounds else []
    )
    return printing.text([*lines, *rests]).rstrip()


def headline(differences: Differences, complaints: Sequence[str] = ()) -> str:
    """Whether anything changed, and how much of what, in English."""
    return Words(differences, ENGLISH, complaints).headline()


def as_json(differences: Differences, base: str, new: str, complaints: Sequence[str] = ()) -> dict[str, Any]:
    """The document for programs, of two sides of which only the names are known."""
    sides = document.side(base, ()), document.side(new, ())
    context = Context(*sides, headline(differences, complaints), complaints=complaints)
    return document.as_json(differences, context)


@dataclass(frozen=True)
class Words:
    """What a comparison found, in the words of a language."""

    differences: Differences
    language: Language
    complaints: Sequence[str] = ()
    """What could not be read."""

    @property
    def unread(self) -> int:
        return len(self.complaints)

    def headline(self) -> str:
        """Whether anything changed, how much of what, and what has no verdict where nothing did."""
        _ = self.language._
        changes = [change for change in self.differences.changes if not change.kernels]
        counts = {word: sum(change.kind == kind for change in changes) for kind, word in COUNTED.items()}
        counts[KERNELS] = len({change.name for change in self.differences.changes if change.kernels})
        counts |= {
            SLOWER: len(self.differences.with_verdict("regressed")),
            FASTER: len(self.differences.with_verdict("improved")),
        }
        counts |= {ABOVE: len(self.differences.above_level())}
        parts = [_(word).format(count=count) for word, count in counts.items() if count]
        return _("Changed: {what}").format(what=", ".join(parts)) if parts else self._unchanged()

    def _unchanged(self) -> str:
        """That nothing changed, as far as there is a verdict, and first what has none and why."""
        _, left_out = self.language._, "; ".join(self._without_verdict())
        floors = [timing.floor for timing in self.differences.timings if timing.floor is not None]
        if not left_out:
            return _("Nothing changed.")
        if not floors:
            return _("No verdict: {what}. Nothing else changed.").format(what=left_out)
        message = _("No change beyond {floor} detected; no verdict: {what}.")
        return message.format(floor=self._share(max(floors)), what=left_out)

    def _without_verdict(self) -> list[str]:
        """What has no verdict: files, times of few rounds or in noise, shared drift, what was not compared."""
        _, ngettext, found = self.language._, self.language.ngettext, self.differences
        few = sum(timing.floor is None and timing.base != timing.new for timing in found.timings)
        noisy = sum(timing.floor is not None for timing in found.with_verdict("noisy"))
        counts = (
            (
                ngettext("{count} file that cannot be read", "{count} files that cannot be read", self.unread),
                self.unread,
            ),
            (ngettext("{count} time of too few rounds", "{count} times of too few rounds", few), few),
            (ngettext("{count} noisy time", "{count} noisy times", noisy), noisy),
        )
        counted = [text.format(count=count) for text, count in counts if count]
        shared = [basis for basis in found.bases if basis.relative and abs(basis.common - 1) > SHARED]
        drift = _("{title}: a change that all share ({change} time)")
        drifted = [
            drift.format(title=pair_name(_(each.quantity.title), each.mode), change=self._drift(each))
            for each in shared
        ]
        return [*counted, *drifted, *self._not_compared()]

    def _not_compared(self) -> list[str]:
        """Which metrics of which architectures, and why: the first reasons, and how many more there are."""
        message = self.language._("{titles} of {who} ({why})")
        parts: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for gap in self.differences.gaps:
            parts.setdefault((gap.why, gap.architectures), []).append(self._gap_title(gap))
        reasons = [
            message.format(titles=quoted(titles, self.language), who=self._who(who), why=self.language.translate(why))
            for (why, who), titles in parts.items()
        ]
        left = len(reasons) - NAMED
        if left <= 0:
            return reasons
        more = self.language.ngettext("{count} more reason", "{count} more reasons", left)
        return [*reasons[:NAMED], more.format(count=left)]

    def changes(self) -> list[str]:
        """A line for each group of changes with what to do, times by how much they changed; MOST_LINES in all."""
        lines = [f"{described(group, self.language)}; {self._action(group[0].kind)}" for group in groups(self._rows())]
        more = self.language._("and {count} more groups of changes")
        return most(lines, lambda count: more.format(count=count))

    def _action(self, kind: Kind) -> str:
        _ = self.language._
        actions: dict[Kind, str] = {
            "removed": _("measure it again, or make the new results the baseline"),
            "failed": _("fix it, or make the new results the baseline"),
            "exact": _("if it is intended, make the new results the baseline"),
            "slower": _("confirm it with reporter ab, or make the new results the baseline"),
            "level": _("confirm it with reporter ab, or make the new results the baseline"),
        }
        return actions.get(kind, _("no action needed"))

    def _rows(self) -> Iterator[FindingLine]:
        found = self.differences
        rows: list[Change | Timing | Level] = [*found.changes, *found.timings, *found.levels]
        machines = {row.machine for row in rows}
        yield from (self._change(each, self._place(each, machines)) for each in found.changes if not each.kernels)
        yield from kernel_lines.lines(found.changes, self.language, lambda change: self._place(change, machines))
        for timing in sorted(
            (*found.with_verdict("regressed"), *found.with_verdict("improved")), key=lambda row: -row.ratio
        ):
            yield self._timing(timing, self._place(timing, machines))
        for level in sorted(found.above_level(), key=lambda row: -row.ratio):
            yield self._level(level, self._place(level, machines))

    def grounds(self) -> list[str]:
        """The basis of the comparison and its limits, one sentence for all metrics that share it."""
        _ = self.language._
        parts: dict[str, dict[str, None]] = {}
        for basis in self.differences.bases:
            for sentence in self._basis(basis):
                parts.setdefault(sentence, {})[pair_name(_(basis.quantity.title), basis.mode)] = None
        for gap in self.differences.gaps:
            parts.setdefault(self._gap(gap), {})[self._gap_title(gap)] = None
        lines = [f"{'; '.join(titles)}: {sentence}" for sentence, titles in parts.items()]
        if noisy := sum(timing.floor is not None for timing in self.differences.with_verdict("noisy")):
            moved = _("Times that moved by more than {share}, but not beyond noise: {count} of {all}.")
            least = f"{100 * MIN_EFFECT:.0f} %"
            lines.append(moved.format(count=noisy, all=len(self.differences.timings), share=least))
        return [*lines, *self.complaints]

    def _place(self, found: Change | Timing | Level, machines: set[str]) -> str:
        """The name in a line; with the machine where there are several."""
        place = self.language._("{name} on {machine}") if len(machines) > 1 else "{name}"
        return place.format(name=found.name, machine=found.machine)

    def _change(self, change: Change, name: str) -> FindingLine:
        quantity = change.quantity
        if quantity is None:
            return FindingLine(change.kind, name, reason=self.language.translate(change.reason))
        row = FindingLine(change.kind, name, quantity.key, self.language._(quantity.title))
        if change.kind in ("failed", "recovered") or (change.kind == "information" and change.reason):
            return replace(row, reason=self.language.translate(change.reason) or self.language._("no reason was given"))
        old, now = change.base or 0, change.new or 0
        if change.kind == "exact":
            values = f"{self._exact(quantity, old)} → {self._exact(quantity, now)}{self._percent(old, now)}"
        else:
            values = f"{units.words(self.language, quantity, old)} → {units.words(self.language, quantity, now)}"
        return replace(row, values=f"{name} {values}")

    def _timing(self, timing: Timing, name: str) -> FindingLine:
        _, quantity = self.language._, timing.quantity
        old, new = (units.words(self.language, quantity, value) for value in (timing.base, timing.new))
        slower = timing.verdict == "regressed"
        message = (
            _("{change} time relative to the others ({old} → {new}; noise reaches {floor})")
            if timing.relative
            else _("{change} time ({old} → {new}; noise reaches {floor})")
        )
        change, noise = units.change(self.language, timing.ratio, 1.0), timing.floor or 0.0
        floor = self._share(noise if slower else noise / (1 + noise))  # the same ratio, inverted
        values = message.format(change=change, old=old, new=new, floor=floor)
        return FindingLine("slower" if slower else "faster", name, quantity.key, _(quantity.title), f"{name} {values}")

    def _level(self, level: Level, name: str) -> FindingLine:
        _, ngettext, quantity = self.language._, self.language.ngettext, level.quantity
        base, new = (units.words(self.language, quantity, value) for value in (level.base, level.new))
        runs = ngettext("the level of {count} run", "the level of {count} runs", level.runs).format(count=level.runs)
        message = _("{change} time above {runs} ({base} → {new}; noise reaches {floor})")
        change, floor = units.change(self.language, level.ratio, 1.0), self._share(level.floor)
        values = message.format(runs=runs, change=change, base=base, new=new, floor=floor)
        return FindingLine("level", name, quantity.key, _(quantity.title), f"{name} {values}")

    def _basis(self, basis: Basis) -> Iterator[str]:
        _, count = self.language._, basis.networks
        if not basis.relative:
            few = self.language.ngettext("only {count} architecture", "only {count} architectures", count).format(
                count=count
            )
            message = _("{few} in common, so absolute times were compared, and drift of the machine is in them.")
            yield message.format(few=few)
        elif abs(basis.common - 1) > SHARED:
            message = _("all architectures together {change} time: drift, or a change they share; no verdict.")
            yield message.format(change=self._drift(basis))
        if basis.floor is None:
            yield _("too few rounds to estimate the noise: times have no verdict; --preset standard measures enough.")
        else:
            message = _("{count} compared; a change of one of them by {floor} would be detected.")
            yield message.format(count=count, floor=self._share(basis.floor))

    def _drift(self, basis: Basis) -> str:
        return units.change(self.language, basis.common, 1.0)

    def _gap(self, gap: Gap) -> str:
        message = self.language._("not compared for {who}: {why}.")
        return message.format(who=self._who(gap.architectures), why=self.language.translate(gap.why))

    def _gap_title(self, gap: Gap) -> str:
        """The metric with its mode: architectures that are counted have no names with the mode."""
        _ = self.language._
        return pair_name(_(gap.quantity.title) if gap.quantity else _("Times"), gap.mode)

    def _who(self, names: Sequence[str]) -> str:
        many = self.language._("{count} architectures").format(count=len(names))
        return many if len(names) > SEVERAL else self.language.listing(list(names))

    def _exact(self, quantity: Quantity, value: float) -> str:
        if not isinstance(value, int):
            return repr(value)
        return f"{self.language.number(value)}{' B' if quantity.unit == 'B' else ''}"

    def _percent(self, old: float, new: float) -> str:
        if not old:
            return ""
        if abs(new / old - 1) < LITTLE:
            return f" (<{self.language.number(100 * LITTLE, 2)} %)"
        return f" ({units.change(self.language, new, old)})"

    def _share(self, value: float) -> str:
        return f"{self.language.number(100 * value, 1)} %"
