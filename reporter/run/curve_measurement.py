"""A job of a curve: its points are saved as they come, and a point in which the worker ends is left out."""

from __future__ import annotations

from reporter.host.job import CurveJob, Job
from reporter.model import Metric, Reading, Verdict
from reporter.model.modes import is_larger
from reporter.model.readings import same_conditions
from reporter.model.reasons import in_words
from reporter.model.scaling_curves import AXES, Axis, CurvePoint, Points, swept
from reporter.run import curve_plan, output_errors
from reporter.run.ledger import Ledger
from reporter.run.measurement import Measurement
from reporter.run.request import Outcome, Progress
from reporter.run.slots import Message


class CurveMeasurement(Measurement):
    """`_pending` is the point that the worker tries, which has the blame if it ends.

    Without batch sizes there is no best throughput. With --fresh, points of earlier runs are left out at the end of the
    job. If a budget cuts it off, what was measured before is kept.
    """

    def __init__(self, job: Job, ledger: Ledger, progress: Progress, outcome: Outcome) -> None:
        super().__init__(job, ledger, progress, outcome)
        self._pending: tuple[Axis, CurvePoint] | None = None
        self._tried: list[tuple[Axis, CurvePoint]] = []
        self._over = False
        self._refused: Verdict | None = None
        assert job.curve
        if not job.curve.has_batches:
            self._missing.clear()

    @property
    def remaining(self) -> Job | None:
        """The job with the points that are there by now; None where none is missing or the time is over."""
        if self._over:
            return None
        asked = self._asked()
        return self.job.model_copy(update={"curve": asked}) if curve_plan.lacks(self.ledger, asked) else None

    def receive(self, message: Message) -> None:
        """Takes in a point, at once, the output error of one, or which one the worker is about to try."""
        if "trying" in message:
            self._pending = message["trying"], CurvePoint.model_validate(message["point"])
        elif "curve" in message:
            self._keep(message["curve"], CurvePoint.model_validate(message["point"]))
        elif "output_error" in message:
            self._keep_error(Reading.model_validate(message["output_error"]))
        else:
            if "reading" in message:  # the network was not found or built
                self._drop_earlier()
                self._refused = Reading.model_validate(message["reading"]).verdict
                if self._has_measured_batches:
                    self._missing.clear()
            if "reading" not in message or self._missing:
                super().receive(message)

    def drop_crashed(self, verdict: Verdict) -> bool:
        """After a crash: stores it as the status of the point; whether others remain for a new worker."""
        if self._pending is None or verdict.status not in ("failed", "oom"):
            return False
        self._blame(verdict)
        return self.remaining is not None

    def interrupt(self) -> None:
        """Counts the seconds, too; the point that was tried is missing like the others."""
        super().interrupt()
        self._pending = None

    def _asked(self) -> CurveJob:
        """The curves of the job, with the points that are there by now."""
        assert self.job.curve
        asked = curve_plan.wanted(self.ledger, self._curve_metric, self.job.curve.mode)
        settled = asked.settled
        for axis, point in self._tried:
            settled = settled.with_point(axis, point)
        return asked.model_copy(update={"settled": settled})

    @property
    def _has_measured_batches(self) -> bool:
        """Whether a best throughput is known, of this run or an earlier one under the same conditions."""
        return any(point.measured for point in self._batches)

    @property
    def _batches(self) -> Points:
        assert self.job.curve
        return curve_plan.current_points(self.ledger, self._curve_metric, self.job.curve.mode).batch

    @property
    def _curve_metric(self) -> Metric:
        return self.ledger.request.metrics[self.job.metrics[0]]

    def _keep(self, axis: Axis, point: CurvePoint) -> None:
        self._pending = None
        self._tried.append((axis, point))
        found = self._save(axis, point)
        if found is not None and point.measured:
            self._missing.pop((point.mode, found.quantity.key), None)
        self.progress.note(f"{self.ledger.record.architecture} {described(point)}")

    def _keep_error(self, error: Reading) -> None:
        """Stores the output error of a point as that of its mode on the device, if it is larger or not measured.

        One before that is not measured stays; one of other conditions, as of another version of the engine, does not.
        """
        assert self.job.curve
        mode = self.job.curve.mode
        before = output_errors.error_of_run(self.ledger, mode, self.job.device)
        if before and before.settings and not same_conditions(before.conditions, error.conditions):
            before = None
        if before is None or is_larger(error, before):
            self.ledger.keep(error, self.job, self.progress, self._started, mode)

    def _drop_earlier(self) -> None:
        assert self.job.curve
        curve_plan.drop_earlier(self.ledger, self._curve_metric, self.job.curve)

    def _save(self, axis: Axis, point: CurvePoint) -> Reading | None:
        """Stores a point, and the best throughput, which is returned; one that was cut off replaces no value."""
        if point.status == "skipped" and self.ledger.record.curves.has_measured(axis, point):
            return None
        return curve_plan.keep(self.ledger, self.job, axis, point)

    def _blame(self, verdict: Verdict) -> None:
        """Stores the verdict as the status of the point; a worker may be killed for what other programs take."""
        if self._pending:
            axis, point = self._pending
            needed = 0 if verdict.status == "oom" else None
            about = {"status": verdict.status, "reason": verdict.reason, "needed": needed}
            self._keep(axis, point.model_copy(update=about))

    def _give_up(self, verdict: Verdict) -> None:
        """Stores the reason as the status of all points that are missing; the best throughput has that of the first."""
        self._over = True
        self._blame(verdict)
        self._fill(self._refused or verdict)
        if verdict.status != "skipped":
            self._drop_earlier()
        if self._has_measured_batches:
            self._missing.clear()
        elif batches := self._batches:
            verdict = Verdict(batches[0].status, batches[0].reason)
        if verdict.status == "skipped":
            self._missing = {p: about for p, about in self._missing.items() if not self.ledger.is_measured(*p)}
        self._store(dict(self._missing), verdict)

    def _fill(self, verdict: Verdict) -> None:
        """Stores the points that are asked for and were never tried, with the reason; of a sweep, its next batch.

        If smaller batches were measured, this one was not tried: that memory ran out before is no result of it.
        """
        asked = self._asked()
        if asked.sweep and (done := swept(asked.settled.batch)):
            following = (2 ** len(done),) if asked.continues_sweep else ()
            asked = asked.model_copy(update={"sweep": False, "batches": following})
            verdict = verdict._replace(status="failed") if verdict.status == "oom" else verdict
        places = {(axis, point.place) for axis in AXES for point in asked.settled.points(axis)}
        for axis, point in curve_plan.points(self.ledger, self._curve_metric, asked, verdict):
            if (axis, point.place) not in places:
                self._save(axis, point)


def described(point: CurvePoint) -> str:
    """A point as it is printed while it is measured."""
    where = f"({point.mode}) " if point.mode != "eager" else ""
    what = f"{where}{point.device}, batch {point.batch}, {point.size} px"
    if point.latency is None or point.throughput is None:
        return f"{what}: {point.status}: {point.reason}"
    return f"{what}: {in_words(point.latency, 's')}, {in_words(point.throughput, '1/s')}"
