"""Readings of execution modes: times with their speedups, and the accelerator that they were taken on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from reporter.host import gpus, machine
from reporter.host.job import Job, wanted
from reporter.model import FOREIGN_LOAD, Metric, Quantity, Reading, Verdict, absent, thread_counts
from reporter.model.devices import device_type
from reporter.model.modes import Mode, alternation, speedup
from reporter.model.records import EAGER
from reporter.registry.execution_modes import emulated, kind
from reporter.stats.paired_ratios import fast_ratio
from reporter.worker import precision
from reporter.worker.device import Device
from reporter.worker.subject import Subject
from reporter.worker.variants.mode_variants import tf32

Samples = dict[str, tuple[float, ...]]
"""Seconds per call of eager and of the modes."""
Measured = tuple[Samples, float | None, dict[str, Any]]
"""The samples, the load of other programs, and the state of the accelerator."""


def order(metric: Metric) -> tuple[bool, bool]:
    """Single images first, with all threads, for which the modes are prepared."""
    assert metric.inference
    return metric.inference.batched, metric.inference.one_thread


def pair(
    quantity: Quantity,
    base: Sequence[float],
    mode: Sequence[float],
    batch: int,
    load: float | None,
    *,
    states: Mapping[str, Any] | None = None,
) -> tuple[Reading, Reading]:
    """The time or rate of a mode and its speedup, from seconds per call of eager and of the mode in one round.

    The speedup is that of fast calls (`fast_ratio`). The samples of eager are kept with it. `states` are those of the
    accelerator before the round.
    """
    rate = quantity.unit == "1/s"
    samples = tuple(batch / seconds for seconds in mode) if rate else tuple(mode)
    detail: dict[str, Any] = {} if load is None else {FOREIGN_LOAD: [round(load, 3)]}
    detail |= states or {}
    time = Reading(quantity=quantity, samples=samples, rounds=(len(samples),), detail=detail)
    ratio = fast_ratio(base, mode)
    kept = {"base": [list(base)], **detail}
    return time, Reading(quantity=speedup(quantity), samples=(ratio,), rounds=(1,), detail=kept)


def pairs(
    modes: Mapping[str, Mode],
    quantity: Quantity,
    measured: Measured,
    reasons: Mapping[str, Verdict],
    place: Device,
    *,
    batch: int = 1,
    alone: Samples | None = None,
) -> Iterator[tuple[str, Reading]]:
    """The readings of a time in all modes; `modes` have the precisions that they compute in.

    `reasons` are those of the modes without samples, and `alone` the samples of engines without eager in between.
    """
    samples, load, states = measured
    for name, mode in modes.items():
        if name not in samples:
            missing = absent([quantity, speedup(quantity)], reasons[name].status, reasons[name].reason or "")
            yield from ((name, reading) for reading in missing)
        else:
            for reading in pair(quantity, samples[EAGER], samples[name], batch, load, states=states):
                yield name, noted(reading, mode, place)
            if alone and name in alone:
                yield name, alternated_over_alone(quantity, samples[name], alone[name])


def alternated_over_alone(quantity: Quantity, alternated: Sequence[float], alone: Sequence[float]) -> Reading:
    """How much longer a call takes in alternation with eager than alone, from seconds per call in one round.

    The samples alone are kept with it.
    """
    detail: dict[str, Any] = {"alone": [list(alone)]}
    ratio = fast_ratio(alternated, alone)
    return Reading(quantity=alternation(quantity), samples=(ratio,), rounds=(1,), detail=detail)


def lost(job: Job, metrics: Mapping[str, Metric], verdict: Verdict) -> Iterator[tuple[str, Reading]]:
    """The readings of all modes of a job where none can be measured, each with its mode."""
    for mode, _, quantity in wanted(job, metrics):
        yield from ((mode, reading) for reading in absent([quantity], verdict.status, verdict.reason or ""))


def settings_of(metrics: Iterable[Metric], subject: Subject) -> dict[str, dict[str, Any]]:
    """What the times of metrics, their speedups and their alternations depend on, by the key of the quantity."""
    return {
        quantity.key: thread_counts.conditions_of(quantity.key, subject.conditions.of(metric, subject.place.name))
        for metric in metrics
        for each in metric.quantities
        for quantity in (each, speedup(each), alternation(each))
    }


def once_timed(quantity: Quantity, seconds: float) -> Reading:
    """A duration that is measured once."""
    return Reading(quantity=quantity, samples=(seconds,))


def of_device(place: Device, mode: Mode) -> dict[str, Any]:
    """What identifies the accelerator, and the precision of torch in a mode, for the detail; empty for the CPU."""
    identity = place.identity()
    if not identity:
        return {}
    with tf32() if mode.precision == "tf32" else nullcontext():
        return {"device": identity, "precision": precision.current()}


def gpu_precisions(place: Device) -> list[str] | None:
    """The precisions that a GPU has instructions for; None for other devices than NVIDIA's."""
    identity = place.identity()
    capability = None if "hip_runtime" in identity else identity.get("capability")
    return gpus.native_precisions(capability) if capability else None


def noted(reading: Reading, mode: Mode, place: Device) -> Reading:
    """With the reason where the processor or the GPU has no instructions for the precision of a mode."""
    device = kind(device_type(place.name), machine.native_precisions(), gpu_precisions(place))
    note = emulated(mode, device)
    return reading.model_copy(update={"reason": note}) if note else reading
