"""Points of curves: latency and throughput over the batch size and over the image size, in one execution mode."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from reporter.host import machine
from reporter.host.job import CurveJob, Job
from reporter.model import Metric, Reading, ReporterError, Verdict
from reporter.model.attempts import attempt
from reporter.model.devices import device_type
from reporter.model.fields import CURVES_SHARE
from reporter.model.image_sizes import image_size
from reporter.model.modes import CHECK_FAILED, parse, was_compared
from reporter.model.records import EAGER
from reporter.model.scaling_curves import AXES, LARGEST_BATCH, Axis, CurvePoint, is_saturated
from reporter.registry.execution_modes import conditions_of, engines
from reporter.worker import precision
from reporter.worker.counts.counting import storage_bytes
from reporter.worker.latency import clock_settling, timing
from reporter.worker.latency.memory_forecast import Forecast, space
from reporter.worker.outputs import has_nan
from reporter.worker.subject import Subject
from reporter.worker.variants import varied_inputs
from reporter.worker.variants.mode_checks import ModeChecks
from reporter.worker.variants.mode_preparation import ModePreparation, cache_folder
from reporter.worker.variants.mode_readings import of_device
from reporter.worker.variants.mode_variants import Variant, eager, in_engine, in_torch

Send = Callable[[dict[str, Any]], None]
LEAST_SAMPLES = 3
COPIES = 2
"""How often an engine has the weights in memory, besides the network."""
MOST_KEPT = 200
"""Samples of a point that are kept."""


class CurveTiming:
    """Measures the points of a job one by one, smallest first; what does not fit into memory is not run.

    In other modes than eager, `checks` calibrate the network first, so that the weights are those whose times and
    outputs the modes have; engines cannot be prepared without them. `report` is called with the output error of each
    point of an engine that is checked.
    """

    def __init__(
        self,
        subject: Subject,
        metric: Metric,
        asked: CurveJob,
        checks: ModeChecks | None = None,
        report: Callable[[Reading], None] = lambda _: None,
    ) -> None:
        self.subject, self.asked, self.checks, self.report = subject, asked, checks, report
        self.settings = subject.conditions.of(metric, subject.place.name) | conditions_of(asked.mode)
        self._in_torch: Variant | None = None
        self._forecast: Forecast | None = None

    def run(self, announce: Callable[[Axis, CurvePoint], None] = lambda *_: None) -> Iterator[tuple[Axis, CurvePoint]]:
        """The points of both curves that are still to be measured; `announce` is called before each is tried."""
        for axis in AXES:
            for wanted in self._wanted(axis):
                announce(axis, wanted)
                lost = next(filter(_was_lost, self.asked.settled.points(axis)), None)
                if lost and lost.order < wanted.order:
                    found = _without(wanted, Verdict("oom", f"not run: a smaller one did not fit ({lost.reason})"))
                    found = found.model_copy(update={"needed": lost.needed})
                else:
                    found = self._measured(wanted)
                self.asked = self.asked.model_copy(update={"settled": self.asked.settled.with_point(axis, found)})
                yield axis, found

    def _wanted(self, axis: Axis) -> Iterator[CurvePoint]:
        """The points that are asked for and not known, smallest first; a sweep decides after each one."""
        own, blank = str(self.subject.size), partial(CurvePoint, mode=self.asked.mode, device=self._device)
        blank = partial(blank, status="skipped", settings=self.settings)
        if axis == "size":
            sizes = sorted(self.asked.sizes, key=lambda size: image_size(size).height * image_size(size).width)
            wanted = (blank(batch=1, size=size, settings=self._of_size()) for size in sizes)
        elif self.asked.sweep:
            wanted = (blank(batch=2**power, size=own) for power in range(LARGEST_BATCH.bit_length()))
        else:
            wanted = (blank(batch=batch, size=own) for batch in sorted(self.asked.batches))
        for point in wanted:
            settled = self.asked.settled.points(axis)
            if axis == "batch" and self.asked.sweep and is_saturated(settled):
                return
            if point.place not in {each.place for each in settled}:
                yield point

    @property
    def _device(self) -> str:
        return device_type(self.subject.place.name)

    def _of_size(self) -> dict[str, Any]:
        """The conditions of a point that names its own image size."""
        return {key: value for key, value in self.settings.items() if key != "input_size"}

    def _measured(self, point: CurvePoint) -> CurvePoint:
        """A point with its times, or the reason why there are none."""
        found, verdict = attempt(partial(self._timed, point))
        gc.collect()
        if found is not None:
            return found
        if verdict.status == "failed" and (reason := self.subject.refusal(point.image)):
            verdict = Verdict("unsupported", reason)
        return _without(point, verdict)

    def _timed(self, point: CurvePoint) -> CurvePoint:
        forecast = self._prepared_forecast()
        predicted = forecast.predicted(point.batch, point.image)
        if misfit := forecast.misfit(predicted):
            needs = {"predicted": predicted, "needed": forecast.of_process(predicted)}
            return _without(point, Verdict("oom", misfit)).model_copy(update=needs)
        forecast.start()
        before = machine.load()
        variant, found, states = self._samples(point)
        samples = _thinned(found)
        after = machine.load()
        forecast.learn(predicted)
        self._check(variant, point)
        seconds = median(samples)
        load = after.background_load_since(before) if before and after else None
        about = {"latency": seconds, "throughput": point.batch / seconds, "samples": samples}
        about |= {"predicted": predicted, "foreign_load": None if load is None else round(load, 3)}
        about["detail"] = of_device(self.subject.place, parse(self.asked.mode, engines())) | states
        return CurvePoint.model_validate(point.model_dump() | about | {"status": "ok"})

    def _check(self, variant: Variant, point: CurvePoint) -> None:
        """Reports the output error of what an engine prepared for a batch, unless it cannot be checked.

        ReporterError where the check fails, so that the point is measured and checked again.
        Images of another size would need a float64 run of their own. The modes of torch run the same module in all
        points, which is checked where the modes are timed.
        """
        mode = parse(self.asked.mode, engines())
        if self.checks and mode.engine and point.image == self.subject.size:
            error = self.checks.batch_error(variant, mode, point.batch)
            if error and CHECK_FAILED in error.detail:
                raise ReporterError(f"its outputs could not be checked: {error.reason}")
            if error and was_compared(error):
                self.report(error)

    def _samples(self, point: CurvePoint) -> tuple[Variant, tuple[float, ...], dict[str, Any]]:
        """What was timed, the seconds per call, and the state of an accelerator before."""
        images = self.subject.input(point.batch, size=point.image)
        variant = self._variant(images)
        ready = variant.form(images).to(self.subject.device)
        with torch.inference_mode():
            if has_nan(variant.run(ready)):
                raise ReporterError("the output contains NaN")
            states = clock_settling.settled(self.subject.place, lambda: variant.run(ready))
            samples = self.subject.sample(
                lambda: variant.run(ready),
                timing.timer(self.subject.place),
                seconds=self.subject.conditions.seconds * CURVES_SHARE,
                goal=self.subject.conditions.goal,
                min_samples=LEAST_SAMPLES,
            )
        precision.check()
        return variant, samples, states

    def _variant(self, images: Tensor) -> Variant:
        """The network in the mode of the job, prepared for images like these where an engine needs that."""
        with self.checks.counting("preparing") if self.checks and self.asked.mode != EAGER else nullcontext():
            return self._prepared(images)

    def _prepared(self, images: Tensor) -> Variant:
        mode, known = parse(self.asked.mode, engines()), engines()
        network, form = self.subject.network, self.subject.form
        if mode.engine:
            count, sides = max(varied_inputs.CALIBRATION, len(images)), (images.shape[2], images.shape[3])
            seed = varied_inputs.CALIBRATION_SEED
            calibration = varied_inputs.images(count, sides, seed) if mode.precision == "int8" else None
            assert self.checks
            folder = self.checks.preparation.cache / "curves" / "x".join(map(str, images.shape)) / mode.name
            return in_engine(network, mode, known[mode.engine], form, images, cache=folder, calibration=calibration)
        if self._in_torch is None:
            plain = mode.name == EAGER
            self._in_torch = eager(network, form) if plain else in_torch(network, mode, form, self.subject.place.name)
        return self._in_torch

    def _prepared_forecast(self) -> Forecast:
        """Made once, after the network in its mode and torch's own buffers are in memory.

        An engine is prepared for each point, with copies of the weights that are not in memory before.
        """
        if self._forecast is None:
            if self.checks and self.asked.mode != EAGER:
                self.checks.calibrate()  # before the memory that it frees is kept
            machine.keep_freed_memory()
            _ = self.subject.network, self.subject.meta
            with torch.inference_mode():
                warm = torch.nn.Conv2d(3, 8, 3).to(self.subject.device)
                warm(torch.zeros(1, 3, 32, 32).to(self.subject.device))
            weights = storage_bytes([*self.subject.network.parameters(), *self.subject.network.buffers()])
            copies = COPIES * weights if parse(self.asked.mode, engines()).engine else 0
            if not copies:
                self._variant(self.subject.input(1))
            self._forecast = Forecast(self.subject, space(self.subject.place), copies)
        return self._forecast


def _thinned(samples: tuple[float, ...]) -> tuple[float, ...]:
    """At most MOST_KEPT samples, evenly spaced: an odd number, so that the median rate is that of the median time."""
    kept = samples[:: -(-len(samples) // MOST_KEPT)]
    return kept if len(kept) % 2 else kept[:-1]


def _was_lost(point: CurvePoint) -> bool:
    """Whether a point ran out of memory while it ran, against the forecast."""
    return point.status == "oom" and point.predicted is None


def _without(point: CurvePoint, verdict: Verdict) -> CurvePoint:
    return point.model_copy(update={"status": verdict.status, "reason": verdict.reason})


def measure_curve(job: Job, metric: Metric, subject: Subject, send: Send) -> dict[str, float]:
    """Sends the points of a job one by one; gives the seconds spent on preparing and checking the mode.

    Each point is announced before it is tried, and its output error precedes it.
    """
    assert job.curve
    mode, settings = parse(job.curve.mode, engines()), subject.conditions.of_mode() | conditions_of(job.curve.mode)

    def report(error: Reading) -> None:
        detail = error.detail | of_device(subject.place, mode) if error.measured else error.detail
        kept = error.model_copy(update={"settings": settings, "detail": detail})
        send({"output_error": kept.model_dump(mode="json")})

    with cache_folder(job.cache) as cache:
        checks = ModeChecks(ModePreparation(subject, cache, trained=bool(job.reference)), keeps=False)
        timed = CurveTiming(subject, metric, job.curve, checks, report)
        for axis, point in timed.run(lambda axis, each: send({"trying": axis, "point": each.model_dump(mode="json")})):
            send({"curve": axis, "point": point.model_dump(mode="json")})
    return checks.spent
