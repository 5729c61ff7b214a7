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

FinetuningMethod = Literal["full", "probe", "scratch"]
"""How a network is trained: all layers or only the head from the selected weights, or all from random weights."""


@dataclass(frozen=True)
class Architecture:
    """An architecture: how its model is built and trained, and what was published about it.

    Args:
        build: `build(classes)` returns the model with random weights and its auxiliary heads; 0 classes means as many
            as it has by default.
        year: of the paper, None if unknown.
        input_size: height and width of the images, in pixels.
        weights: the name of torchvision's weights, None if there are none; `unpublished` is the reason.
        learning_rate, label_smoothing, auxiliary_loss: the parts of the training recipe that depend on it.
        classes: the number of classes that it is measured with.
        caution: printed before it is measured, for example which layers are not counted.
        reference: FILE.py:NAME or package.module:NAME if a worker has to import it from there.
        made_of: what its definition depends on besides the source of `build`.

    Raises:
        ValueError: a field has a value that no record may contain.
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
        """Reject values that a record would reject later."""
        for key in self.__dataclass_fields__:
            if not is_allowed(key, getattr(self, key)):
                raise ValueError(f"Architecture {self.name!r}: {key} must not be {getattr(self, key)!r}")

    @property
    def no_weights(self) -> str:
        """Why `weights` is None."""
        return self.unpublished or "torchvision publishes no ImageNet weights of this network"

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
