"""Counts the readings of an architecture that failed or lack rounds."""

from __future__ import annotations

from collections.abc import Iterator

from reporter.model import Metric, Reading
from reporter.run.ledger import Ledger

FAILED = ("failed", "oom", "timeout")
"""The status of a reading that was tried and has no value."""


def failed(ledger: Ledger) -> int:
    """How many of the readings asked for did not succeed."""
    return sum(
        reading is not None and reading.status in FAILED
        for metric in ledger.request.metrics.values()
        for reading in _readings(ledger, metric)
    )


def lacking(ledger: Ledger) -> int:
    """How many of the times asked for have fewer rounds than asked for because rounds were lost."""
    timed = (metric for metric in ledger.request.metrics.values() if metric.timed)
    found = (each for metric in timed for each in _readings(ledger, metric))
    return sum(bool(each and each.lost and len(each.rounds) < ledger.request.conditions.rounds) for each in found)


def _readings(ledger: Ledger, metric: Metric) -> Iterator[Reading | None]:
    """The readings of a metric in all modes."""
    for record in ledger.records.values():
        yield from (record.readings.get(quantity.key) for quantity in metric.quantities)
