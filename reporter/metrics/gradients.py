"""Gradients before training: the ratio of the first layer's to the last's, and relative gradients layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, Verdict, absent
from reporter.model.attempts import attempt
from reporter.model.fields import AS_SET

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
    "training images, with random weights (of a module instance: those that its code sets); the geometric mean over "
    "all seeds of the run.",
)


FLOW = Quantity(
    key="gradient_flow",
    title="Gradient flow",
    unit="1",
    group="finetune",
    better="neither",
    centre="median",
    definition="Relative gradient (norm of the loss's gradient in a layer's weights over the norm of these weights) of "
    "early layers over late ones: the median of the first quarter of layers over that of the last quarter. 1 is even. "
    "On one batch of training images, with random weights (of a module instance: those that its code sets); the median "
    "over seeds.",
)
NO_FLOW = "early and late layers have no relative gradients to compare"


def measure(subject: Subject) -> Iterator[Reading]:
    """One backward pass per seed. The flow is measured where the ratio is not defined, as with a frozen first layer."""
    from reporter.worker.learning.relative_gradients import early_over_late, relative
    from reporter.worker.learning.training_steps import initial_gradients, load_images, ratio_of_ends
    from reporter.worker.references import instance

    weights = {"weights": AS_SET} if instance(subject.architecture) else {}
    train, _, classes = load_images(subject.conditions, subject.device)
    first, count = subject.conditions.first_seed, subject.conditions.seeds
    ratios: list[float] = []
    layers, verdict = [], Verdict("ok", None)
    for seed in range(first, first + count):
        used = initial_gradients(subject, train, classes, seed)
        if verdict.status == "ok":
            ratio, verdict = attempt(partial(ratio_of_ends, used))
            ratios += [] if ratio is None else [ratio]
        layers.append(relative(used))
    if verdict.status == "ok":
        yield Reading(quantity=RATIO, samples=tuple(ratios), detail=weights)
    else:
        yield from absent((RATIO,), verdict.status, verdict.reason or "")
    flows = [flow for each in layers if (flow := early_over_late(list(each.values()))) and math.isfinite(flow)]
    if len(flows) < len(layers):
        lost = verdict if verdict.status == "failed" else Verdict("unsupported", NO_FLOW)  # as with NaN
        yield from absent((FLOW,), lost.status, lost.reason or "")
        return
    middle = {name: _rounded(median(each.get(name, 0.0) for each in layers)) for name in layers[0]}
    detail = {**weights, "layers": list(middle), "relative_gradients": list(middle.values())}
    yield Reading(quantity=FLOW, samples=tuple(flows), detail=detail)


def _rounded(value: float) -> float:
    """Four digits: a chart shows no more, and records stay small."""
    return float(f"{value:.4g}")


ENTRIES = (
    Metric(
        "gradients",
        (RATIO, FLOW),
        measure,
        process="gradients",
        device="any",
        depends=("dataset", "seeds", "first_seed", "batch_size", "image_size"),
    ),
)
