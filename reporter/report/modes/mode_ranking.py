"""Execution modes in the report: their gains over eager, the fastest mode of each architecture, and their remarks."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import combinations

from reporter.compare import mode_gains
from reporter.compare.mode_gains import Gain, ModePlace
from reporter.compare.rounds import Times
from reporter.model import Record
from reporter.model.devices import ACCELERATORS
from reporter.model.readings import SPEEDUP
from reporter.report.by_identity import ByIdentity
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import TIMES, how
from reporter.report.language import Language
from reporter.report.output_verdicts import output_of

PREFERRED = ("latency_cpu", "latency_cpu_1thread", *(f"latency_{each}" for each in ACCELERATORS))
"""The time that decides which mode is the fastest: the first of these that was measured in modes."""

Modes = ByIdentity[tuple[Record, ...]]
"""The records of modes that a comparison and its selections for charts share."""


def gains(comparison: Comparison, machine: str) -> Mapping[ModePlace, Gain]:
    """The gains of all modes on a machine, tested together."""
    return _gains(ByIdentity(comparison.modes), machine)


@lru_cache(maxsize=16)
def _gains(modes: Modes, machine: str) -> Mapping[ModePlace, Gain]:
    return mode_gains.gains(record for record in modes.value if record.machine == machine)


def gain(comparison: Comparison, record: Record, key: str) -> Gain | None:
    """Eager over the mode of a record for a time; None where it was not measured."""
    return gains(comparison, record.machine).get((record.architecture, record.mode, key))


def keys(comparison: Comparison, machine: str) -> tuple[str, ...]:
    """The times that were measured in modes on a machine, the one that decides first."""
    found = dict.fromkeys(key for _architecture, _mode, key in gains(comparison, machine))
    return tuple(sorted(found, key=lambda key: PREFERRED.index(key) if key in PREFERRED else len(PREFERRED)))


def conditions(comparison: Comparison, key: str, language: Language) -> str:
    """The kind of a time in words: `all CPU threads`."""
    return how(key, language) if key in TIMES else language._(comparison.quantities[key].title)


def eager_note(comparison: Comparison, language: Language) -> str:
    """Which mode the times of other chapters are of; empty where only eager was measured."""
    if not comparison.modes:
        return ""
    return language._("Times are those of eager (fp32); for other execution modes see “How to run it”.")


def fastest(comparison: Comparison, eager: Record, key: str) -> tuple[Record, ...]:
    """The fastest mode of an architecture, and those that the run does not distinguish from it, the fastest first.

    Only modes that are faster than eager beyond noise and whose output is right; the eager record if there is none.
    Modes of different runs are compared by their speedups (`Times`): these do not contain the drift of the machine.
    """
    right = (record for record in comparison.modes_of(eager) if output_of(comparison, record) == "within")
    found = ((gain(comparison, record, key), record) for record in right)
    able = [(each.ratio, record) for each, record in found if each and each.faster]
    if not able:
        return (eager,)
    ordered = [record for _, record in sorted(able, key=lambda pair: -pair[0])]
    times, names = _speedups(ByIdentity(comparison.modes), eager.machine, key), [_name(each) for each in ordered]
    ratios = zip(ordered[1:], times.ratios(names[0], names[1:]), strict=True)
    return (ordered[0], *(each for each, ratio in ratios if not ratio.resolved))


def bold(comparison: Comparison, key: str, language: Language) -> str:
    """A note on the modes that are bold, for the time that decides; empty without one."""
    _ = language._
    if not key:
        return ""
    note = _(
        "Bold: the fastest mode of each architecture, and those that this run does not distinguish from it; eager "
        "where no mode is faster. The name of a mode is bold if it is the fastest for {how}. Modes that are faster "
        "in only one round of a noisy (≈) speedup are not among them."
    ).format(how=conditions(comparison, key, language))
    if not any(_separate(comparison.modes_of(eager), key) for eager in comparison.records):
        return note
    return f"{note} {_('Speedups of modes from different runs are compared by how far their rounds vary.')}"


def _separate(modes: Iterable[Record], key: str) -> bool:
    """Whether some speedups of an architecture have no run in common."""
    readings = (record.readings.get(SPEEDUP + key) for record in modes)
    runs = [{run for run, _logs in reading.levels} for reading in readings if reading and reading.timed]
    return any(one.isdisjoint(other) for one, other in combinations(runs, 2))


@lru_cache(maxsize=16)
def _speedups(modes: Modes, machine: str, key: str) -> Times:
    """The speedups of a machine for a time, to ask which of them the run distinguishes."""
    records = (record for record in modes.value if record.machine == machine)
    readings = ((_name(record), record.readings.get(SPEEDUP + key)) for record in records)
    return Times({name: reading for name, reading in readings if reading})


def _name(record: Record) -> str:
    return f"{record.architecture}\n{record.mode}"


def remarks(record: Record, keys: Collection[str]) -> tuple[str, ...]:
    """Why a mode is not available, or is emulated, each reason once: of `keys`, of all readings if it has none."""
    mine = [reading for key, reading in record.readings.items() if key.removeprefix(SPEEDUP) in keys]
    readings = mine or record.readings.values()
    return tuple(dict.fromkeys(reading.reason for reading in readings if reading.reason))


def factor(value: float, language: Language) -> str:
    """A ratio with two digits after the point, fewer above 10."""
    return language.number(value, 2 if value < 10 else 1 if value < 100 else 0)


def stated(found: Gain, language: Language) -> str:
    """A gain with its 95 % interval: `1.75 [1.70–1.80]`."""
    ratio, low, high = (factor(each, language) for each in found[:3])
    return f"{ratio} [{low}–{high}]"


def break_even(prepare: float, time: float, ratio: float) -> float:
    """After how many images the faster calls have paid for the preparation; infinity for a mode that is not faster.

    `prepare` and `time` are the seconds of the preparation and of one image in the mode; `ratio` is eager's time
    divided by the mode's, measured alternately, so that eager takes `time * ratio`.
    """
    saved = time * (ratio - 1)
    return max(1.0, float(math.ceil(prepare / saved))) if saved > 0 else math.inf
