"""Which networks fit limits: the one rule behind `reporter choose` and the sliders of the page.

A network fits if every limited value is there and not above its limit. One that is above a limit is out; one that is
above none but lacks a limited value cannot be judged, and is listed apart with the reason. Best first: by published
single-crop ImageNet top-1, that of the weights, else the paper's own; networks without either come last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reporter.telling.comparison import Accuracy, Comparison, accuracy
from reporter.types import Record, ReporterError

CRITERIA = {
    "parameters": ("parameters",),
    "macs": ("macs",),
    "memory": ("weights_bytes", "peak_activation_bytes"),
    "latency_cpu": ("latency_cpu",),
    "latency_cpu_1thread": ("latency_cpu_1thread",),
    "latency_cuda": ("latency_cuda",),
}
"""What can be limited, and the quantities that it is the sum of; memory is that of one inference of one image."""


@dataclass(frozen=True)
class Candidate:
    """A network with what is to be limited: the values that are there, and of the others why they are not."""

    record: Record
    accuracy: Accuracy
    values: dict[str, float]
    reasons: dict[str, str]


@dataclass(frozen=True)
class Choice:
    """Best first; `unknown` are those that cannot be judged, `out` those above a limit."""

    fits: tuple[Candidate, ...]
    unknown: tuple[Candidate, ...]
    out: tuple[Candidate, ...]


def candidates(comparison: Comparison) -> tuple[Candidate, ...]:
    """Every network, best first; a time counts only where the newest machine took it."""
    found = (_candidate(record, comparison.machines[0]) for record in comparison.networks)
    return tuple(sorted(found, key=lambda each: -(each.accuracy.top1 or 0)))


def limited(comparison: Comparison) -> list[str]:
    """The criteria that at least one network has a value for."""
    return [key for key in CRITERIA if any(key in each.values for each in candidates(comparison))]


def choose(networks: Iterable[Candidate], limits: Mapping[str, float]) -> Choice:
    """Applies the rule; raises ReporterError where a limit is no number above zero."""
    for key, limit in limits.items():
        if not (math.isfinite(limit) and limit > 0):
            raise ReporterError(f"--max-{key.replace('_', '-')}: {limit:g} is no limit; give a number above 0")
    fits: list[Candidate] = []
    unknown: list[Candidate] = []
    out: list[Candidate] = []
    for each in networks:
        above = any(each.values.get(key, 0) > limit for key, limit in limits.items())
        lacks = any(key not in each.values for key in limits)
        (out if above else unknown if lacks else fits).append(each)
    return Choice(tuple(fits), tuple(unknown), tuple(out))


def _candidate(record: Record, machine: str) -> Candidate:
    values, reasons = {}, {}
    for key, parts in CRITERIA.items():
        numbers = [record.value(part) for part in parts]
        elsewhere = key.startswith("latency") and record.machine != machine
        if None not in numbers and not elsewhere:
            values[key] = sum(number for number in numbers if number is not None)
        else:
            reasons[key] = f"measured on {record.machine}, not on {machine}" if elsewhere else _reason(record, parts)
    return Candidate(record, accuracy(record) or Accuracy(None, None, paper=False), values, reasons)


def _reason(record: Record, parts: Iterable[str]) -> str:
    """Why the first of the quantities that is not there is not."""
    missing = next(part for part in parts if record.value(part) is None)
    reading = record.readings.get(missing)
    if reading is None:
        return "not measured"
    return f"{reading.status}: {reading.reason}" if reading.reason else reading.status
