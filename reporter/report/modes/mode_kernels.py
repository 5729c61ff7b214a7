"""For each mode that is faster or slower than eager: which operators ran other kernels, and what each gained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reporter.compare.mode_gains import Gain
from reporter.model import Record
from reporter.model.profiles import OperatorTime, implementation
from reporter.report.comparison import Comparison
from reporter.report.modes import mode_ranking
from reporter.report.why import operator_names, record_profiles
from reporter.report.why.record_profiles import SETTINGS

LEAST = 0.02
"""An operator is listed if it gains or loses at least this share of eager's latency, or runs another kernel and takes
that share in either mode."""
MOST = 500
"""Gains and losses that are explained, one for each mode and setting: all of a hundred architectures."""
NAMED = 3
"""Kernels that are named for an operator."""


class OperatorGain(NamedTuple):
    """The seconds of the operators of one kind in eager and in a mode, with the kernels that ran.

    Those of a mode sum to its latency, those of eager to that latency times the speedup.
    """

    kind: str
    before: float
    now: float
    kernels_before: tuple[str, ...]
    kernels: tuple[str, ...]
    changed: bool
    """Whether other kernels ran."""


class Explained(NamedTuple):
    """A mode of an architecture with its gain over eager in a setting, and the operators that it is made of."""

    record: Record
    setting: str
    gain: Gain
    operators: tuple[OperatorGain, ...]


class _Stated(NamedTuple):
    """A gain or loss beyond noise of a mode of an architecture in a setting.

    `repeated` if the mode gains, or loses, in an earlier setting, too.
    """

    eager: Record
    record: Record
    setting: str
    gain: Gain
    repeated: bool


def explained(comparison: Comparison) -> Iterator[Explained]:
    """The modes that differ from eager by more than noise, in each setting in which both have operators.

    Settings in which a mode differs in the same direction as in an earlier one come last. Of more than MOST they are
    left out first, then those that differ least.
    """
    every = (each for eager in comparison.records for each in _stated(comparison, eager))
    found = sorted(every, key=lambda each: each.repeated)
    kept = sorted(found, key=lambda each: (each.repeated, -abs(math.log(each.gain.ratio))))[:MOST]
    chosen = {(id(each.record), each.setting) for each in kept}
    for eager, record, setting, gain, _repeated in found:
        if (id(record), setting) in chosen:
            alternated = (record.value(f"latency_{setting}") or 0.0) * gain.ratio
            before = record_profiles.operators(eager, setting, alternated)
            yield Explained(record, setting, gain, tuple(changed(before, record_profiles.operators(record, setting))))


def _stated(comparison: Comparison, eager: Record) -> Iterator[_Stated]:
    """The gains and losses of the modes of an architecture, in each setting in which operators are known.

    Operators that were profiled under other conditions than the latency are left out.
    """
    for record in comparison.modes_of(eager):
        directions: set[bool] = set()
        for setting in SETTINGS:
            gain = mode_ranking.gain(comparison, record, f"latency_{setting}")
            are_timed = all(record_profiles.has_timed_operators(each, setting) for each in (eager, record))
            if gain and gain.stated and are_timed:
                yield _Stated(eager, record, setting, gain, gain.faster in directions)
                directions.add(gain.faster)


def changed(before: Sequence[OperatorTime], now: Sequence[OperatorTime]) -> list[OperatorGain]:
    """The kinds of operators that explain the difference, the largest gain first, the losses last."""
    whole = sum(row.seconds for row in before)
    kinds = dict.fromkeys(operator_names.kind(row.operator) for row in (*before, *now))
    rows = []
    for kind in kinds:
        sides = [[row for row in side if operator_names.kind(row.operator) == kind] for side in (before, now)]
        old, new = (sum(row.seconds for row in side) for side in sides)
        found = OperatorGain(kind, old, new, _kernels(sides[0]), _kernels(sides[1]), _differ(*sides))
        if abs(old - new) >= LEAST * whole or (found.changed and max(old, new) >= LEAST * whole):
            rows.append(found)
    return sorted(rows, key=lambda each: each.now - each.before)


def _differ(before: Sequence[OperatorTime], now: Sequence[OperatorTime]) -> bool:
    """Whether other kernels ran; libraries that are not known on one side are no difference."""
    if {row.kernel for row in before} != {row.kernel for row in now}:
        return True
    libraries = [{row.library for row in side} - {""} for side in (before, now)]
    return all(libraries) and libraries[0] != libraries[1]


def _kernels(rows: Sequence[OperatorTime]) -> tuple[str, ...]:
    """The kernels, the most expensive first."""
    return tuple(dict.fromkeys(implementation(row) for row in sorted(rows, key=lambda row: -row.seconds)))


def names(kernels: Sequence[str]) -> str:
    """The first kernels, and how many more there are."""
    more = f" + {len(kernels) - NAMED}" if len(kernels) > NAMED else ""
    return ", ".join(kernels[:NAMED]) + more if kernels else "–"
