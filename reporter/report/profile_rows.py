"""Operators and stages of a record, from the details of its readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from reporter.model import Record
from reporter.model.profiles import OperatorTime, StageTime

OPERATORS, STAGES = "operators", "stages"
Row = TypeVar("Row", OperatorTime, StageTime)
_operators, _stages = TypeAdapter(list[OperatorTime]), TypeAdapter(list[StageTime])


def operators(record: Record) -> dict[str, list[OperatorTime]]:
    """The operators by setting (`cpu_1thread`, `cpu`, `cuda`), those with the most seconds first."""
    return {setting: rows for setting, found in _details(record, OPERATORS) if (rows := _valid(_operators, found))}


def stages(record: Record) -> dict[str, list[StageTime]]:
    """The stages by setting, in the order in which they run."""
    return {setting: rows for setting, found in _details(record, STAGES) if (rows := _valid(_stages, found))}


def _details(record: Record, name: str) -> Iterator[tuple[str, JsonValue]]:
    """The settings in which something was measured, each with its rows."""
    prefix = f"{name}_coverage_"
    for key, reading in record.readings.items():
        if key.startswith(prefix) and reading.measured and name in reading.detail:
            yield key.removeprefix(prefix), reading.detail[name]


def _valid(rows: TypeAdapter[list[Row]], found: JsonValue) -> list[Row]:
    """The rows, none where the detail has something else: a record may have been edited."""
    try:
        return rows.validate_python(found)
    except ValidationError:
        return []
