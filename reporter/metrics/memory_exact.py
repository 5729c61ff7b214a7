"""How much memory does it need? Exact peaks, followed storage by storage on meta."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from reporter.attempts import attempt
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
    """Follows a training step on meta; on the CPU where the network reads values, which the detail then says."""
    found, _ = attempt(partial(_training, subject, "meta"))
    yield found or _training(subject, "cpu")


def _training(subject: Subject, device: str) -> Reading:
    """Forward and backward among all that a step holds; the fused AdamW updates in place and adds nothing."""
    from reporter.measuring.counting import peak_bytes, storage_bytes
    from reporter.measuring.learning import exercise
    from reporter.measuring.subject import auxiliary_heads
    from reporter.measuring.training import loss_of

    whole = device == "meta" and not auxiliary_heads(subject.meta)
    network, (images, labels), recipe = exercise(subject, device)
    weights, buffers = list(network.parameters()), list(network.buffers())
    learning = [weight for weight in weights if weight.requires_grad]
    known = [*weights, *buffers, images, labels]
    peak = peak_bytes(lambda: loss_of(network(images), labels, recipe, subject.classes).backward(), known)
    shares = {
        "weights": storage_bytes([*weights, *buffers]),
        "optimizer": sum(2 * weight.nbytes for weight in learning),  # mean and variance of each gradient
        "batch": storage_bytes([images, labels]),
    }
    gradients = storage_bytes(learning)
    if whole:  # a step on meta changes no value, so that the network can be used again
        network.zero_grad()
        subject.meta = network.eval()
    total = peak + sum(shares.values())
    where = {} if device == "meta" else {"pass": f"on the {device.upper()}, because it reads values of tensors"}
    return exact(TRAINING, total, **shares, gradients=gradients, activations=peak - gradients, **where)


ENTRIES = (
    Metric("memory_inference", (INFERENCE,), measure_inference, process="counting"),
    Metric("memory_training", (TRAINING,), measure_training, process="counting", depends=("batch_size", "image_size")),
)
