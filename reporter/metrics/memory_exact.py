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


def measure(subject: Subject) -> Iterator[Reading]:
    """Follows one inference and one training step on meta; nothing is allocated."""
    import torch

    from reporter.measuring.counting import peak_bytes, storage_bytes

    network, image = subject.meta, subject.input(1, "meta")
    state = [*network.parameters(), *network.buffers()]
    with torch.no_grad():
        yield exact(INFERENCE, peak_bytes(lambda: network(image), [*state, image]), weights=storage_bytes(state))
    yield training_peak(subject)


def training_peak(subject: Subject) -> Reading:
    """Forward and backward among all that a step holds; the fused AdamW updates in place and adds nothing."""
    import torch

    from reporter.measuring.counting import peak_bytes, storage_bytes
    from reporter.measuring.learning import exercise
    from reporter.measuring.training import loss_of

    network, (images, labels), recipe = exercise(subject, "meta")
    weights = list(network.parameters())
    held = {
        "weights": [*weights, *network.buffers()],
        "optimizer": [torch.empty_like(weight) for weight in weights for _ in ("mean", "variance")],
        "batch": [images, labels],
    }
    known = [tensor for tensors in held.values() for tensor in tensors]
    peak = peak_bytes(lambda: loss_of(network(images), labels, recipe).backward(), known)
    shares = {name: storage_bytes(tensors) for name, tensors in held.items()}
    gradients = storage_bytes(weights)
    return exact(TRAINING, peak + sum(shares.values()), **shares, gradients=gradients, activations=peak - gradients)


ENTRIES = (
    Metric("memory_exact", (INFERENCE, TRAINING), measure, process="counting", depends=("batch_size", "image_size")),
)
