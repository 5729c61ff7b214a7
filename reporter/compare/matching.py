"""Matching of records, and differences that need no statistics: counts, statuses and rows.

The exact gate: counts, exact memory and published values have no noise, so any change of one that both sides have,
taken under the same settings, is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reporter.compare.differences import Change, Gap, Kind
from reporter.compare.held_out import shares
from reporter.compare.processors import native_on_one_side
from reporter.model import Quantity, Reading, Record
from reporter.model.device_readings import on_devices
from reporter.model.fields import DEFAULT_MALLOC
from reporter.model.modes import ONCE, OUTPUT_ERROR, TIMED
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER

EXACT_GROUPS = ("size", "compute")
EXACT_KEYS = (
    "peak_activation_bytes",
    "peak_training_bytes",
    "imagenet_top1",
    "imagenet_top5",
    "imagenet_best_top1",
    "imagenet_best_top5",
)
TOP1 = "finetune_top1"
TOP1_SIGMAS = 3.0
"""An accuracy is mentioned when it moved by more than so many binomial standard deviations, and than seeds differ."""
NO_NUMBER = ("failed", "oom", "timeout")
OTHER_SETTINGS = "taken under other settings"
"""How the reason of a gap begins whose sides both have a number."""
UNREPEATED = tuple(quantity.key for quantity in ONCE)
"""What is measured once per mode, in no rounds: nothing is known of how far it varies."""
NOT_JUDGED = frozenset((*DEFAULT_MALLOC, *UNREPEATED))


@dataclass(frozen=True)
class Pair:
    """One architecture in one mode on both sides."""

    base: Record
    new: Record

    @property
    def one_machine(self) -> bool:
        return self.base.machine == self.new.machine

    @cached_property
    def readings(self) -> tuple[tuple[Quantity, Reading | None, Reading | None], ...]:
        """What either side has, by key."""
        base, new = self.base.readings, self.new.readings
        return tuple(((new.get(key) or base[key]).quantity, base.get(key), new.get(key)) for key in sorted(base | new))


def pairs(base: Sequence[Record], new: Sequence[Record]) -> list[Pair]:
    """Each record of NEW with that of the same machine, or where BASE has none, with the newest of any machine.

    Other modes than eager are compared on one machine only, and after all eager records.
    """
    before, after = (
        {(each.architecture, each.machine): each for each in side if each.mode == EAGER} for side in (base, new)
    )
    latest = newest(base)
    found = [Pair(before.get(place, latest[place[0]]), after[place]) for place in sorted(after) if place[0] in latest]
    return [*found, *_mode_pairs(base, new)]


def rows(base: Sequence[Record], new: Sequence[Record]) -> Iterator[Change]:
    """Architectures that only one side has, and modes of the others."""
    before, after = newest(base), newest(new)
    for name in sorted(before.keys() - after.keys()):
        yield Change("removed", name, before[name].machine)
    for name in sorted(after.keys() - before.keys()):
        yield Change("new", name, after[name].machine)
    yield from _mode_rows(base, new)


def is_exact(quantity: Quantity) -> bool:
    """Whether a quantity is counted or looked up, and so the same on every machine."""
    return quantity.group in EXACT_GROUPS or quantity.key in EXACT_KEYS


def is_time(quantity: Quantity) -> bool:
    """Whether a quantity is judged as a time; what depends on the allocator's default settings varies too much."""
    return quantity.group == "latency" and quantity.unit in ("s", "1/s") and quantity.key not in NOT_JUDGED


def changes(paired: Iterable[Pair]) -> Iterator[Change]:
    """Exact changes, readings that failed or recovered, accuracies that moved beyond binomial noise.

    Those of output errors are in output_changes.py.
    """
    for pair in paired:
        place, mode = (pair.new.architecture, pair.new.machine), pair.new.mode
        for quantity, base, new in pair.readings:
            if base is None or new is None or quantity.key == OUTPUT_ERROR.key or not _comparable(pair, quantity):
                continue
            if kind := _kind(quantity, base, new):
                reason = (new if kind == "failed" else base).reason
                yield Change(kind, *place, quantity, base.value, new.value, reason, mode=mode)


def _comparable(pair: Pair, quantity: Quantity) -> bool:
    """Exact values are compared on any two machines, but of eager records only; all others on one machine."""
    return pair.new.mode == EAGER if is_exact(quantity) else pair.one_machine


def gaps(paired: Iterable[Pair]) -> list[Gap]:
    """What is judged elsewhere but could not be compared, and why, architectures with the same reason together."""
    missing: dict[tuple[str, str, str], tuple[Quantity | None, list[str]]] = {}
    for pair in paired:
        for quantity, why in _missing(pair):
            place = ("" if pair.new.mode == EAGER else pair.new.mode, quantity.key if quantity else "", why)
            missing.setdefault(place, (quantity, []))[1].append(pair.new.architecture)
    return [
        Gap(why, quantity, tuple(sorted(names)), mode=mode or EAGER)
        for (mode, _, why), (quantity, names) in sorted(missing.items())
    ]


def alike(base: Reading, new: Reading) -> bool:
    """Whether both sides have a number, taken under the same settings, however much was sampled."""
    return base.measured and new.measured and same_conditions(base.conditions, new.conditions)


def _kind(quantity: Quantity, base: Reading, new: Reading) -> Kind | None:
    if new.status in NO_NUMBER and base.measured:
        return "failed"
    if base.status in NO_NUMBER and new.measured:
        return "recovered"
    if is_exact(quantity):
        return "exact" if base.samples != new.samples and alike(base, new) and base.value != new.value else None
    return "information" if quantity.key == TOP1 and alike(base, new) and _beyond_chance(base, new) else None


def _beyond_chance(base: Reading, new: Reading) -> bool:
    """Whether two shares of `test_images` differ by more than chance.

    The variance is that of two independent sets of images; both sides saw the same ones, so the test is conservative.
    """
    counts = [reading.detail.get("test_images") for reading in (base, new)]
    if base.value is None or new.value is None or not all(isinstance(count, int) and count > 0 for count in counts):
        return False
    share = (base.value + new.value) / 2
    variance = max(0.0, share * (1 - share)) * sum(1 / count for count in counts if isinstance(count, int))
    if abs(new.value - base.value) <= TOP1_SIGMAS * math.sqrt(variance):
        return False
    seeds = max(len(base.samples), len(new.samples))
    return seeds == 1 or shares({"base": base, "new": new}).differ("base", "new")


def _missing(pair: Pair) -> Iterator[tuple[Quantity | None, str]]:
    if not pair.one_machine:
        yield None, f"BASE was measured on {pair.base.machine}, NEW on {pair.new.machine}"
    for quantity, base, new in pair.readings:
        if not (is_exact(quantity) or (pair.one_machine and (is_time(quantity) or quantity.key == TOP1))):
            continue
        if base and new and alike(base, new):
            continue
        has = [reading is not None and reading.measured for reading in (base, new)]
        if base and new and all(has):
            yield quantity, f"{OTHER_SETTINGS} ({settings_in_words(base, new)})"
        elif any(has) and not all(has) and not {r.status for r in (base, new) if r} & set(NO_NUMBER):
            why = native_on_one_side(pair.new.mode, pair.base, pair.new)
            yield quantity, why or f"only {'BASE' if has[0] else 'NEW'} has it"
        elif base and new and not any(has) and new.status in NO_NUMBER and _outcome(base) != _outcome(new):
            yield quantity, f"failed in NEW and not measured in BASE: {new.reason or new.status}"


def _outcome(reading: Reading) -> tuple[str, str | None]:
    return reading.status, reading.reason


def settings_in_words(base: Reading, new: Reading) -> str:
    """The conditions that differ, with both values."""
    sides = [_flat(reading.conditions) for reading in (base, new)]
    both = ((key, *(side.get(key) for side in sides)) for key in sorted({*sides[0], *sides[1]}))
    return ", ".join(f"{key} {before}, then {after}" for key, before, after in both if before != after)


def _flat(conditions: Mapping[str, object]) -> dict[str, object]:
    """Conditions with each variable of the environment by its own name."""
    variables = conditions.get("variables")
    named = variables if isinstance(variables, dict) else {}
    return {key: value for key, value in conditions.items() if value is not variables or value is None} | named


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """The newest eager record of each architecture, whatever the machine."""
    eager = (record for record in records if record.mode == EAGER)
    ordered = sorted(eager, key=lambda record: (record.started, record.machine))
    return {record.architecture: record for record in ordered}


def _modes(records: Iterable[Record]) -> dict[tuple[str, str, str], Record]:
    """All other records than eager ones, by architecture, machine and mode."""
    return {(each.architecture, each.machine, each.mode): each for each in records if each.mode != EAGER}


def _mode_pairs(base: Sequence[Record], new: Sequence[Record]) -> Iterator[Pair]:
    """Modes of both sides that did not come or go, and those that one side could not have; these are gaps."""
    before, after = _modes(base), _modes(new)
    for place in sorted(before.keys() & after.keys()):
        if not _came_or_went(before[place], after[place]):
            yield Pair(before[place], after[place])
    yield from (pair for pair, row in _of_one_side(base, new) if not row)


def _mode_rows(base: Sequence[Record], new: Sequence[Record]) -> Iterator[Change]:
    """Modes that came or went."""
    yield from (row for _, row in _of_one_side(base, new) if row)


def _of_one_side(base: Sequence[Record], new: Sequence[Record]) -> Iterator[tuple[Pair, Change | None]]:
    """Modes that are available on one side only, of architectures that both sides have on the same machine.

    Each has a row if the other side could have it: eager has one of its times there, and both processors compute in its
    precision. The other side is a record without readings where it has none of the mode.
    """
    sides = _modes(base), _modes(new)
    eager = [{(each.architecture, each.machine): each for each in side if each.mode == EAGER} for side in (base, new)]
    for place in sorted(sides[0].keys() | sides[1].keys()):
        architecture, machine, mode = place
        old, now = (side.get(place) for side in sides)
        of_eager = [side[architecture, machine] for side in eager if (architecture, machine) in side]
        kind = _came_or_went(old, now)
        if kind is None or len(of_eager) < len(eager):
            continue
        blank = [each.model_copy(update={"mode": mode, "readings": {}}) for each in of_eager]
        pair = Pair(old or blank[0], now or blank[1])
        there, absent = (pair.base, pair.new) if kind == "removed" else (pair.new, pair.base)
        in_both = _times_of_runs(there) & _times(of_eager[1] if kind == "removed" else of_eager[0])
        if in_both and not native_on_one_side(mode, pair.base, pair.new):
            reason = next((reading.reason for reading in absent.readings.values()), None)
            yield pair, Change(kind, architecture, machine, reason=reason, mode=mode)
        else:
            yield pair, None


def _came_or_went(old: Record | None, now: Record | None) -> Kind | None:
    """Whether a mode is available on one side only; one that failed or was skipped is compared by its readings.

    In the baseline of nightly runs, one that was skipped has the output error of the last run that measured it.
    """
    if _is_missing(now) and old is not None and _times_of_runs(old):
        return "removed"
    return "new" if _is_missing(old) and _is_timed(now) else None


def _is_timed(record: Record | None) -> bool:
    return record is not None and bool(_times(record))


def _times(record: Record) -> set[str]:
    """The keys of the times that a record has."""
    return {key for key, reading in record.readings.items() if is_time(reading.quantity) and reading.measured}


def _times_of_runs(record: Record) -> set[str]:
    """The same, or the times that were left out if the output shows that the mode ran in an earlier run."""
    outputs = on_devices(record.readings.get(OUTPUT_ERROR.key)).values()
    left_out = any(each.measured or TIMED in each.detail for each in outputs)
    return _times(record) or {
        key for key, each in record.readings.items() if left_out and is_time(each.quantity) and each.status == "skipped"
    }


def _is_missing(record: Record | None) -> bool:
    return record is None or all(reading.status == "unsupported" for reading in record.readings.values())
