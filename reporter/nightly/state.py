"""Stored state of nightly runs: findings, failures and acceptances."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import from_json

from reporter.compare import reference_names
from reporter.host import files
from reporter.model import ReporterError
from reporter.model.fields import plain
from reporter.model.modes import OUTPUT_ERROR
from reporter.model.readings import Model, Number
from reporter.model.records import EAGER, pair_name
from reporter.model.settings import FailOn

Kind = Literal["exact", "failed", "removed", "slower", "level", "reference"]
EXACT: tuple[Kind, ...] = ("exact", "failed", "removed")
TIMES: tuple[Kind, ...] = ("slower", "level")
SCHEMA = 1
LARGEST = 2**24
"""Bytes of a file of this module."""
Stored = TypeVar("Stored", bound=Model)
LevelPlace = tuple[str, str, str]
"""Architecture, metric, machine."""


class FindingPlace(Model):
    """What a finding is about: the part that its acceptance has in common with it.

    `mode` is the execution mode; for what does not depend on it, eager. `since` is the start of the first run that had
    it (ISO 8601, UTC). `metric` is empty for a removed architecture or mode. `ratio` is new time over old, only for
    times. `kernels` has the layers whose kernel changed, with both names. `reference` has the versions of the pinned
    reference that it was compared with, and `threads` the threads of the run; None in files of development versions
    before 0.2.0; `input_size` is that of the images if it is not the architecture's own. `device` is the kind of device
    of an output error, empty for all others and in files of such versions.
    """

    kind: Kind
    architecture: str
    mode: str = EAGER
    metric: str = ""
    machine: str = ""
    base: Number | None = None
    new: Number | None = None
    ratio: float | None = None
    kernels: str = ""
    reference: str = ""
    threads: int | None = None
    input_size: str = ""
    device: str = ""
    since: str

    @property
    def identity(self) -> tuple[object, ...]:
        """What two runs must share for a finding to be the same.

        Of a count it is the new value, of a time the machine, and of a comparison with a reference its versions, and
        the threads if the time depends on them, and the size of the images; a count is not another one at another size.
        Of an output error it is the machine, the device and whether there is a value.
        """
        counted = self.kind == "exact" or (self.kind == "reference" and self.ratio is None)
        is_output = self.metric == OUTPUT_ERROR.key
        value = (self.kernels or self.new) if counted else is_output and self.new is not None
        machine = self.machine if self.kind in (*TIMES, "reference") or is_output else ""
        threads = self.threads if reference_names.runs_on_all_threads(self.metric) else None
        about = self.kind, self.architecture, self.mode, self.metric
        size = self.input_size if machine else ""
        return *about, value, machine, self.reference, threads, size, self.device

    def as_named_in(self, other: FindingPlace) -> Self:
        """The same under the names of a later finding, if these are longer names of its reference and its machine.

        An output error without a device may be of any.
        """
        update: dict[str, object] = {} if self.device else {"device": other.device}
        if reference_names.is_same(self.reference, other.reference):
            update["reference"] = other.reference
        if self.threads is None and self.machine == reference_names.former(other.machine):
            update |= {"machine": other.machine, "threads": other.threads}
        return self.model_copy(update=update)


class Finding(FindingPlace):
    """A difference from the baseline that is a regression until it is gone or accepted.

    `floor` is the change that noise can reach, only for times. `level` is a time above its level, which is the median
    of so many accepted `runs`. `information` is a time that is slower than in earlier runs, in a run whose times are
    judged by a reference: it is shown, and is no regression.
    """

    title: str = ""
    unit: str = "1"
    floor: float | None = None
    runs: int | None = None
    reason: str | None = None
    accepted: bool = False
    information: bool = False

    @property
    def name(self) -> str:
        """The (architecture, mode) pair as texts name it."""
        return pair_name(self.architecture, self.mode)

    @property
    def is_open(self) -> bool:
        """Whether it is a regression that is not accepted."""
        return not self.accepted and not self.information

    def fails(self, on: FailOn) -> bool:
        """Whether `--fail-on` makes it a regression."""
        if not self.is_open or on == "never":
            return False
        if self.kind == "reference" and on != "any":
            return on == ("exact" if self.ratio is None else "timing")
        kinds: dict[FailOn, tuple[Kind, ...]] = {"exact": EXACT, "timing": ("slower",), "level": ("level",)}
        return on == "any" or self.kind in kinds[on]


class Failing(Model):
    """An architecture with readings, or else points of curves, that failed in a mode, and since when.

    With `claim`, `architecture` is the name of a claim that failed.
    """

    architecture: str
    mode: str = EAGER
    readings: int = 0
    points: int = 0
    claim: bool = False
    reason: str
    since: str

    @property
    def place(self) -> tuple[str, str, bool]:
        """Architecture and mode, or the name of a claim."""
        return self.architecture, self.mode, self.claim

    @property
    def name(self) -> str:
        """The (architecture, mode) pair or the claim as texts name it."""
        return f"claim {self.architecture}" if self.claim else pair_name(self.architecture, self.mode)


class Red(Model):
    """A run in which these architectures had findings that were not accepted; `until` is the start of the next one."""

    started: str
    ended: str
    architectures: tuple[str, ...]
    until: str = ""

    def covers(self, architecture: str, moment: str) -> bool:
        """Whether what was measured then, in the run or after it by the main job, may have such a finding."""
        return architecture in self.architectures and self.includes(moment)

    def includes(self, moment: str) -> bool:
        """Whether something was measured in the run, or after it by the main job."""
        return self.started <= moment and (moment <= self.ended or moment < self.until)


class Start(Model):
    """The level of a time starts with this run, because its settings changed."""

    architecture: str
    metric: str
    machine: str
    run: str

    @property
    def place(self) -> LevelPlace:
        return self.architecture, self.metric, self.machine


class NightlyRun(Model):
    """A complete nightly run: `parts` are the files and folders that it puts in place, `red` earlier runs.

    `elsewhere` has the findings of earlier runs against a reference that this run was not about. `superseded`: the
    records in the folder may be those of a later run of the main job, also of one that was interrupted.
    """

    schema_number: int = Field(SCHEMA, alias="schema")
    started: str
    ended: str = ""
    run: str = ""
    exit_code: int
    findings: tuple[Finding, ...] = ()
    failing: tuple[Failing, ...] = ()
    red: tuple[Red, ...] = ()
    starts: tuple[Start, ...] = ()
    elsewhere: tuple[Finding, ...] = ()
    parts: tuple[str, ...] = ()
    superseded: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it is the baseline of the next run: it has no regression that is not accepted.

        The first run is the baseline also if it is worse than a reference.
        """
        return not any(finding.is_open for finding in self.findings)


class Acceptance(FindingPlace):
    """A finding that a user accepted, with the reason and the moment; `run` is the start of the run that had it."""

    accepted: str
    run: str = ""
    reason: str = ""

    @classmethod
    def of(cls, finding: Finding, accepted: str, run: str, reason: str) -> Acceptance:
        """The acceptance of a finding."""
        about = finding.model_dump(include=set(FindingPlace.model_fields))
        return cls(**about, accepted=accepted, run=run, reason=reason)

    def covers(self, finding: Finding) -> bool:
        """Whether it is this finding; of a time also whether it became no worse than noise explains."""
        return self.is_about(finding) and (
            self.ratio is None or (finding.ratio or 0) <= self.ratio * (1 + (finding.floor or 0))
        )

    def is_about(self, finding: Finding) -> bool:
        """Whether it is this finding, whatever its size is."""
        mine = self.as_named_in(finding)
        lasting = self.kind == "reference"  # the reference stays, so that the finding is the same one when it returns
        return mine.identity == finding.identity and (lasting or mine.since == finding.since)


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
        content = plain(from_json(path.read_bytes()))
        number = content.get("schema") if isinstance(content, dict) else None
        if isinstance(number, int) and number > SCHEMA:
            raise ReporterError(
                f"{path}: written by a newer reporter (schema {number}, this one reads {SCHEMA}); upgrade reporter"
            )
        return kind.model_validate(content)
    except (OSError, ValueError, ValidationError) as error:
        raise ReporterError(f"{path}: cannot be read: {str(error).splitlines()[0]}; remove it") from None
