"""`Architecture`: what is compared, and how a model of it is built."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from reporter.model import sources
from reporter.model.fields import is_allowed

if TYPE_CHECKING:
    from torch import nn

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
            if not is_allowed(key, getattr(self, key)):
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
        return definition == sources.of_file(self.build, self._recipe + self.made_of)

    @property
    def _recipe(self) -> str:
        return repr((self.input_size, self.weights, self.learning_rate, self.label_smoothing, self.auxiliary_loss))
