"""The batch size of throughputs that were measured at one: a condition of their readings."""

from __future__ import annotations

from reporter.report.comparison import Comparison
from reporter.report.language import Language


def batches(comparison: Comparison, language: Language) -> str:
    """A sentence with the batch sizes of the throughputs of a report; empty where none is known."""
    readings = (reading for record in comparison.records for reading in record.readings.values() if reading.measured)
    found = (each.settings.get("throughput_batch") for each in readings if each.quantity.unit == "1/s")
    sizes = sorted({size for size in found if type(size) is int})
    if not sizes:
        return ""
    message = language._("Throughput: in batches of {batch}.")
    return message.format(batch=language.listing([language.number(size) for size in sizes]))
