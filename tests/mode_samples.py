"""Records of execution modes for tests, made from eager records: the times are those of eager times a factor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from commands import ROOT
from pydantic import JsonValue

from reporter.model import Reading, Record, Status
from reporter.model.modes import FIRST_CALL, OUTPUT_ERROR, PREPARE, speedup
from reporter.stats.samples import split
from reporter.store import record_files

FACTORS = {"bf16": 0.65, "bf16+channels_last": 0.5, "channels_last": 0.8, "openvino": 0.6}
"""Time of each mode divided by that of eager."""
TIMES = ("latency_cpu_1thread", "latency_cpu")
LIMIT = 0.02
ERROR = 0.005
NOT_INSTALLED = "onnxruntime is not installed; install reporter[onnxruntime]"


@cache
def reference() -> tuple[Record, ...]:
    """The eager records of results/reference as of a run without modes, operators, stages and ceilings."""
    found = record_files.load_all(ROOT / "results" / "reference")[0]
    return tuple(each.model_copy(update={"readings": _without_profiles(each)}) for each in found)


def _without_profiles(record: Record) -> dict[str, Reading]:
    return {
        key: each for key, each in record.readings.items() if each.quantity.group != "profile" and key != "output_error"
    }


def mode(
    eager: Record,
    name: str = "bf16+channels_last",
    factor: float = 0.5,
    *,
    error: float = ERROR,
    times: Sequence[str] = TIMES,
    wobble: float = 0.0,
) -> Record:
    """A mode that takes `factor` of eager's times; `wobble` is how far the factor varies between rounds."""
    readings: list[Reading] = []
    for key in times:
        reading = eager.readings.get(key)
        if reading is not None and reading.measured:
            readings += _timed(reading, factor, wobble)
    readings += [
        Reading(quantity=OUTPUT_ERROR, samples=(error,), detail={"limit": LIMIT}),
        Reading(quantity=PREPARE, samples=(1.5,)),
        Reading(quantity=FIRST_CALL, samples=(2 * factor,)),
    ]
    return of_mode(eager, name, readings)


def without(
    eager: Record,
    name: str = "onnxruntime",
    status: Status = "unsupported",
    reason: str = NOT_INSTALLED,
    times: Sequence[str] = TIMES,
) -> Record:
    """A mode that is not available: all its readings have a status and a reason."""
    timed = [eager.readings[key].quantity for key in times if key in eager.readings]
    quantities = [*timed, *map(speedup, timed), OUTPUT_ERROR, PREPARE, FIRST_CALL]
    return of_mode(eager, name, [Reading(quantity=each, status=status, reason=reason) for each in quantities])


def of_mode(eager: Record, name: str, readings: Iterable[Reading]) -> Record:
    """A record of a mode with these readings."""
    return eager.model_copy(update={"mode": name, "readings": {each.quantity.key: each for each in readings}})


def in_rounds(record: Record, count: int = 3) -> Record:
    """The record with the samples of each time in so many rounds, as far as there are enough."""
    readings = dict(record.readings)
    for key, reading in readings.items():
        if reading.timed and len(reading.samples) >= count:
            least, more = divmod(len(reading.samples), count)
            rounds = tuple(least + (number < more) for number in range(count))
            readings[key] = reading.model_copy(update={"rounds": rounds, "origins": ()})
    return record.model_copy(update={"readings": readings})


def with_modes(
    records: Iterable[Record], factors: Mapping[str, float] = FACTORS, unavailable: Iterable[str] = ("onnxruntime",)
) -> list[Record]:
    """The records, each followed by its modes."""
    missing = tuple(unavailable)
    found = []
    for record in records:
        found += [record, *(mode(record, name, factor) for name, factor in factors.items())]
        found += [without(record, name) for name in missing]
    return found


def _timed(eager: Reading, factor: float, wobble: float) -> list[Reading]:
    """The time of a mode, and its speedup."""
    base = split(eager.samples, eager.rounds)
    factors = [factor * (1 + wobble * math.sin(3 * number + 1)) for number in range(len(base))]
    parts = [[sample * each for sample in part] for each, part in zip(factors, base, strict=True)]
    samples = tuple(sample for part in parts for sample in part)
    rounds = tuple(map(len, base))
    time = Reading(quantity=eager.quantity, samples=samples, rounds=rounds, origins=eager.origins)
    detail: dict[str, JsonValue] = {"base": [list(part) for part in base]}
    ratio = Reading(
        quantity=speedup(eager.quantity),
        samples=tuple(1 / each for each in factors),
        rounds=(1,) * len(base),
        origins=eager.origins,
        detail=detail,
    )
    return [time, ratio]
