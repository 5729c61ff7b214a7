"""Published ImageNet accuracy of the weights named in the record, looked up in every run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, absent

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

TOP1 = Quantity(
    key="imagenet_top1",
    title="ImageNet top-1, published",
    unit="1",
    group="finetune",
    better="higher",
    definition="Share of the 50,000 ILSVRC-2012 validation images classified rightly by the named weights, single "
    "centre crop, as torchvision publishes it.",
)
TOP5 = Quantity(
    key="imagenet_top5",
    title="ImageNet top-5, published",
    unit="1",
    group="finetune",
    better="higher",
    definition="Share of the 50,000 ILSVRC-2012 validation images whose class is among the five largest outputs of the "
    "named weights, single centre crop, as torchvision publishes it.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Reads the metadata of torchvision's weights."""
    from torchvision.models import get_model_weights

    name, weights = subject.architecture.name, subject.architecture.weights
    if weights is None:
        why = subject.architecture.unpublished or "torchvision publishes no ImageNet weights of this network"
        yield from absent((TOP1, TOP5), "unsupported", why)
        return
    if subject.conditions.input_size:
        why = f"published for images of {subject.architecture.input_size} pixels, not of {subject.size}"
        yield from absent((TOP1, TOP5), "unsupported", why)
        return
    metadata = get_model_weights(name)[weights].meta
    accuracy = metadata["_metrics"]["ImageNet-1K"]
    for quantity, key in ((TOP1, "acc@1"), (TOP5, "acc@5")):
        detail = {"weights": weights, "source": metadata["recipe"]}
        yield Reading(quantity=quantity, samples=(round(accuracy[key] / 100, 7),), detail=detail)


ENTRIES = (Metric("published", (TOP1, TOP5), measure, process="counting", always=True),)
