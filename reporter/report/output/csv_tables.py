"""Tables as CSV: raw values for programs and spreadsheets."""

from __future__ import annotations

import csv
from io import StringIO

from reporter.report.table import Cell, Column, Table, Value

MARK = "\ufeff"
"""The byte-order mark, without which Excel takes UTF-8 for something else."""


def to_csv(table: Table) -> str:
    """Raw values in base units, the ends of intervals, and a status column where something is not plainly a number.

    It begins with a byte-order mark where there is anything but ASCII in it.
    """
    doubted = [
        any(row[index].status not in ("ok", "missing") for row in table.rows) for index in range(len(table.columns))
    ]
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(guard(name) for c, d in zip(table.columns, doubted, strict=True) for name in _headings(c, d))
    for row in table.rows:
        cells = zip(row, table.columns, doubted, strict=True)
        writer.writerow(guard(value) for cell, column, d in cells for value in _values(cell, column, d))
    text = output.getvalue()
    return text if text.isascii() else MARK + text


def _headings(column: Column, doubted: bool) -> list[str]:
    ends = [column.heading.replace(column.key, f"{column.key}_{end}", 1) for end in ("low", "high")]
    names = [column.heading, *(ends if column.interval else [])]
    return names + ([f"{column.key}_status"] if doubted else [])


def _values(cell: Cell, column: Column, doubted: bool) -> list[Value]:
    ends: list[Value] = [cell.low, cell.high] if column.interval else []
    status: list[Value] = [cell.status] if doubted else []
    return [cell.value, *ends, *status]


def guard(value: Value) -> Value:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay as they are."""
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")):
        return f"'{value}"
    return value
