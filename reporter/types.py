"""The nouns of the project; everything else is a function between them.

`Architecture`, `Dataset`, `Metric` and `Chart` are what one adds, a file each. `Quantity`, `Reading` and `Record`
are what is measured and kept: they turn into JSON and back, and explain themselves without the code that made them.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from reporter import statistics

if TYPE_CHECKING:
    from torch import Tensor, nn

    from reporter.measuring.subject import Subject
    from reporter.telling.comparison import Comparison
    from reporter.telling.language import Language

Status = Literal["ok", "noisy", "failed", "oom", "timeout", "skipped", "unsupported"]
Group = Literal["size", "compute", "memory", "latency", "finetune"]
Better = Literal["lower", "higher", "neither"]
GROUPS: tuple[Group, ...] = ("size", "compute", "memory", "latency", "finetune")
SCHEMA = 1
NOISY_SPREAD = 0.10
"""A time whose interval, or whose rounds, spread over more than this share of the median is called noisy."""

Number = int | Annotated[float, Field(allow_inf_nan=False)]


class ReporterError(Exception):
    """Something the user can mend: one line that says what is wrong and what would be right."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Quantity(_Model):
    """What a column means: a key of the contract, its unit, and the sentence that defines it."""

    key: str
    title: str
    unit: Literal["1", "s", "B", "1/s"]
    group: Group
    better: Better
    definition: str
    centre: Literal["median", "mean"] = "median"


class Verdict(NamedTuple):
    status: Status
    reason: str | None


class Reading(_Model):
    """One quantity of one architecture: raw samples in base units, or the reason why there are none.

    `rounds` says how many of the samples each round took; `settings` holds what the reading depends on besides the
    machine; `detail` what the samples cannot say (a learning curve, a table of operators).
    """

    quantity: Quantity
    samples: tuple[Number, ...] = ()
    rounds: tuple[int, ...] = ()
    status: Status = "ok"
    reason: str | None = None
    settings: dict[str, JsonValue] = {}
    detail: dict[str, JsonValue] = {}

    @property
    def value(self) -> float | None:
        """The median (or mean) of the samples; an exact integer where there is only that one."""
        return statistics.centre(self.samples, self.quantity.centre) if self.measured else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `value`, where the samples carry one."""
        return statistics.interval(self.samples, self.quantity.centre) if self.measured else None

    @property
    def measured(self) -> bool:
        return self.status == "ok" and bool(self.samples)

    @property
    def verdict(self) -> Verdict:
        """The status as it is told: `noisy` is derived from the samples, never stored."""
        if not self.measured or self.quantity.unit not in ("s", "1/s") or self.quantity.centre == "mean":
            return Verdict(self.status, self.reason)
        doubt = statistics.doubt(self.samples, self.rounds, NOISY_SPREAD)
        return Verdict("noisy", doubt) if doubt else Verdict("ok", self.reason)


class Record(_Model):
    """Everything known of one architecture on one machine; `definition` is the digest of what was built and trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(SCHEMA, alias="schema")
    architecture: str
    family: str
    year: int
    paper: str
    variant: str
    input_size: int
    published: dict[str, JsonValue] = {}
    definition: str = ""
    machine: str
    machine_facts: dict[str, JsonValue] = {}
    environment: dict[str, str] = {}
    settings: dict[str, JsonValue] = {}
    started: str
    readings: dict[str, Reading] = {}

    def value(self, key: str) -> float | None:
        """The value of a reading, None where it is missing or failed."""
        reading = self.readings.get(key)
        return reading.value if reading else None


@dataclass(frozen=True)
class Architecture:
    """A network that can be built, and what is to be known of it before it is.

    `build(classes)` returns the network with random weights and its auxiliary heads. `weights` names
    torchvision's checkpoint for it, where there is one. `learning_rate`, `label_smoothing` and
    `auxiliary_loss` are the parts of the fine-tuning recipe that the architecture decides.
    """

    name: str
    family: str
    year: int
    paper: str
    build: Callable[[int], nn.Module]
    input_size: int = 224
    variant: str = ""
    weights: str | None = None
    learning_rate: float = 1e-3
    label_smoothing: float = 0.0
    auxiliary_loss: float = 0.0
    published: dict[str, Any] = field(default_factory=dict)

    @property
    def definition(self) -> str:
        """A digest of the file that builds it and of its recipe: a network that was changed is measured again."""
        made = self.build.func if isinstance(self.build, partial) else self.build
        source = Path(inspect.getsourcefile(made) or "").read_bytes()
        recipe = (self.input_size, self.weights, self.learning_rate, self.label_smoothing, self.auxiliary_loss)
        return hashlib.sha256(source + repr(recipe).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Dataset:
    """Labelled images. `load(root, size, train)` gives (float images N x 3 x size x size, normalised; int64 labels N).

    `root` is the folder of --data-root; ValueError or OSError from `load` becomes the reason in the row.
    """

    name: str
    title: str
    load: Callable[[Path, int, bool], tuple[Tensor, Tensor]]
    source: str
    classes: int | None = None


@dataclass(frozen=True)
class Metric:
    """How quantities are taken: `measure(subject)` yields a `Reading` for each.

    Metrics with the same `process` share one fresh process; a `timed` one is repeated in rounds over all architectures.
    `device` is where it is taken: on the CPU, on a GPU, on the faster of those that were chosen (`any`), or on none,
    because it counts. `depends` names the conditions besides the machine that its readings depend on.
    """

    name: str
    quantities: tuple[Quantity, ...]
    measure: Callable[[Subject], Iterator[Reading]]
    process: str
    device: Literal["cpu", "cuda", "any", "none"] = "none"
    timed: bool = False
    depends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """One picture: `draw(comparison, language)` gives a Vega-Lite specification, None where nothing is to be shown."""

    name: str
    title: str
    caption: str
    draw: Callable[[Comparison, Language], dict[str, Any] | None]
    order: int = 100


def exact(quantity: Quantity, number: int, **detail: Any) -> Reading:
    """A reading that is counted, not sampled."""
    return Reading(quantity=quantity, samples=(number,), detail=detail)


def absent(quantities: Iterable[Quantity], status: Status, reason: str) -> Iterator[Reading]:
    """Readings that could not be had, each with the reason."""
    for quantity in quantities:
        yield Reading(quantity=quantity, status=status, reason=reason)
