"""(architecture, mode) pairs for `reporter choose`.

A mode has its own times and output error, and eager's static values. The memory of the process is measured in eager
only: in another mode, a process may load the libraries of an engine. A mode whose output is wrong or unchecked is left
out; so is a mode with int8 precision unless it is asked for, as its accuracy is not known. The order is that of
accuracy; modes of one architecture are in the order of their time.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reporter.compare.matching import is_time
from reporter.model import Reading, Record, ReporterError
from reporter.model.modes import ALL, OUTPUT_ERROR, PRECISIONS
from reporter.model.readings import SPEEDUP
from reporter.model.records import EAGER
from reporter.report.choosing.limits import FLOORS, OF_PAIRS, TIMED, Candidate, candidate
from reporter.report.comparison import Comparison
from reporter.report.output_verdicts import output_of
from reporter.report.shared_readings import SAMPLED

ON_REQUEST = "int8"
"""The precision of modes that are candidates only if they are asked for."""
TIMES = (*(key for key in TIMED if key not in FLOORS), *(key for key in TIMED if key in FLOORS))
"""Latencies, then throughputs."""


@dataclass(frozen=True)
class Pairs:
    """The candidates, best first, and the records of modes that are left out, by reason."""

    candidates: tuple[Candidate, ...]
    wrong: tuple[Record, ...] = ()
    on_request: tuple[Record, ...] = ()
    unchecked: tuple[Record, ...] = ()
    untimed: tuple[Record, ...] = ()


def pairs(comparison: Comparison, asked: Collection[str] = (), limits: Collection[str] = ()) -> Pairs:
    """The pairs of a comparison in the modes that are asked for, or in all; those in int8 only if asked for, or `all`.

    A mode without any time is a candidate only where a time is limited: it is listed as one that lacks the value.
    """
    wanted = _wanted(comparison, asked)
    time = time_key(limits)
    found: list[tuple[float, float, Candidate]] = []
    wrong, unchecked, on_request, untimed = [], [], [], []
    for number, network in enumerate(comparison.networks):
        for record in (network, *comparison.modes_of(network)):
            if wanted and record.mode not in wanted:
                continue
            verdict = output_of(comparison, record)
            if verdict == "wrong":
                wrong.append(record)
            elif verdict == "unchecked" and record.mode != EAGER:
                unchecked.append(record)
            elif not wanted and ON_REQUEST in parts(record.mode):
                on_request.append(record)
            elif record.mode == EAGER or _is_timed(record) or set(limits) & set(TIMES):
                made = candidate(_with_shared_readings(network, record), comparison.machines[0], OF_PAIRS)
                found.append((number, _cost(made, time), made))
            else:
                untimed.append(record)
    ordered = sorted(found, key=lambda each: (-(each[2].accuracy.top1 or 0), each[0], each[1]))
    left_out = (tuple(records) for records in (wrong, on_request, unchecked, untimed))
    return Pairs(tuple(each for _, _, each in ordered), *left_out)


def _cost(each: Candidate, time: str) -> float:
    """A time, or a throughput with its sign changed, to sort by; infinite where there is none."""
    value = each.values.get(time)
    return math.inf if value is None else -value if time in FLOORS else value


def parts(mode: str) -> list[str]:
    """The parts of a mode."""
    return mode.split("+")


def is_fp32(mode: str) -> bool:
    """Whether a mode has the precision that published accuracies were measured in."""
    return not set(parts(mode)) & set(PRECISIONS)


def time_key(limits: Collection[str]) -> str:
    """The time that modes are ordered by, and that their speedup is of: the first that is limited."""
    return next((key for key in TIMES if key in limits), TIMES[0])


def speedup(each: Candidate, limits: Collection[str]) -> Reading | None:
    """The speedup of a mode in this time, or in the first that it has; None if it has none, as eager."""
    readings = each.record.readings
    found = (readings.get(SPEEDUP + key) for key in (time_key(limits), *TIMES))
    return next((reading for reading in found if reading and reading.measured), None)


def output_error(each: Candidate) -> float | None:
    """The output error of a pair."""
    return each.record.value(OUTPUT_ERROR.key)


def _wanted(comparison: Comparison, asked: Collection[str]) -> set[str]:
    """The modes that are asked for by their canonical names; ReporterError where the folder has no such mode."""
    known = dict.fromkeys(record.mode for record in (*comparison.records, *comparison.modes))
    wanted = {_canonical(name) for name in asked}
    if ALL in wanted:
        return set(known)
    if unknown := sorted(wanted - known.keys()):
        raise ReporterError(f"--modes: there are no results of {unknown[0]!r}; measured modes: {', '.join(known)}")
    return wanted


def _canonical(name: str) -> str:
    named = sorted(part.strip() for part in parts(name) if part.strip() != EAGER)
    return "+".join(named) or EAGER


def _with_shared_readings(network: Record, record: Record) -> Record:
    """A mode with what it shares with eager: all but times and what was sampled in its process."""
    if record.mode == EAGER:
        return record
    readings = network.readings.items()
    shared = {key: each for key, each in readings if each.quantity.group != "latency" and key not in SAMPLED}
    return record.model_copy(update={"readings": shared | record.readings})


def _is_timed(record: Record) -> bool:
    return any(reading.measured and is_time(reading.quantity) for reading in record.readings.values())


def names(records: Sequence[Record]) -> list[dict[str, str]]:
    """Records of modes by architecture and mode."""
    return [{"architecture": record.architecture, "mode": record.mode} for record in records]
