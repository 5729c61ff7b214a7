"""The batch size of an (architecture, mode) pair: that of the highest throughput of its curve that keeps the limits."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from reporter.model import Record
from reporter.model.devices import ONE_THREAD
from reporter.model.scaling_curves import BEST, CurvePoint, best
from reporter.report.choosing.limits import FLOORS, TIMED, Candidate, LimitedValue, limited_value

WEIGHTS, ACTIVATIONS, PROCESS = "weights_bytes", "peak_activation_bytes", "rss_process_bytes"
PROCESS_MEMORY = "process_memory"


def best_batch(each: Candidate, limits: Mapping[str, float], machine: str) -> dict[str, Any] | None:
    """The point of the curve as JSON; None without a curve of this machine, or if no batch keeps the limits.

    A limit of the latency is compared with that of the whole batch, limits of memory with what the batch takes. A limit
    of times is kept if the whole 95 % interval does, as by pairs. If a time of some device is limited, batches on other
    devices are left out. `low` and `high` are the interval of the throughput, None without one.
    """
    record = each.record
    if record.machine != machine or not record.curves:
        return None
    mine = (point for point in record.curves.batch if point.mode == record.mode and point.throughput is not None)
    fitting = [point for point in mine if _keeps(point, limits, record)]
    found = max(fitting, key=lambda point: point.throughput or 0.0, default=None)
    if found is None:
        return None
    rate = _rate(found)
    low, high = rate.interval or (None, None)
    about = {key: getattr(found, key) for key in ("device", "batch", "latency", "throughput")}
    return about | {"low": low, "high": high, "status": rate.status}


def _keeps(point: CurvePoint, limits: Mapping[str, float], record: Record) -> bool:
    """Whether a point keeps the limits of times and memory; tensors that were not counted keep them.

    A point that was not measured with one thread does not keep a limit for one thread, nor does one on the processor
    keep a limit of the process memory where that was not measured, as in modes other than eager.
    """
    if PROCESS_MEMORY in limits and point.device == "cpu" and record.value(PROCESS) is None:
        return False
    timed = {key: limit for key, limit in limits.items() if key in TIMED}
    mine = {key: limit for key, limit in timed.items() if point.device in key.split("_")}
    if timed and not mine:
        return False
    threads = point.settings.get("threads", record.machine_facts.get("threads"))
    if any(key.endswith(ONE_THREAD) for key in mine) and threads != 1:
        return False
    latency = min((limit for key, limit in mine.items() if key not in FLOORS), default=inf)
    rate = max((limit for key, limit in mine.items() if key in FLOORS), default=0.0)
    fits = all(taken <= limits.get(key, inf) for key, taken in _memory(point, record).items())
    slowest = _rate(point).bounds[0]
    return fits and point.batch / slowest <= latency and slowest >= rate


def _rate(point: CurvePoint) -> LimitedValue:
    """The throughput of a measured point, with its interval from the samples."""
    reading = best([point], BEST.get(point.device, BEST["cpu"]), {})
    assert reading is not None
    return limited_value([reading])


def _memory(point: CurvePoint, record: Record) -> dict[str, float]:
    """Bytes that a batch takes, by criterion; those of the process, which are of one image, grow by the larger peak."""
    if point.predicted is None:
        return {}
    process, one = record.value(PROCESS), record.value(ACTIVATIONS)
    more = max(0.0, point.predicted - (one or 0.0))
    whole = {} if process is None or one is None or point.device != "cpu" else {PROCESS_MEMORY: process + more}
    return {"memory": (record.value(WEIGHTS) or 0.0) + point.predicted, **whole}
