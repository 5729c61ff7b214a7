"""Training throughput of a GPU at the batch size that fills it: the batch is doubled until throughput stops rising."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, absent
from reporter.model.attempts import attempt
from reporter.model.devices import ACCELERATORS, DEVICE_TITLES, AcceleratorType
from reporter.model.scaling_curves import GAIN, LARGEST_BATCH

if TYPE_CHECKING:
    from torch import Tensor

    from reporter.worker.subject import Subject

SHARE = 0.5
"""The share of the sampling time of other times that each batch size gets."""


def _quantity(device: AcceleratorType) -> Quantity:
    return Quantity(
        key=f"train_throughput_{device}",
        title=f"Training throughput, {DEVICE_TITLES[device]}",
        unit="1/s",
        group="latency",
        better="higher",
        definition="Images per second of training steps on the GPU on images of 80 pixels. From the batch "
        "size of the training on, the batch is doubled until throughput rises by less than 5 % or memory ends; the "
        "highest throughput counts.",
    )


def measure(quantity: Quantity, subject: Subject) -> Iterator[Reading]:
    """The highest throughput with its batch size; the reason of the smallest batch if none could be measured.

    A larger batch that fails for another reason than memory ends the sweep, too, with the reason in the reading.
    """
    from reporter.worker.latency import clock_settling
    from reporter.worker.latency.fitting_batch import with_fitting_batch
    from reporter.worker.learning.finetuning import step_of
    from reporter.worker.learning.training_steps import exercise

    network, (images, labels), recipe, about = exercise(subject, subject.device)
    step = step_of(network, recipe, subject.classes)
    smaller = partial(_step_on_some, step, images, labels)
    states = with_fitting_batch(
        lambda: clock_settling.settled(subject.place, lambda: step(images, labels)), smaller, len(images)
    )
    found: list[tuple[int, tuple[float, ...]]] = []
    factor, reason = 1, None
    while factor * len(images) <= LARGEST_BATCH:
        work = partial(_rates, subject, step, images, labels, factor)
        rates, verdict = attempt(partial(with_fitting_batch, work, smaller, len(images)) if not found else work)
        if rates is None:
            if not found:
                yield from absent((quantity,), verdict.status, verdict.reason or "")
                return
            if verdict.status != "oom":
                reason = f"a batch of {factor * len(images)} could not be measured: {verdict.reason}"
            break
        found.append((factor * len(images), rates))
        if len(found) > 1 and median(rates) < GAIN * median(found[-2][1]):
            break
        factor *= 2
    batch, samples = max(found, key=lambda each: median(each[1]))
    detail = {"batch": batch, **about, **states}
    yield Reading(quantity=quantity, samples=samples, rounds=(len(samples),), reason=reason, detail=detail)


def _step_on_some(step: Callable[[Tensor, Tensor], object], images: Tensor, labels: Tensor, count: int) -> object:
    return step(images[:count], labels[:count])


def _rates(
    subject: Subject, step: Callable[[Tensor, Tensor], object], images: Tensor, labels: Tensor, factor: int
) -> tuple[float, ...]:
    """Images per second of steps on a batch `factor` times as large."""
    from reporter.worker.latency import timing

    batch = subject.form(images.repeat(factor, 1, 1, 1)), labels.repeat(factor)  # repeat loses the memory format
    seconds = subject.sample(
        lambda: step(*batch),
        timing.timer(subject.place),
        seconds=subject.conditions.seconds * SHARE,
        goal=subject.conditions.goal,
        min_samples=2,
    )
    return tuple(len(batch[0]) / each for each in seconds)


TRAINING = {device: _quantity(device) for device in ACCELERATORS}
ENTRIES = tuple(
    Metric(
        quantity.key,
        (quantity,),
        partial(measure, quantity),
        process=f"training sweep {device}",
        device=device,
        depends=("batch_size", "image_size"),
    )
    for device, quantity in TRAINING.items()
)
