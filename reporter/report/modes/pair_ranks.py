"""Ranks by time and the Pareto front of (architecture, mode) pairs of a machine.

Pairs whose output is wrong or cannot be checked have no place; eager always has one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from reporter.compare.rounds import Times
from reporter.model import Record
from reporter.model.records import EAGER
from reporter.report.comparison import Comparison, accuracy, front
from reporter.report.language import Language
from reporter.report.modes.mode_pairs import ON_REQUEST, parts
from reporter.report.output_verdicts import output_of
from reporter.report.rank_ranges import Rank, of_times

Pair = tuple[str, str]
"""Architecture and mode."""


def ranks(comparison: Comparison, machine: str, key: str) -> Mapping[Pair, Rank]:
    """The rank of each pair by a time, with the ranks of all pairs that the run does not distinguish from it."""
    return _places(comparison, machine, key)[0]


def ahead(comparison: Comparison, machine: str, key: str) -> frozenset[Pair]:
    """The Pareto front of published top-1 against a time, over the pairs of networks with published weights.

    A pair is left out if the run does not distinguish its time from that of a more accurate one. The accuracy of int8
    modes is not known: they are on no front.
    """
    return _places(comparison, machine, key)[1]


@lru_cache(maxsize=64)
def _places(comparison: Comparison, machine: str, key: str) -> tuple[Mapping[Pair, Rank], frozenset[Pair]]:
    records = _ranked(comparison, machine, key)
    names = {"\n".join(pair): pair for pair in records}
    readings = {name: records[pair].readings[key] for name, pair in names.items()}
    times = Times(readings)
    found = {names[name]: rank for name, rank in of_times(readings, times).items()}
    lower = all(reading.quantity.better == "lower" for reading in readings.values())
    return found, _front(records, key, times) if lower else frozenset()


def _ranked(comparison: Comparison, machine: str, key: str) -> dict[Pair, Record]:
    """The pairs that have a time and the right output, with the published accuracies of their architecture."""
    found = {}
    for network in comparison.of(machine):
        for record in (network, *comparison.modes_of(network)):
            if record.value(key) and (record.mode == EAGER or output_of(comparison, record) == "within"):
                readings = network.readings | record.readings if record.mode != EAGER else record.readings
                found[record.architecture, record.mode] = record.model_copy(update={"readings": readings})
    return found


def _front(records: Mapping[Pair, Record], key: str, times: Times) -> frozenset[Pair]:
    top1 = {"\n".join(pair): _top1(record) for pair, record in records.items() if ON_REQUEST not in parts(pair[1])}
    winners = front([record for pair, record in records.items() if "\n".join(pair) in top1], key)
    names = ["\n".join((record.architecture, record.mode)) for record in winners]
    best = {name: max(top1[other] for other in times.like(name) if other in top1) for name in names}
    return frozenset(
        (each.architecture, each.mode) for name, each in zip(names, winners, strict=True) if best[name] <= top1[name]
    )


def _top1(record: Record) -> float:
    """The published accuracy of weights, 0 without one."""
    found = accuracy(record)
    return found.top1 or 0.0 if found and not found.paper else 0.0


def explained(comparison: Comparison, columns: Collection[str], how: str, language: Language) -> str:
    """A note on the ranks and the front, as far as a table has these columns."""
    _ = language._
    notes = []
    if "rank" in columns:
        notes.append(
            _(
                "Rank: of all (architecture, mode) pairs by time ({how}), first and last rank of those that this run "
                "does not distinguish; modes other than eager whose output is wrong or cannot be checked have none."
            ).format(how=how)
        )
    if "pareto" in columns:
        weights, _published, count = comparison.coverage
        notes.append(
            _(
                "◇: no other pair has a higher published accuracy in a time that is as short or not distinguished, "
                "of the {known} of {count} architectures whose accuracy is that of weights; modes with int8 are left "
                "out."
            ).format(known=weights, count=count)
        )
    return " ".join(notes)
