"""summary.json: everything measured, for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from reporter import __version__
from reporter.telling.comparison import Comparison
from reporter.types import SCHEMA, Reading, Record


def summary(comparison: Comparison) -> dict[str, Any]:
    """The outer surface of the contract; `generated` is the one value that differs from call to call."""
    machines = {machine: comparison.of(machine)[0].machine_facts for machine in comparison.machines}
    return {
        "schema": SCHEMA,
        "reporter": __version__,
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": comparison.newest.machine_facts,
        "machines": machines,
        "settings": comparison.newest.settings,
        "records": [_record(record) for record in comparison.records],
    }


def _record(record: Record) -> dict[str, Any]:
    about = {
        "architecture": record.architecture,
        "family": record.family,
        "year": record.year,
        "machine": record.machine,
    }
    return {**about, "readings": {key: _reading(reading) for key, reading in record.readings.items()}}


def _reading(reading: Reading) -> dict[str, Any]:
    verdict = reading.verdict
    low, high = reading.interval or (None, None)
    return {
        "value": reading.value,
        "unit": reading.quantity.unit,
        "status": verdict.status,
        "reason": verdict.reason,
        "samples": list(reading.samples),
        "low": low,
        "high": high,
    }
