"""Execution modes: a memory format, a precision and an engine, joined by `+` in alphabetical order.

`eager` (fp32, contiguous, as torch runs it) is the base of every ratio. An engine without a precision is fp32.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from reporter.model.device_readings import on_devices
from reporter.model.devices import ACCELERATORS, device_in
from reporter.model.extensions import Engine, Metric, absent
from reporter.model.names import nearest
from reporter.model.readings import SPEEDUP, Quantity, Reading, ReporterError, Verdict
from reporter.model.records import EAGER, Record

CHANNELS_LAST = "channels_last"
PRECISIONS = ("amp", "bf16", "fp16", "int8", "tf32")
TORCH_PRECISIONS = ("amp", "bf16", "fp16", "tf32")
"""Those that torch has without an engine."""
DEFAULT, ALL = "default", "all"
SETS = (DEFAULT, ALL)
TIMED_BY_DEFAULT = ("latency_cpu_1thread", "latency_cpu", *(f"latency_{each}" for each in ACCELERATORS))
"""The times that the sets `default` and `all` take, as far as --metrics asks for them."""
PROFILED_BY_DEFAULT = ("operators", "operators_cuda")
"""The profiles that they take."""

ALTERNATION = "alternation_"
"""How the keys of ratios begin of an engine's time in alternation with eager to its time alone."""
AGREEMENT = 0.05
"""The share up to which these times agree."""

OUTPUT_ERROR = Quantity(
    key="output_error",
    title="Output error",
    unit="1",
    group="latency",
    better="lower",
    definition="The largest absolute difference from the scores of a float64 run, over 8 images and all classes, "
    "divided by the range of the float64 scores.",
)
PREPARE = Quantity(
    key="prepare_seconds",
    title="Preparation",
    unit="s",
    group="latency",
    better="lower",
    definition="Time to prepare the network for this mode: conversion, export, compilation and loading, with an "
    "empty cache.",
    centre="mean",
)
FIRST_CALL = Quantity(
    key="first_call_seconds",
    title="First call",
    unit="s",
    group="latency",
    better="lower",
    definition="Time of the first call on one image, after the network is built or prepared for a mode.",
    centre="mean",
)
TIMED = "timed"
"""In the detail of an output error without a value that is kept in a later record: the mode had times on the device."""
CHECK_FAILED = "check_failed"
"""In the detail of an output error that is missing because the check failed, and not the outputs.

The next run measures the mode again, and checks it.
"""
ONCE = (OUTPUT_ERROR, PREPARE, FIRST_CALL)
"""What is measured once per mode and kind of device, in its first round; see model/device_readings.py."""

OutputVerdict = Literal["within", "unchecked", "wrong"]
VERDICTS: tuple[OutputVerdict, ...] = get_args(OutputVerdict)
"""The worst last."""


class OutputDecision(NamedTuple):
    """The verdict on the output of a mode, and the output error that it is based on; None if there is none.

    `devices` has the kinds of device with this verdict where the output was checked on several and is not `within` its
    limit on all of them.
    """

    verdict: OutputVerdict
    reading: Reading | None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mode:
    """A parsed mode; a part that is not named is empty."""

    memory_format: str = ""
    precision: str = ""
    engine: str = ""

    @property
    def name(self) -> str:
        """The canonical name: its parts in alphabetical order, or `eager`."""
        return "+".join(sorted(part for part in (self.memory_format, self.precision, self.engine) if part)) or EAGER


def parse(text: str, engines: Mapping[str, Engine]) -> Mode:
    """A mode from parts in any order; ReporterError with what can be joined."""
    parts = [part for part in dict.fromkeys(each.strip() for each in text.split("+")) if part != EAGER]
    known = (EAGER, CHANNELS_LAST, *PRECISIONS, *engines)
    for part in parts:
        if part in SETS:
            both = ",".join(filter(None, (part, "+".join(each for each in parts if each != part))))
            raise ReporterError(f"--modes: {part} is a set of modes, which cannot be joined; write {both}")
        if part not in known:
            raise ReporterError(f"--modes: unknown mode {part!r}; {nearest(part, [*known, *SETS])}")
    precisions = [part for part in parts if part in PRECISIONS]
    named = [part for part in parts if part in engines]
    if len(precisions) > 1:
        raise ReporterError(f"--modes: {text!r} has the precisions {' and '.join(precisions)}; name one of them")
    if len(named) > 1:
        raise ReporterError(f"--modes: {text!r} has the engines {' and '.join(named)}; name one of them")
    mode = Mode(
        CHANNELS_LAST if CHANNELS_LAST in parts else "", precisions[0] if precisions else "", named[0] if named else ""
    )
    _check(text, mode, engines)
    return mode


def _check(text: str, mode: Mode, engines: Mapping[str, Engine]) -> None:
    """ReporterError where an engine cannot be joined with the precision or memory format."""
    engine = engines.get(mode.engine)
    taken = (*engine.precisions, *engine.memory_formats) if engine else (*TORCH_PRECISIONS, CHANNELS_LAST)
    for part in (mode.precision, mode.memory_format):
        if part and part not in taken:
            if engine:
                joined = ", ".join(sorted(taken)) or "nothing"
                raise ReporterError(f"--modes: {text!r} cannot be run: {engine.name} can be joined with {joined}")
            able = sorted(name for name, each in engines.items() if part in each.precisions)
            raise ReporterError(f"--modes: {text!r} cannot be run: {part} needs an engine: {', '.join(able) or 'none'}")


def canonical(texts: Collection[str], engines: Mapping[str, Engine]) -> tuple[str, ...]:
    """The modes of a list by their canonical names, without repetition; the names of sets stay."""
    found = [text if text in SETS else parse(text, engines).name for text in texts]
    return tuple(dict.fromkeys(found))


def speedup(quantity: Quantity) -> Quantity:
    """The quantity of the ratio of eager to a mode for a time or rate: above 1 the mode is faster."""
    return Quantity(
        key=SPEEDUP + quantity.key,
        title=f"Speedup, {quantity.title}",
        unit="1",
        group="latency",
        better="higher",
        definition=f"{quantity.title}: eager divided by this mode, interleaved in one process (the "
        "ratio of their lower quartiles), with the 95 % interval over rounds. Above 1 the mode is faster.",
    )


def alternation(quantity: Quantity) -> Quantity:
    """The quantity of the ratio of a time in alternation with eager to the time alone: above 1 it is longer there."""
    return Quantity(
        key=ALTERNATION + quantity.key,
        title=f"Alternation, {quantity.title}",
        unit="1",
        group="latency",
        better="neither",
        definition=f"{quantity.title}: the time of a call in alternation with eager, from which the speedup follows, "
        "divided by the time of a call without eager's calls in between, both in one process (the ratio of their lower "
        "quartiles). Above 1 a call takes longer in alternation.",
    )


def quantities(metric: Metric, number: int) -> tuple[Quantity, ...]:
    """What a round of a time gives in a mode: the time and its speedup, and in the first round all of ONCE.

    A profile gives its own quantities in the first round, and a curve, whose points are measured apart, all of ONCE.
    """
    if metric.curve:
        return () if number else ONCE
    if metric.profile:
        return () if number else metric.quantities
    pairs = tuple(each for quantity in metric.quantities for each in (quantity, speedup(quantity)))
    return pairs if number else (*pairs, *ONCE)


def output_decision(record: Record, eager: Record | None = None) -> OutputDecision:
    """The verdict of the output check of a mode on all devices, which is the worst one, with its output error.

    Only modes that are `within` their limit are ranked.

    `output_error` has the limit in its detail, under `limit`. An output that cannot be compared, because it contains
    NaN or has another shape, is wrong if the mode has times on that device. Eager is never wrong. Where `eager`, the
    record of the same architecture, exceeds its own limit or cannot be compared on the device, the limit does not hold,
    and fp32 modes above theirs are unchecked; if eager cannot be compared, so are fp32 modes that cannot be compared. A
    mode whose check is not supported, or failed itself, is unchecked, too.
    """
    decided = output_decisions(record, eager)
    worst = max(decided.values(), key=lambda each: VERDICTS.index(each.verdict), default=None)
    if worst is None or worst.verdict == "within":
        return OutputDecision("within", record.readings.get(OUTPUT_ERROR.key))
    alike = tuple(kind for kind, each in decided.items() if each.verdict == worst.verdict)
    return worst._replace(devices=alike if len(decided) > 1 else ())


def output_decisions(record: Record, eager: Record | None = None) -> dict[str, OutputDecision]:
    """The same on each kind of device that the output was checked on."""
    found = on_devices(record.readings.get(OUTPUT_ERROR.key))
    of_eager = on_devices(eager.readings.get(OUTPUT_ERROR.key)) if eager else {}
    several = len(found) > 1
    return {
        kind: OutputDecision(_verdict(record, each, of_eager.get(kind), kind if several else ""), each)
        for kind, each in found.items()
    }


def _verdict(record: Record, reading: Reading, eager: Reading | None, device: str) -> OutputVerdict:
    """The verdict on one device, with the output error of eager there; without a name, on the only device."""
    if not (exceeds(reading) if reading.measured else TIMED in reading.detail or _is_timed(record, device)):
        return "within"
    if record.mode == EAGER or not was_compared(reading):
        return "unchecked"
    is_fp32 = not set(record.mode.split("+")) & set(PRECISIONS)
    is_lost = eager is not None and eager.status == "failed" and was_compared(eager)
    disproved = eager is not None and (is_lost or (reading.measured and exceeds(eager)))
    return "unchecked" if is_fp32 and disproved else "wrong"


def was_compared(error: Reading) -> bool:
    """Whether an output error is of outputs that were compared, or cannot be."""
    return error.status in ("ok", "failed") and CHECK_FAILED not in error.detail


def _is_timed(record: Record, device: str) -> bool:
    """Whether a record has times on a device; without a name, any times."""
    times = (each.quantity.key for each in record.readings.values() if each.timed)
    return any(not device or device_in(key) in ("", device) for key in times)


def unchecked(verdict: Verdict) -> Reading:
    """The output error that is missing because the check failed, was too slow or is not supported."""
    (error,) = absent([OUTPUT_ERROR], verdict.status, verdict.reason or "")
    return error.model_copy(update={"detail": {CHECK_FAILED: True}}) if verdict.status == "failed" else error


def exceeds(error: Reading) -> bool:
    """Whether an output error is above its limit."""
    limit = error.detail.get("limit")
    return error.value is not None and isinstance(limit, int | float) and error.value > limit


def is_larger(now: Reading, before: Reading) -> bool:
    """Whether an output error takes the place of another one: it is larger, or its outputs cannot be compared.

    Of one whose check is repeated, any that is above its limit does, as it may be that of a point of a curve. One whose
    check failed takes the place of one within its limit only.
    """
    if not before.measured:
        return is_repeated(before) and now.reason is not None
    if not was_compared(now):
        return not exceeds(before)
    return not now.measured or now.samples > before.samples


def is_repeated(error: Reading) -> bool:
    """Whether an output error is missing for another reason than its outputs, so that they are checked again.

    It has no settings where the worker ended; what a worker sends of an engine has the version of the engine.
    """
    return lacks_check(error) or (not error.measured and not error.settings)


def lacks_check(error: Reading) -> bool:
    """Whether the check of the outputs failed, was too slow or out of memory."""
    return error.status in ("oom", "timeout") or CHECK_FAILED in error.detail
