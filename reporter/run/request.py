"""What a run is asked to do, how it reports progress, and its outcome."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from reporter.documents import HISTORY
from reporter.host import machine
from reporter.host.fingerprints import Images
from reporter.host.job import Job
from reporter.model import Architecture, Claim, Engine, Evidence, Metric, Reading
from reporter.model.plurals import counted
from reporter.model.records import EAGER
from reporter.model.settings import Conditions
from reporter.registry import execution_modes
from reporter.version import MEASURES_AS, number

RECORDED = (
    "preset", "metrics", "device", "dataset", "weights", "finetune", "steps", "seeds", "first_seed", "budget", "modes",
    "input_size", "threads", "batches", "sizes", "executor", "against",
)  # fmt: skip
"""The settings that the lines of history.jsonl have."""


LATER = ("input_size", "threads")
"""Conditions that digests of effort have only where they are set: earlier runs did not have them."""


def moment() -> str:
    """Now, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


Estimate = Callable[[Sequence[Job]], float]
"""The seconds that jobs will take one after the other."""


class Progress(Protocol):
    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        """All jobs of the run and how many run at a time, again where that changed; `estimate` is for those left."""

    def job_started(self, job: Job) -> None:
        """A job starts."""

    def reading(self, architecture: str, reading: Reading) -> None:
        """A reading is complete and saved; an architecture in another mode than eager is named with it."""

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        """A job is finished; `opening` are those of its seconds that were spent on loading torch for its round."""

    def note(self, line: str) -> None:
        """A message for the user."""

    def claim(self, evidence: Evidence) -> None:
        """The evidence for a claim is saved."""


@dataclass(frozen=True)
class Request:
    """What to measure, where, under which conditions.

    `devices` maps a kind (cpu, cuda) to a device of that kind; `gpus` are those that may measure at the same time;
    `about` is what records say of the machine.
    """

    folder: Path
    architectures: Sequence[Architecture]
    metrics: Mapping[str, Metric]
    devices: Mapping[str, str]
    conditions: Conditions
    no_cuda: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    presented: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the report that were given, such as its title."""
    claims: Sequence[Claim] = ()
    timeout: float | None = None
    fresh: bool = False
    checkpoints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By network, the conditions that name the user's weights for it."""
    notices: Sequence[str] = ()
    """What is printed before the first measurement."""
    budget: float | None = None
    """Seconds for all measurements together."""
    gpus: Sequence[str] = ()
    batches: tuple[int, ...] = ()
    sizes: tuple[str, ...] = ()
    modes: Sequence[str] = (EAGER,)
    """Execution modes and sets of them, as they were asked for, by their canonical names."""
    engines: Mapping[str, Engine] = field(default_factory=execution_modes.engines)
    """The engines of the machine, with what they lack there."""
    about: Mapping[str, Any] = field(default_factory=machine.about)
    images: Images = field(default_factory=Images)
    """The files of the data set."""
    run: str = field(default_factory=lambda: uuid4().hex[:12])
    """The id of the run, in history.jsonl and in the origin of every round."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What --label adds to the lines of history.jsonl."""
    keep_env: Sequence[str] = ()
    """Variables that both sides of a paired measurement inherit although they may be credentials."""
    ceilings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    """The ceilings that this run has measured, by machine and key."""

    started: str = field(default_factory=moment)
    """When the run started."""

    def reuses(self, environment: Mapping[str, str]) -> bool:
        """Whether readings taken with these versions are reused: the same ones, or a reporter that measures alike."""
        recorded, present = dict(environment), dict(self.about["environment"])
        written, current = recorded.pop("reporter", ""), present.pop("reporter", "")
        alike = number(MEASURES_AS) <= number(written) <= number(current)
        return recorded == present and (written == current or alike)

    @property
    def limit(self) -> float:
        """The seconds of one architecture, all its measurements together; infinite if `timeout` is None."""
        return math.inf if self.timeout is None else self.timeout

    @property
    def line(self) -> dict[str, Any]:
        """What all lines of the run in history.jsonl have."""
        settings = {key: value for key in RECORDED if (value := self.settings.get(key)) not in (None, [], ())}
        labels = dict(self.labels)
        return {"schema": HISTORY, "started": self.started, "run": self.run, "settings": settings, "labels": labels}

    def architecture(self, name: str) -> Architecture:
        """The architecture of this name, one of those that are measured."""
        return next(each for each in self.architectures if each.name == name)

    def conditions_of(self, architecture: str) -> Conditions:
        """The conditions under which one network is measured."""
        conditions = self.conditions.model_copy(update=self.checkpoints.get(architecture, {}))
        if conditions.input_size:
            own = next((each.input_size for each in self.architectures if each.name == architecture), None)
            if conditions.input_size == str(own):
                return conditions.model_copy(update={"input_size": None})
        return conditions

    @property
    def input_sizes(self) -> dict[str, str]:
        """The image sizes, `N` or `HxW`, of the networks that are not measured at their own."""
        if not self.conditions.input_size:
            return {}
        sizes = {each.name: self.conditions_of(each.name).input_size for each in self.architectures}
        return {name: size for name, size in sizes.items() if size}

    @property
    def effort(self) -> str:
        """A digest of what decides how long a job takes, besides machine, network, modes and the points of curves.

        The number of rounds does not.
        """
        conditions = self.conditions.model_dump(
            mode="json", exclude={"rounds", "data_root", "weights", "data", "variables"}
        )
        conditions = {key: value for key, value in conditions.items() if key not in LATER or value is not None}
        text = json.dumps([conditions, dict(self.devices), sorted(self.metrics)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass
class Outcome:
    """What a run did: seconds in all, inside measuring calls, on building networks, on preparing execution modes and on
    checking their outputs; and what did not succeed.

    `failed` counts readings without a number, `lost` those with fewer rounds than asked for because some failed;
    `slots` is how many jobs ran at a time, `foreign` the largest share of the processors that other programs kept busy
    during a measurement of this run that they disturbed.
    """

    seconds: float = 0.0
    busy: float = 0.0
    building: float = 0.0
    preparing: float = 0.0
    checking: float = 0.0
    jobs: int = 0
    failed: int = 0
    lost: int = 0
    slots: int = 1
    foreign: float = 0.0

    @property
    def failures(self) -> str:
        """The number of readings that did not succeed, to follow other words of a line; empty if all did."""
        failed = f", {counted(self.failed, 'reading')} failed" if self.failed else ""
        lack = "lacks" if self.lost == 1 else "lack"
        return failed + (f", {counted(self.lost, 'reading')} {lack} rounds that failed" if self.lost else "")
