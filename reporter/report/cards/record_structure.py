"""The structure of a model as stored in a record: stages, layers, and the graph of the repeated block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from reporter.model import Record

LAYER = ("name", "kind", "output", "parameters", "macs")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class Layer(_Row):
    """A layer with its output and its cost; a record contains it as a line of text, with semicolons between."""

    name: str
    kind: str
    output: str
    parameters: int
    macs: int

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, line: Any) -> Any:
        """Split from the right: a name may have semicolons of its own."""
        return dict(zip(LAYER, line.rsplit("; ", 4), strict=False)) if isinstance(line, str) else line


class Stage(Layer):
    """A run of layers; `level` says how often the grid was halved before them, None where there is no grid."""

    level: int | None


class Operator(_Row):
    """A node of a block's graph; `sources` are the places of the nodes that it reads."""

    op: str
    output: str
    sources: tuple[int, ...] = Field(alias="from")
    within: str = ""
    kernel: str = ""
    stride: int = 1
    groups: int = 1


class RecordedBlock(_Row):
    """The part of the network that is drawn; `repeats` counts the parts of its kind, 0 where it is the only one."""

    name: str
    kind: str
    repeats: int
    graph: tuple[Operator, ...]

    @model_validator(mode="after")
    def _reads_what_came_before(self) -> Self:
        for place, operator in enumerate(self.graph):
            if not all(0 <= source < place for source in operator.sources):
                raise ValueError(f"{operator.op} at {place} reads what does not come before it")
        return self


Kind = TypeVar("Kind")


def stages(record: Record) -> Sequence[Stage]:
    return _detail(record, "layers", "stages", list[Stage]) or []


def layers(record: Record) -> Sequence[Layer]:
    return _detail(record, "layers", "layers", list[Layer]) or []


def block(record: Record) -> RecordedBlock | None:
    return _detail(record, "block_parameters", None, RecordedBlock)


def _detail(record: Record, key: str, part: str | None, kind: type[Kind]) -> Kind | None:
    """A part of a reading's detail; None where the record has none, or has it in another form than is known here."""
    reading = record.readings.get(key)
    if reading is None or not reading.measured:
        return None
    try:
        return TypeAdapter(kind).validate_python(reading.detail.get(part) if part else reading.detail)
    except ValidationError:
        return None
