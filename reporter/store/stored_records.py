"""How records lie in a file: the eager record of an architecture, with the readings of its other modes inside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from reporter.model import SCHEMA, ComparedRecord, Reading, Record
from reporter.model.fields import MOST, Name
from reporter.model.readings import Model
from reporter.model.records import ComparedReading, check_keys


class StoredMode(Model):
    """What a record has besides the eager one's fields; `input_size` if that of its square images is another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readings: dict[str, Reading] = {}
    input_size: int | None = Field(None, ge=1, le=MOST["input_size"])

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        check_keys(self.readings)
        return self


class ComparedMode(StoredMode):
    readings: dict[str, ComparedReading] = {}  # type: ignore[assignment]


class StoredRecord(Record):
    """The record of a file."""

    modes: dict[Name, StoredMode] = {}


class StoredComparedRecord(ComparedRecord):
    """The record of a file with no more than a comparison looks at."""

    modes: dict[Name, ComparedMode] = {}


Stored = StoredRecord | StoredComparedRecord
STORED: dict[type[Record], type[Stored]] = {Record: StoredRecord, ComparedRecord: StoredComparedRecord}


OPTIONAL = ("input_width", "own_input_size", "curves")
"""Fields that files have only where they are set."""


def nested(eager: Record, modes: Iterable[Record] = ()) -> dict[str, Any]:
    """The JSON object of a file; `modes` are the records of the same architecture in other modes."""
    unset = {name for name in OPTIONAL if not getattr(eager, name)}
    content = eager.model_dump(mode="json", by_alias=True, exclude={"mode", *unset})
    inside = {each.mode: _inside(each, eager) for each in modes}
    return {**content, "schema": SCHEMA, **({"modes": inside} if inside else {})}


def _inside(mode: Record, eager: Record) -> dict[str, Any]:
    """What the record of a mode adds to that of eager."""
    other = {"input_size"} if mode.image_size != eager.image_size else set()
    return mode.model_dump(mode="json", include={"readings", *other})


def unnested(stored: Stored, kind: type[Record]) -> list[Record]:
    """The records of a file, eager first; what they share is one object."""
    shared = {name: getattr(stored, name) for name in kind.model_fields if name != "mode"}
    eager = kind.model_construct(**shared)
    return [eager, *(_of_mode(eager, name, mode) for name, mode in stored.modes.items())]


def _of_mode(eager: Record, name: str, mode: StoredMode) -> Record:
    size = {"input_size": mode.input_size, "input_width": None} if mode.input_size else {}
    return eager.model_copy(update={"mode": name, "readings": mode.readings, **size})
