"""Differences in words for the terminal, and in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from reporter.comparing.differences import Basis, Change, Differences, Gap, Kind, Timing
from reporter.comparing.times import MIN_EFFECT
from reporter.telling import units
from reporter.telling.language import SOURCE, language
from reporter.types import SCHEMA, Quantity

ENGLISH = language(SOURCE)
SHARED = 0.05
"""What all networks share is told from so much on."""
SEVERAL = 3
"""From so many architectures on they are counted, not named."""
COUNTED: dict[Kind, str] = {
    "exact": "exact",
    "failed": "newly failed",
    "removed": "removed",
    "recovered": "recovered",
    "new": "new",
    "information": "for information",
}


def in_words(differences: Differences, complaints: Sequence[str] = ()) -> str:
    """A headline, a line for each thing that changed, and what the comparison rests on."""
    slower, faster = differences.judged("regressed"), differences.judged("improved")
    lines = [headline(differences)]
    machines = {change.machine for change in differences.changes} | {row.machine for row in differences.timings}
    lines += [_line(change, _change(change), machines) for kind in COUNTED for change in differences.of(kind)]
    by_ratio = sorted((*slower, *faster), key=lambda timing: -timing.ratio)
    lines += [_line(timing, _timing(timing), machines) for timing in by_ratio]
    return "\n".join([*lines, *_grounds(differences), *complaints])


def headline(differences: Differences) -> str:
    """Whether anything changed, and how much of what."""
    counts = {word: len(differences.of(kind)) for kind, word in COUNTED.items()}
    counts |= {"slower": len(differences.judged("regressed")), "faster": len(differences.judged("improved"))}
    told = [f"{count} {word}" for word, count in counts.items() if count]
    return "Changed: " + ", ".join(told) if told else "Nothing changed."


def as_json(differences: Differences, base: str, new: str, complaints: Sequence[str] = ()) -> dict[str, Any]:
    """The same for programs; every time that was judged is there, changed or not."""
    return {
        "schema": SCHEMA,
        "base": base,
        "new": new,
        "changed": differences.changed,
        "headline": headline(differences),
        "changes": [_plain(change) for change in differences.changes],
        "times": [_plain(timing) for timing in differences.timings],
        "bases": [_plain(basis) for basis in differences.bases],
        "not_compared": [_plain(gap) for gap in differences.gaps],
        "complaints": list(complaints),
    }


def _plain(noun: Change | Timing | Basis | Gap) -> dict[str, Any]:
    fields = asdict(noun)
    quantity = fields.pop("quantity")
    return {"key": quantity.key if quantity else None, "unit": quantity.unit if quantity else None, **fields}


def _line(found: Change | Timing, told: str, machines: set[str]) -> str:
    """The line of a finding; it names the machine where there are several."""
    place = f" on {found.machine}" if len(machines) > 1 else ""
    return f"  {found.architecture}{place}: {told}"


def _change(change: Change) -> str:
    quantity = change.quantity
    if quantity is None:
        return "not measured any more" if change.kind == "removed" else "new"
    if change.kind == "failed":
        return f"{quantity.title} failed: {change.reason}"
    if change.kind == "recovered":
        return f"{quantity.title} can be had again, before: {change.reason}"
    old, now = change.base or 0, change.new or 0
    if change.kind == "exact":
        return f"{quantity.title} {_whole(quantity, old)} → {_whole(quantity, now)}{_percent(old, now)}"
    told = f"{units.words(ENGLISH, quantity, old)} → {units.words(ENGLISH, quantity, now)}"
    return f"{quantity.title} {told}, more than chance; not gated"


def _timing(timing: Timing) -> str:
    quantity = timing.quantity
    old, new = (units.words(ENGLISH, quantity, value) for value in (timing.base, timing.new))
    told = f"{units.change(ENGLISH, timing.ratio, 1.0)} time{' beside the others' if timing.relative else ''}"
    noise = f"; noise reaches {timing.floor:.1%}" if timing.floor is not None else ""
    word = "slower" if timing.judgement == "regressed" else "faster"
    return f"{quantity.title} {word}: {told} ({old} → {new}{noise})"


def _grounds(differences: Differences) -> list[str]:
    """What the comparison rests on, and what it could not say, a sentence for all quantities that share it."""
    told: dict[str, dict[str, None]] = {}
    for basis in differences.bases:
        for sentence in _basis(basis):
            told.setdefault(sentence, {})[basis.quantity.title] = None
    for gap in differences.gaps:
        told.setdefault(_gap(gap), {})[gap.quantity.title if gap.quantity else "Times"] = None
    lines = [f"{'; '.join(titles)}: {sentence}" for sentence, titles in told.items()]
    noisy = sum(timing.floor is not None for timing in differences.judged("noisy"))
    moved = f"{noisy} of {len(differences.timings)} times moved by more than {MIN_EFFECT:.0%}, but not beyond noise."
    return [*lines, moved] if noisy else lines


def _basis(basis: Basis) -> Iterator[str]:
    if not basis.relative:
        few = f"only {basis.networks} networks" if basis.networks > 1 else "only one network"
        yield f"{few} in common, so absolute times were compared, and drift of the machine is in them."
    elif abs(basis.common - 1) > SHARED:
        shared = units.change(ENGLISH, basis.common, 1.0)
        yield f"all networks together {shared} time: drift, or a change they share; not judged."
    if basis.floor is None:
        yield "too few rounds to know the noise, so no change is told; --preset standard takes enough."
    else:
        yield f"{basis.networks} compared; a change of one by {basis.floor:.1%} would be told from noise."


def _gap(gap: Gap) -> str:
    names = gap.architectures
    who = f"{len(names)} networks" if len(names) > SEVERAL else ENGLISH.listing(list(names))
    return f"not compared for {who}: {gap.why}."


def _whole(quantity: Quantity, value: float) -> str:
    if not isinstance(value, int):
        return repr(value)
    return f"{ENGLISH.number(value)}{' B' if quantity.unit == 'B' else ''}"


def _percent(old: float, new: float) -> str:
    if not old or abs(new / old - 1) < 0.0005:
        return ""
    return f" ({units.change(ENGLISH, new, old)})"
