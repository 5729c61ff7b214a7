"""Records and evidence: a file for each machine and architecture, or claim."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, JsonValue, model_validator, with_config
from typing_extensions import TypedDict

from reporter.model.fields import MOST, Facts, Name
from reporter.model.readings import SCHEMA, Model, Number, Reading


class Record(Model):
    """Everything known of one architecture on one machine; `definition` is the digest of what was built and trained.

    `year` is None where nobody says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(SCHEMA, alias="schema", strict=True, ge=SCHEMA, le=SCHEMA)
    architecture: Name
    family: Name
    year: int | None = Field(ge=1, le=MOST["year"])
    paper: str
    variant: str
    input_size: int = Field(ge=1, le=MOST["input_size"])
    published: dict[str, JsonValue] = {}
    definition: str = ""
    machine: Name
    machine_facts: Facts = {}
    environment: dict[str, str] = {}
    settings: Facts = {}
    started: str
    readings: dict[str, Reading] = {}

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        for key, reading in self.readings.items():
            if key != reading.quantity.key:
                raise ValueError(f"under {key} there is a reading of {reading.quantity.key}")
        return self

    def value(self, key: str) -> float | None:
        """The value of a reading, None where it is missing or failed."""
        reading = self.readings.get(key)
        return reading.value if reading else None


@with_config(ConfigDict(extra="ignore"))
class _Compared(TypedDict, total=False):
    test_images: JsonValue


@with_config(ConfigDict(extra="ignore"))
class _Nothing(TypedDict):
    """Whatever is there, it is not kept."""


class ComparedReading(Reading):
    detail: _Compared = {}  # type: ignore[assignment]


class ComparedRecord(Record):
    """A record with no more than comparing looks at: of very many, the rest takes most of the memory."""

    published: _Nothing = {}  # type: ignore[assignment]
    machine_facts: _Nothing = {}  # type: ignore[assignment]
    settings: _Nothing = {}  # type: ignore[assignment]
    readings: dict[str, ComparedReading] = {}  # type: ignore[assignment]


class Evidence(Model):
    """What was measured for a claim: numbers by name, or the reason why there are none.

    `definition` is the digest of the file that measured them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(SCHEMA, alias="schema", strict=True, ge=SCHEMA, le=SCHEMA)
    claim: str
    definition: str
    machine: str
    environment: dict[str, str] = {}
    started: str
    numbers: dict[str, Number] = {}
    reason: str | None = None
