"""The nouns of the project; everything else is a function between them.

`Architecture`, `Dataset`, `Metric`, `Chart` and `Claim` are what one adds, a file each. What is measured and kept
(`Quantity`, `Reading`, `Record`, `Evidence`) is defined in readings.py and records.py and imported from here.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reporter.model import sources
from reporter.model.fields import may_say
from reporter.model.readings import (
    DISTURBING,
    EFFORT,
    FOREIGN_LOAD,
    GROUPS,
    NOISY_SPREAD,
    SCHEMA,
    WITHIN,
    Better,
    Group,
    LostRound,
    Number,
    Origin,
    Quantity,
    Reading,
    ReporterError,
    Status,
    UnsupportedError,
    Verdict,
)
from reporter.model.records import ComparedRecord, Evidence, Record

if TYPE_CHECKING:
    from torch import Tensor, nn

    from reporter.report.claim_verdicts import Answer, Case
    from reporter.report.comparison import Comparison
    from reporter.report.language import Language
    from reporter.worker.subject import Subject

__all__ = [
    "DISTURBING",
    "EFFORT",
    "FOREIGN_LOAD",
    "GROUPS",
    "NOISY_SPREAD",
    "SCHEMA",
    "WITHIN",
    "Architecture",
    "Better",
    "Chart",
    "Claim",
    "ComparedRecord",
    "Dataset",
    "Evidence",
    "Group",
    "LostRound",
    "Metric",
    "Number",
    "Origin",
    "Quantity",
    "Reading",
    "Record",
    "ReporterError",
    "Status",
    "UnsupportedError",
    "Verdict",
    "Way",
    "absent",
    "exact",
]


Way = Literal["full", "probe", "scratch"]
"""How a network is fine-tuned: as a whole, only its head, or as a whole from random weights."""


@dataclass(frozen=True)
class Architecture:
    """A network that can be built, and what is to be known of it before it is.

    `build(classes)` returns the network with random weights and its auxiliary heads; `classes` is how many it is
    measured with, 0 for as many as `build` gives it unasked. `year` is None where nobody says. `weights` names
    torchvision's checkpoint for it, where there is one, `unpublished` why there is none. `learning_rate`,
    `label_smoothing` and `auxiliary_loss` are the parts of the fine-tuning recipe that the architecture decides.
    `caution` is what a user should read before it is measured, such as which layers are not counted.
    `reference` is how a worker finds it where its name does not tell, `made_of` what its definition depends on besides
    the file of `build`. ValueError where it says what no record may hold.
    """

    name: str
    family: str
    year: int | None
    paper: str
    build: Callable[[int], nn.Module]
    input_size: int = 224
    variant: str = ""
    weights: str | None = None
    learning_rate: float = 1e-3
    label_smoothing: float = 0.0
    auxiliary_loss: float = 0.0
    published: dict[str, Any] = field(default_factory=dict)
    classes: int = 1000
    unpublished: str = ""
    reference: str = ""
    made_of: str = ""
    caution: str = ""

    def __post_init__(self) -> None:
        """Tells whoever adds a network what is wrong with it, before a record would refuse it."""
        for key in self.__dataclass_fields__:
            if not may_say(key, getattr(self, key)):
                raise ValueError(f"Architecture {self.name!r}: {key} must not be {getattr(self, key)!r}")

    @property
    def definition(self) -> str:
        """A digest of the source that builds it and of its recipe: an architecture that was changed is measured again.

        With a `reference` the source is in `made_of`, because only workers import it.
        """
        source = "" if self.reference else sources.of_function(self.build)
        digest = hashlib.sha256("\0".join((source, self._recipe, self.made_of)).encode()).hexdigest()
        return sources.PREFIX + digest[:12]

    def is_defined_by(self, definition: str) -> bool:
        """Whether a record has the definition of this architecture, or that which reporter 0.1.0 would give it."""
        if definition.startswith(sources.PREFIX):
            return definition == self.definition
        return definition == _digest(self.build, self._recipe + self.made_of)

    @property
    def _recipe(self) -> str:
        return repr((self.input_size, self.weights, self.learning_rate, self.label_smoothing, self.auxiliary_loss))


@dataclass(frozen=True)
class Dataset:
    """Labelled images. `load(root, size, train)` gives (float images N x 3 x size x size, normalised; int64 labels N).

    `root` is the folder of --data-root, `folder` the one in it that has all files, where there is one: readings of
    other files are measured again. ValueError or OSError from `load` becomes the reason in the row.
    """

    name: str
    title: str
    load: Callable[[Path, int, bool], tuple[Tensor, Tensor]]
    source: str
    classes: int | None = None
    folder: str = ""


@dataclass(frozen=True)
class Metric:
    """How quantities are taken: `measure(subject)` yields a `Reading` for each.

    Metrics with the same `process` share one fresh process; a `timed` one is repeated in rounds over all architectures.
    `device` is where it is taken: on the CPU, on a GPU, on the faster of those that were chosen (`any`), or on none,
    because it counts. `depends` names the conditions besides the machine that its readings depend on; `way` is the word
    of --finetune that asks for it, where it needs one. `always`: taken in every run, whatever --metrics names, because
    it is looked up and costs no measuring time.
    """

    name: str
    quantities: tuple[Quantity, ...]
    measure: Callable[[Subject], Iterator[Reading]]
    process: str
    device: Literal["cpu", "cuda", "any", "none"] = "none"
    timed: bool = False
    depends: tuple[str, ...] = ()
    way: Way | None = None
    always: bool = False


@dataclass(frozen=True)
class Chart:
    """One picture: `draw(comparison, language)` gives a Vega-Lite specification, None where nothing is to be shown.

    Of more than `most` networks it is handed a choice.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Comparison, Language], dict[str, Any] | None]
    order: int = 100
    most: int = 40


@dataclass(frozen=True)
class Claim:
    """A statement put to the test: `judge(case)` weighs what was measured and gives the verdict, never the text alone.

    `measure()` runs in a worker and gives numbers by name, which `judge` finds in the case; `needs` names the
    quantities of records that it wants besides. `formula` is TeX, without words, each line a formula of its own.
    """

    name: str
    statement: str
    judge: Callable[[Case], Answer]
    measure: Callable[[], Mapping[str, Number]] | None = None
    formula: str = ""
    needs: tuple[str, ...] = ()
    order: int = 100

    @property
    def definition(self) -> str:
        """A digest of the file that measures its evidence: evidence of another file is measured again."""
        return _digest(self.measure) if self.measure else ""


def _digest(made: Callable[..., Any], more: str = "") -> str:
    function = made.func if isinstance(made, partial) else made
    source = Path(inspect.getsourcefile(function) or "").read_bytes()
    return hashlib.sha256(source + more.encode()).hexdigest()[:12]


def exact(quantity: Quantity, number: int, **detail: Any) -> Reading:
    """A reading that is counted, not sampled."""
    return Reading(quantity=quantity, samples=(number,), detail=detail)


def absent(quantities: Iterable[Quantity], status: Status, reason: str) -> Iterator[Reading]:
    """Readings that could not be had, each with the reason."""
    for quantity in quantities:
        yield Reading(quantity=quantity, status=status, reason=reason)
