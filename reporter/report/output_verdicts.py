"""The verdict of the output check of the records of a comparison."""

from __future__ import annotations

from reporter.model import Record
from reporter.model.modes import OUTPUT_ERROR, OutputDecision, OutputVerdict, exceeds, output_decision
from reporter.report.comparison import Comparison


def output_of(comparison: Comparison, record: Record) -> OutputVerdict:
    """The verdict of a record, given eager of the same architecture and machine, which decides where it is wrong."""
    return decision_of(comparison, record).verdict


def decision_of(comparison: Comparison, record: Record) -> OutputDecision:
    """The same with the output error that the verdict is based on."""
    alone = output_decision(record)
    if alone.verdict != "wrong":
        return alone
    same = (each for each in comparison.of(record.machine) if each.architecture == record.architecture)
    return output_decision(record, next(same, None))


def is_above(comparison: Comparison, record: Record) -> bool:
    """Whether a record has an output error above its limit that cannot be checked, as eager's may be.

    Of several devices, the error is the largest in relation to its limit; one without a value takes nothing from it.
    """
    error = record.readings.get(OUTPUT_ERROR.key)
    return error is not None and exceeds(error) and output_of(comparison, record) == "unchecked"
