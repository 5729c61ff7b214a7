"""Best throughput over batch sizes: the curve is measured point by point, until throughput stops rising."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from reporter.model import Metric, Reading, absent
from reporter.model.devices import DEVICE_TYPES, DeviceType
from reporter.model.scaling_curves import BEST, best

if TYPE_CHECKING:
    from reporter.worker.subject import Subject


def measure(device: DeviceType, subject: Subject) -> Iterator[Reading]:
    """Doubles the batch until throughput rises by less than 5 % or memory ends."""
    from reporter.host.job import CurveJob
    from reporter.model.records import EAGER
    from reporter.worker.latency.curve_points import CurveTiming

    metric = next(entry for entry in ENTRIES if entry.device == device)
    points = [point for _, point in CurveTiming(subject, metric, CurveJob(mode=EAGER, sweep=True)).run()]
    found = best(points, BEST[device], {})
    yield from [found] if found else absent([BEST[device]], points[0].status, points[0].reason or "")


ENTRIES = tuple(
    Metric(
        BEST[device].key,
        (BEST[device],),
        partial(measure, device),
        process=f"curves {device}",
        device=device,
        curve=True,
    )
    for device in DEVICE_TYPES
)
