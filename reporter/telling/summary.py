"""summary.json: everything measured, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reporter import __version__
from reporter.telling.comparison import Comparison
from reporter.telling.times import Place, relative
from reporter.types import SCHEMA, Reading, Record


def summary(comparison: Comparison) -> dict[str, Any]:
    """The outer surface of the contract; `generated` is the one value that differs from call to call."""
    beside = {key: relative(comparison, key) for key in comparison.quantities}
    machines = {machine: comparison.of(machine)[0].machine_facts for machine in comparison.machines}
    return {
        "schema": SCHEMA,
        "reporter": __version__,
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": comparison.newest.machine_facts,
        "machines": machines,
        "settings": comparison.newest.settings,
        "records": [_record(record, beside) for record in comparison.records],
    }


def _record(record: Record, beside: Mapping[str, Mapping[Place, float]]) -> dict[str, Any]:
    place = (record.machine, record.architecture)
    about = {
        "architecture": record.architecture,
        "family": record.family,
        "year": record.year,
        "machine": record.machine,
    }
    return {**about, "readings": {k: _reading(reading, beside[k].get(place)) for k, reading in record.readings.items()}}


def _reading(reading: Reading, relative: float | None) -> dict[str, Any]:
    """`relative`, where a time has one: beside the geometric mean of the networks in the run."""
    verdict = reading.verdict
    low, high = reading.interval or (None, None)
    return {
        "value": reading.value,
        "unit": reading.quantity.unit,
        "status": verdict.status,
        "reason": "; ".join(reading.notes) or None,
        "samples": list(reading.samples),
        "low": low,
        "high": high,
        **({} if relative is None else {"relative": relative}),
    }
