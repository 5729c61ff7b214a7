"""What was found, in sentences computed from the records; each appears only where its data is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from reporter.telling import units
from reporter.telling.comparison import Comparison, accuracy, published
from reporter.telling.language import Language
from reporter.types import Reading, Record

TIMES = ("latency_cpu_1thread", "latency_cpu", "latency_cuda")
CHANCE = 2.0
"""A network that recognises less than this many times what guessing would has not learned."""


def findings(comparison: Comparison, language: Language) -> list[str]:
    """Sentences, each number kept on one line with the word after it."""
    told = (find(comparison, language) for find in FINDINGS)
    return [re.sub(r"(?<=\d) (?=[^\W\d]|%)", "\u00a0", sentence) for sentence in told if sentence]


def fastest(comparison: Comparison, language: Language) -> str | None:
    """The fastest and the slowest network of the newest machine."""
    key, records = _timed(comparison)
    if len(records) < 2:
        return None
    first, last = min(records, key=lambda r: r.value(key) or 0), max(records, key=lambda r: r.value(key) or 0)
    times = [_said(record, key, language) for record in (first, last)]
    ratio = units.ratio(language, (last.value(key) or 0) / (first.value(key) or 1))
    message = language._(
        "{first} is the fastest: {time} for one image ({how}). {last} takes {ratio} times as long, {slow}."
    )
    how = _how(key, language)
    return message.format(
        first=first.architecture, time=times[0], how=how, last=last.architecture, ratio=ratio, slow=times[1]
    )


def cheapest(comparison: Comparison, language: Language) -> str | None:
    """The cheapest network within a point of the best published accuracy of weights that exist."""
    rows = [(record, accuracy(record), record.value("macs")) for record in comparison.networks]
    known = [(r, a.top1, macs) for r, a, macs in rows if a and a.top1 and not a.paper and macs]
    if len(known) < 2:
        return None
    best = max(known, key=lambda row: row[1])
    near = min((row for row in known if row[1] >= best[1] - 0.01), key=lambda row: row[2])
    price = units.words(language, comparison.quantities["macs"], near[2])
    share = language.number(100 * near[1], 1)
    if near is best:
        message = language._(
            "{name} is the most accurate ({share} % top-1) and the cheapest within one point of that: {price} MACs."
        )
        return message.format(name=near[0].architecture, share=share, price=price)
    message = language._(
        "{name} is the cheapest for its accuracy: {share} % top-1 for {price} MACs, "
        "within one point of the best, {best} ({most} %, {dear} MACs)."
    )
    dear = units.words(language, comparison.quantities["macs"], best[2])
    top = {"best": best[0].architecture, "most": language.number(100 * best[1], 1), "dear": dear}
    return message.format(name=near[0].architecture, share=share, price=price, **top)


def not_time(comparison: Comparison, language: Language) -> str | None:
    """The pair that shows best that MACs are not time: fewer MACs, yet slower."""
    key, records = _timed(comparison)
    rows = [(r, r.value("macs"), r.value(key)) for r in records if r.readings[key].verdict.status == "ok"]
    known = [(record, macs, time) for record, macs, time in rows if macs and time]
    pairs = [(a, b) for a in known for b in known if a[1] < b[1] and a[2] > 1.1 * b[2]]
    if not pairs:
        return None
    few, many = max(pairs, key=lambda pair: (pair[1][1] / pair[0][1]) * (pair[0][2] / pair[1][2]))
    message = language._(
        "Multiply-adds are not time: {few} needs {fewer} times fewer of them than {many}, "
        "yet takes {longer} times as long ({how})."
    )
    ratios = {"fewer": units.ratio(language, many[1] / few[1]), "longer": units.ratio(language, few[2] / many[2])}
    return message.format(few=few[0].architecture, many=many[0].architecture, how=_how(key, language), **ratios)


def against(new: str, old: str, opening: str) -> Callable[[Comparison, Language], str | None]:
    """What one network costs and brings over another: parameters, MACs, time, published accuracy."""

    def find(comparison: Comparison, language: Language) -> str | None:
        for machine in comparison.machines:
            named = {record.architecture: record for record in comparison.of(machine)}
            if new in named and old in named:
                changes = _changes(named[new], named[old], language)
                return f"{language._(opening)} {language.listing(changes)}." if changes else None
        return None

    return find


def _changes(new: Record, old: Record, language: Language) -> list[str]:
    _ = language._
    words = {"parameters": _("{change} parameters"), "macs": _("{change} MACs")}
    words |= {key: _("{change} time ({how})").replace("{how}", _how(key, language)) for key in TIMES[:1]}
    found = []
    for key, message in words.items():
        now, before = new.value(key), old.value(key)
        if now and before:
            change = units.change(language, now, before)
            found.append(message.format(change=_mark(change, new.readings[key], old.readings[key])))
    return found + _gain(new, old, language)


def _gain(new: Record, old: Record, language: Language) -> list[str]:
    """The difference in published top-1 in points, from the same kind of source: weights, else the papers."""
    pairs = [(new.value("imagenet_top1"), old.value("imagenet_top1")), (_paper(new), _paper(old))]
    sources = [language._("{change} points of ImageNet top-1 (torchvision's weights)")]
    sources += [language._("{change} points of ImageNet top-1 (the papers' own figures, one crop)")]
    for (now, before), message in zip(pairs, sources, strict=True):
        if now is not None and before is not None:
            points = 100 * (now - before)
            return [message.format(change=("+" if points > 0 else "") + language.number(points, 1))]
    return []


def _paper(record: Record) -> float | None:
    error = published(record, "paper_1crop_top1_err")
    return None if error is None else 1 - error / 100


def learned(comparison: Comparison, language: Language) -> str | None:
    """Who learned best in the short fine-tuning, and who did not learn at all."""
    records = [r for r in comparison.of(comparison.machines[0]) if r.value("finetune_top1") is not None]
    scratch = [r for r in records if r.readings["finetune_top1"].detail.get("weights", "random") == "random"]
    if len(scratch) < 2:
        return None
    best = max(scratch, key=lambda record: record.value("finetune_top1") or 0)
    detail = best.readings["finetune_top1"].detail
    recipe = detail.get("recipe")
    steps = int(str(recipe.get("steps") or 0)) if isinstance(recipe, dict) else 0
    share = language.number(100 * (best.value("finetune_top1") or 0), 1)
    message = language.ngettext(
        "After {steps} step from random weights, {name} recognises {share} % of the held-out images, the most.",
        "After {steps} steps from random weights, {name} recognises {share} % of the held-out images, the most.",
        steps,
    )
    text = message.format(steps=steps, name=best.architecture, share=share)
    limit = CHANCE / int(str(detail.get("classes") or 10))
    stuck = [record.architecture for record in scratch if (record.value("finetune_top1") or 0) < limit]
    return f"{text} {_stuck(stuck, language)}".strip()


def _stuck(names: Sequence[str], language: Language) -> str:
    if not names:
        return ""
    message = language.ngettext(
        "{names} has hardly begun to learn in that time.",
        "{names} have hardly begun to learn in that time.",
        len(names),
    )
    return message.format(names=language.listing(list(names)))


def _timed(comparison: Comparison) -> tuple[str, list[Record]]:
    """The first kind of latency that the newest machine has, and the records that have it."""
    records = comparison.of(comparison.machines[0])
    for key in TIMES:
        known = [record for record in records if record.value(key)]
        if known:
            return key, known
    return TIMES[0], []


def _how(key: str, language: Language) -> str:
    _ = language._
    return dict(zip(TIMES, (_("one CPU thread"), _("all CPU threads"), _("GPU")), strict=True))[key]


def _said(record: Record, key: str, language: Language) -> str:
    reading = record.readings[key]
    return _mark(units.words(language, reading.quantity, reading.value or 0, reading.interval), reading)


def _mark(text: str, *readings: Reading) -> str:
    """The sign of the tables before what rests on a noisy reading."""
    return f"≈ {text}" if any(reading.verdict.status == "noisy" for reading in readings) else text


OPENINGS = (
    "What squeeze-and-excitation costs and brings, se_resnet50 over resnet50:",
    "What ResNeXt buys at the same depth, resnext50_32x4d over resnet50:",
)
FINDINGS: tuple[Callable[[Comparison, Language], str | None], ...] = (
    fastest,
    cheapest,
    not_time,
    against("se_resnet50", "resnet50", OPENINGS[0]),
    against("resnext50_32x4d", "resnet50", OPENINGS[1]),
    learned,
)
