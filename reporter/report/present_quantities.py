"""Quantities with the titles and definitions that reports print, which may differ from those of records.

Definitions of earlier versions that state the same in other words have present ones. Gradient ratios were combined on
logarithms before their definition said so; that after training was on images of the training. Costs were "of native
size" also where --input-size set another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reporter.metrics import (
    compute,
    default_malloc,
    finetune,
    gradients,
    imagenet_accuracy,
    latency,
    memory_measured,
    stages,
)
from reporter.model import GROUPS, Quantity, Reading
from reporter.model.fields import BATCH_OF

COUNTED = {"depth": "Longest path", "latency_cpu": "Latency, CPU, all threads"}
"""Titles in reports that differ from those of records; a latency whose number of threads was set keeps its own."""
REWORDED = (
    gradients.RATIO,
    gradients.FLOW,
    finetune.RATIO,
    stages.STAGES,
    memory_measured.RSS,
    memory_measured.RSS_PROCESS,
    *imagenet_accuracy.OF_WEIGHTS,
    *imagenet_accuracy.BEST,
)
ON_TRAINING_IMAGES = (
    "The gradient ratio after the short training, on a batch of its training images at their size. The geometric mean "
    "over the seeds of the training."
)
"""What `gradient_ratio_trained` is in records of earlier versions."""

OF_INPUT_SIZE = frozenset(
    quantity.definition
    for module in (compute, default_malloc, latency)
    for metric in module.ENTRIES
    for quantity in metric.quantities
)
"""Definitions that were "of native size", some of them in seconds, in earlier versions."""
NATIVE = re.compile(r"\b(of|at) native size\b")


def quantities_of(readings: Sequence[Reading]) -> dict[str, Quantity]:
    """The quantities by key, group by group, in the order in which they were measured; the newest wording counts."""
    found: dict[str, Quantity] = {}
    for reading in readings:
        found.setdefault(reading.quantity.key, reading.quantity)
    limited = {reading.quantity.key for reading in readings if reading.settings.get("threads")}
    updates = {key: {"title": title} for key, title in COUNTED.items() if key not in limited}
    updates |= {each.key: {"definition": each.definition} for each in REWORDED}
    trained = [reading for reading in readings if reading.quantity.key == finetune.RATIO.key]
    if trained and not any(BATCH_OF in reading.detail for reading in trained):
        updates[finetune.RATIO.key] = {"definition": ON_TRAINING_IMAGES}
    updates |= {
        key: {**updates.get(key, {}), "definition": present}
        for key, quantity in found.items()
        if (present := _of_input_size(quantity.definition)) in OF_INPUT_SIZE
    }
    found |= {key: found[key].model_copy(update=update) for key, update in updates.items() if key in found}
    return dict(sorted(found.items(), key=lambda item: GROUPS.index(item[1].group)))


def _of_input_size(definition: str) -> str:
    """A definition in the words of `OF_INPUT_SIZE`."""
    return re.sub(r"^Seconds (?=from|for)", "Time ", NATIVE.sub(r"\1 the input size", definition))
