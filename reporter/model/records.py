"""Records and evidence: a file for each machine and architecture, or claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import ConfigDict, Field, JsonValue, model_validator, with_config
from typing_extensions import TypedDict

from reporter.model.fields import MOST, Facts, Name
from reporter.model.image_sizes import ImageSize
from reporter.model.plurals import counted
from reporter.model.readings import EVIDENCE_SCHEMA, SCHEMA, Model, Number, Reading
from reporter.model.scaling_curves import Curves

EAGER = "eager"
"""The mode that is the base of all others: fp32, contiguous, as torch runs it."""


def pair_name(architecture: str, mode: str) -> str:
    """An (architecture, mode) pair in texts: `resnet50 (bf16+channels_last)`, and `resnet50` in eager."""
    return architecture if mode == EAGER else f"{architecture} ({mode})"


class Record(Model):
    """Everything measured of one architecture in one mode on one machine.

    `input_size` is the side of the images that it was measured with, or their height where `input_width` has another
    width; `own_input_size` is the architecture's own, where that is another. The `curves` of all modes are in the
    eager record.

    `mode` is the way of running it: see model/modes.py. `definition` is the digest of the code and weights that were
    built and trained, `year` None if unknown. In files, the modes of an architecture lie inside its eager record: see
    store/record_files.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(SCHEMA, alias="schema", strict=True, ge=1, le=SCHEMA)
    architecture: Name
    mode: Name = EAGER
    family: Name
    year: int | None = Field(ge=1, le=MOST["year"])
    paper: str
    variant: str
    input_size: int = Field(ge=1, le=MOST["input_size"])
    input_width: int | None = Field(None, ge=1, le=MOST["input_size"])
    own_input_size: int | None = Field(None, ge=1, le=MOST["input_size"])
    published: dict[str, JsonValue] = {}
    definition: str = ""
    machine: Name
    machine_facts: Facts = {}
    environment: dict[str, str] = {}
    settings: Facts = {}
    started: str
    readings: dict[str, Reading] = {}
    curves: Curves = Curves()

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        check_keys(self.readings)
        return self

    def __repr__(self) -> str:
        """What it is of: all its content is many thousand characters."""
        return f"<Record of {pair_name(self.architecture, self.mode)}, {counted(len(self.readings), 'reading')}>"

    __str__ = __repr__

    @property
    def image_size(self) -> ImageSize:
        """The size of the images that it was measured with."""
        return ImageSize(self.input_size, self.input_width or self.input_size)

    def value(self, key: str) -> float | None:
        """The value of a reading, None where it is missing or failed."""
        reading = self.readings.get(key)
        return reading.value if reading else None


def with_readings(records: Sequence[Record], changed: Mapping[int, Mapping[str, Reading]]) -> list[Record]:
    """The records with the changed readings of some of them, by the index of the record and the key of the reading."""
    return [
        record.model_copy(update={"readings": {**record.readings, **changed[index]}}) if index in changed else record
        for index, record in enumerate(records)
    ]


def check_keys(readings: Mapping[str, Reading]) -> None:
    """ValueError where a reading is stored under another key than its own."""
    for key, reading in readings.items():
        if key != reading.quantity.key:
            raise ValueError(f"under {key} there is a reading of {reading.quantity.key}")


@with_config(ConfigDict(extra="ignore"))
class _Compared(TypedDict, total=False):
    test_images: JsonValue
    held_out_pool: JsonValue
    limit: JsonValue
    check_failed: JsonValue
    timed: JsonValue
    device: JsonValue
    devices: JsonValue
    kernels: JsonValue
    libraries: JsonValue


@with_config(ConfigDict(extra="ignore"))
class _Processor(TypedDict, total=False):
    native_precisions: JsonValue


@with_config(ConfigDict(extra="ignore"))
class _Nothing(TypedDict):
    """Whatever is there, it is not kept."""


class ComparedReading(Reading):
    detail: _Compared = Field(default_factory=dict)  # type: ignore[assignment]


class ComparedRecord(Record):
    """A record with no more than comparing looks at: of very many, the rest takes most of the memory."""

    published: _Nothing = {}  # type: ignore[assignment]
    machine_facts: _Processor = {}  # type: ignore[assignment]
    settings: _Nothing = {}  # type: ignore[assignment]
    curves: _Nothing = {}  # type: ignore[assignment]
    readings: dict[str, ComparedReading] = {}  # type: ignore[assignment]


class Evidence(Model):
    """What was measured for a claim: numbers by name, or the reason why there are none.

    `definition` is the digest of the file that measured them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(EVIDENCE_SCHEMA, alias="schema", strict=True, ge=EVIDENCE_SCHEMA, le=EVIDENCE_SCHEMA)
    claim: str
    definition: str
    machine: str
    environment: dict[str, str] = {}
    started: str
    numbers: dict[str, Number] = {}
    reason: str | None = None
