"""The ledger of an architecture: its record, what is missing, and saving of new readings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from reporter.compare.kernel_digests import has_digest, setting_of
from reporter.host import files
from reporter.host.job import Job, wanted
from reporter.metrics.ceilings import OF_MACHINE
from reporter.metrics.ceilings_cuda import OF_GPU
from reporter.model import (
    Architecture,
    LostRound,
    Metric,
    Origin,
    Quantity,
    Reading,
    Record,
    ReporterError,
    Status,
    absent,
)
from reporter.model.device_readings import of_device, was_tried, with_device
from reporter.model.devices import WITHOUT, accelerator_in, device_type, is_accelerator
from reporter.model.modes import ONCE, OUTPUT_ERROR, quantities
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER, pair_name
from reporter.model.scaling_curves import Curves
from reporter.model.thread_counts import conditions_of as of_key
from reporter.registry.execution_modes import conditions_of
from reporter.run import effort, input_sizes, mode_plan
from reporter.run.blank_records import blank, settings_of
from reporter.run.history_lines import history_line
from reporter.run.joined_rounds import joined, with_loss
from reporter.run.request import Progress, Request, moment
from reporter.store import kernel_files, record_files

REUSED = ("ok", "unsupported", "skipped")
CONTINUED = ("ok", "skipped")
"""The status of a time of which later rounds are measured."""
SHARED = ("ok", "unsupported")
"""The status of a ceiling that holds for the machine; another one may be due to the architecture or its process."""
NOT_ASKED = "not asked for by --device"
CUT_OFF = "cut off: the budget was spent"
MOST_LOST = 2
"""A time that lost so many rounds in a run is not tried again in it."""


class Ledger:
    """The record of one architecture while it grows; `number` is its place among the architectures."""

    def __init__(self, architecture: Architecture, request: Request, number: int = 0) -> None:
        self.request = request
        self.spent, self.notice, self.dropped = 0.0, "", 0
        self._took: dict[str, list[float]] = {}
        self.measured_again: dict[tuple[str, str], Curves] = {}
        """With --fresh, the points of curves that this run tried, by mode and device."""
        self.checked: set[tuple[str, str]] = set()
        """The modes whose output errors are of this run, with the kind of device."""
        self._shown: set[tuple[str, str]] = set()
        self._lock = request.folder / ".lock"
        self._locked = self._lock.exists()  # if it is gone, so was the folder, even if there is a new one
        self.reference = architecture.reference
        earlier = self._earlier(architecture) or [blank(architecture, request, request.about)]
        self.records = {record.mode: record for record in earlier}
        self.devices = self._own_devices(number)
        self._note_devices()
        self._note_modes()

    @property
    def record(self) -> Record:
        """The record of eager."""
        return self.records[EAGER]

    @cached_property
    def _recorded(self) -> frozenset[tuple[str, str]]:
        """The modes and settings whose kernels are in the ledger of kernels beside the record."""
        return kernel_files.recorded(self.request.folder, self.record)

    @property
    def ceilings(self) -> tuple[Reading, ...]:
        """The ceilings of the machine that this run has measured, or found unsupported."""
        return tuple(r for (machine, _), r in self.request.ceilings.items() if machine == self.record.machine)

    def needs(self, metric: Metric, number: int, mode: str = EAGER) -> bool:
        """Whether a round of a metric is still to be measured; nothing is, of a device that was not chosen.

        A time in a mode and its speedup are saved one after the other, so that an interrupted run may lack the second.
        """
        if metric.device not in ("none", *self.devices):
            return False
        both = metric.quantities if mode == EAGER else (*metric.quantities, *quantities(metric, 1))
        return number >= min(self._done(metric, quantity.key, mode) for quantity in both)

    def is_measured(self, mode: str, key: str) -> bool:
        """Whether there is a value."""
        reading = self._of(mode).readings.get(key)
        return reading is not None and reading.measured

    def has_valid(self, metric: Metric, key: str, mode: str) -> bool:
        """Whether there is a value that was measured under the present conditions; with --fresh, none counts."""
        return self.is_measured(mode, key) and self._done(metric, key, mode) > 0

    def leave_out(self, job: Job, reason: str) -> None:
        """Says why the readings of a job are not there; those that are stay, also the reasons of what was tried."""
        missing: dict[str, list[Quantity]] = {}
        for mode, metric, quantity in wanted(job, self.request.metrics):
            reading = self._of(mode).readings.get(quantity.key)
            untried = reading is None or (metric.device != "none" and not was_tried(reading))
            if untried or (reading and reading.status == "skipped"):
                missing.setdefault(mode, []).append(quantity)
        for mode, lacking in missing.items():
            self._save({each.quantity.key: each for each in absent(lacking, "skipped", reason)}, mode)

    def spend(self, job: str, seconds: float, usual: bool) -> None:
        """Counts the time that a job took; `usual` unless torch was loaded in it, it was lost, or it lacked metrics."""
        self.spent += seconds
        if usual:
            self._took.setdefault(job, []).append(seconds)

    def history(self, now: str) -> dict[str, Any]:
        """The line that history.jsonl gets; `now` is common to all lines of a run."""
        return history_line(self.records, self.request, now, self.spent, self._took)

    def continues(self, name: str, number: int, mode: str = EAGER) -> bool:
        """Whether a later round of a metric is tried: all that is supported succeeded or crashed, few were lost now."""
        found = self._of(mode).readings
        readings = [found.get(quantity.key) for quantity in self.request.metrics[name].quantities]
        tried = [each for each in readings if not (each and each.status == "unsupported")]
        return number == 0 or (bool(tried) and all(map(self._is_continued, tried)))

    def crashed(self, mode: str, device: str) -> bool:
        """Whether the worker crashed before it had prepared a mode and checked its outputs, and no round did since."""
        kind, readings = device_type(device), self._of(mode).readings
        found = (of_device(readings.get(quantity.key), kind) for quantity in ONCE)
        return any(reading and reading.lost for reading in found)

    def keep(
        self,
        reading: Reading,
        job: Job,
        progress: Progress,
        started: str,
        mode: str = EAGER,
        *,
        crashed: bool = False,
        stays: bool = False,
    ) -> None:
        """Takes a reading in and saves it; a later round of a time, begun at `started`, joins the earlier ones.

        One that failed takes nothing from them: the reading notes that it was lost; so does a first one that `crashed`,
        and one that is measured again and `stays`.
        """
        reading = self._without_calls(reading, progress, mode)
        key, origin = reading.quantity.key, Origin(run=self.request.run, started=started, number=job.round)
        if key in OF_MACHINE | OF_GPU and reading.status in SHARED:
            self.request.ceilings.setdefault((self.record.machine, key), reading)
        once = job.is_once(reading.quantity)
        kind, stored = device_type(job.device), self._of(mode).readings.get(key)
        before = (of_device(stored, kind) if once else stored) if stays or (job.round and not once) else None
        if not reading.measured and (crashed or (before and before.measured)):
            lost = LostRound(number=job.round, status=reading.status, reason=reading.reason or "", origin=origin)
            if before and not once:
                lost_round = f"round {job.round + 1} was lost ({reading.status}: {lost.reason})"
                progress.note(f"note: {pair_name(job.architecture, mode)} {key}: {lost_round}")
            reading = with_loss(before or reading, lost)
        else:
            reading = reading.model_copy(update={"origins": (origin,) * len(reading.rounds)})
            joins = before and reading.rounds and (before.measured or before.lost)
            reading = joined(before, reading) if before and joins else reading
        kept = effort.noted(self._of_its_images(reading), job.conditions)
        if once:
            kept = with_device(stored, kept, kind)
            self.checked |= {(mode, kind)} if key == OUTPUT_ERROR.key else set()
        self._save({key: kept}, mode)
        last = job.round + 1 == job.conditions.rounds
        if not reading.rounds or ((mode, key) not in self._shown if self.request.budget else last):
            self._shown.add((mode, key))
            progress.reading(pair_name(self.record.architecture, mode), reading)

    def _without_calls(self, reading: Reading, progress: Progress, mode: str) -> Reading:
        """The reading without the calls of layers that it brought, which are saved in the ledger beside the record."""
        if "calls" not in reading.detail:
            return reading
        if complaint := kernel_files.save(self.request.folder, self.record, mode, reading.detail["calls"]):
            progress.note(f"note: {complaint}; it is written again")
        vars(self).pop("_recorded", None)
        kept = {key: value for key, value in reading.detail.items() if key != "calls"}
        return reading.model_copy(update={"detail": kept})

    def keep_curves(self, curves: Curves, best: Reading | None = None, mode: str = EAGER) -> None:
        """Saves the curves of all modes, and the best throughput of one."""
        self.records[EAGER] = self.record.model_copy(update={"curves": curves})
        self._save({best.quantity.key: best} if best else {}, mode)

    def _of_its_images(self, reading: Reading) -> Reading:
        """The reading with the digest of the images that it was made of, which may have been fetched only then."""
        if not reading.measured or "dataset" not in reading.settings or self.request.images.used is None:
            return reading
        return reading.model_copy(update={"settings": reading.settings | {"data": self.request.images.used}})

    def _is_continued(self, reading: Reading | None) -> bool:
        if reading is None or not (reading.status in CONTINUED or reading.lost):
            return False
        return sum(lost.origin.run == self.request.run for lost in reading.lost) < MOST_LOST

    def _of(self, mode: str) -> Record:
        """The record of a mode, without readings where nothing is measured yet."""
        return self.records.get(mode) or self.record.model_copy(update={"mode": mode, "readings": {}})

    def _save(self, readings: dict[str, Reading], mode: str = EAGER) -> None:
        if not self.request.folder.is_dir() or (self._locked and not self._lock.exists()):
            raise ReporterError(f"--out: {self.request.folder} was removed during the run; call again to measure again")
        record = self._of(mode)
        self.records[mode] = record.model_copy(update={"readings": record.readings | readings})
        record_files.save_all(self.request.folder, self.records.values())

    def _done(self, metric: Metric, key: str, mode: str) -> int:
        """How many rounds of a reading exist, taken under the same conditions."""
        if self.request.fresh:  # what earlier runs measured is kept until it is measured again
            return 0
        reading = self._of(mode).readings.get(key)
        device, asked = self.devices.get(metric.device, "cpu"), self.request
        own = asked.conditions_of(self.record.architecture).of(metric, device)
        now = of_key(key, own) | conditions_of(mode, asked.engines)
        if reading is None or reading.status not in REUSED or not same_conditions(reading.conditions, now):
            return 0
        if reading.status == "skipped" and not reading.settings:  # a budget left it out: it was never tried
            return 0
        lost = has_digest(reading) and (mode, setting_of(key)) not in self._recorded  # as where the file was removed
        if lost or not effort.suffices(reading, asked.conditions):
            return 0
        if metric.timed:  # what is unsupported with the same settings and versions would be again
            return asked.conditions.rounds if reading.status == "unsupported" else len(reading.rounds)
        return 1

    def _earlier(self, architecture: Architecture) -> list[Record] | None:
        path = record_files.record_path(self.request.folder, self.request.about["machine"], architecture.name)
        if not path.exists():
            return None
        try:
            records = record_files.load_modes(path)
        except ReporterError as error:
            self.notice = f"{error}; it is kept as {files.set_aside(path).name}"
            return None
        if not (self.request.reuses(records[0].environment) and architecture.is_defined_by(records[0].definition)):
            return None
        shown = {**records[0].settings, **self.request.presented}
        if shown != records[0].settings:  # also if nothing is measured
            now_shown = [each.model_copy(update={"settings": shown}) for each in records]
            record_files.save_all(self.request.folder, now_shown)
        conditions = self.request.conditions_of(architecture.name)
        now = {"settings": settings_of(architecture, self.request), "definition": architecture.definition}
        now |= {"environment": self.request.about["environment"]}
        resized = input_sizes.changed_fields(records[0], architecture, conditions)
        now |= resized | ({"started": moment()} if self.request.fresh or resized else {})
        found, self.dropped = input_sizes.valid_modes([each.model_copy(update=now) for each in records], conditions)
        return found

    def _own_devices(self, number: int) -> Mapping[str, str]:
        """Of several GPUs the one that it was measured on before, else its share in turn."""
        gpus = self.request.gpus
        if len(gpus) < 2:
            return self.request.devices
        before = {reading.settings.get("device") for reading in self.record.readings.values()}
        mine = next((gpu for gpu in gpus if gpu in before), gpus[number % len(gpus)])
        return {**self.request.devices, device_type(mine): mine, "any": mine}

    def _note_devices(self) -> None:
        for metric in self.request.metrics.values():
            if metric.device not in ("none", *self.devices):
                status: Status = "unsupported" if is_accelerator(metric.device) else "skipped"
                reason = self._why_without(metric.device) if is_accelerator(metric.device) else NOT_ASKED
                missing = [q for q in metric.quantities if self._is_without(q.key, status, reason)]
                self._save({reading.quantity.key: reading for reading in absent(missing, status, reason)})

    def _why_without(self, accelerator: str) -> str:
        """Why nothing is measured on an accelerator."""
        reason = self.request.no_cuda
        if accelerator == "cuda" or (reason == NOT_ASKED and not accelerator_in(self.devices)):
            return reason
        return WITHOUT[accelerator]

    def _note_modes(self) -> None:
        """Stores the reason of every mode that cannot be measured here."""
        for device in (each for each in self.devices if each != "any"):
            for mode, reason in mode_plan.refused(self.request, device).items():
                metrics = mode_plan.metrics(self.request, device, mode).values()
                measured = dict.fromkeys(each for metric in metrics for each in quantities(metric, 0))
                missing = [each for each in measured if self._is_without(each.key, "unsupported", reason, mode)]
                if missing:
                    self._save({each.quantity.key: each for each in absent(missing, "unsupported", reason)}, mode)

    def _is_without(self, key: str, status: Status, reason: str, mode: str = EAGER) -> bool:
        """Whether a reading is missing, or was left out, never tried, for a reason that is no longer the right one."""
        found = self._of(mode).readings.get(key)
        return found is None or (not was_tried(found) and (found.status, found.reason) != (status, reason))
