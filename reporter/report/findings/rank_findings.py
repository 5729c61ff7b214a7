"""Findings on the order of architectures by time: how far MACs predict it, and how certain it is."""

from __future__ import annotations

from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.findings.pair_sentences import doubted
from reporter.report.headline_latency import how, timing
from reporter.report.language import Language
from reporter.report.rank_ranges import ranks
from reporter.stats.correlation import spearman


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
    return message.format(count=len(measured), how=how(key, language), **numbers)


def ordered(comparison: Comparison, language: Language) -> str | None:
    """How many ranks in time the run resolves, and which is the least certain."""
    key, records = timing(comparison)
    placed = ranks(comparison, comparison.machines[0], key)
    if len(placed) < 3:
        return None
    doubtful = {record.architecture for record in records if units.is_doubtful(record.readings[key])} & placed.keys()
    sure = sum(rank.low == rank.high and name not in doubtful for name, rank in placed.items())
    name, widest = max(placed.items(), key=lambda item: item[1].high - item[1].low)
    if sure == len(placed):
        message = language._("Ranking confidence ({how}): the run distinguishes all {count} architectures.")
        return message.format(how=how(key, language), count=len(placed))
    if len(doubtful) == len(placed):
        message = language._(
            "Ranking confidence ({how}): unknown, because the times of all {count} architectures are unreliable (≈); "
            "another run may order them differently."
        )
        return message.format(how=how(key, language), count=len(placed))
    if widest.low == widest.high:
        message = language._(
            "Ranking confidence ({how}): the rank of {sure} of {count} architectures is certain; the times of the "
            "others are unreliable (≈)."
        )
        return message.format(how=how(key, language), sure=sure, count=len(placed))
    message = language._(
        "Ranking confidence ({how}): the rank of {sure} of {count} architectures is certain; the least certain is that "
        "of {name}, {low} to {high}."
    )
    reading = next(record.readings[key] for record in records if record.architecture == name)
    spans = {"low": doubted(language.number(widest.low), reading), "high": widest.high}
    return message.format(how=how(key, language), sure=sure, count=len(placed), name=name, **spans)
