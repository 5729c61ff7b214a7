"""Exact peaks of memory, computed from the live storages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, absent, exact

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

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
    definition="The most bytes alive at once in one training step on a batch of images of 80 pixels, all "
    "included: weights, gradients and AdamW's two moments of what learns, activations and the batch.",
)


def measure_inference(subject: Subject) -> Iterator[Reading]:
    """Follows one inference, the one that is counted."""
    from reporter.worker.counts.counting import storage_bytes
    from reporter.worker.counts.packed_weights import unlisted
    from reporter.worker.subject import marked

    missing = unlisted(subject.meta)
    if missing.has_tensors:
        yield from absent((INFERENCE,), "unsupported", missing.reason[:500])
        return
    counts, refusal = subject.counting
    state = [*subject.meta.parameters(), *subject.meta.buffers()]
    weights = {} if missing.reason else {"weights": storage_bytes(state)}
    yield marked(exact(INFERENCE, counts.peak, **weights, image=subject.input(1, "meta").nbytes), refusal)


def measure_training(subject: Subject) -> Iterator[Reading]:
    """Forward and backward among all that a step holds; the fused AdamW updates in place and adds nothing."""
    from reporter.worker.counts.packed_weights import unlisted
    from reporter.worker.subject import marked

    if reason := unlisted(subject.meta).reason:
        yield from absent((TRAINING,), "unsupported", reason[:500])
        return
    shares, refusal = subject.counted(partial(_step, subject))
    yield marked(exact(TRAINING, sum(shares.values()), **shares), refusal)


def _step(subject: Subject, device: str) -> dict[str, int]:
    """The bytes of one training step by what they hold: gradients and moments only of what learns."""
    from reporter.worker.counts.counting import peak_bytes, storage_bytes
    from reporter.worker.learning.finetuning import loss_of
    from reporter.worker.learning.training_steps import exercise

    network, (images, labels), recipe = exercise(subject, device)
    weights, buffers = list(network.parameters()), list(network.buffers())
    initial = [*weights, *buffers, images, labels]
    peak = peak_bytes(lambda: loss_of(network(images), labels, recipe, subject.classes).backward(), initial)
    learning = [weight for weight in weights if weight.grad is not None]
    gradients = storage_bytes(learning)
    shares = {
        "weights": storage_bytes([*weights, *buffers]),
        "optimizer": sum(2 * weight.nbytes for weight in learning),  # mean and variance of each gradient
        "batch": storage_bytes([images, labels]),
    }
    return {**shares, "gradients": gradients, "activations": peak - gradients}


ENTRIES = (
    Metric("memory_inference", (INFERENCE,), measure_inference, process="counting"),
    Metric("memory_training", (TRAINING,), measure_training, process="counting", depends=("batch_size", "image_size")),
)
