"""Filtering architectures by limits, for `reporter choose` and the sliders of the page.

A network fits if every limited value is known and keeps its limit: at most that of a cost, at least that of a
throughput or an accuracy. It is out if a value misses a limit with its whole 95 % interval, and undecided if the
interval includes a limit. One that misses no limit but lacks a limited value is listed separately with the reason. The
order is that of published single-crop ImageNet top-1, of the weights, else of the paper; networks without either come
last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reporter.model import WITHIN, Reading, Record, ReporterError, Status
from reporter.model.devices import ACCELERATORS, DEVICE_TYPES
from reporter.model.modes import DEFAULT, OUTPUT_ERROR
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.comparison import Accuracy, Comparison, accuracy
from reporter.report.shared_readings import SAMPLED

CRITERIA: dict[str, tuple[str, ...]] = {
    "parameters": ("parameters",),
    "macs": ("macs",),
    "memory": ("weights_bytes", "peak_activation_bytes"),
    **{key: (key,) for key in ("latency_cpu", "latency_cpu_1thread", *(f"latency_{each}" for each in ACCELERATORS))},
    **{f"{rate}_{each}": (f"{rate}_{each}",) for rate in ("throughput", "best_throughput") for each in DEVICE_TYPES},
    "process_memory": ("rss_process_bytes",),
}
"""What can be limited, and the quantities that it is the sum of; memory is that of one inference of one image."""
OF_PAIRS = {**CRITERIA, OUTPUT_ERROR.key: (OUTPUT_ERROR.key,)}
"""What can be limited of (architecture, mode) pairs."""
TOP1, BEST_TOP1 = "imagenet_top1", "imagenet_best_top1"
ACCURACIES = {TOP1: (TOP1,), BEST_TOP1: (BEST_TOP1,)}
"""Published accuracies, which can be limited, too: of the weights that a record names, and of the best weights."""
FLOORS = (*ACCURACIES, *(key for key in CRITERIA if "throughput" in key))
"""What is limited from below: more is better."""
TIMED = tuple(key for key in CRITERIA if key.startswith(("latency", "throughput", "best_throughput")))
"""What depends on the machine."""
UNSURE = 2.0
"""A time that has no interval may be wrong by this factor: so far apart are two days of a shared machine."""
UNMEASURED = "not measured"
"""The reason for a value that no run was asked for."""
EAGER_ONLY = "not measured in this mode"
"""The reason for a value that is measured in eager only."""


@dataclass(frozen=True)
class LimitedValue:
    """A value to be limited, with its 95 % interval where there is one; `rough` is a time that has none.

    `within` is whether the interval is within one process only.
    """

    value: float
    interval: tuple[float, float] | None = None
    status: Status = "ok"
    rough: bool = False
    within: bool = False

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that a limit is compared with."""
        if self.interval:
            return self.interval
        return (self.value / UNSURE, self.value * UNSURE) if self.rough else (self.value, self.value)


@dataclass(frozen=True)
class Candidate:
    """A network with what is to be limited: the values that are there, and of the others why they are not."""

    record: Record
    accuracy: Accuracy
    figures: dict[str, LimitedValue]
    reasons: dict[str, str]

    @property
    def values(self) -> dict[str, float]:
        return {key: figure.value for key, figure in self.figures.items()}

    def above(self, limits: Mapping[str, float]) -> list[str]:
        """The limits that the network does not keep."""
        return [key for key, limit in limits.items() if key in self.figures and _misses(self.figures[key], key, limit)]

    def straddling(self, limits: Mapping[str, float]) -> list[str]:
        """The limits that lie within the bounds of its value."""
        return [key for key, limit in limits.items() if key in self.figures and _spans(self.figures[key], key, limit)]


def _misses(figure: LimitedValue, key: str, limit: float) -> bool:
    """Whether a value with its bounds is on the wrong side of a limit."""
    low, high = figure.bounds
    return high < limit if key in FLOORS else low > limit


def _spans(figure: LimitedValue, key: str, limit: float) -> bool:
    """Whether a limit is within the bounds, so that the value may be on either side."""
    low, high = figure.bounds
    return low < limit <= high if key in FLOORS else low <= limit < high


@dataclass(frozen=True)
class FilterResult:
    """In the order of accuracy: `undecided` are those whose interval includes a limit, `unknown` those that lack a
    limited value, `out` those above a limit."""

    fits: list[Candidate] = field(default_factory=list)
    undecided: list[Candidate] = field(default_factory=list)
    unknown: list[Candidate] = field(default_factory=list)
    out: list[Candidate] = field(default_factory=list)


def candidates(comparison: Comparison) -> tuple[Candidate, ...]:
    """Every network, best first; a time counts only where the newest machine took it."""
    found = (candidate(record, comparison.machines[0]) for record in comparison.networks)
    return tuple(sorted(found, key=lambda each: -(each.accuracy.top1 or 0)))


def limited(comparison: Comparison) -> list[str]:
    """The criteria that at least one network has a value for."""
    return [key for key in CRITERIA if any(key in each.figures for each in candidates(comparison))]


def option(key: str) -> str:
    """The option of `reporter choose` that limits a criterion."""
    return f"--{'min' if key in FLOORS else 'max'}-{key.removeprefix('imagenet_').replace('_', '-')}"


def measured_with(keys: Iterable[str], modes: Iterable[str] = (EAGER,)) -> list[str]:
    """The options of a run that measures these criteria for pairs in these modes.

    The output error is no metric, but part of each mode; that of eager is measured with any mode. Of times, eager's are
    measured without `--modes`; other criteria are those of eager.
    """
    listed, found = list(keys), set(modes)
    parts = [part for key in listed for part in CRITERIA.get(key, ())]
    metrics = [f"--metrics {','.join(parts)}"] if parts else []
    in_modes = OUTPUT_ERROR.key in listed or (EAGER not in found and not set(TIMED).isdisjoint(listed))
    named = ",".join(sorted(found - {EAGER})) or DEFAULT
    return [*metrics, f"--modes {named}"] if in_modes else metrics


def how_to_measure(keys: Iterable[str], modes: Iterable[str]) -> str:
    """The same options as a text, which says why they name modes where only eager is asked for; empty if none."""
    listed, found = list(keys), set(modes)
    of_eager = OUTPUT_ERROR.key in listed and found == {EAGER}
    note = ["(the output of eager is checked with that of any other mode)"] if of_eager else []
    return " ".join([*measured_with(listed, found), *note])


def ordered(networks: Iterable[Candidate], key: str) -> list[Candidate]:
    """Networks by a criterion, the best value first; in their order where it is equal, and last where it is missing."""

    def rank(each: Candidate) -> tuple[bool, float]:
        value = each.figures[key].value if key in each.figures else 0.0
        return key not in each.figures, -value if key in FLOORS else value

    return sorted(networks, key=rank)


def choose(networks: Iterable[Candidate], limits: Mapping[str, float]) -> FilterResult:
    """Applies the rule; raises ReporterError where a limit is no number above zero."""
    for key, limit in limits.items():
        if not (math.isfinite(limit) and limit > 0):
            raise ReporterError(f"{option(key)}: {limit:g} is no limit; give a number above 0")
    found = FilterResult()
    for each in networks:
        lacks = any(key not in each.figures for key in limits)
        unsure = found.unknown if lacks else found.undecided if each.straddling(limits) else found.fits
        (found.out if each.above(limits) else unsure).append(each)
    return found


def unmeasured(networks: Sequence[Candidate], keys: Iterable[str]) -> list[str]:
    """The criteria that no network has a value for, and that a run can measure for some of them."""
    reasons = {key: {each.reasons.get(key) for each in networks} for key in keys}
    return [key for key, found in reasons.items() if UNMEASURED in found <= {UNMEASURED, EAGER_ONLY}]


def unreliable(networks: Iterable[Candidate], keys: Iterable[str]) -> list[str]:
    """The criteria of which no network has a value to rely on, though some have one."""
    found = {key: [each.figures[key].status for each in networks if key in each.figures] for key in keys}
    return [key for key, statuses in found.items() if statuses and "ok" not in statuses]


def within(networks: Iterable[Candidate], keys: Iterable[str]) -> list[str]:
    """The criteria of which some interval does not include how far processes differ."""
    listed = list(networks)
    return [key for key in keys if any(key in each.figures and each.figures[key].within for each in listed)]


def candidate(record: Record, machine: str, criteria: Mapping[str, tuple[str, ...]] = CRITERIA) -> Candidate:
    """A network with its values; a time counts only where this machine took it."""
    figures, reasons = {}, {}
    found = accuracy(record) or Accuracy(None, None, paper=False)
    for key, parts in {**criteria, **ACCURACIES}.items():
        readings = [record.readings[part] for part in parts if record.value(part) is not None]
        elsewhere = key in TIMED and record.machine != machine
        if len(readings) == len(parts) and not elsewhere:
            figures[key] = limited_value(readings)
        else:
            reasons[key] = f"measured on {record.machine}, not on {machine}" if elsewhere else _reason(record, parts)
    if TOP1 in reasons and found.top1 is not None:
        figures[TOP1] = LimitedValue(found.top1)
        del reasons[TOP1]
    return Candidate(record, found, figures, reasons)


def limited_value(readings: Sequence[Reading]) -> LimitedValue:
    """A reading, or the sum of several exact ones."""
    if len(readings) > 1:
        return LimitedValue(sum(reading.value or 0 for reading in readings))
    (reading,) = readings
    status: Status = "noisy" if units.is_doubtful(reading) else reading.verdict.status
    return LimitedValue(
        reading.value or 0, reading.interval, status, units.is_rough(reading), reading.verdict.reason == WITHIN
    )


def _reason(record: Record, parts: Iterable[str]) -> str:
    """Why the first of the quantities that is not there is not."""
    missing = next(part for part in parts if record.value(part) is None)
    reading = record.readings.get(missing)
    if reading is None:
        return EAGER_ONLY if record.mode != EAGER and missing in SAMPLED else UNMEASURED
    return f"{reading.status}: {reading.reason}" if reading.reason else reading.status
