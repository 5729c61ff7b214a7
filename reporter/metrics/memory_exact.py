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
    from reporter.measuring.learning import training_step

    network, image = subject.meta, subject.input(1, "meta")
    state = [*network.parameters(), *network.buffers()]
    with torch.no_grad():
        yield exact(INFERENCE, peak_bytes(lambda: network(image), [*state, image]), weights=storage_bytes(state))
    step = training_step(subject, "meta")
    held = step.held()  # with the optimiser's moments, which are there from the second step on
    peak = peak_bytes(step.run, [tensor for tensors in held.values() for tensor in tensors])
    shares = {name: storage_bytes(tensors) for name, tensors in held.items()}
    gradients = storage_bytes(step.network.parameters())
    total = peak + sum(shares.values())
    yield exact(TRAINING, total, **shares, gradients=gradients, activations=peak - gradients)


ENTRIES = (
    Metric("memory_exact", (INFERENCE, TRAINING), measure, process="counting", depends=("batch_size", "image_size")),
)
