"""Ceilings of a GPU, measured once in a run, and how close one image of an architecture gets to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from reporter.metrics.ceilings import (
    NO_INT8,
    NOT_MEASURED_IN,
    PEAKS,
    PRECISIONS,
    moved_bytes,
    peak,
    precision,
    reached,
    share,
)
from reporter.model import Metric, Quantity, Reading, absent
from reporter.model.attempts import attempt

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

MACS = {prefix: peak(prefix, "cuda") for prefix in PEAKS}
NO_INSTRUCTIONS = "this GPU has no instructions for {precision}"
BANDWIDTH = Quantity(
    key="ceiling_bandwidth_cuda",
    title="Copy bandwidth, GPU",
    unit="B/s",
    group="profile",
    better="neither",
    definition="Bytes read and written per second by a copy of 512 MiB within the memory of the GPU, measured once in "
    "a run.",
)
SHARE = share("cuda")
CEILINGS = (*MACS.values(), BANDWIDTH)
OF_GPU = frozenset(quantity.key for quantity in CEILINGS)
"""The quantities that do not depend on the architecture."""
CALLS = 20
"""Calls of one image, whose median is the latency; as many before are not counted."""


def measure(subject: Subject) -> Iterator[Reading]:
    """Measures the ceilings that the run has not, and compares the latency of one image with all."""
    found = {reading.quantity.key: reading for reading in subject.ceilings if reading.quantity.key in OF_GPU}
    found |= {reading.quantity.key: reading for reading in ceilings(subject, OF_GPU - found.keys())}
    yield from (found[quantity.key] for quantity in CEILINGS)
    yield _compared(subject, found)


def ceilings(subject: Subject, missing: Collection[str] = OF_GPU) -> Iterator[Reading]:
    """The best rates of convolutions and matrix products that fill a GPU, and of a copy, as far as they are missing."""
    import torch

    from reporter.worker.latency.timing import waiting_timer
    from reporter.worker.profiling.ceiling_rates import MOST_COPIED, ON_GPU, WorkloadGroup, best_rates, multiplying
    from reporter.worker.profiling.ceiling_rates import copied as copy
    from reporter.worker.variants.mode_readings import gpu_precisions
    from reporter.worker.variants.mode_variants import tf32

    timer, native = partial(waiting_timer, subject.place), gpu_precisions(subject.place)
    peaks = {prefix: quantity for prefix, quantity in MACS.items() if quantity.key in missing}
    for prefix, quantity in peaks.items():
        if reason := _lacks(prefix, native):
            yield from absent([quantity], "unsupported", reason)
            continue
        works = partial(multiplying, getattr(torch, PRECISIONS.get(prefix, "float32")), ON_GPU, str(subject.device))
        context = tf32 if prefix == "tf32_" else nullcontext
        rates, verdict = attempt(lambda: best_rates({"": WorkloadGroup(list(works()), context)}, timer=timer)[""])  # noqa: B023
        if rates:
            yield Reading(quantity=quantity, samples=(max(rates.values()),), detail={"shapes": rates})
        else:
            yield from absent([quantity], verdict.status, verdict.reason or "")
    if BANDWIDTH.key in missing:
        work = copy(MOST_COPIED, str(subject.device))
        rate = max(best_rates({"": WorkloadGroup([work])}, timer=timer)[""].values())
        yield Reading(quantity=BANDWIDTH, samples=(rate,), detail={"copied": MOST_COPIED})


def _lacks(prefix: str, native: Collection[str] | None) -> str:
    """Why there is no peak in a precision; empty if it is measured. `native` is None where that is not known."""
    name = prefix.rstrip("_")
    if prefix in NOT_MEASURED_IN:
        return NO_INT8
    return NO_INSTRUCTIONS.format(precision=name) if name and native is not None and name not in native else ""


def _compared(subject: Subject, found: Mapping[str, Reading]) -> Reading:
    """The share of the ceiling that one image reaches."""
    moved = moved_bytes(subject)
    prefix, other = precision(subject, moved)
    if not moved.bytes or prefix is None:
        return next(absent([SHARE], "unsupported", moved.reason or other))
    limits = (found[MACS[prefix].key], found[BANDWIDTH.key])
    return reached(SHARE, limits, (subject.counts.macs, moved.bytes), partial(_latency, subject), prefix)


def _latency(subject: Subject) -> float:
    """The median seconds of one image."""
    import torch

    from reporter.worker.latency.timing import waiting_timer

    network, images = subject.network, subject.inputs(1)
    with torch.inference_mode():
        timer = partial(waiting_timer, subject.place, lambda: network(next(images)), CALLS)
        timer()
        return median(timer())


ENTRIES = (Metric("ceilings_cuda", (*CEILINGS, SHARE), measure, process="profiling cuda", device="cuda"),)
