"""The rate of each architecture below the ceilings of its machine, for the roofline chart and the table of ceilings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from reporter.model import Reading, Record
from reporter.model.modes import PRECISIONS
from reporter.report.comparison import Comparison
from reporter.report.output_verdicts import output_of
from reporter.report.why.record_profiles import SETTINGS

FP32 = "fp32"
INTENSITY = "arithmetic_intensity"
GIGA = 1e9
"""Rates are shown in units of 1e9 per second."""
BYTES = 4
"""Of a parameter in fp32."""
HALF = ("bf16", "fp16")
"""Precisions with half the bytes of fp32 for each number."""


@dataclass(frozen=True)
class Point:
    """An architecture in a mode: MACs for each byte that is moved, and MACs per second."""

    record: Record
    intensity: float
    rate: float


@dataclass(frozen=True)
class Roofline:
    """The ceilings of a machine in a setting and precision, and the architectures below them.

    All were measured with the same threads and variables, `conditions` (see `conditions`).
    """

    machine: str
    setting: str
    precision: str
    peak: float
    bandwidth: float
    points: tuple[Point, ...]
    conditions: str = ""

    @property
    def ridge(self) -> float:
        """The arithmetic intensity above which the bound is computation, below it memory."""
        return self.peak / self.bandwidth

    def share(self, point: Point) -> float:
        """The rate of an architecture over the ceiling at its arithmetic intensity."""
        return point.rate / min(self.peak, point.intensity * self.bandwidth)

    def bound(self, point: Point) -> Literal["compute", "memory"]:
        """What limits an architecture: the lower of both ceilings."""
        return "compute" if self.peak <= point.intensity * self.bandwidth else "memory"


def rooflines(comparison: Comparison, settings: Sequence[str] = SETTINGS) -> Iterator[Roofline]:
    """The rooflines of all machines that have ceilings, fp32 first, for each of the conditions of the latencies."""
    for machine in comparison.machines:
        records = comparison.of(machine)
        for setting, precision in product(settings, (FP32, *PRECISIONS)):
            part = "" if precision == FP32 else f"{precision}_"
            for under in conditions_of_ceilings(records, setting):
                bandwidth = ceiling(records, f"ceiling_bandwidth_{setting}", under)
                peak = ceiling(records, f"ceiling_macs_{part}{setting}", under)
                points = tuple(_points(comparison, records, setting, precision, under)) if peak and bandwidth else ()
                if points:
                    yield Roofline(machine, setting, precision, peak, bandwidth, points, under)


def without_peak(comparison: Comparison) -> dict[str, list[str]]:
    """By machine, the precisions of modes without a peak in any setting that the mode was timed in."""
    found: dict[str, set[str]] = {}
    for record in comparison.modes:
        timed = [setting for setting in SETTINGS if record.value(f"latency_{setting}")]
        under = [(setting, conditions(record.readings[f"latency_{setting}"])) for setting in timed]
        records = comparison.of(record.machine)
        for precision in {*record.mode.split("+")} & {*PRECISIONS}:
            peaks = [ceiling(records, f"ceiling_macs_{precision}_{setting}", each) for setting, each in under]
            if peaks and not any(peaks):
                found.setdefault(record.machine, set()).add(precision)
    return {machine: sorted(found[machine]) for machine in comparison.machines if machine in found}


def conditions(reading: Reading) -> str:
    """The variables and threads of a reading, as on a command line; empty where none are set."""
    variables, threads = (reading.conditions.get(name) for name in ("variables", "threads"))
    named = sorted(variables.items()) if isinstance(variables, dict) else []
    return ", ".join([*(f"{name}={value}" for name, value in named), *([f"--threads {threads}"] if threads else [])])


def conditions_of_ceilings(records: Sequence[Record], setting: str) -> list[str]:
    """The conditions under which ceilings were measured in a setting, each once."""
    found = (record.readings.get(f"ceiling_bandwidth_{setting}") for record in records)
    return list(dict.fromkeys(conditions(reading) for reading in found if reading and reading.measured))


def ceiling(records: Sequence[Record], key: str, under: str) -> float:
    """The highest rate in any of the records under these conditions, 0 if there is none."""
    found = (record.readings.get(key) for record in records)
    return max((each.value or 0.0 for each in found if each and conditions(each) == under), default=0.0)


def _points(
    comparison: Comparison, records: Sequence[Record], setting: str, precision: str, under: str
) -> Iterator[Point]:
    """One for each architecture that has MACs, an intensity and a latency under these conditions.

    In another precision than its own, it is that of the fastest mode.
    """
    key = f"latency_{setting}"
    for eager in records:
        own = _own_precision(eager, setting)
        timed = [
            record
            for record in _computing_in(precision, comparison, eager, own)
            if record.value(key) and conditions(record.readings[key]) == under
        ]
        macs, intensity = eager.value("macs"), _intensity(eager, setting)
        if timed and macs and intensity:
            fastest = min(timed, key=lambda record: record.value(key) or 0.0)
            per_byte = fastest.value(INTENSITY) or intensity * (2 if own != precision and precision in HALF else 1)
            yield Point(fastest, per_byte, macs / (fastest.value(key) or 1.0))


def _computing_in(precision: str, comparison: Comparison, eager: Record, own: str) -> Sequence[Record]:
    """The records of an architecture in a precision: eager in its own, modes in another.

    Of the modes of one that is not fp32, the bytes that are moved are not known.
    """
    if precision == own:
        return [eager]
    modes = comparison.modes_of(eager) if own == FP32 else ()
    return [mode for mode in modes if precision in mode.mode.split("+") and output_of(comparison, mode) == "within"]


def _own_precision(record: Record, setting: str) -> str:
    """The precision of the peak that the share of an architecture is of; fp32 in earlier records, which name none.

    Without a share it is fp32 if the weights have so many bytes. Empty if it is another one or unknown.
    """
    share = record.readings.get(f"ceiling_share_{setting}")
    if share is not None and share.measured:
        return str(share.detail.get("peak_precision", FP32))
    parameters, weights = record.value("parameters"), record.value("weights_bytes")
    is_unsupported = share is not None and share.status == "unsupported"
    is_fp32 = parameters and weights and BYTES <= weights / parameters < 2 * BYTES
    return FP32 if is_fp32 and not is_unsupported else ""


def _intensity(record: Record, setting: str) -> float:
    """MACs for each byte; of a record without times of the CPU, that beside the share of the ceiling."""
    beside = record.readings.get(f"ceiling_share_{setting}")
    found = record.value(INTENSITY) or (beside.detail.get("intensity") if beside and beside.measured else None)
    return float(found) if isinstance(found, int | float) else 0.0
