"""Latency and throughput on the CPU and on accelerators: one thread and all, batches, training steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from reporter.model import FOREIGN_LOAD, Inference, Metric, Quantity, Reading, ReporterError
from reporter.model.devices import ACCELERATORS, DEVICE_TITLES, DEVICE_TYPES, DeviceType
from reporter.model.fields import DEFAULT_MALLOC, ROW

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

ONE_AT_A_TIME = " From the call until the device is done, one call at a time."
IN_A_ROW = f" The device is given {ROW} batches in a row and waited for once."
KEEPING = "in a process that keeps freed memory"
ON_GPU = "on the GPU"
WHERE: dict[str, str] = {"cpu": f"on the CPU with all threads, {KEEPING}", **dict.fromkeys(ACCELERATORS, ON_GPU)}


def _latency(key: str, title: str, where: str) -> Quantity:
    waited = ONE_AT_A_TIME if where == ON_GPU else ""
    return Quantity(
        key=key,
        title=title,
        unit="s",
        group="latency",
        better="lower",
        definition=f"Time from one image of the input size to the network's output, {where}: the median over all "
        f"rounds, warmed up, with its 95 % interval by how far rounds vary.{waited}",
    )


def _throughput(device: DeviceType, title: str) -> Quantity:
    queued = IN_A_ROW if device != "cpu" else ""
    return Quantity(
        key=f"throughput_{device}",
        title=title,
        unit="1/s",
        group="latency",
        better="higher",
        definition=f"Images of the input size per second in batches, {WHERE[device]}.{queued}",
    )


def _train_step(device: DeviceType, title: str) -> Quantity:
    waited = ONE_AT_A_TIME if device != "cpu" else ""
    return Quantity(
        key=f"train_step_{device}",
        title=title,
        unit="s",
        group="latency",
        better="lower",
        definition=f"Time of one training step (forward, loss, backward, AdamW) {WHERE[device]}, on a batch of "
        f"images of 80 pixels, with 1,000 classes.{waited}",
    )


def measure_latency(quantity: Quantity, one_thread: bool, subject: Subject, least: int = 3) -> Iterator[Reading]:
    """Times single images, at least `least` of them."""
    from reporter.host.machine import one_core
    from reporter.worker.torch_state import threads

    call = _inference(subject, 1)
    with threads(1 if one_thread else subject.threads), one_core(subject.round) if one_thread else nullcontext():
        yield _timed(quantity, subject, call, least)


def measure_throughput(quantity: Quantity, subject: Subject, least: int = 2) -> Iterator[Reading]:
    """Times batches, at least `least` of them, and turns seconds per batch into images per second."""
    from reporter.worker.latency.fitting_batch import with_fitting_batch

    batch = subject.conditions.throughput_batch
    timed = with_fitting_batch(
        lambda: _timed(quantity, subject, _inference(subject, batch), least, rows=True),
        lambda size: _inference(subject, size)(),
        batch,
    )
    yield timed.model_copy(update={"samples": tuple(batch / seconds for seconds in timed.samples)})


def measure_train_step(quantity: Quantity, subject: Subject) -> Iterator[Reading]:
    """Times training steps on one batch."""
    from reporter.worker.latency.fitting_batch import with_fitting_batch
    from reporter.worker.learning.finetuning import optimizer_of, step_of
    from reporter.worker.learning.training_steps import exercise

    network, batch, recipe, about = exercise(subject, subject.device, copies=True)
    step = step_of(network, recipe, subject.classes)
    images, labels = batch
    timed = with_fitting_batch(
        lambda: _timed(quantity, subject, lambda: step(images, labels), min_samples=2),
        lambda size: step(images[:size], labels[:size]),
        len(images),
    )
    yield timed.model_copy(update={"detail": {**timed.detail, **about, "optimizer": optimizer_of(network, recipe)[1]}})


def _inference(subject: Subject, batch: int) -> Callable[[], object]:
    import torch

    network, images = subject.network, subject.inputs(batch)

    def infer() -> object:
        with torch.inference_mode():
            return network(next(images))

    return infer


def _timed(
    quantity: Quantity, subject: Subject, call: Callable[[], object], min_samples: int, rows: bool = False
) -> Reading:
    from reporter.host import machine
    from reporter.worker.latency import clock_settling, timing

    if quantity.key not in DEFAULT_MALLOC:
        machine.keep_freed_memory()
    conditions, before = subject.conditions, machine.load()
    timer, watched = timing.timer(subject.place, rows), _watched(call)
    states = clock_settling.settled(subject.place, watched)
    samples = subject.sample(watched, timer, seconds=conditions.seconds, goal=conditions.goal, min_samples=min_samples)
    after = machine.load()
    background_load = after.background_load_since(before) if before and after else None
    load = {} if background_load is None else {FOREIGN_LOAD: [round(background_load, 3)]}
    return Reading(quantity=quantity, samples=samples, rounds=(len(samples),), detail={**load, **states})


def _watched(call: Callable[[], object]) -> Callable[[], object]:
    """The same call, but ReporterError where its first output contains NaN; that one warms up and is never a sample."""
    from reporter.worker.outputs import has_nan

    waiting = True

    def watched() -> object:
        nonlocal waiting
        answer = call()
        if waiting:
            waiting = False
            if has_nan(answer):
                raise ReporterError("the output contains NaN")
        return answer

    return watched


def _entry(
    quantity: Quantity,
    measure: Callable[[Subject], Iterator[Reading]],
    device: DeviceType,
    *depends: str,
    inference: Inference | None = None,
    training: bool = False,
) -> Metric:
    return Metric(
        quantity.key,
        (quantity,),
        measure,
        process=f"timing {device}",
        device=device,
        timed=True,
        depends=depends,
        inference=inference,
        training=training,
    )


ONE_THREAD = _latency("latency_cpu_1thread", "Latency, CPU, 1 thread", f"on the CPU with one thread, {KEEPING}")
LATENCY = {d: _latency(f"latency_{d}", f"Latency, {DEVICE_TITLES[d]}", WHERE[d]) for d in DEVICE_TYPES}
THROUGHPUT = {d: _throughput(d, f"Throughput, {DEVICE_TITLES[d]}") for d in DEVICE_TYPES}
TRAIN_STEP = {d: _train_step(d, f"Training step, {DEVICE_TITLES[d]}") for d in DEVICE_TYPES}

ENTRIES = (
    _entry(ONE_THREAD, partial(measure_latency, ONE_THREAD, True), "cpu", inference=Inference(one_thread=True)),
    *(_entry(LATENCY[d], partial(measure_latency, LATENCY[d], False), d, inference=Inference()) for d in DEVICE_TYPES),
    *(
        _entry(
            THROUGHPUT[d],
            partial(measure_throughput, THROUGHPUT[d]),
            d,
            "throughput_batch",
            inference=Inference(batched=True),
        )
        for d in DEVICE_TYPES
    ),
    *(
        _entry(TRAIN_STEP[d], partial(measure_train_step, TRAIN_STEP[d]), d, "batch_size", "image_size", training=True)
        for d in DEVICE_TYPES
    ),
)
