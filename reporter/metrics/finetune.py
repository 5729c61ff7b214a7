"""What does it learn in a short time? Held-out top-1 after one short recipe, the same for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reporter.types import Metric, Quantity, Reading, absent

if TYPE_CHECKING:
    from reporter.measuring.subject import Subject

TOP1 = Quantity(
    key="finetune_top1",
    title="Top-1 after fine-tuning",
    unit="1",
    group="finetune",
    better="higher",
    centre="mean",
    definition="Share of held-out images classified rightly after the short fine-tuning, batch-norm statistics "
    "recalibrated on training images; the mean over seeds. Networks that start from ImageNet weights are marked: they "
    "do not compare with those that start from random ones.",
)
SECONDS = Quantity(
    key="finetune_seconds",
    title="Fine-tuning time",
    unit="s",
    group="finetune",
    better="lower",
    centre="mean",
    definition="Seconds that the fine-tuning took, evaluation included, loading of images and weights not.",
)
RATIO = Quantity(
    key="gradient_ratio_trained",
    title="Gradient ratio, trained",
    unit="1",
    group="finetune",
    better="neither",
    centre="mean",
    definition="The gradient ratio on the same batch after the short fine-tuning; the mean over seeds.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Trains one network per seed on preloaded images."""
    from dataclasses import asdict
    from math import isfinite
    from time import perf_counter

    from reporter.measuring.learning import gradient_ratio, learner, load_images
    from reporter.measuring.training import Recipe, fine_tune

    conditions, device = subject.conditions, subject.device
    train, test, classes = load_images(conditions, device)
    accuracies, seconds, courses, ratios = [], [], [], []
    detail: dict[str, Any] = {}
    for seed in range(conditions.seeds):
        start_network, detail = learner(subject, classes, seed)
        recipe = Recipe.of(subject.architecture, conditions.steps, conditions.batch_size, seed)
        start = perf_counter()
        course = fine_tune(start_network, train, test, recipe)
        seconds.append(perf_counter() - start)
        accuracies.append(course.top1)
        courses.append(course)
        ratios.append(gradient_ratio(start_network, train, conditions.batch_size, seed))
    recipe_told = {
        "optimizer": "AdamW",
        **asdict(recipe),
        "seeds": conditions.seeds,
        "image_size": conditions.image_size,
        "auxiliary_dropped": detail.pop("auxiliary_dropped"),
        "batch_norm_recalibrated": "top1_uncalibrated" in courses[0].evaluations[-1],
    }
    detail |= {
        "dataset": conditions.dataset,
        "classes": classes,
        "train_images": len(train[1]),
        "test_images": len(test[1]),
        "curve": courses[0].curve,
        "evaluations": courses[0].evaluations,
        "recipe": recipe_told,
    }
    yield Reading(quantity=TOP1, samples=tuple(accuracies), detail=detail)
    yield Reading(quantity=SECONDS, samples=tuple(seconds))
    if all(map(isfinite, ratios)):
        yield Reading(quantity=RATIO, samples=tuple(ratios))
    else:
        yield from absent((RATIO,), "failed", "no gradient reached the last layer")


ENTRIES = (
    Metric(
        "finetune",
        (TOP1, SECONDS, RATIO),
        measure,
        process="fine-tuning",
        device="any",
        depends=("dataset", "weights", "steps", "seeds", "batch_size", "image_size", "test_images"),
    ),
)
