"""The lines of history.jsonl: what a run measured of an architecture, and why other values are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reporter.model import Reading, Record
from reporter.model.records import EAGER
from reporter.run.request import Request

LONGEST_REASON = 200
"""Characters of a reason in history.jsonl."""
NO_JOBS: Mapping[str, Sequence[float]] = {}


def history_line(
    records: Mapping[str, Record], request: Request, now: str, seconds: float = 0.0,
    jobs: Mapping[str, Sequence[float]] = NO_JOBS,
) -> dict[str, Any]:  # fmt: skip
    """The line of an architecture, of which `records` has all execution modes.

    `now` is common to all lines of a run; `jobs` has the seconds of the jobs of each name.
    """
    eager = records[EAGER]
    modes = {mode: _measured(record, request) for mode, record in records.items() if mode != EAGER}
    return {
        **request.line,
        "finished": True,
        "generated": now,
        "architecture": eager.architecture,
        "machine": eager.machine,
        "environment": eager.environment,
        **_measured(eager, request),
        **({"modes": modes} if modes else {}),
        "seconds": round(seconds, 3),
        "effort": request.effort,
        "jobs": {job: round(sum(took) / len(took), 3) for job, took in jobs.items()},
    }


def _measured(record: Record, request: Request) -> dict[str, Any]:
    """The values of a record, and why others are missing."""
    values = {key: _value(reading, request.run) for key, reading in record.readings.items()}
    return {
        "values": {key: value for key, value in values.items() if value is not None},
        "unmeasured": {
            key: {"status": reading.status, "reason": (reading.reason or "")[:LONGEST_REASON] or None}
            for key, reading in record.readings.items()
            if values[key] is None
        },
    }


def _value(reading: Reading, run: str) -> float | None:
    """The value of the rounds of a run, where it has any; rounds of another day are another level."""
    now = reading.of_run(run) if reading.origins else reading
    return (now if now.measured else reading).value
