"""Pairs of architectures of which the one with fewer MACs takes longer, and the operators that make the difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.findings.pair_sentences import doubted
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.report.why import operator_names, record_profiles
from reporter.report.why.record_profiles import Part

KEY, SETTING = "latency_cpu_1thread", "cpu_1thread"
LEAST_POINTS = 0.05
"""An operator makes a difference if its share of the time is larger by so much."""
NAMED = 2
"""Operators that a sentence names at most."""
SHOWN = 4
"""Pairs on the page."""
MOST = 2000
"""Pairs in the table; of very many architectures those that differ most."""
TRIED = 20_000
"""So many pairs are tried, those that differ most first."""


class Reason(NamedTuple):
    """An operator whose share of the time differs: in the slower architecture, and in the other."""

    label: str
    share: float
    other: float


class SlowerPair(NamedTuple):
    """`few` has fewer MACs than `many` but takes `longer` times as long."""

    few: Record
    many: Record
    macs: float
    longer: float
    reasons: tuple[Reason, ...]

    @property
    def size(self) -> float:
        """How far the order by MACs and that by time disagree, as a log ratio."""
        return math.log(self.longer / self.macs)


@lru_cache(maxsize=8)
def pairs(comparison: Comparison) -> tuple[SlowerPair, ...]:
    """All pairs of the newest machine whose order by MACs and by time differs beyond noise, the largest first.

    Only those for which operators make the difference: two architectures with the same shares have none.
    """
    records = [r for r in comparison.of(comparison.machines[0]) if r.value("macs") and r.value(KEY)]
    operators = {r.architecture: record_profiles.operators(r, SETTING) for r in records}
    known = [record for record in records if operators[record.architecture]]
    times = comparison.times(comparison.machines[0], KEY)
    found: list[SlowerPair] = []
    for few, many in _candidates(known):
        if len(found) == MOST:
            break
        if times.differ(few.architecture, many.architecture):
            rows = operators[few.architecture], operators[many.architecture]
            reasons = _reasons(*(record_profiles.parts(each) for each in rows))
            reasons = reasons or _reasons(*(record_profiles.parts(each, by_kernel=True) for each in rows))
            longer = times.ratio(few.architecture, many.architecture).ratio
            if reasons and longer > 1:
                found.append(SlowerPair(few, many, _macs(few) / _macs(many), longer, reasons))
    return tuple(sorted(found, key=lambda pair: -pair.size))


def shown(comparison: Comparison) -> tuple[SlowerPair, ...]:
    """The pairs that differ most, each architecture that is slow for its MACs once."""
    first: dict[str, SlowerPair] = {}
    for pair in pairs(comparison):
        first.setdefault(pair.few.architecture, pair)
    return tuple(first.values())[:SHOWN]


def _candidates(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """The pairs of which the one with fewer MACs takes longer, those that differ most first, TRIED at most."""
    import numpy as np

    if len(records) < 2:
        return
    macs, times = np.log([_macs(r) for r in records]), np.log([r.value(KEY) or 1.0 for r in records])
    fewer, longer = -np.subtract.outer(macs, macs), np.subtract.outer(times, times)
    sizes = np.where((fewer > 0) & (longer > 0), fewer + longer, 0.0).ravel()
    places = np.flatnonzero(sizes)
    if len(places) > TRIED:
        places = places[np.argpartition(-sizes[places], TRIED)[:TRIED]]
    for place in places[np.argsort(-sizes[places], kind="stable")]:
        row, column = divmod(int(place), len(records))
        yield records[row], records[column]


def _macs(record: Record) -> float:
    return record.value("macs") or 1.0


def _reasons(slow: Mapping[str, Part], fast: Mapping[str, Part]) -> tuple[Reason, ...]:
    """The operators with a larger share of a longer time, those whose share is larger by most first."""
    found = []
    for label, part in slow.items():
        other = fast[label] if label in fast else Part(label, 0.0, 0.0, 0, ())
        if part.seconds > other.seconds and part.share - other.share >= LEAST_POINTS:
            found.append(Reason(label, part.share, other.share))
    return tuple(sorted(found, key=lambda each: each.other - each.share)[:NAMED])


def sentence(pair: SlowerPair, language: Language) -> str:
    """The pair with its numbers and the operators that make the difference."""
    longer = units.ratio(language, pair.longer)
    message = language.ngettext(
        "{few} has {fewer} % fewer MACs than {many} but takes {longer} times as long ({how}): {reasons}.",
        "{few} has {fewer} % fewer MACs than {many} but takes {longer} times as long ({how}): {reasons}.",
        units.plural_of(longer),
    )
    readings = [record.readings[KEY] for record in (pair.few, pair.many)]
    return message.format(
        few=pair.few.architecture,
        many=pair.many.architecture,
        fewer=units.fewer(language, pair.macs, 1),
        longer=doubted(longer, *readings),
        how=how(KEY, language),
        reasons=reasons(pair, language),
    )


def reasons(pair: SlowerPair, language: Language) -> str:
    """Where both spend their time: `it spends 43 % in max pooling (resnet18: 8 %)`."""
    spent = [
        language._("{share} % in {operator} ({many}: {other} %)").format(
            share=language.number(100 * each.share),
            operator=operator_names.words(each.label, language),
            many=pair.many.architecture,
            other=language.number(100 * each.other),
        )
        for each in pair.reasons
    ]
    return language._("it spends {shares}").format(shares=language.listing(spent)).replace(" %", "\u00a0%")


def of(comparison: Comparison, few: str, many: str) -> SlowerPair | None:
    """A pair by the names of its architectures."""
    found = (pair for pair in pairs(comparison) if (pair.few.architecture, pair.many.architecture) == (few, many))
    return next(found, None)
