"""Curves: latency and throughput over the batch size and over the image size, point by point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from reporter.model.devices import DEVICE_TITLES
from reporter.model.fields import Name, are_numbers
from reporter.model.image_sizes import ImageSize, image_size
from reporter.model.readings import (
    FOREIGN_LOAD,
    MOST_SAMPLES,
    Model,
    Number,
    Quantity,
    Reading,
    Status,
    same_conditions,
)

Axis = Literal["batch", "size"]
AXES: tuple[Axis, ...] = ("batch", "size")
LARGEST_BATCH = 2**20
MOST_POINTS = 10_000
OPTIONAL = ("detail", "run", "needed", "seconds")
"""The fields of a point that files have only where they are not empty."""
SETTLED = ("ok", "oom", "unsupported")
"""The status of points that are not measured again."""
LOST: tuple[Status, ...] = ("failed", "timeout")
"""The status of points that failed; one that does not fit into memory ends a curve."""
GAIN = 1.05
"""A sweep over batch sizes ends when throughput rises by less than this factor."""


def _plain_size(size: str) -> int | str:
    """A size as JSON has it: a number where height and width are equal."""
    return int(size) if size.isdecimal() else size


Size = Annotated[
    str,
    BeforeValidator(lambda value: str(image_size(value))),
    PlainSerializer(_plain_size, return_type=int | str),
]


def _best(device: str, title: str) -> Quantity:
    return Quantity(
        key=f"best_throughput_{device}",
        title=title,
        unit="1/s",
        group="latency",
        better="higher",
        definition="The highest throughput of all measured batch sizes, in images per second.",
    )


BEST = {device: _best(device, f"Best throughput, {title}") for device, title in DEVICE_TITLES.items()}
"""By kind of device; the batch size is in the reading's detail."""
CURVES = Quantity(
    key="curves",
    title="Curves",
    unit="1",
    group="latency",
    better="neither",
    definition="The curves over the batch size and the image size.",
)
"""What summary.json has in place of a curve of which no point was measured."""


class CurvePoint(Model):
    """A point of a curve: `batch` images of `size` (`N` or `HxW`) at once in an execution mode.

    `latency` is the median of the seconds of a call, `throughput` the images per second; both are None unless the
    status is ok, and `reason` then says why. `predicted` is the memory that the point needs as counted before it ran,
    beyond the weights; `foreign_load` is the share of the processors that other programs kept busy; `settings` has
    what it depends on besides. `detail` has the identity, precision and state of an accelerator, as that of a reading;
    `run` is the run that measured it, None in older records. `needed` are the bytes that have to be available for an
    `oom` point to be tried again in a later run; None: it is not. `seconds` is --preset's limit of the sampling. Files
    have these only where they are not empty.
    """

    mode: Name
    device: Name
    batch: Annotated[int, Field(strict=True, ge=1, le=LARGEST_BATCH)]
    size: Size
    latency: Number | None = None
    throughput: Number | None = None
    status: Status = "ok"
    reason: str | None = None
    samples: Annotated[tuple[Number, ...], Field(max_length=MOST_SAMPLES)] = ()
    predicted: int | None = None
    foreign_load: float | None = None
    settings: dict[str, JsonValue] = {}
    detail: dict[str, JsonValue] = {}
    run: Annotated[str, Field(max_length=64)] | None = None
    needed: int | None = None
    seconds: float | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        return {key: value for key, value in content.items() if key not in OPTIONAL or value not in (None, {})}

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        """Refuse what no measurement gives."""
        figures = [each for each in (self.latency, self.throughput, *self.samples) if each is not None]
        if not are_numbers(figures) or min(figures, default=1) <= 0:
            raise ValueError("times and rates should be finite and positive")
        if self.measured != (self.status == "ok") or self.measured != bool(self.samples):
            raise ValueError("a point has a latency, a throughput and samples if and only if its status is ok")
        return self

    @property
    def image(self) -> ImageSize:
        return image_size(self.size)

    @property
    def measured(self) -> bool:
        return self.latency is not None and self.throughput is not None

    def is_settled(self, available: int, seconds: float) -> bool:
        """Whether it is not measured again with so many bytes of memory available and so many seconds of sampling."""
        fits_now = self.status == "oom" and self.needed is not None and self.needed <= available
        is_brief = self.measured and self.seconds is not None and self.seconds < seconds
        return self.status in SETTLED and not fits_now and not is_brief

    @property
    def place(self) -> tuple[str, str, int, str]:
        """What makes it unique on its curve."""
        return self.mode, self.device, self.batch, self.size

    @property
    def order(self) -> tuple[str, str, int, int]:
        """By mode and device, and along the curve."""
        return self.device, self.mode, self.batch, self.image.height * self.image.width


Points = tuple[CurvePoint, ...]


class Curves(Model):
    """The points of both curves of an architecture, in all modes and on all devices."""

    batch: Annotated[Points, Field(max_length=MOST_POINTS)] = ()
    size: Annotated[Points, Field(max_length=MOST_POINTS)] = ()

    def __bool__(self) -> bool:
        return bool(self.batch or self.size)

    def points(self, axis: Axis) -> Points:
        return self.batch if axis == "batch" else self.size

    def with_point(self, axis: Axis, point: CurvePoint) -> Curves:
        """The curves with a point, in the place of an earlier one there."""
        others = (each for each in self.points(axis) if each.place != point.place)
        return self.model_copy(update={axis: tuple(sorted((*others, point), key=lambda each: each.order))})

    def has_measured(self, axis: Axis, point: CurvePoint) -> bool:
        """Whether a point in the place of the given one was measured, under whatever conditions."""
        return any(each.measured for each in self.points(axis) if each.place == point.place)

    def without(self, axis: Axis, mode: str, device: str) -> Curves:
        """The curves without the points of a mode on a device along an axis."""
        others = tuple(each for each in self.points(axis) if (each.mode, each.device) != (mode, device))
        return self.model_copy(update={axis: others})

    def under(self, axis: Axis, mode: str, device: str, conditions: Mapping[str, Any]) -> Points:
        """The points of a mode on a device whose settings are these conditions, whatever their status."""
        return tuple(
            point
            for point in self.points(axis)
            if (point.mode, point.device) == (mode, device) and same_conditions(point.settings, conditions)
        )

    def settled(self, available: int = 0, seconds: float = 0.0) -> Curves:
        """The points that need not be measured again under the same conditions; see `CurvePoint.is_settled`."""
        batch, size = (
            tuple(point for point in self.points(axis) if point.is_settled(available, seconds)) for axis in AXES
        )
        return Curves(batch=batch, size=size)


def best(points: Iterable[CurvePoint], quantity: Quantity, settings: dict[str, JsonValue]) -> Reading | None:
    """The highest throughput of some points with its batch size and device; None where no point was measured.

    If several runs measured the points, the reading has this as its reason.
    """
    measured = [point for point in points if point.measured]
    if not measured:
        return None
    top = max(measured, key=lambda point: point.throughput or 0.0)
    samples = tuple(top.batch / seconds for seconds in top.samples)
    detail: dict[str, JsonValue] = {**top.detail, "batch": top.batch}
    if top.foreign_load is not None:
        detail[FOREIGN_LOAD] = [top.foreign_load]
    about = {"settings": settings, "detail": detail, "reason": several_runs(measured)}
    return Reading(quantity=quantity, samples=samples, rounds=(len(samples),), **about)


def several_runs(points: Iterable[CurvePoint]) -> str | None:
    """How many runs measured some points, if not one: a machine may be faster in one run than in another."""
    count = len({point.run for point in points if point.measured})
    return f"the points of this curve were measured in {count} runs" if count > 1 else None


def missing_curve(curves: Curves, mode: str) -> Reading | None:
    """The status and reason of a curve that was asked for in a mode and has no measured point; None if there is none.

    Of several points, those of the first one.
    """
    for axis in AXES:
        points = [point for point in curves.points(axis) if point.mode == mode]
        if points and not any(point.measured for point in points):
            return Reading(quantity=CURVES, status=points[0].status, reason=points[0].reason)
    return None


def swept(points: Iterable[CurvePoint]) -> list[CurvePoint]:
    """The points of a sweep over the batch sizes 1, 2, 4, … as far as it went, without points of other batch sizes."""
    by_batch = {point.batch: point for point in points}
    found: list[CurvePoint] = []
    while not _is_over(found) and (point := by_batch.get(2 ** len(found))):
        found.append(point)
    return found


def is_saturated(points: Iterable[CurvePoint]) -> bool:
    """Whether a sweep is over: a point was not measured, or twice the batch gave less than 5 % more throughput.

    Throughput is compared within one run only.
    """
    return _is_over(swept(points))


def _is_over(sweep: Sequence[CurvePoint]) -> bool:
    if not sweep:
        return False
    if not sweep[-1].measured or sweep[-1].batch == LARGEST_BATCH:
        return True
    rates = [point.throughput or 0.0 for point in sweep[-2:] if point.run == sweep[-1].run]
    return len(rates) > 1 and rates[1] < GAIN * rates[0]
