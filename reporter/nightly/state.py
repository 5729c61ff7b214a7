"""What is stored of a nightly run: findings, failures and acceptances, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import from_json

from reporter import files
from reporter.fields import plain
from reporter.readings import Model, Number
from reporter.settings import FailOn
from reporter.types import ReporterError

Kind = Literal["exact", "failed", "removed", "slower"]
EXACT: tuple[Kind, ...] = ("exact", "failed", "removed")
SCHEMA = 1
LARGEST = 2**24
"""Bytes of a file of this module."""
Stored = TypeVar("Stored", bound=Model)


class Finding(Model):
    """A difference from the baseline that is a regression until it is gone or accepted.

    `since` is the start of the first run that had it (ISO 8601, UTC). `metric` is empty for a removed architecture.
    `ratio` is new time over old, and `floor` the change that noise can reach, both only for times.
    """

    kind: Kind
    architecture: str
    metric: str = ""
    title: str = ""
    unit: str = "1"
    machine: str = ""
    base: Number | None = None
    new: Number | None = None
    ratio: float | None = None
    floor: float | None = None
    reason: str | None = None
    since: str
    accepted: bool = False

    @property
    def identity(self) -> tuple[object, ...]:
        """What two runs must share for a finding to be the same: of a count the new value, of a time the machine."""
        value = self.new if self.kind == "exact" else None
        return self.kind, self.architecture, self.metric, value, self.machine if self.kind == "slower" else ""

    def fails(self, on: FailOn) -> bool:
        """Whether `--fail-on` makes it a regression."""
        if self.accepted or on == "never":
            return False
        return on == "any" or (self.kind in EXACT) == (on == "exact")


class Failing(Model):
    """An architecture with readings that failed, and since when."""

    architecture: str
    readings: int
    reason: str
    since: str


class Run(Model):
    """A complete nightly run: `parts` are the files and folders that it puts in place."""

    schema_number: int = Field(SCHEMA, alias="schema")
    started: str
    run: str = ""
    exit_code: int
    findings: tuple[Finding, ...] = ()
    failing: tuple[Failing, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether it is the baseline of the next run: it has no finding that is not accepted."""
        return all(finding.accepted for finding in self.findings)


class Acceptance(Model):
    """A finding that a user accepted, with the reason and the moment."""

    kind: Kind
    architecture: str
    metric: str = ""
    machine: str = ""
    base: Number | None = None
    new: Number | None = None
    ratio: float | None = None
    since: str
    accepted: str
    reason: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether it is this finding; of a time also whether it became no worse than noise explains."""
        mine = Finding(**self.model_dump(exclude={"accepted", "reason"}))
        if mine.identity != finding.identity or mine.since != finding.since:
            return False
        return self.ratio is None or (finding.ratio or 0) <= self.ratio * (1 + (finding.floor or 0))


class Acceptances(Model):
    """The content of accepted.json, which can be committed."""

    schema_number: int = Field(SCHEMA, alias="schema")
    accepted: tuple[Acceptance, ...] = ()


def save(path: Path, content: Model) -> None:
    """Writes a file whole or not at all."""
    files.write(path, files.dumps(content.model_dump(mode="json", by_alias=True)))


def load(path: Path, kind: type[Stored]) -> Stored | None:
    """Reads a file; None if there is none, ReporterError with its name if it is not of this kind."""
    if not path.exists():
        return None
    try:
        if path.stat().st_size > LARGEST:
            raise ReporterError(f"{path}: larger than {LARGEST >> 20} MiB; remove it")
        return kind.model_validate(plain(from_json(path.read_bytes())))
    except (OSError, ValueError, ValidationError) as error:
        raise ReporterError(f"{path}: cannot be read: {str(error).splitlines()[0]}; remove it") from None
