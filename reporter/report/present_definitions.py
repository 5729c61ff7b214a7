"""Present definitions in the place of those of earlier versions, where records state the same in other words.

Gradient ratios were combined on logarithms before their definition said so.
"""

from __future__ import annotations

from reporter.metrics import finetune, gradients, imagenet_accuracy, stages
from reporter.model import Quantity

REWORDED = (
    gradients.RATIO,
    finetune.RATIO,
    stages.STAGES,
    *imagenet_accuracy.OF_WEIGHTS,
    *imagenet_accuracy.BEST,
)


def defined(quantities: dict[str, Quantity]) -> dict[str, Quantity]:
    """The quantities by key, with present definitions."""
    present = {each.key: {"definition": each.definition} for each in REWORDED if each.key in quantities}
    return quantities | {key: quantities[key].model_copy(update=update) for key, update in present.items()}
