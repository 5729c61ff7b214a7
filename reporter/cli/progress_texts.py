"""Readings and jobs in the lines and events of progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reporter.model import WITHIN, Reading
from reporter.report import units
from reporter.report.language import language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reporter.host.job import Job

MOST = 4
"""Running jobs that a line names."""


def in_words(reading: Reading) -> str:
    """A reading as one sees it pass by: its value and interval, or what went wrong."""
    status, reason = reading.verdict.status, "; ".join(reading.notes)
    if reading.value is None:
        return f"{status}: {reason}"
    value = units.stated(language("en"), reading)
    note = reason if status == "ok" else f"{status}: {reason}"
    return f"{value} ({note})" if reason and reason != WITHIN else value


def short(reading: Reading) -> str:
    """The value alone, or what went wrong."""
    value = reading.value
    return in_words(reading) if value is None else units.words(language("en"), reading.quantity, value)


def running(jobs: Sequence[Job]) -> str:
    """What runs."""
    names = ", ".join(f"{job.architecture}: {job.process}, round {job.round + 1}" for job in jobs[:MOST])
    return f"running {names}" if names else "starting the next measurement"


def about_job(job: Job) -> dict[str, Any]:
    """A job in an event."""
    mode = {"modes": list(job.modes)} if job.modes else {}
    return {"architecture": job.architecture, "process": job.process, "round": job.round + 1, **mode}


def about_reading(reading: Reading) -> dict[str, Any]:
    """A reading in an event."""
    about = {"metric": reading.quantity.key, "unit": reading.quantity.unit, "value": reading.value}
    return {**about, "status": reading.verdict.status, "reason": "; ".join(reading.notes) or None}
