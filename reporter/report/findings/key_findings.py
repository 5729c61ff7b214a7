"""Key findings: sentences computed from the records, each only if its data is available."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from reporter.model import Reading, Record
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy
from reporter.report.findings.mode_findings import gained, reordered
from reporter.report.findings.noise_reasons import slower_on_all_threads
from reporter.report.findings.pair_sentences import against, doubted
from reporter.report.findings.rank_findings import correlated, ordered
from reporter.report.findings.transfer_findings import brought, probed
from reporter.report.headline_latency import how, timing
from reporter.report.language import Language
from reporter.report.published.published_figures import with_weights
from reporter.report.training.held_out_accuracy import chance, is_at_chance, is_enough, is_one_ranking, steps_of
from reporter.report.why import operator_pairs
from reporter.stats.shares import Shares

Priced = tuple[Record, float, float]
"""A network, its MACs and its time."""
NAMED = 4
"""So many architectures that a run does not distinguish are named; more are counted."""
ALIKE = 1.05
"""Two times whose quotient is below this are nearly the same: medians of other rounds may be the other way round."""


def findings(comparison: Comparison, language: Language) -> list[str]:
    """Sentences, each number kept on one line with its ≈ and the word after it."""
    sentences = (find(comparison, language) for find in FINDINGS)
    return [re.sub(r"(?<=\d) (?=[^\W\d]|%)|(?<=≈) (?=\d)", "\u00a0", sentence) for sentence in sentences if sentence]


def fastest(comparison: Comparison, language: Language) -> str | None:
    """The fastest and the slowest architecture of the newest machine, as far as the run distinguishes them."""
    key, records = timing(comparison)
    if len(records) < 2:
        return None
    first, last = min(records, key=lambda r: r.value(key) or 0), max(records, key=lambda r: r.value(key) or 0)
    times = comparison.times(comparison.machines[0], key)
    if not times.differ(last.architecture, first.architecture):
        message = language._("The run does not distinguish the fastest from the slowest architecture ({how}).")
        return message.format(how=_how(key, comparison, language))
    return " ".join((_first(first, key, comparison, language), _last(last, first, key, comparison, language)))


def _how(key: str, comparison: Comparison, language: Language) -> str:
    """A kind of latency in words, and how many of the newest machine have it where some do not."""
    records = comparison.of(comparison.machines[0])
    measured, kind = sum(record.value(key) is not None for record in records), how(key, language)
    if measured == len(records):
        return kind
    message = language._("{how}, {known} of {count} architectures")
    return message.format(how=kind, known=measured, count=len(records))


def _first(first: Record, key: str, comparison: Comparison, language: Language) -> str:
    """The fastest architecture, or those that may be it."""
    rivals = _rivals(first, key, comparison)
    blanks = {"time": _formatted(first, key, language), "how": _how(key, comparison, language)}
    if len(rivals) == 1:
        message = language._("{first} is the fastest: {time} for one image ({how}).")
        return message.format(first=first.architecture, **blanks)
    message = language._(
        "The fastest are {names}, which this run does not distinguish: from {time} for one image ({how})."
    )
    return message.format(names=language.listing(rivals), **blanks)


def _last(last: Record, first: Record, key: str, comparison: Comparison, language: Language) -> str:
    """The slowest architecture, or those that may be it, and how many times as long as the fastest the last takes.

    The ratio is that of the two times. That of the rounds in common decides whether they differ, and is given where
    the times are nearly the same.
    """
    rivals = _rivals(last, key, comparison)
    slow, fast = (record.value(key) or math.nan for record in (last, first))
    if not slow >= ALIKE * fast:
        found = comparison.times(last.machine, key).ratio(last.architecture, first.architecture)
        slow, fast = found.ratio, 1.0
    ratio = units.unequal_ratio(language, slow / fast)
    doubt = doubted(ratio, first.readings[key], last.readings[key])
    blanks = {"ratio": doubt, "slow": _formatted(last, key, language)}
    if len(rivals) == 1:
        message = language.ngettext(
            "{last} takes {ratio} times as long, {slow}.",
            "{last} takes {ratio} times as long, {slow}.",
            units.plural_of(ratio),
        )
        return message.format(last=last.architecture, **blanks)
    message = language.ngettext(
        "The slowest are {names}: up to {ratio} times as long, {slow}.",
        "The slowest are {names}: up to {ratio} times as long, {slow}.",
        units.plural_of(ratio),
    )
    return message.format(names=language.listing(rivals), **blanks)


def _rivals(record: Record, key: str, comparison: Comparison) -> list[str]:
    """An architecture and those that the run does not distinguish from it, in the order of the records."""
    like = comparison.times(record.machine, key).like(record.architecture)
    return [each.architecture for each in comparison.of(record.machine) if each.architecture in like]


def cheapest(comparison: Comparison, language: Language) -> str | None:
    """The network with the fewest MACs within a point of the best published accuracy of weights that exist."""
    rows = [(record, accuracy(record), record.value("macs")) for record in comparison.networks]
    priced = [(r, a.top1, macs) for r, a, macs in rows if a and a.top1 and not a.paper and macs]
    if len(priced) < 2:
        return None
    if not comparison.coverage.whole:
        return _partly(comparison, language)
    if len(priced) < len(rows):
        message = language._(
            "The most accurate architecture for its cost is not determined, because only {known} of {count} have MACs."
        )
        return message.format(known=len(priced), count=len(rows))
    best = max(priced, key=lambda row: (row[1], -row[2]))
    near = min((row for row in priced if row[1] >= best[1] - 0.01), key=lambda row: (row[2], -row[1]))
    price = units.words(language, comparison.quantities["macs"], near[2])
    share = units.share(language, near[1])
    if near is best:
        message = language._(
            "Of the architectures with published weights {name} is the most accurate ({share} % ImageNet top-1), and "
            "no other one within one point of it needs fewer MACs: {price}."
        )
        return message.format(name=near[0].architecture, share=share, price=price)
    message = language._(
        "Of the architectures with published weights within one point of the best, {name} needs the fewest MACs: "
        "{share} % ImageNet top-1 for {price} MACs; {best}, the best, has {most} % for {dear} MACs."
    )
    dear = units.words(language, comparison.quantities["macs"], best[2])
    top = {"best": best[0].architecture, "most": units.share(language, best[1]), "dear": dear}
    return message.format(name=near[0].architecture, share=share, price=price, **top)


def not_time(comparison: Comparison, language: Language) -> str | None:
    """The pair that shows best that MACs are not time: fewer MACs, yet slower."""
    key, records = timing(comparison)
    rows = [(r, r.value("macs"), r.value(key)) for r in records if r.readings[key].verdict.status == "ok"]
    measured = [(record, macs, time) for record, macs, time in rows if macs and time]
    times = comparison.times(comparison.machines[0], key)

    def is_slower(few: Record, many: Record) -> bool:
        names = few.architecture, many.architecture
        return times.differ(*names) and times.ratio(*names).ratio > 1

    if (pair := _farthest(measured, is_slower)) is None:
        return None
    few, many = pair
    longer = units.unequal_ratio(language, times.ratio(few[0].architecture, many[0].architecture).ratio)
    message = language.ngettext(
        "Fewer MACs are not always faster: {few} has {fewer} % fewer MACs than {many} but takes {longer} times as long "
        "({how}).",
        "Fewer MACs are not always faster: {few} has {fewer} % fewer MACs than {many} but takes {longer} times as long "
        "({how}).",
        units.plural_of(longer),
    )
    sentence = message.format(
        few=few[0].architecture,
        fewer=units.fewer(language, few[1], many[1]),
        many=many[0].architecture,
        longer=longer,
        how=how(key, language),
    )
    reason = operator_pairs.of(comparison, few[0].architecture, many[0].architecture)
    if reason is None or reason.key != key:
        return sentence
    return f"{sentence.removesuffix('.')}: {operator_pairs.reasons(reason, language)}."


def _farthest(
    rows: Sequence[Priced], is_slower: Callable[[Record, Record], bool] = lambda few, many: True
) -> tuple[Priced, Priced] | None:
    """The two that differ most in time for a MAC, of which the one with fewer MACs takes a tenth longer or more.

    Round by round it must take longer, too, beyond the noise of the run: `is_slower`.
    """
    dear = sorted(rows, key=lambda row: row[1] / row[2])
    pair, best = None, 1.0
    for few in dear:
        for many in reversed(dear):
            gain = (many[1] / few[1]) * (few[2] / many[2])
            if gain <= best:
                break
            if few[1] < many[1] and few[2] > 1.1 * many[2] and is_slower(few[0], many[0]):
                pair, best = (few, many), gain
                break
    return pair


def _partly(comparison: Comparison, language: Language) -> str:
    """Why no network is called the most accurate."""
    message = language._("The most accurate architecture for its cost is not determined, because {weights}.")
    return message.format(weights=with_weights(comparison, language))


def learned(comparison: Comparison, language: Language) -> str | None:
    """Which network learned most in training from scratch, where the run resolves that, and which may be guessing."""
    records = [r for r in comparison.of(comparison.machines[0]) if r.value("finetune_top1") is not None]
    readings = {
        r.architecture: r.readings["finetune_top1"]
        for r in records
        if r.readings["finetune_top1"].detail.get("weights", "random") == "random" and is_enough(r, "finetune_top1")
    }
    if len(readings) < 2:
        return None
    shares = comparison.shares(comparison.machines[0], "finetune_top1")
    stuck = {name: reading for name, reading in readings.items() if is_at_chance(reading)}
    return " ".join(part for part in (_most(readings, shares, language), _stuck(stuck, language)) if part) or None


def _most(readings: Mapping[str, Reading], shares: Shares, language: Language) -> str:
    """The highest share, or how many cannot be distinguished from it; nothing where it may be guessing."""
    name, best = max(readings.items(), key=lambda item: item[1].value or 0)
    if is_at_chance(best) or not is_one_ranking(readings.values()):
        return ""
    blanks = {"steps": steps_of(best), "dataset": best.detail.get("dataset", "?"), "count": len(readings)}
    blanks["share"] = units.share(language, best.value or 0)
    like = shares.like(name)
    equal = [each for each in readings if each in like]
    if len(equal) == 1:
        message = language.ngettext(
            "After {steps} step of training from scratch on {dataset}, {names} classifies {share} % of the held-out "
            "images correctly, the highest share.",
            "After {steps} steps of training from scratch on {dataset}, {names} classifies {share} % of the held-out "
            "images correctly, the highest share.",
            steps_of(best),
        )
    elif len(equal) <= NAMED:
        message = language.ngettext(
            "After {steps} step of training from scratch on {dataset}, {names} have the highest accuracy on held-out "
            "images, up to {share} %; this run does not distinguish them.",
            "After {steps} steps of training from scratch on {dataset}, {names} have the highest accuracy on held-out "
            "images, up to {share} %; this run does not distinguish them.",
            steps_of(best),
        )
    else:
        message = language.ngettext(
            "After {steps} step of training from scratch on {dataset}, {equal} of {count} architectures are not "
            "distinguished from the highest accuracy on held-out images, {share} % ({name}).",
            "After {steps} steps of training from scratch on {dataset}, {equal} of {count} architectures are not "
            "distinguished from the highest accuracy on held-out images, {share} % ({name}).",
            steps_of(best),
        )
    return message.format(names=language.listing(equal), name=name, equal=len(equal), **blanks)


def _stuck(readings: Mapping[str, Reading], language: Language) -> str:
    """Those whose interval includes the share that guessing gives, with that share; data sets may differ in it."""
    if not readings:
        return ""
    message = language.ngettext(
        "{names} is not distinguished from guessing ({share} %).",
        "{names} are not distinguished from guessing ({share} %).",
        len(readings),
    )
    shares = dict.fromkeys(units.part(language, chance(reading)) for reading in readings.values())
    return message.format(names=language.listing(list(readings)), share=language.listing(list(shares)))


def _formatted(record: Record, key: str, language: Language) -> str:
    reading = record.readings[key]
    return units.stated(language, reading)


OPENINGS = (
    "Squeeze-and-excitation, se_resnet50 vs. resnet50:",
    "ResNeXt, resnext50_32x4d vs. resnet50:",
)
FINDINGS: tuple[Callable[[Comparison, Language], str | None], ...] = (
    fastest,
    cheapest,
    not_time,
    correlated,
    ordered,
    slower_on_all_threads,
    gained,
    reordered,
    against("se_resnet50", "resnet50", OPENINGS[0]),
    against("resnext50_32x4d", "resnet50", OPENINGS[1]),
    learned,
    brought,
    probed,
)
