"""Differences in words, in any language of the reports, and in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reporter.comparing import document
from reporter.comparing.differences import Basis, Change, Differences, Gap, Kind, Timing
from reporter.comparing.document import Context
from reporter.comparing.times import MIN_EFFECT
from reporter.telling import units
from reporter.telling.language import SOURCE, Language, language
from reporter.telling.markdown import escape
from reporter.types import Quantity

ENGLISH = language(SOURCE)
SHARED = 0.05
"""What all networks share is told from so much on."""
SEVERAL = 3
"""From so many architectures on they are counted, not named."""
COUNTED: dict[Kind, str] = {
    "exact": "{count} exact",
    "failed": "{count} newly failed",
    "removed": "{count} removed",
    "recovered": "{count} recovered",
    "new": "{count} new",
    "information": "{count} for information",
}
SLOWER, FASTER = "{count} slower", "{count} faster"


def in_words(differences: Differences, complaints: Sequence[str] = ()) -> str:
    """A headline, a line for each thing that changed, and what the comparison rests on."""
    words = Words(differences, ENGLISH)
    return "\n".join([words.headline(), *(f"  {line}" for line in words.changes()), *words.grounds(), *complaints])


def in_markdown(differences: Differences, complaints: Sequence[str] = ()) -> str:
    """The same for a step summary: only what changed stands open."""
    words = Words(differences, ENGLISH)
    lines = [f"**{escape(words.headline())}**", "", *(f"- {escape(line)}" for line in words.changes())]
    grounds = [f"- {escape(line)}" for line in (*words.grounds(), *complaints)]
    rests = ["", "<details><summary>What this rests on</summary>", "", *grounds, "", "</details>"] if grounds else []
    return "\n".join([*lines, *rests]).rstrip()


def headline(differences: Differences) -> str:
    """Whether anything changed, and how much of what, in English."""
    return Words(differences, ENGLISH).headline()


def as_json(differences: Differences, base: str, new: str, complaints: Sequence[str] = ()) -> dict[str, Any]:
    """The document for programs, of two sides of which only the names are known."""
    sides = document.side(base, ()), document.side(new, ())
    return document.as_json(differences, Context(*sides, headline(differences), complaints=complaints))


@dataclass(frozen=True)
class Words:
    """What a comparison found, in the words of a language."""

    differences: Differences
    language: Language

    def headline(self) -> str:
        """Whether anything changed, how much of what, and what has no verdict where nothing did."""
        _ = self.language._
        counts = {word: len(self.differences.of(kind)) for kind, word in COUNTED.items()}
        counts |= {SLOWER: len(self.differences.judged("regressed")), FASTER: len(self.differences.judged("improved"))}
        told = [_(word).format(count=count) for word, count in counts.items() if count]
        return _("Changed: {what}").format(what=", ".join(told)) if told else self._unchanged()

    def _unchanged(self) -> str:
        """That nothing changed, as far as it could be judged, and first what could not be where that is all."""
        _, unjudged = self.language._, self.language.listing(self._unjudged())
        floors = [timing.floor for timing in self.differences.timings if timing.floor is not None]
        if not unjudged:
            return _("Nothing changed.")
        if not floors:
            return _("Not judged: {what}. Nothing else changed.").format(what=unjudged)
        message = _("No change beyond {floor} detected; not judged: {what}.")
        return message.format(floor=self._share(max(floors)), what=unjudged)

    def _unjudged(self) -> list[str]:
        """What has no verdict: times of too few rounds, times that noise may have moved, what was not compared."""
        found, ngettext = self.differences, self.language.ngettext
        few = sum(timing.floor is None and timing.base != timing.new for timing in found.timings)
        noisy = sum(timing.floor is not None for timing in found.judged("noisy"))
        few_rounds = ngettext("{count} time of too few rounds", "{count} times of too few rounds", few)
        noisy_times = ngettext("{count} noisy time", "{count} noisy times", noisy)
        titles = [self.language._(gap.quantity.title if gap.quantity else "Times") for gap in found.gaps]
        counted = [text.format(count=count) for text, count in ((few_rounds, few), (noisy_times, noisy)) if count]
        return [*counted, *dict.fromkeys(titles)]

    def changes(self) -> Iterator[str]:
        """A line for each thing that changed, times last, the most slowed first."""
        found = self.differences
        machines = {change.machine for change in found.changes} | {row.machine for row in found.timings}
        for kind in COUNTED:
            for change in found.of(kind):
                yield self._line(change, self._change(change), machines)
        for timing in sorted((*found.judged("regressed"), *found.judged("improved")), key=lambda row: -row.ratio):
            yield self._line(timing, self._timing(timing), machines)

    def grounds(self) -> list[str]:
        """What the comparison rests on, and what it could not say, a sentence for all quantities that share it."""
        _ = self.language._
        told: dict[str, dict[str, None]] = {}
        for basis in self.differences.bases:
            for sentence in self._basis(basis):
                told.setdefault(sentence, {})[_(basis.quantity.title)] = None
        for gap in self.differences.gaps:
            told.setdefault(self._gap(gap), {})[_(gap.quantity.title) if gap.quantity else _("Times")] = None
        lines = [f"{'; '.join(titles)}: {sentence}" for sentence, titles in told.items()]
        noisy = sum(timing.floor is not None for timing in self.differences.judged("noisy"))
        moved = _("{count} of {all} times moved by more than {share}, but not beyond noise.")
        if noisy:
            lines.append(moved.format(count=noisy, all=len(self.differences.timings), share=f"{MIN_EFFECT:.0%}"))
        return lines

    def _line(self, found: Change | Timing, told: str, machines: set[str]) -> str:
        """The line of a finding; it names the machine where there are several."""
        place = self.language._("{name} on {machine}") if len(machines) > 1 else "{name}"
        return f"{place.format(name=found.architecture, machine=found.machine)}: {told}"

    def _change(self, change: Change) -> str:
        _, quantity = self.language._, change.quantity
        if quantity is None:
            return _("not measured any more") if change.kind == "removed" else _("new")
        title = _(quantity.title)
        if change.kind == "failed":
            return _("{title} failed: {reason}").format(title=title, reason=self.language.said(change.reason))
        if change.kind == "recovered":
            message = _("{title} can be had again, before: {reason}")
            return message.format(title=title, reason=self.language.said(change.reason))
        old, now = change.base or 0, change.new or 0
        if change.kind == "exact":
            return f"{title} {self._whole(quantity, old)} → {self._whole(quantity, now)}{self._percent(old, now)}"
        told = f"{units.words(self.language, quantity, old)} → {units.words(self.language, quantity, now)}"
        return _("{title} {told}, more than chance; not gated").format(title=title, told=told)

    def _timing(self, timing: Timing) -> str:
        _, quantity = self.language._, timing.quantity
        old, new = (units.words(self.language, quantity, value) for value in (timing.base, timing.new))
        slower = timing.judgement == "regressed"
        if timing.relative:
            message = _("{title} slower: {change} time beside the others ({old} → {new}; noise reaches {floor})")
            faster = _("{title} faster: {change} time beside the others ({old} → {new}; noise reaches {floor})")
        else:
            message = _("{title} slower: {change} time ({old} → {new}; noise reaches {floor})")
            faster = _("{title} faster: {change} time ({old} → {new}; noise reaches {floor})")
        change, noise = units.change(self.language, timing.ratio, 1.0), timing.floor or 0.0
        floor = self._share(noise if slower else noise / (1 + noise))  # the same ratio, turned round
        told = message if slower else faster
        return told.format(title=_(quantity.title), change=change, old=old, new=new, floor=floor)

    def _basis(self, basis: Basis) -> Iterator[str]:
        _, count = self.language._, basis.networks
        if not basis.relative:
            few = self.language.ngettext("only {count} network", "only {count} networks", count).format(count=count)
            message = _("{few} in common, so absolute times were compared, and drift of the machine is in them.")
            yield message.format(few=few)
        elif abs(basis.common - 1) > SHARED:
            message = _("all networks together {change} time: drift, or a change they share; not judged.")
            yield message.format(change=units.change(self.language, basis.common, 1.0))
        if basis.floor is None:
            yield _("too few rounds to know the noise, so no change is told; --preset standard takes enough.")
        else:
            message = _("{count} compared; a change of one by {floor} would be told from noise.")
            yield message.format(count=count, floor=self._share(basis.floor))

    def _gap(self, gap: Gap) -> str:
        many = self.language._("{count} networks").format(count=len(gap.architectures))
        who = many if len(gap.architectures) > SEVERAL else self.language.listing(list(gap.architectures))
        return self.language._("not compared for {who}: {why}.").format(who=who, why=self.language.said(gap.why))

    def _whole(self, quantity: Quantity, value: float) -> str:
        if not isinstance(value, int):
            return repr(value)
        return f"{self.language.number(value)}{' B' if quantity.unit == 'B' else ''}"

    def _percent(self, old: float, new: float) -> str:
        if not old or abs(new / old - 1) < 0.0005:
            return ""
        return f" ({units.change(self.language, new, old)})"

    def _share(self, value: float) -> str:
        return f"{self.language.number(100 * value, 1)} %"
