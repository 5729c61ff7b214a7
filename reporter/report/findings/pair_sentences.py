"""Sentences that compare the cost and accuracy of two architectures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from reporter.model import Reading, Record
from reporter.report import units
from reporter.report.comparison import Comparison, paper_accuracy, published
from reporter.report.headline_latency import how, timing
from reporter.report.language import Language
from reporter.report.published.published_figures import figures
from reporter.stats.intervals import Ratio

LARGE = 9.95
"""Percent or points from which on no decimals are printed."""


def against(new: str, old: str, opening: str) -> Callable[[Comparison, Language], str | None]:
    """What one network costs and brings over another: parameters, MACs, time, published accuracy."""

    def find(comparison: Comparison, language: Language) -> str | None:
        for machine in comparison.machines:
            named = {record.architecture: record for record in comparison.of(machine)}
            if new in named and old in named:
                changes = _changes(named[new], named[old], comparison, language)
                return f"{language._(opening)} {language.listing(changes)}." if changes else None
        return None

    return find


def _changes(new: Record, old: Record, comparison: Comparison, language: Language) -> list[str]:
    _ = language._
    words = {"parameters": _("{change} parameters"), "macs": _("{change} MACs")}
    found = []
    for key, message in words.items():
        now, before = new.value(key), old.value(key)
        if now and before:
            change = units.change(language, now, before)
            found.append(message.format(change=change))
    return found + _slower(new, old, comparison, language) + _gain(new, old, language)


def _slower(new: Record, old: Record, comparison: Comparison, language: Language) -> list[str]:
    """The difference in time on the newest machine, or the interval of one that the run does not resolve."""
    key, _records = timing(comparison)
    if new.machine != comparison.machines[0] or new.value(key) is None or old.value(key) is None:
        return []
    found = comparison.times(new.machine, key).ratio(new.architecture, old.architecture)
    readings = (new.readings[key], old.readings[key])
    if found.resolved:
        change = doubted(units.change(language, found.ratio, 1), *readings)
        return [language._("{change} time ({how})").format(change=change, how=how(key, language))]
    low, high = (f"{end} %" for end in interval_ends(found, language))
    message = language._("time not distinguished (95 % interval {low} to {high}, {how})")
    return [message.format(low=doubted(low, *readings), high=high, how=how(key, language))]


def interval_ends(found: Ratio, language: Language) -> tuple[str, str]:
    """The ends of an interval as differences in percent, rounded away from the middle as they are printed."""
    low, high = (100 * (end - 1) for end in (found.low, found.high))
    scales = [1 if abs(end) >= LARGE else 10 for end in (low, high)]
    ends = math.floor(low * scales[0]) / scales[0], math.ceil(high * scales[1]) / scales[1]
    return language.signed(ends[0]), language.signed(ends[1])


class AccuracyGain(NamedTuple):
    """A difference in published top-1 in points, and where both figures are from."""

    points: float
    source: str


def top1_gain(new: Record, old: Record, language: Language) -> AccuracyGain | None:
    """The gain by one kind of source: weights, the new paper's own baseline, else both papers."""
    weights = (new.value("imagenet_top1"), old.value("imagenet_top1"))
    if None in weights and (found := _over_baseline(new, old, language)):
        return found
    pairs = [weights, (paper_accuracy(new), paper_accuracy(old))]
    sources = (language._("torchvision's weights"), language._("the papers' own figures, one crop"))
    for (now, before), source in zip(pairs, sources, strict=True):
        if now is not None and before is not None:
            return AccuracyGain(100 * (now - before), source)
    return None


def _gain(new: Record, old: Record, language: Language) -> list[str]:
    """The gain as part of a sentence."""
    gain = top1_gain(new, old, language)
    message = language._("{change} points of ImageNet top-1 ({source})")
    return [message.format(change=_points(gain.points, language), source=gain.source)] if gain else []


def _points(points: float, language: Language) -> str:
    return ("+" if points > 0 else "") + language.number(points, 1)


def _over_baseline(new: Record, old: Record, language: Language) -> AccuracyGain | None:
    """The gain over the baseline that the authors of the new architecture trained themselves, with both errors."""
    row = figures(new)
    completed = new.model_copy(update={"published": dict(row)})
    before, now = (published(completed, f"{key}_1crop_top1_err") for key in ("baseline", "paper"))
    if row.get("baseline") != old.architecture or before is None or now is None:
        return None
    message = language._("{before} → {after} % error, {source}")
    errors = {"before": language.number(before, 2), "after": language.number(now, 2)}
    return AccuracyGain(
        before - now, message.format(source=language.translate(str(row.get("baseline_source") or "")), **errors)
    )


def doubted(text: str, *readings: Reading) -> str:
    """The sign of the tables before what is based on a noisy reading."""
    return f"≈ {text}" if any(map(units.is_doubtful, readings)) else text
