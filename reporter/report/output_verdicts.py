"""The verdict of the output check of the records of a comparison."""

from __future__ import annotations

from reporter.model import Record
from reporter.model.modes import OutputVerdict, output_verdict
from reporter.report.comparison import Comparison


def output_of(comparison: Comparison, record: Record) -> OutputVerdict:
    """The verdict of a record, given eager of the same architecture and machine, which decides where it is wrong."""
    alone = output_verdict(record)
    if alone != "wrong":
        return alone
    same = (each for each in comparison.of(record.machine) if each.architecture == record.architecture)
    return output_verdict(record, next(same, None))
