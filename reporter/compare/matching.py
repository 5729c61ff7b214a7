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
from reporter.model import Quantity, Reading, Record
from reporter.model.fields import DEFAULT_MALLOC
from reporter.model.readings import same_conditions

EXACT_GROUPS = ("size", "compute")
EXACT_KEYS = ("peak_activation_bytes", "peak_training_bytes", "imagenet_top1", "imagenet_top5")
TOP1 = "finetune_top1"
TOP1_SIGMAS = 3.0
"""A fine-tuned accuracy is mentioned when it moved by more than so many binomial standard deviations."""
NO_NUMBER = ("failed", "oom", "timeout")


@dataclass(frozen=True)
class Pair:
    """One architecture on both sides."""

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
    """Records of one architecture and one machine; where there are none of one machine, the newest of each side."""
    sides = [{(record.architecture, record.machine): record for record in side} for side in (base, new)]
    found = [Pair(sides[0][place], sides[1][place]) for place in sorted(sides[0].keys() & sides[1].keys())]
    matched = {pair.new.architecture for pair in found}
    newest = [_newest(record for record in side if record.architecture not in matched) for side in (base, new)]
    others = sorted(newest[0].keys() & newest[1].keys())
    return found + [Pair(newest[0][name], newest[1][name]) for name in others]


def rows(base: Sequence[Record], new: Sequence[Record]) -> Iterator[Change]:
    """Architectures that only one side has."""
    before, after = _newest(base), _newest(new)
    for name in sorted(before.keys() - after.keys()):
        yield Change("removed", name, before[name].machine)
    for name in sorted(after.keys() - before.keys()):
        yield Change("new", name, after[name].machine)


def is_exact(quantity: Quantity) -> bool:
    """Whether a quantity is counted or looked up, and so the same on every machine."""
    return quantity.group in EXACT_GROUPS or quantity.key in EXACT_KEYS


def is_time(quantity: Quantity) -> bool:
    """Whether a quantity is judged as a time; what depends on the allocator's default settings varies too much."""
    return quantity.group == "latency" and quantity.unit in ("s", "1/s") and quantity.key not in DEFAULT_MALLOC


def changes(paired: Iterable[Pair]) -> Iterator[Change]:
    """Exact changes, readings that failed or recovered, accuracies that moved beyond binomial noise."""
    for pair in paired:
        for quantity, base, new in pair.readings:
            if base is None or new is None or not (pair.one_machine or is_exact(quantity)):
                continue
            if kind := _kind(quantity, base, new):
                reason = new.reason if kind == "failed" else base.reason
                yield Change(kind, pair.new.architecture, pair.new.machine, quantity, base.value, new.value, reason)


def gaps(paired: Iterable[Pair]) -> list[Gap]:
    """What is judged elsewhere but could not be compared, and why, architectures with the same reason together."""
    missing: dict[tuple[str, str], tuple[Quantity | None, list[str]]] = {}
    for pair in paired:
        for quantity, why in _missing(pair):
            place = (quantity.key if quantity else "", why)
            missing.setdefault(place, (quantity, []))[1].append(pair.new.architecture)
    return [Gap(why, quantity, tuple(sorted(names))) for (_, why), (quantity, names) in sorted(missing.items())]


def alike(base: Reading, new: Reading) -> bool:
    """Whether both sides have a number, taken under the same settings, however much was sampled."""
    return base.measured and new.measured and same_conditions(base.conditions, new.conditions)


def _kind(quantity: Quantity, base: Reading, new: Reading) -> Kind | None:
    if base.measured and new.status in NO_NUMBER:
        return "failed"
    if new.measured and base.status in NO_NUMBER:
        return "recovered"
    if is_exact(quantity):
        return "exact" if base.samples != new.samples and alike(base, new) and base.value != new.value else None
    return "information" if quantity.key == TOP1 and alike(base, new) and _beyond_chance(base, new) else None


def _beyond_chance(base: Reading, new: Reading) -> bool:
    """Whether two shares of `test_images` differ by more than chance.

    The variance is that of two independent sets of images; both sides saw the same ones, so it errs towards silence.
    """
    counts = [reading.detail.get("test_images") for reading in (base, new)]
    if base.value is None or new.value is None or not all(isinstance(count, int) and count > 0 for count in counts):
        return False
    share = (base.value + new.value) / 2
    variance = max(0.0, share * (1 - share)) * sum(1 / count for count in counts if isinstance(count, int))
    return abs(new.value - base.value) > TOP1_SIGMAS * math.sqrt(variance)


def _missing(pair: Pair) -> Iterator[tuple[Quantity | None, str]]:
    if not pair.one_machine:
        yield None, f"BASE was measured on {pair.base.machine}, NEW on {pair.new.machine}"
    for quantity, base, new in pair.readings:
        if base and new and alike(base, new):
            continue
        if not (is_exact(quantity) or (pair.one_machine and (is_time(quantity) or quantity.key == TOP1))):
            continue
        has = [reading is not None and reading.measured for reading in (base, new)]
        if base and new and all(has):
            yield quantity, f"taken under other settings ({_settings(base, new)})"
        elif any(has) and not all(has) and not {r.status for r in (base, new) if r} & set(NO_NUMBER):
            yield quantity, f"only {'BASE' if has[0] else 'NEW'} has it"
        elif base and new and not any(has) and new.status in NO_NUMBER and _outcome(base) != _outcome(new):
            yield quantity, f"failed in NEW and not measured in BASE: {new.reason or new.status}"


def _outcome(reading: Reading) -> tuple[str, str | None]:
    return reading.status, reading.reason


def _settings(base: Reading, new: Reading) -> str:
    sides = [_flat(reading.conditions) for reading in (base, new)]
    both = ((key, *(side.get(key) for side in sides)) for key in sorted({*sides[0], *sides[1]}))
    return ", ".join(f"{key} {before}, then {after}" for key, before, after in both if before != after)


def _flat(conditions: Mapping[str, object]) -> dict[str, object]:
    """Conditions with each variable of the environment by its own name."""
    variables = conditions.get("variables")
    named = variables if isinstance(variables, dict) else {}
    return {key: value for key, value in conditions.items() if value is not variables or value is None} | named


def _newest(records: Iterable[Record]) -> dict[str, Record]:
    ordered = sorted(records, key=lambda record: (record.started, record.machine))
    return {record.architecture: record for record in ordered}
