"""How much memory does it need? Exact peaks, followed storage by storage on meta."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.types import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.measuring.subject import Subject

INFERENCE = Quantity(
    key="peak_activation_bytes",
    title="Peak activations",
    unit="B",
    group="memory",
    better="lower",
    definition="The most bytes alive at once during inference of one image, beyond weights and input, without what an "
    "allocator or a library adds.",
)
TRAINING = Quantity(
    key="peak_training_bytes",
    title="Peak training memory",
    unit="B",
    group="memory",
    better="lower",
    definition="The most bytes alive at once in one training step at the batch and image size of the fine-tuning, all "
    "included: weights, gradients, AdamW's two moments, activations and the batch.",
)


def measure_inference(subject: Subject) -> Iterator[Reading]:
    """Follows one inference on meta, the one that is counted."""
    from reporter.measuring.counting import storage_bytes

    state = [*subject.meta.parameters(), *subject.meta.buffers()]
    yield exact(INFERENCE, subject.counts.peak, weights=storage_bytes(state))


def measure_training(subject: Subject) -> Iterator[Reading]:
    """Forward and backward among all that a step holds; the fused AdamW updates in place and adds nothing."""
    from reporter.measuring.counting import peak_bytes, storage_bytes
    from reporter.measuring.learning import exercise
    from reporter.measuring.training import loss_of

    network, (images, labels), recipe = exercise(subject, "meta")
    weights, buffers = list(network.parameters()), list(network.buffers())
    known = [*weights, *buffers, images, labels]
    peak = peak_bytes(lambda: loss_of(network(images), labels, recipe).backward(), known)
    shares = {
        "weights": storage_bytes([*weights, *buffers]),
        "optimizer": sum(2 * weight.nbytes for weight in weights),  # mean and variance of each gradient
        "batch": storage_bytes([images, labels]),
    }
    gradients = storage_bytes(weights)
    yield exact(TRAINING, peak + sum(shares.values()), **shares, gradients=gradients, activations=peak - gradients)


ENTRIES = (
    Metric("memory_inference", (INFERENCE,), measure_inference, process="counting"),
    Metric("memory_training", (TRAINING,), measure_training, process="counting", depends=("batch_size", "image_size")),
)
