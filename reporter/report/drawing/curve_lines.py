"""The curves of a comparison as lines: one for each architecture, device and execution mode, and its fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from reporter.model import Record
from reporter.model.records import EAGER, pair_name
from reporter.model.scaling_curves import Axis, CurvePoint
from reporter.stats.linear_fit import LinearFit, fit


@dataclass(frozen=True)
class CurveLine:
    """The points of one curve in ascending order, those without a number included."""

    record: Record
    mode: str
    device: str
    points: tuple[CurvePoint, ...]

    @property
    def name(self) -> str:
        return pair_name(self.record.architecture, self.mode)

    @property
    def measured(self) -> list[CurvePoint]:
        return [point for point in self.points if point.measured]

    @property
    def best(self) -> CurvePoint | None:
        """The point with the highest throughput."""
        return max(self.measured, key=lambda point: point.throughput or 0.0, default=None)

    @property
    def misfit(self) -> CurvePoint | None:
        """The first point that did not fit into memory."""
        return next((point for point in self.points if point.status == "oom"), None)

    @cached_property
    def fit(self) -> LinearFit | None:
        """Latency = overhead + time per image x batch; None of fewer than two batch sizes."""
        points = self.measured
        return fit([point.batch for point in points], [point.latency or 0.0 for point in points])


def lines(records: Iterable[Record], axis: Axis) -> Iterator[CurveLine]:
    """The curves of some records, `eager` before the other modes."""
    for record in records:
        if not record.curves:
            continue
        points = sorted(record.curves.points(axis), key=lambda point: (point.device, point.mode != EAGER, *point.order))
        for (device, mode), group in groupby(points, key=lambda point: (point.device, point.mode)):
            yield CurveLine(record, mode, device, tuple(group))


def devices(drawn: Sequence[CurveLine]) -> list[str]:
    """The devices of some curves, in their order."""
    return list(dict.fromkeys(line.device for line in drawn))
