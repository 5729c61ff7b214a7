"""The batch size of an (architecture, mode) pair: that of the highest throughput of its curve that keeps the limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporter.model.scaling_curves import CurvePoint
from reporter.report.choosing.limits import Candidate

WEIGHTS = "weights_bytes"


def best_batch(each: Candidate, limits: Mapping[str, float], machine: str) -> dict[str, Any] | None:
    """The point of the curve as JSON; None without a curve of this machine, or if no batch keeps the limits.

    A limit of the latency is compared with that of the whole batch, a limit of the memory with what the batch takes.
    """
    record = each.record
    if record.machine != machine or not record.curves:
        return None
    mine = (point for point in record.curves.batch if point.mode == record.mode and point.throughput is not None)
    fitting = [point for point in mine if _keeps(point, limits, each.record.value(WEIGHTS) or 0)]
    found = max(fitting, key=lambda point: point.throughput or 0.0, default=None)
    if found is None:
        return None
    return {key: getattr(found, key) for key in ("device", "batch", "latency", "throughput")}


def _keeps(point: CurvePoint, limits: Mapping[str, float], weights: float) -> bool:
    """Whether a point keeps the limits of latency and memory; what was not counted keeps them."""
    latency, memory = limits.get(f"latency_{point.device}"), limits.get("memory")
    if latency is not None and (point.latency or 0.0) > latency:
        return False
    return memory is None or point.predicted is None or weights + point.predicted <= memory
