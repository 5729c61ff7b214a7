"""Which points of curves are measured, in which jobs, and how they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reporter.host import machine, process_memory
from reporter.host.job import CurveJob, Job
from reporter.model import Metric, Reading, Verdict
from reporter.model.devices import is_named
from reporter.model.modes import SETS
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER
from reporter.model.scaling_curves import AXES, LOST, Axis, CurvePoint, Curves, best, swept
from reporter.registry.execution_modes import conditions_of
from reporter.run import mode_plan
from reporter.run.ledger import Ledger
from reporter.run.request import Request

BATCHES = "batches"
"""In the settings of a best throughput: the batch sizes that were asked for; not one of its conditions."""


def metrics(request: Request) -> dict[str, Metric]:
    """The metrics of curves that are asked for, by the kind of device."""
    return {metric.device: metric for metric in request.metrics.values() if metric.curve}


def modes(request: Request, device: str) -> Iterator[tuple[str, str]]:
    """`eager` and the modes that --modes names, each with the reason why it cannot be measured, or an empty text."""
    yield EAGER, ""
    for name in dict.fromkeys(each for each in request.modes if each not in (EAGER, *SETS)):
        yield name, mode_plan.unavailable(request, name, device)


def jobs(ledgers: Mapping[str, Ledger]) -> Iterator[tuple[Ledger, Metric, str, CurveJob]]:
    """The curves that lack points: ledger, metric, name of the process and what to measure."""
    for ledger in ledgers.values():
        for device, metric in metrics(ledger.request).items():
            for mode, refusal in modes(ledger.request, device) if device in ledger.devices else ():
                asked = wanted(ledger, metric, mode)
                if refusal:
                    _refuse(ledger, metric, asked, refusal)
                elif lacks(ledger, asked):
                    yield ledger, metric, _process(metric, mode), asked
                elif asked.has_batches:
                    _renew(ledger, metric, asked)


def _process(metric: Metric, mode: str) -> str:
    return f"{metric.process} {mode}" if mode != EAGER else metric.process


def lacking(ledger: Ledger, reason: str) -> Iterator[str]:
    """The processes of the curves that are asked for in which a point is missing for that reason."""
    for device, metric in metrics(ledger.request).items():
        for mode, _ in modes(ledger.request, device) if device in ledger.devices else ():
            if any(point.reason == reason for point in _stored(ledger, metric, mode)):
                yield _process(metric, mode)


def wanted(ledger: Ledger, metric: Metric, mode: str) -> CurveJob:
    """The curves of a mode, with the points that are there under the same conditions; with --fresh, those of this run.

    Without batch sizes, the batch is doubled: on a CPU, with image sizes, only where --metrics names the key.
    """
    request = ledger.request
    sweeps = metric.device != "cpu" or not request.sizes or is_named(metric.name, request.settings.get("metrics") or ())
    sweep = sweeps and not request.batches
    asked = CurveJob(mode=mode, batches=request.batches, sizes=request.sizes, sweep=sweep)
    known = _measured_again(ledger, metric, mode) if request.fresh else current_points(ledger, metric, mode)
    settled = known.settled(_available(ledger, metric), request.conditions.seconds)
    return asked.model_copy(update={"settled": settled})


def _available(ledger: Ledger, metric: Metric) -> int:
    """The bytes that a worker can take on a CPU; 0 where that is not known here: on another machine, and of GPUs."""
    here = metric.device == "cpu" and ledger.record.machine == machine.key()
    return process_memory.available() if here else 0


def drop_earlier(ledger: Ledger, metric: Metric, asked: CurveJob) -> None:
    """With --fresh, leaves out the points of earlier runs when the curves of a mode were measured again."""
    if not ledger.request.fresh:
        return
    own, curves = _measured_again(ledger, metric, asked.mode), ledger.record.curves
    for axis in AXES:
        if asked.has_batches if axis == "batch" else asked.sizes:
            curves = curves.without(axis, asked.mode, metric.device)
            for point in own.points(axis):
                curves = curves.with_point(axis, point)
    settings = _conditions(ledger, metric, asked.mode) | _named_batches(asked)
    found = best(own.batch, metric.quantities[0], settings) if asked.has_batches else None
    ledger.keep_curves(curves, found, asked.mode)


def _measured_again(ledger: Ledger, metric: Metric, mode: str) -> Curves:
    return ledger.measured_again.get((mode, metric.device), Curves())


def current_points(ledger: Ledger, metric: Metric, mode: str) -> Curves:
    """The points of a mode that are stored under the present conditions, whatever their status."""
    own = _conditions(ledger, metric, mode)
    of_size = {key: value for key, value in own.items() if key != "input_size"}
    curves = ledger.record.curves
    return Curves(
        batch=curves.under("batch", mode, metric.device, own),
        size=curves.under("size", mode, metric.device, of_size),
    )


def lacks(ledger: Ledger, asked: CurveJob) -> bool:
    """Whether points are missing."""
    size = str(ledger.record.image_size)
    batches = {(point.batch, point.size) for point in asked.settled.batch}
    sizes = {point.size for point in asked.settled.size}
    if asked.continues_sweep:
        return True
    return any((batch, size) not in batches for batch in asked.batches) or bool(set(asked.sizes) - sizes)


def keep(ledger: Ledger, job: Job, axis: Axis, point: CurvePoint) -> Reading | None:
    """Saves a point, and the best throughput under its conditions as far as it is known, which is returned.

    With --fresh, too, points of earlier runs count until all are measured again; see `drop_earlier`.
    """
    assert job.curve
    metric = ledger.request.metrics[job.metrics[0]]
    point = point.model_copy(update={"run": ledger.request.run, "seconds": ledger.request.conditions.seconds})
    if point.status != "skipped":
        own = _measured_again(ledger, metric, point.mode)
        ledger.measured_again[point.mode, metric.device] = own.with_point(axis, point)
    curves = ledger.record.curves.with_point(axis, point)
    settings = _conditions(ledger, metric, point.mode) | _named_batches(job.curve)
    alike = curves.under("batch", point.mode, point.device, point.settings)
    found = best(alike, metric.quantities[0], settings) if axis == "batch" else None
    ledger.keep_curves(curves, found, point.mode)
    return found


def points(ledger: Ledger, metric: Metric, asked: CurveJob, verdict: Verdict) -> Iterator[tuple[Axis, CurvePoint]]:
    """The points that are asked for, of a sweep the first one, each with the reason why it is not measured."""
    own, size = _conditions(ledger, metric, asked.mode), str(ledger.record.image_size)
    about = {"mode": asked.mode, "device": metric.device, "status": verdict.status, "reason": verdict.reason}
    for batch in asked.batches or ((1,) if asked.sweep else ()):
        yield "batch", CurvePoint(batch=batch, size=size, settings=own, **about)
    of_size = {key: value for key, value in own.items() if key != "input_size"}
    for each in asked.sizes:
        yield "size", CurvePoint(batch=1, size=each, settings=of_size, **about)


def failures(ledger: Ledger) -> int:
    """How many of the points that are asked for failed; one that does not fit or is not supported did not fail."""
    return sum(
        point.status in LOST
        for device, metric in metrics(ledger.request).items()
        for mode, _ in (modes(ledger.request, device) if device in ledger.devices else ())
        for point in _stored(ledger, metric, mode)
    )


def _stored(ledger: Ledger, metric: Metric, mode: str) -> Iterator[CurvePoint]:
    """The stored points of a mode that are asked for, of a sweep as far as it went."""
    asked, current = wanted(ledger, metric, mode), current_points(ledger, metric, mode)
    yield from swept(current.batch) if asked.sweep else (each for each in current.batch if each.batch in asked.batches)
    yield from (each for each in current.size if each.size in asked.sizes)


def _conditions(ledger: Ledger, metric: Metric, mode: str) -> dict[str, Any]:
    device = ledger.devices.get(metric.device, metric.device)
    own = ledger.request.conditions_of(ledger.record.architecture).of(metric, device)
    return own | conditions_of(mode, ledger.request.engines)


def _named_batches(asked: CurveJob) -> dict[str, Any]:
    """What the settings of a best throughput say of its points."""
    return {BATCHES: list(asked.batches) or "swept"}


def _renew(ledger: Ledger, metric: Metric, asked: CurveJob) -> None:
    """Stores the best throughput of points that are all there, where the one stored is of other conditions."""
    quantity, own = metric.quantities[0], _conditions(ledger, metric, asked.mode)
    stored = ledger.records[asked.mode].readings.get(quantity.key) if asked.mode in ledger.records else None
    conditions = {key: value for key, value in stored.conditions.items() if key != BATCHES} if stored else {}
    if not same_conditions(conditions, own):
        found = best(current_points(ledger, metric, asked.mode).batch, quantity, own | _named_batches(asked))
        if found is not None:
            ledger.keep_curves(ledger.record.curves, found, asked.mode)


def _refuse(ledger: Ledger, metric: Metric, asked: CurveJob, reason: str) -> None:
    """Stores the reason why a mode cannot be measured as its points; those that an earlier run measured are kept."""
    curves = ledger.record.curves
    for axis, point in points(ledger, metric, asked, Verdict("unsupported", reason)):
        if not curves.has_measured(axis, point):
            curves = curves.with_point(axis, point)
    if curves != ledger.record.curves:
        ledger.keep_curves(curves)
