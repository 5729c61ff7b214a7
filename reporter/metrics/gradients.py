"""Gradient ratio: the norm of the gradient in the first layer over that in the last, at initialization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

RATIO = Quantity(
    key="gradient_ratio",
    title="Gradient ratio",
    unit="1",
    group="finetune",
    better="neither",
    centre="mean",
    definition="Norm of the loss's gradient in the weights of the first layer over that in the last, on one batch of "
    "training images, with random weights before the first step; the mean over seeds.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """One backward pass per seed."""
    from reporter.worker.training_steps import initial_gradient_ratio, load_images

    train, _, classes = load_images(subject.conditions, subject.device)
    first, count = subject.conditions.first_seed, subject.conditions.seeds
    seeds = range(first, first + count)
    yield Reading(quantity=RATIO, samples=tuple(initial_gradient_ratio(subject, train, classes, s) for s in seeds))


ENTRIES = (
    Metric(
        "gradients",
        (RATIO,),
        measure,
        process="gradients",
        device="any",
        depends=("dataset", "seeds", "first_seed", "batch_size", "image_size"),
    ),
)
