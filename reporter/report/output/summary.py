"""summary.json: all measured values, for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from reporter.compare.document import side
from reporter.compare.matching import NO_NUMBER
from reporter.documents import SUMMARY, better
from reporter.documents.reference_verdicts import AgainstReference
from reporter.model import Reading, Record, Status
from reporter.model.devices import ACCELERATORS
from reporter.model.records import EAGER
from reporter.model.scaling_curves import AXES, BEST, LOST, Axis, missing_curve
from reporter.report.comparison import Comparison
from reporter.report.drawing.curve_lines import CurveLine, lines
from reporter.report.modes.engine_packages import packages
from reporter.report.tail_latency import Place, relative
from reporter.report.why.record_profiles import SETTINGS, recorded_operators, recorded_stages
from reporter.stats.linear_fit import LinearFit
from reporter.version import __version__

BATCH = "batch"
WITH_BATCH = frozenset(quantity.key for quantity in BEST.values()) | {
    f"train_throughput_{each}" for each in ACCELERATORS
}
"""Throughputs over several batch sizes, whose readings have that of the highest one in the detail."""


def summary(comparison: Comparison, against: AgainstReference | None = None) -> dict[str, Any]:
    """The outer surface of the contract; `generated` is the one value that differs from call to call."""
    found = streamed(comparison, against)
    return {**found, "records": list(found["records"])}


def streamed(comparison: Comparison, against: AgainstReference | None = None) -> dict[str, Any]:
    """The same with an iterator of the records: all of them would need more memory than anything else in a report."""
    beside = {key: relative(comparison, key) for key in comparison.quantities}
    machines = {machine: comparison.of(machine)[0].machine_facts for machine in comparison.machines}
    newest = comparison.newest
    every = (*comparison.records, *comparison.modes)
    readings = [(record, reading) for record in every for reading in record.readings.values()]
    counts = Counter(reading.verdict.status for _, reading in readings)
    modes = ((record, each) for record in comparison.records for each in (record, *comparison.modes_of(record)))
    counts.update(reading.status for record, each in modes if (reading := missing_curve(record.curves, each.mode)))
    return {
        "schema": SUMMARY,
        "reporter": __version__,
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": side("", comparison.records, comparison.past).run,
        "started": newest.started,
        "environment": newest.environment,
        "machine": newest.machine_facts,
        "machines": machines,
        "settings": newest.settings,
        "counts": {status: counts[status] for status in get_args(Status) if counts[status]},
        "failed": [
            *(_failed(record, reading) for record, reading in readings if reading.status in NO_NUMBER),
            *_failed_points(comparison.records),
        ],
        "records": (_record(record, comparison.modes_of(record), beside) for record in comparison.records),
        **({"against": against.model_dump(mode="json")} if against else {}),
    }


def _record(record: Record, modes: Sequence[Record], beside: Mapping[str, Mapping[Place, float]]) -> dict[str, Any]:
    """A record with its modes; only the times of eager are relative to those of other architectures."""
    place = (record.machine, record.architecture)
    about = {
        "architecture": record.architecture,
        "family": record.family,
        "year": record.year,
        "machine": record.machine,
        "started": record.started,
        "environment": record.environment,
    }
    if record.own_input_size is not None:
        about |= {"input_size": str(record.image_size), "own_input_size": record.own_input_size}
    readings = {k: _reading(reading, beside[k].get(place)) for k, reading in record.readings.items()}
    readings |= _missing_curve(record, EAGER)
    inside = {
        mode.mode: {
            "readings": {k: _reading(v, None) for k, v in mode.readings.items()} | _missing_curve(record, mode.mode),
            **({"input_size": str(mode.image_size)} if mode.image_size != record.image_size else {}),
            **({"engine": versions} if (versions := packages([mode])) else {}),
            **profile(mode),
        }
        for mode in modes
    }
    curves = {"curves": _curves(record)} if record.curves else {}
    return {**about, "readings": readings, **({"modes": inside} if inside else {}), **curves, **profile(record)}


def profile(record: Record) -> dict[str, Any]:
    """The operators and stages of a record, where any were measured."""
    found: dict[str, Any] = {
        "operators": {
            setting: [row.model_dump(mode="json", exclude_defaults=True) for row in rows]
            for setting in SETTINGS
            if (rows := recorded_operators(record, setting))
        },
        "stages": [
            {"stage": row.stage, "setting": setting, **row.model_dump(mode="json", exclude={"stage"})}
            for setting in SETTINGS
            for row in recorded_stages(record, setting)
        ],
    }
    return {name: rows for name, rows in found.items() if rows}


def _curves(record: Record) -> dict[str, Any]:
    """The points of both curves, and the line through the latencies over the batch size in each mode."""
    left_out = {"samples", "settings", "predicted", "foreign_load", "detail", "run", "needed", "seconds"}
    points: dict[str, Any] = {
        axis: [point.model_dump(mode="json", exclude=left_out) for point in record.curves.points(axis)] for axis in AXES
    }
    return {**points, "fits": [_fit(line, line.fit) for line in lines([record], "batch") if line.fit]}


def _missing_curve(record: Record, mode: str) -> dict[str, Any]:
    """The reading `curves` of a mode where a curve has no measured point."""
    found = missing_curve(record.curves, mode)
    return {found.quantity.key: _reading(found, None)} if found else {}


def _fit(line: CurveLine, found: LinearFit) -> dict[str, Any]:
    coefficients = (("overhead", found.intercept, found.intercept_interval),
                    ("time_per_image", found.slope, found.slope_interval))  # fmt: skip
    stated = {
        name: {"value": value, "low": interval[0] if interval else None, "high": interval[1] if interval else None}
        for name, value, interval in coefficients
    }
    return {"mode": line.mode, "device": line.device, **stated}


def _failed(record: Record, reading: Reading) -> dict[str, Any]:
    quantity = reading.quantity
    place = {"architecture": record.architecture, "mode": record.mode, "machine": record.machine}
    return {
        **place, "metric": quantity.key, "title": quantity.title, "status": reading.status, "reason": reading.reason
    }  # fmt: skip


def _failed_points(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """The points of curves that failed; one that does not fit into memory did not."""
    titles: dict[Axis, str] = {"batch": "Curve over the batch size", "size": "Curve over the image size"}
    for record in records:
        for axis in AXES:
            for point in record.curves.points(axis):
                if point.status not in LOST:
                    continue
                row = point.model_dump(mode="json", include={"mode", "device", "batch", "size", "status", "reason"})
                place = {"architecture": record.architecture, "machine": record.machine}
                yield {**place, "metric": "curves", "title": titles[axis], "axis": axis, **row}


def _reading(reading: Reading, relative: float | None) -> dict[str, Any]:
    """`relative`, where a time has one: beside the geometric mean of the networks in the run."""
    verdict = reading.verdict
    low, high = reading.interval or (None, None)
    return {
        "title": reading.quantity.title,
        "value": reading.value,
        "unit": reading.quantity.unit,
        "better": better(reading.quantity),
        "status": verdict.status,
        "reason": "; ".join(reading.notes) or None,
        "samples": list(reading.samples),
        "low": low,
        "high": high,
        **({} if relative is None else {"relative": relative}),
        **(
            {"detail": {BATCH: reading.detail[BATCH]}}
            if reading.quantity.key in WITH_BATCH and reading.measured and BATCH in reading.detail
            else {}
        ),
    }
