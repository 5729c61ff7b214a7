"""Findings on the order of architectures by time: how far MACs predict it, and how certain it is."""

from __future__ import annotations

from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.findings.pair_sentences import doubted
from reporter.report.headline_latency import how, timing
from reporter.report.language import Language
from reporter.report.rank_ranges import ranks
from reporter.stats.correlation import spearman

ALIKE, FEWEST, WORTH = 1.1, 4, 1.2
"""MACs up to this many times others are nearly the same; the size of a group, and the ratio of times, to report."""


def correlated(comparison: Comparison, language: Language) -> str | None:
    """How far the count of multiply-adds orders the times."""
    key, records = timing(comparison)
    pairs = [(r.value("macs"), r.value(key)) for r in records]
    measured = [(macs, time) for macs, time in pairs if macs and time]
    found = spearman([macs for macs, _ in measured], [time for _, time in measured])
    if found is None:
        return None
    message = language._(
        "Over {count} architectures, MACs and time ({how}) have the rank correlation {rho} (95 % interval {low} to "
        "{high})."
    )
    numbers = {name: units.coefficient(language, value) for name, value in found._asdict().items()}
    numbers["rho"] = doubted(numbers["rho"], *(record.readings[key] for record in records))
    sentence = message.format(count=len(measured), how=how(key, language), **numbers)
    return " ".join(filter(None, (sentence, _alike(comparison, language))))


def _alike(comparison: Comparison, language: Language) -> str:
    """How far times differ in the largest group of architectures with nearly the same MACs, if the run resolves it."""
    key, records = timing(comparison)
    rows = sorted(((r.value("macs") or 0.0, r) for r in records if r.value("macs")), key=lambda row: row[0])
    groups = ([row for row in rows[start:] if row[0] <= ALIKE * least] for start, (least, _r) in enumerate(rows))
    group = max(groups, key=len, default=[])
    if len(group) < FEWEST:
        return ""
    fast, slow = (pick((r for _macs, r in group), key=lambda r: r.value(key) or 0.0) for pick in (min, max))
    found = comparison.times(comparison.machines[0], key).ratio(slow.architecture, fast.architecture)
    if not found.resolved or found.ratio < WORTH:
        return ""
    times = units.ratio(language, found.ratio)
    message = language.ngettext(
        "But of {count} with {low} to {high} MACs, {slow} takes {ratio} times as long as {fast}.",
        "But of {count} with {low} to {high} MACs, {slow} takes {ratio} times as long as {fast}.",
        units.plural_of(times),
    )
    low, high = (units.words(language, comparison.quantities["macs"], group[at][0]) for at in (0, -1))
    ratio = doubted(times, slow.readings[key], fast.readings[key])
    names = {"slow": slow.architecture, "fast": fast.architecture}
    return message.format(count=len(group), low=low, high=high, ratio=ratio, **names)


def ordered(comparison: Comparison, language: Language) -> str | None:
    """How many architectures the run distinguishes in time from all others, and the widest range of ranks."""
    key, records = timing(comparison)
    placed = ranks(comparison, comparison.machines[0], key)
    if len(placed) < 3:
        return None
    doubtful = {record.architecture for record in records if units.is_doubtful(record.readings[key])} & placed.keys()
    sure = sum(rank.low == rank.high and name not in doubtful for name, rank in placed.items())
    name, widest = max(placed.items(), key=lambda item: item[1].high - item[1].low)
    if sure == len(placed):
        message = language._("Ranking confidence ({how}): all {count} ranks resolved.")
        return message.format(how=how(key, language), count=len(placed))
    if len(doubtful) == len(placed):
        message = language._(
            "Ranking confidence ({how}): unknown, because the times of all {count} architectures are unreliable (≈); "
            "another run may order them differently."
        )
        return message.format(how=how(key, language), count=len(placed))
    if widest.low == widest.high:
        message = language._(
            "Ranking confidence ({how}): {sure} of {count} ranks resolved; the remaining times are unreliable (≈)."
        )
        return message.format(how=how(key, language), sure=sure, count=len(placed))
    message = language._(
        "Ranking confidence ({how}): {sure} of {count} ranks resolved; the widest is that of {name}, {low} to {high}."
    )
    reading = next(record.readings[key] for record in records if record.architecture == name)
    spans = {"low": doubted(language.number(widest.low), reading), "high": widest.high}
    return message.format(how=how(key, language), sure=sure, count=len(placed), name=name, **spans)
