"""One job while it runs: what it still has to measure, and how its readings and its end are stored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from time import monotonic

from reporter.host.job import Job, unknown_metrics, wanted
from reporter.model import Metric, Quantity, Reading, Verdict, absent
from reporter.model.devices import device_type
from reporter.model.modes import OUTPUT_ERROR, exceeds, is_larger, unchecked
from reporter.model.records import EAGER
from reporter.run import mode_plan, output_errors, time_limit
from reporter.run.costs import Costs, stored_as
from reporter.run.ledger import CUT_OFF, Ledger
from reporter.run.request import Outcome, Progress, moment
from reporter.run.slots import Message

ModePlace = tuple[str, str]
"""An execution mode and the key of a quantity."""


class Measurement:
    """One job from its first start to its end; started again on another slot, it measures only what is missing.

    A metric that failed in its first round, or in several, is left out of the later ones, as is a quantity that was
    unsupported; one in an execution mode in which the worker crashed only loses that round. `repeated`: it was started
    again without an execution mode in which its worker ended. A metric in which a worker ended is left out too.
    """

    def __init__(self, job: Job, ledger: Ledger, progress: Progress, outcome: Outcome) -> None:
        self.ledger, self.progress, self.outcome = ledger, progress, outcome
        again = (mode for mode in job.modes if output_errors.is_checked_again(ledger, job, mode))
        prepared_again = tuple(again) if job.round else ()
        self.job = job.model_copy(update={"prepared_again": prepared_again}) if prepared_again else job
        self.limit: float | None = None
        """Seconds after which its worker is ended."""
        self._cut = self._interrupted = False
        self._shared: float | None = None
        """The seconds of the architecture, where earlier jobs took some of them."""
        self._missing = {
            (mode, quantity.key): (metric.name, quantity)
            for mode, metric, quantity in wanted(self.job, ledger.request.metrics)
            if _is_tried(ledger, job, mode, metric, quantity)
        }
        self._delivered: set[ModePlace] = set()
        self._within: dict[ModePlace, Reading] = {}
        """Errors within their limits of a job that checks only: they count once all settings are checked."""
        self._mode = EAGER
        self._metric = ""
        self._fallbacks: dict[str, Reading] = {}
        self.repeated = self._crashed = False
        self._start_time, self._started = monotonic(), moment()

    def start(self, budget: float | None = None) -> None:
        """Sets the clock and the limit; where the time for the architecture is over, nothing remains.

        A job that the `budget` of seconds cuts off has not failed, and keeps the rounds that were measured before.
        """
        self._start_time, self._started, self._crashed = monotonic(), moment(), False
        timeout = self.ledger.request.timeout
        left = None if timeout is None else timeout - self.ledger.spent
        if left is not None and left <= 0:
            self._give_up(time_limit.not_begun(self.ledger.request.limit))
        self._shared = timeout if self.ledger.spent else None
        self._cut = budget is not None and (left is None or budget < left)
        self.limit = budget if self._cut else left

    @property
    def remaining(self) -> Job | None:
        """The job with the metrics that are still to be measured; None where there are none."""
        places = {(mode, name) for (mode, _), (name, _) in self._missing.items()}
        names = tuple(dict.fromkeys(name for name, _ in self._missing.values()))
        if self.job.only_checks and names:  # in the settings of all metrics
            return self.job.model_copy(update={"modes": tuple(dict.fromkeys(mode for mode, _ in self._missing))})
        modes = tuple(dict.fromkeys(mode for mode, _ in self._missing)) if self.job.modes else ()
        without = tuple(each for each in product(modes, names) if each not in places)
        found = {"metrics": names, "modes": modes, "without": without, "ceilings": self.ledger.ceilings}
        return self.job.model_copy(update=found) if names else None

    def receive(self, message: Message) -> None:
        """Takes in a reading, at once, which mode or metric the worker is about to run, or how long it was busy.

        Of a reading that was delivered before, only one that `replaces` an earlier one of the same worker counts; of
        the output errors of an engine, the largest one of the job, with those of settings that it does not measure.
        """
        if "running" in message:
            self._mode = message["running"]
            return
        if "measuring" in message:
            self._metric = message["measuring"]
            return
        if "fallback" in message:
            fallback = Reading.model_validate(message["fallback"])
            self._fallbacks[fallback.quantity.key] = fallback
            return
        if "unknown" in message:
            name = message["unknown"]
            missing = {place: about for place, about in self._missing.items() if about[0] == name}
            self._store(missing, unknown_metrics("failed", [name]))
            return
        if "reading" not in message:
            self.outcome.busy += message["busy"]
            self.outcome.building += message["building"]
            self.outcome.preparing += message.get("preparing", 0.0)
            self.outcome.checking += message.get("checking", 0.0)
            return
        reading = Reading.model_validate(message["reading"])
        mode = message.get("mode", EAGER)
        place = mode, reading.quantity.key
        name, _ = self._missing.pop(place, ("", None))
        if self.job.only_checks and reading.quantity == OUTPUT_ERROR and reading.measured and not exceeds(reading):
            if place not in self._within or is_larger(reading, self._within[place]):
                self._within[place] = reading
        elif place not in self._delivered or message.get("replaces"):
            self._keep_larger(reading, name, mode)
        self._started = moment()

    def _keep_larger(self, reading: Reading, name: str, mode: str) -> None:
        """Stores a reading of a metric unless the output error that is there is larger."""
        place = mode, reading.quantity.key
        before = self._error_before(*place)
        self._delivered.add(place)
        if before is None or is_larger(reading, before):
            stays = self._takes_nothing(name, reading, mode)
            self.ledger.keep(reading, self.job, self.progress, self._started, mode, stays=stays)
        elif before.lost:  # the round that was lost is made up for
            found = before.model_copy(update={"lost": ()})
            self.ledger.keep(found, self.job, self.progress, self._started, mode)

    def interrupt(self) -> None:
        """Counts the seconds of a slot that was lost or a worker that crashed, and resets what it ran."""
        self._interrupted = True
        self.ledger.spend(stored_as(self.job), monotonic() - self._start_time, usual=False)
        self._mode, self._metric = EAGER, ""

    def drop_crashed(self, verdict: Verdict) -> bool:
        """After a crash: stores it as the status of the mode or metric that ran; whether the others are tried again."""
        if verdict.status not in ("failed", "oom"):
            return False
        self._crashed = bool(self.job.modes)
        ran = self._crashed_mode() if self.job.modes else self._crashed_metric()
        self._store(ran, verdict)
        return bool(ran) and self.remaining is not None

    def _crashed_mode(self) -> dict[ModePlace, tuple[str, Quantity]]:
        """What is missing of the mode that ran; nothing of eager, or if the job was repeated before."""
        if self.repeated or self._mode not in self.job.modes:
            return {}
        self.repeated = True
        return {place: about for place, about in self._missing.items() if place[0] == self._mode}

    def _crashed_metric(self) -> dict[ModePlace, tuple[str, Quantity]]:
        """What is missing of the metric that ran; nothing if the worker ended before the first one."""
        name, self._metric = self._metric, ""
        return {place: about for place, about in self._missing.items() if about[0] == name}

    def finish(self, verdict: Verdict, costs: Costs, opens: bool = False) -> None:
        """Stores how the worker ended as the status of what is missing; `opens`: the job waited for torch to load."""
        seconds, failed = monotonic() - self._start_time, verdict.status != "ok"
        if self._cut and verdict.status == "timeout":
            verdict = Verdict("skipped", CUT_OFF)
        elif self._shared is not None and verdict.status == "timeout":
            verdict = time_limit.over(self._shared)
        for (mode, _), error in self._within.items() if not failed else ():
            self._keep_larger(error, "", mode)
        self._give_up(verdict if failed else Verdict("failed", "the worker ended without this reading"))
        failed = failed or self._interrupted
        self.ledger.spend(stored_as(self.job), seconds, usual=self._is_whole and not (opens or failed))
        self.progress.job_finished(self.job, seconds, costs.learn(self.job, seconds, opens=opens, failed=failed))

    def skip(self, costs: Costs) -> None:
        """Ends a job of which nothing remains; nothing will of its later rounds."""
        costs.skip(self.job)
        self.progress.job_finished(self.job, 0.0)

    @property
    def _is_whole(self) -> bool:
        """Whether the job measures all metrics of its process; one of those that were missing takes less time."""
        request, job = self.ledger.request, self.job
        if job.modes:
            asked = mode_plan.metrics(request, device_type(job.device), job.modes[0]).values()
            return {metric.name for metric in asked if metric.timed or not job.round} <= set(job.metrics)
        return {metric.name for metric in request.metrics.values() if metric.process == job.process} <= set(job.metrics)

    def _give_up(self, verdict: Verdict) -> None:
        missing = dict(self._missing)
        if verdict.status == "skipped":  # the time was up, and what an earlier run measured is kept
            missing = {} if self.job.round else {p: a for p, a in missing.items() if not self._is_kept(p, *a)}
        self._store(missing, verdict)

    def _takes_nothing(self, name: str, reading: Reading, mode: str) -> bool:
        """Whether a reading of a worker failed of which rounds are known; what is measured once is replaced."""
        if not name or reading.measured or self.job.is_once(reading.quantity):
            return False
        return self.ledger.request.metrics[name].timed and self._is_known(name, reading.quantity, mode)

    def _is_kept(self, place: ModePlace, name: str, quantity: Quantity) -> bool:
        """Whether a reading is kept if the time is up before it."""
        return self.ledger.is_measured(*place) or self._is_known(name, quantity, place[0])

    def _is_known(self, name: str, quantity: Quantity, mode: str) -> bool:
        """Whether a reading was taken before under the same conditions, so that no failure takes its place."""
        if self.job.is_once(quantity):
            return output_errors.has_once(self.ledger, self.job, mode, quantity)
        if self.job.round:
            return self.ledger.is_measured(mode, quantity.key)
        return self.ledger.has_valid(self.ledger.request.metrics[name], quantity.key, mode)

    def _error_before(self, mode: str, key: str) -> Reading | None:
        """The output error that stays unless a larger one is found, if the key is that of the output error."""
        if key != OUTPUT_ERROR.key:
            return None
        checks = self.job.prepares(mode) or (mode == EAGER and bool(self.job.prepared_again))
        if (mode, key) in self._delivered or not checks:  # by this job, in another worker, or in an earlier round
            return output_errors.any_error(self.ledger, mode, self.job.device)
        return output_errors.staying_error(self.ledger, self.job, mode)

    def _store(self, missing: Mapping[ModePlace, tuple[str, Quantity]], verdict: Verdict) -> None:
        """Stores a verdict as the status of what is missing and has no fallback.

        What was measured before under the same conditions stays; of a time, and of a mode whose worker crashed, with
        the note that a round was lost.
        """
        for place, (name, quantity) in missing.items():
            mode, once = place[0], self.job.is_once(quantity)
            known = self._is_known(name, quantity, mode)
            if once and quantity == OUTPUT_ERROR:
                lost = [unchecked(verdict)]
            elif (fallback := self._fallbacks.get(quantity.key)) and not known:
                lost = [fallback]
            else:
                lost = list(absent([quantity], verdict.status, verdict.reason or ""))
            noted = self._crashed if once else self.ledger.request.metrics[name].timed
            for reading in lost if noted or not known else []:
                self.ledger.keep(
                    reading, self.job, self.progress, self._started, mode, crashed=self._crashed, stays=known
                )
            del self._missing[place]


def _is_tried(ledger: Ledger, job: Job, mode: str, metric: Metric, quantity: Quantity) -> bool:
    """Whether a job tries a quantity of a metric; a later round leaves out one that is unsupported."""
    reading = ledger.records[mode].readings.get(quantity.key) if mode in ledger.records else None
    unsupported = reading is not None and reading.status == "unsupported" and quantity in metric.quantities
    return ledger.continues(metric.name, job.round, mode) and not (job.round and unsupported)
