"""Pairs of architectures of which the one with fewer MACs takes longer, and the operators that make the difference.

These are operators with a larger share of the time; without any, those that take longer: at a lower rate, if they
multiply. The rate is from the ledger of kernels, which has the MACs of each call.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from reporter.compare.kernel_changes import Ledgers, no_ledgers
from reporter.compare.kernel_digests import COVERAGE, belongs, has_digest
from reporter.model import Record, ReporterError
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.findings.pair_sentences import doubted
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.report.why import operator_names, record_profiles
from reporter.report.why.pair_candidates import candidates, count_macs, measured
from reporter.report.why.record_profiles import SETTINGS, Part

LEAST_POINTS = 0.05
"""An operator makes a difference if its share of the time is larger by so much."""
LEAST_PART, UNEQUAL = 0.25, 0.005
"""Without any, one does that takes so much of the difference in time, if its share is larger at all: by so much."""
SMALL = 1.1
"""A ratio below this is printed as a percentage."""
NAMED = 2
"""Operators that a sentence names at most."""
SHOWN = 4
"""Pairs on the page."""
MOST = 2000
"""Pairs in the table; of very many architectures those that differ most."""

Parts = tuple[Mapping[str, Part], Mapping[str, Part]]
"""The operators of an architecture by what they compute, and by that and the kernel."""


class TimedOperators(NamedTuple):
    """The operators of an architecture, and its latency."""

    parts: Parts
    latency: float


class Reason(NamedTuple):
    """An operator with its share of the time in the slower architecture and in the other, and with its seconds.

    `by_time` if the difference is in the seconds: the shares hardly differ.
    """

    label: str
    share: float
    other: float
    seconds: float
    other_seconds: float
    by_time: bool = False


class SlowerPair(NamedTuple):
    """`few` has fewer MACs than `many` but takes `longer` times as long in a setting, e.g. `cpu_1thread`.

    `ledgers` reads the ledgers of kernels.
    """

    few: Record
    many: Record
    macs: float
    longer: float
    reasons: tuple[Reason, ...]
    setting: str
    ledgers: Ledgers = no_ledgers

    @property
    def size(self) -> float:
        """How far the order by MACs and that by time disagree, as a log ratio."""
        return math.log(self.longer / self.macs)

    @property
    def key(self) -> str:
        """The key of the times."""
        return f"latency_{self.setting}"


@lru_cache(maxsize=8)
def pairs(comparison: Comparison) -> tuple[SlowerPair, ...]:
    """All pairs of the newest machine whose order by MACs and by time differs beyond noise, the largest first.

    Only those for which operators make the difference: two architectures with the same shares have none. Each is in the
    first setting in which this holds.
    """
    found: dict[tuple[str, str], SlowerPair] = {}
    for setting in SETTINGS:
        for pair in islice(_pairs(comparison, setting, found), MOST):
            found[pair.few.architecture, pair.many.architecture] = pair
    return tuple(sorted(found.values(), key=lambda pair: -pair.size)[:MOST])


def _pairs(comparison: Comparison, setting: str, earlier: Container[tuple[str, str]]) -> Iterator[SlowerPair]:
    """The pairs in a setting that are not among those of earlier ones."""
    records = measured(comparison, setting)
    if len(records) < 2:
        return
    operators = {record.architecture: _parts(record, setting) for record in records}
    profiled = [record for record in records if operators[record.architecture][0]]
    times = comparison.times(comparison.machines[0], f"latency_{setting}")
    for few, many in candidates(profiled, f"latency_{setting}"):
        names = few.architecture, many.architecture
        if names in earlier or not times.differ(*names):
            continue
        sides = [
            TimedOperators(operators[record.architecture], record.value(f"latency_{setting}") or 0.0)
            for record in (few, many)
        ]
        reasons = _reasons(*sides)
        if reasons and (longer := times.ratio(*names).ratio) > 1:
            fewer = count_macs(few) / count_macs(many)
            yield SlowerPair(few, many, fewer, longer, reasons, setting, comparison.ledgers)


def _parts(record: Record, setting: str) -> Parts:
    rows = record_profiles.operators(record, setting)
    return record_profiles.parts(rows), record_profiles.parts(rows, by_kernel=True)


def shown(comparison: Comparison) -> tuple[SlowerPair, ...]:
    """The pairs that differ most, each architecture that is slow for its MACs once."""
    first: dict[str, SlowerPair] = {}
    for pair in pairs(comparison):
        first.setdefault(pair.few.architecture, pair)
    return tuple(first.values())[:SHOWN]


def _reasons(slow: TimedOperators, fast: TimedOperators) -> tuple[Reason, ...]:
    """The operators that make the difference between two latencies, by share, else by time; by kernel where needed."""
    sides = [_longer(slow, fast, by_kernel) for by_kernel in (False, True)]
    by_share = ([each for each in rows if each.share - each.other >= LEAST_POINTS] for rows in sides)
    if found := next(filter(None, by_share), None):
        return tuple(sorted(found, key=lambda each: each.other - each.share)[:NAMED])
    by_time = (
        [
            each._replace(by_time=True)
            for each in rows
            if each.seconds - each.other_seconds >= LEAST_PART * (slow.latency - fast.latency)
            and each.share - each.other >= UNEQUAL
        ]
        for rows in sides
    )
    found = next(filter(None, by_time), [])
    return tuple(sorted(found, key=lambda each: each.other_seconds - each.seconds)[:NAMED])


def _longer(slow: TimedOperators, fast: TimedOperators, by_kernel: bool) -> list[Reason]:
    """The operators that take longer in the slower architecture.

    Their seconds are shares of the latency: the machine may have been in another state while operators were profiled.
    """
    found = []
    for label, part in slow.parts[by_kernel].items():
        other = fast.parts[by_kernel][label].share if label in fast.parts[by_kernel] else 0.0
        seconds = part.share * slow.latency, other * fast.latency
        if seconds[0] > seconds[1]:
            found.append(Reason(label, part.share, other, *seconds))
    return found


def sentence(pair: SlowerPair, language: Language) -> str:
    """The pair with its numbers and the operators that make the difference."""
    if pair.longer < SMALL:
        longer = units.more(language, pair.longer, 1)
        message = language._(
            "{few} has {fewer} % fewer MACs than {many} but takes {longer} % longer ({how}): {reasons}."
        )
    else:
        longer = units.ratio(language, pair.longer)
        message = language.ngettext(
            "{few} has {fewer} % fewer MACs than {many} but takes {longer} times as long ({how}): {reasons}.",
            "{few} has {fewer} % fewer MACs than {many} but takes {longer} times as long ({how}): {reasons}.",
            units.plural_of(longer),
        )
    readings = [record.readings[pair.key] for record in (pair.few, pair.many)]
    return message.format(
        few=pair.few.architecture,
        many=pair.many.architecture,
        fewer=units.fewer(language, pair.macs, 1),
        longer=doubted(longer, *readings),
        how=how(pair.key, language),
        reasons=reasons(pair, language),
    )


def reasons(pair: SlowerPair, language: Language) -> str:
    """Where both spend their time: `it spends 43 % in max pooling (resnet18: 8 %)`."""
    spent = [(_by_time if each.by_time else _by_share)(pair, each, language) for each in pair.reasons]
    return language._("it spends {shares}").format(shares=language.listing(spent)).replace(" %", "\u00a0%")


def _by_share(pair: SlowerPair, reason: Reason, language: Language) -> str:
    return language._("{share} % in {operator} ({many}: {other} %)").format(
        share=units.part(language, reason.share),
        operator=operator_names.words(reason.label, language),
        many=pair.many.architecture,
        other=units.part(language, reason.other),
    )


def _by_time(pair: SlowerPair, reason: Reason, language: Language) -> str:
    """The seconds of both, with the MACs per second of an operator that multiplies."""
    records, seconds = (pair.few, pair.many), (reason.seconds, reason.other_seconds)
    latencies = [record.readings[pair.key] for record in records]
    macs = [_macs_of(pair, record, reason.label) for record in records]
    times = [
        doubted(units.derived(language, each, units.MILLISECONDS, latency), latency)
        for each, latency in zip(seconds, latencies, strict=True)
    ]
    blanks = {
        "time": times[0],
        "operator": operator_names.words(reason.label, language),
        "many": pair.many.architecture,
        "other": times[1],
    }
    if not all(macs) or not reason.other_seconds:
        return language._("{time} ms in {operator} ({many}: {other} ms)").format(**blanks)
    rates = [
        units.derived(language, count / each, units.GIGA, latency)
        for count, each, latency in zip(macs, seconds, latencies, strict=True)
    ]
    message = language._(
        "{time} ms in {operator}, at {rate} G MACs per second ({many}: {other} ms, at {other_rate} G MACs per second)"
    )
    return message.format(**blanks, rate=rates[0], other_rate=rates[1])


def _macs_of(pair: SlowerPair, record: Record, label: str) -> int:
    """The MACs of the operators with a label, from the ledger that belongs to a record; 0 where there is none."""
    reading = record.readings[f"{COVERAGE}{pair.setting}"]
    try:
        calls = pair.ledgers(record.machine, record.architecture).of(EAGER, pair.setting)
    except ReporterError:
        return 0
    if not has_digest(reading) or not belongs(calls, reading):
        return 0
    labels = ((row, record_profiles.label(row), record_profiles.label(row, by_kernel=True)) for row in calls)
    return sum(row.macs for row, *names in labels if label in names)


def of(comparison: Comparison, few: str, many: str) -> SlowerPair | None:
    """A pair by the names of its architectures."""
    found = (pair for pair in pairs(comparison) if (pair.few.architecture, pair.many.architecture) == (few, many))
    return next(found, None)
