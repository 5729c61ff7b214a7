"""Ceilings of the machine, measured once in a run, and how close an architecture gets to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from reporter.metrics.size import LONGEST
from reporter.model import Metric, Quantity, Reading, absent, exact
from reporter.model.attempts import attempt

if TYPE_CHECKING:
    from reporter.worker.profiling.ceiling_rates import WorkloadGroup
    from reporter.worker.subject import Subject

SETTINGS = {"cpu_1thread": "CPU, 1 thread", "cpu": "CPU"}
TITLES = {**SETTINGS, "cuda": "GPU"}
PRECISIONS = {"": "float32", "bf16_": "bfloat16", "fp16_": "float16"}
"""The data types of networks whose peaks are measured, by what precedes the setting in the keys of these."""
NOT_MEASURED_IN = {"int8_": "int8"}
"""Precisions whose peaks are rows with a reason."""
PEAKS = {**PRECISIONS, "tf32_": "TF32", **NOT_MEASURED_IN}
NO_INT8 = "only engines compute in int8: no peak is measured in their kernels"
NO_BF16 = "the processor has no instructions for bf16"
NOT_MEASURED = "the ceilings of the machine are not measured"
NO_FP16 = "the processor has no instructions for fp16"
OTHER_PRECISION = "the peak MAC rate is measured in float32, bfloat16 and float16, and the network computes in {dtype}"
OTHER_TYPES = "the network computes in {dtypes}, and its weights are in {dtype}"
UNKNOWN_BF16 = "it is not known whether the processor has instructions for bf16: the system does not list them"
UNKNOWN_FP16 = "it is not known whether the processor has instructions for fp16: the system does not list them"


def peak(prefix: str, setting: str) -> Quantity:
    precision = PEAKS[prefix]
    return Quantity(
        key=f"ceiling_macs_{prefix}{setting}",
        title=f"Peak MAC rate, {precision}, {TITLES[setting]}",
        unit="1/s",
        group="profile",
        better="neither",
        definition=f"The most MACs per second in {precision} over several shapes of convolutions, contiguous and in "
        "channels_last, and of matrix products, measured on this machine once in a run.",
    )


def _bandwidth(setting: str) -> Quantity:
    return Quantity(
        key=f"ceiling_bandwidth_{setting}",
        title=f"Copy bandwidth, {SETTINGS[setting]}",
        unit="B/s",
        group="profile",
        better="neither",
        definition="Bytes read and written per second by a copy of 64 MiB, or of as much as the last-level caches hold "
        "if that is more (512 MiB at most), measured on this machine once in a run.",
    )


def share(setting: str) -> Quantity:
    return Quantity(
        key=f"ceiling_share_{setting}",
        title=f"Share of the ceiling, {TITLES[setting]}",
        unit="1",
        group="profile",
        better="neither",
        definition="MACs of one inference over its latency, divided by the ceiling: the smaller of the peak MAC rate "
        "and of the copy bandwidth times the arithmetic intensity.",
    )


INTENSITY = Quantity(
    key="arithmetic_intensity",
    title="Arithmetic intensity",
    unit="1/B",
    group="profile",
    better="neither",
    definition="MACs of one inference per byte of weights and activations that its operators read and write, counted "
    "exactly from the shapes.",
)
MACS = {(prefix, name): peak(prefix, name) for prefix in (*PRECISIONS, *NOT_MEASURED_IN) for name in SETTINGS}
BANDWIDTH = {setting: _bandwidth(setting) for setting in SETTINGS}
SHARES = {setting: share(setting) for setting in SETTINGS}
CEILINGS = tuple(
    each for name in SETTINGS for each in (*(q for (_, at), q in MACS.items() if at == name), BANDWIDTH[name])
)
OF_MACHINE = frozenset(quantity.key for quantity in CEILINGS)
"""The quantities that do not depend on the architecture."""


def measure(subject: Subject) -> Iterator[Reading]:
    """Measures the ceilings, unless the run has, and compares the latency with them."""
    found = {reading.quantity.key: reading for reading in subject.ceilings if reading.quantity.key in OF_MACHINE}
    if found.keys() != OF_MACHINE:
        found = {reading.quantity.key: reading for reading in ceilings(subject)}
    yield from found.values()
    yield from _compared(subject, found)


def ceilings(subject: Subject) -> Iterator[Reading]:
    """The ceilings with one thread and with all, measured in turns."""
    from reporter.worker.profiling.ceiling_rates import best_rates
    from reporter.worker.profiling.instruction_sets import processor_flags

    workloads = groups(subject)
    rates = best_rates(workloads)
    for quantity in CEILINGS:
        if found := rates.get(quantity.key):
            detail: dict[str, Any] = {"shapes": found}
            if quantity in BANDWIDTH.values():
                detail = {"copied": workloads[quantity.key].workloads[0].amount // 2}
            yield Reading(quantity=quantity, samples=(max(found.values()),), detail=detail)
        else:
            known = bool(processor_flags())
            reasons = {"bf16": NO_BF16 if known else UNKNOWN_BF16, "fp16": NO_FP16 if known else UNKNOWN_FP16}
            named = next((reason for name, reason in reasons.items() if f"_{name}_" in quantity.key), NO_INT8)
            yield from absent([quantity], "unsupported", named)


def groups(subject: Subject) -> dict[str, WorkloadGroup]:
    """The workloads of each ceiling that this machine has, with its number of threads, by key."""
    import torch

    from reporter.host.machine import native_precisions
    from reporter.worker.profiling.ceiling_rates import ON_CPU, WorkloadGroup, copying, multiplying
    from reporter.worker.profiling.operator_pass import setting

    available = [prefix for prefix in PRECISIONS if not prefix or prefix.rstrip("_") in native_precisions()]
    products = {prefix: list(multiplying(getattr(torch, PRECISIONS[prefix]), ON_CPU)) for prefix in available}
    found: dict[str, WorkloadGroup] = {}
    copies = [copying()]
    for name in SETTINGS:
        context = partial(setting, subject, name == "cpu_1thread")
        found |= {MACS[prefix, name].key: WorkloadGroup(products[prefix], context) for prefix in available}
        found[BANDWIDTH[name].key] = WorkloadGroup(copies, context)
    return found


def _compared(subject: Subject, found: dict[str, Reading]) -> Iterator[Reading]:
    """The arithmetic intensity of the architecture, and the share of each ceiling that it reaches."""
    from reporter.worker.profiling.operator_pass import profilers, setting

    found_bytes = moved_bytes(subject)
    moved = found_bytes.bytes
    if not moved:
        yield from absent((INTENSITY, *SHARES.values()), "unsupported", found_bytes.reason)
        return
    macs = subject.counts.macs
    yield exact(INTENSITY, macs / moved, macs=macs, bytes=moved)
    prefix, reason = precision(subject, found_bytes)
    if prefix is None:
        yield from absent(SHARES.values(), "unsupported", reason)
        return
    for name, quantity in SHARES.items():

        def latency(name: str = name) -> float:
            with setting(subject, name == "cpu_1thread"):
                return profilers(subject).of(name).observation.latency

        limits = (found[MACS[prefix, name].key], found[BANDWIDTH[name].key])
        yield reached(quantity, limits, (macs, moved), latency, prefix)


class Moved(NamedTuple):
    """The bytes that one inference reads and writes, and the data types of its products; 0 and the reason."""

    bytes: int
    reason: str
    dtypes: frozenset[str] = frozenset()


def moved_bytes(subject: Subject) -> Moved:
    """The bytes of an inference; the reason if they are not known, or without MACs."""
    from reporter.worker.counts.packed_weights import unlisted
    from reporter.worker.profiling.ceiling_rates import traffic

    if reason := unlisted(subject.meta).reason:
        return Moved(0, reason[:LONGEST])
    kind = subject.device.type
    counted, verdict = attempt(
        lambda: subject.counted(lambda device: traffic(subject.on(device), subject.input(1, device), kind))
    )
    if counted is None or not subject.counts.macs:
        return Moved(0, verdict.reason or "the architecture has no MACs")
    return Moved(counted[0].bytes, "", frozenset(counted[0].dtypes))


def precision(subject: Subject, moved: Moved) -> tuple[str | None, str]:
    """The key in PRECISIONS of the data type that the network computes in; None with the reason for another one."""
    dtype = str(subject.form.dtype).removeprefix("torch.")
    if moved.dtypes - {dtype}:
        return None, OTHER_TYPES.format(dtypes=", ".join(sorted(moved.dtypes)), dtype=dtype)
    found = next((prefix for prefix, title in PRECISIONS.items() if title == dtype), None)
    return found, OTHER_PRECISION.format(dtype=dtype) if found is None else ""


def reached(
    quantity: Quantity,
    limits: tuple[Reading, Reading],
    counts: tuple[int, int],
    latency: Callable[[], float],
    prefix: str,
) -> Reading:
    """The share of the ceiling: `limits` are the peak MAC rate and the copy bandwidth, `counts` the MACs and bytes.

    `prefix` is the precision of the peak, a key in PRECISIONS.
    """
    (peak, bandwidth), (macs, moved) = (each.value for each in limits), counts
    if peak is None or bandwidth is None:
        lost = next(each for each in limits if each.value is None)
        return next(absent([quantity], lost.status, lost.reason or NOT_MEASURED))
    intensity, seconds = macs / moved, latency()
    ceiling = min(peak, intensity * bandwidth)
    bound = "compute" if peak <= intensity * bandwidth else "memory"
    share = macs / seconds / ceiling
    of = prefix.rstrip("_") or "fp32"
    return exact(quantity, share, bound=bound, ceiling=ceiling, latency=seconds, intensity=intensity, peak_precision=of)


ENTRIES = (
    Metric(
        "ceilings",
        (*CEILINGS, INTENSITY, *SHARES.values()),
        measure,
        process="profiling",
        device="cpu",
    ),
)
