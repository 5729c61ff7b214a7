"""Where the time of a record goes: its operators by what they compute, and its stages and ceilings.

Operators, stages and layers are profiled at another time than latencies, when the machine may be in another state. So
their seconds are shares of the latency of the record, which reports print. A record without a latency that was taken
under the same conditions has the seconds that were recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from reporter.compare.kernel_digests import ENGINE
from reporter.model import Reading, Record
from reporter.model.profiles import LayerKernel, LayerTime, OperatorTime, StageTime, implementation
from reporter.report.why import operator_names

SETTINGS = ("cpu_1thread", "cpu", "cuda")
COMMON = ("variables", ENGINE, "input_size", "threads")
"""The conditions of a latency and of a coverage that may differ in a record, whose readings are of several runs."""
OPERATORS, STAGES = TypeAdapter(list[OperatorTime]), TypeAdapter(list[StageTime])
LAYERS = TypeAdapter(list[LayerTime])
Row = TypeVar("Row", OperatorTime, StageTime, LayerTime)


class Part(NamedTuple):
    """What all operators with one label take: seconds, share of the latency, calls, and the kernels that ran."""

    label: str
    seconds: float
    share: float
    calls: int
    kernels: tuple[str, ...]


def operators(record: Record, setting: str, latency: float | None = None) -> Sequence[OperatorTime]:
    """The operators of a record in a setting, those with the most seconds first; empty where they were not measured.

    Their seconds sum to `latency`, by default to that of the record under the same conditions.
    """
    return _timed(recorded_operators(record, setting), latency or _latency(record, "operators", setting))


def recorded_operators(record: Record, setting: str) -> list[OperatorTime]:
    """The same with the seconds that were recorded."""
    return _rows(record, "operators", setting, OPERATORS)


def has_operators(record: Record, setting: str) -> bool:
    """Whether a record has operators in a setting, without a look at them."""
    return _has(record, "operators", setting)


def has_timed_operators(record: Record, setting: str) -> bool:
    """Whether a record has operators in a setting, and a latency that was taken under the same conditions."""
    return has_operators(record, setting) and _latency(record, "operators", setting) is not None


def _latency(record: Record, name: str, setting: str) -> float | None:
    """The latency of a record, if it was taken under the conditions of a coverage; None without either."""
    latency, coverage = (record.readings.get(f"{key}_{setting}") for key in ("latency", f"{name}_coverage"))
    return latency.value if latency and coverage and _are_alike(latency, coverage) else None


def _are_alike(latency: Reading, coverage: Reading) -> bool:
    one, other = latency.conditions, coverage.conditions
    return all(one.get(name) == other.get(name) for name in COMMON)


def _has(record: Record, name: str, setting: str) -> bool:
    reading = record.readings.get(f"{name}_coverage_{setting}")
    return reading is not None and reading.measured and bool(reading.detail.get(name))


def stages(record: Record, setting: str) -> Sequence[StageTime]:
    """The stages of a record in a setting, in the order in which they run; empty where they were not measured."""
    return _timed(recorded_stages(record, setting), _latency(record, "stages", setting))


def recorded_stages(record: Record, setting: str) -> list[StageTime]:
    """The same with the seconds that were recorded."""
    return _rows(record, "stages", setting, STAGES)


def layers(record: Record, setting: str) -> Sequence[LayerTime]:
    """The layers of a record that take most in a setting, most seconds first; empty where they were not measured."""
    return _timed(_rows(record, "layers", setting, LAYERS, of="operators"), _latency(record, "operators", setting))


def _timed(rows: list[Row], latency: float | None) -> list[Row]:
    """Rows whose seconds are their shares of a latency; as they are where there is none."""
    return [row.model_copy(update={"seconds": row.share * latency}) for row in rows] if latency else rows


def _rows(record: Record, name: str, setting: str, kind: TypeAdapter[list[Row]], of: str = "") -> list[Row]:
    """The rows in the detail of a coverage; none where the detail has something else: a record may have been edited."""
    reading = record.readings.get(f"{of or name}_coverage_{setting}")
    if reading is None or not reading.measured:
        return []
    try:
        return kind.validate_python(reading.detail.get(name, []))
    except ValidationError:
        return []


def label(row: OperatorTime | LayerKernel, by_kernel: bool = False) -> str:
    """What an operator computes and its library; with `by_kernel` the kernel, too: `linear layer (gemm, MKL)`."""
    name = operator_names.label(row.operator)
    kernel = ", ".join(filter(None, (row.kernel, row.library)))
    return f"{name} ({kernel})" if by_kernel else name


def parts(rows: Sequence[OperatorTime], by_kernel: bool = False) -> dict[str, Part]:
    """The operators by their labels, the most expensive first; with `by_kernel` also by kernel."""
    found: dict[str, list[OperatorTime]] = {}
    for row in rows:
        found.setdefault(label(row, by_kernel), []).append(row)
    summed = [
        Part(
            name,
            sum(row.seconds for row in each),
            sum(row.share for row in each),
            sum(row.calls for row in each),
            tuple(dict.fromkeys(map(implementation, each))),
        )
        for name, each in found.items()
    ]
    return {part.label: part for part in sorted(summed, key=lambda part: -part.seconds)}


def setting_of(records: Sequence[Record], settings: Sequence[str] = SETTINGS) -> str:
    """The first setting in which any of the records has operators; empty without any."""
    return next((each for each in settings if any(has_operators(record, each) for record in records)), "")


def setting_of_card(record: Record) -> str:
    """The first setting in which a record has operators, else the first in which it has stages; empty without any."""
    return setting_of([record]) or next((each for each in SETTINGS if _has(record, "stages", each)), "")
