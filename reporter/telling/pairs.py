"""Two networks side by side in a sentence: what one costs and brings over the other."""

from __future__ import annotations

from collections.abc import Callable

from reporter.telling import units
from reporter.telling.comparison import Comparison, published
from reporter.telling.language import Language
from reporter.telling.timing import TIMES, how
from reporter.types import Reading, Record


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
    words |= {key: _("{change} time ({how})").replace("{how}", how(key, language)) for key in TIMES[:1]}
    found = []
    for key, message in words.items():
        now, before = new.value(key), old.value(key)
        if now and before:
            change = units.change(language, now, before)
            found.append(message.format(change=doubted(change, new.readings[key], old.readings[key])))
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


def doubted(text: str, *readings: Reading) -> str:
    """The sign of the tables before what rests on a noisy reading."""
    return f"≈ {text}" if any(map(units.is_doubtful, readings)) else text
