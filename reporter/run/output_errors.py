"""The output errors of execution modes that are kept: of several, the largest; see docs/modes.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporter.host.job import Job
from reporter.model import Quantity, Reading
from reporter.model.device_readings import of_device, was_tried
from reporter.model.devices import device_in, device_type
from reporter.model.modes import OUTPUT_ERROR, is_repeated, lacks_check, was_compared
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER
from reporter.registry.execution_modes import conditions_of
from reporter.run.curve_plan import BATCHES
from reporter.run.ledger import Ledger


def error_of_run(ledger: Ledger, mode: str, device: str) -> Reading | None:
    """The output error of a mode on a device; with --fresh, only one of this run."""
    return any_error(ledger, mode, device) if _is_of_run(ledger, mode, device) else None


def any_error(ledger: Ledger, mode: str, device: str) -> Reading | None:
    """The output error of a mode on a device, of whatever run."""
    error = ledger.records[mode].readings.get(OUTPUT_ERROR.key) if mode in ledger.records else None
    return of_device(error, device_type(device)) if error and was_tried(error) else None


def _is_of_run(ledger: Ledger, mode: str, device: str) -> bool:
    """Whether an output error counts: with --fresh, only one of this run."""
    return not ledger.request.fresh or (mode, device_type(device)) in ledger.checked


def is_unchecked(ledger: Ledger, mode: str, device: str) -> bool:
    """Whether the check of a mode on a device, or that of eager beside it, failed, was too slow or out of memory."""
    found = (error_of_run(ledger, each, device) for each in (mode, EAGER))
    return any(error and lacks_check(error) for error in found)


def conditions(ledger: Ledger, mode: str) -> dict[str, Any]:
    """What the output error of a mode depends on at present."""
    own = ledger.request.conditions_of(ledger.record.architecture).of_mode()
    return own | conditions_of(mode, ledger.request.engines)


def has_once(ledger: Ledger, job: Job, mode: str, quantity: Quantity) -> bool:
    """Whether a quantity of ONCE is known under the present conditions, and stays if a job ends before it.

    Of the output error, that includes the reason why there is none. With --fresh only an output error of this run is.
    """
    readings, kind = ledger.records[mode].readings if mode in ledger.records else {}, device_type(job.device)
    if quantity == OUTPUT_ERROR:
        before = error_of_run(ledger, mode, job.device)
    else:
        before = None if ledger.request.fresh else of_device(readings.get(quantity.key), kind)
    is_known = before is not None and (before.measured or quantity == OUTPUT_ERROR)
    return bool(is_known and before and same_conditions(before.settings, conditions(ledger, mode)))


def is_checked_again(ledger: Ledger, job: Job, mode: str) -> bool:
    """Whether a later round prepares a mode and checks its outputs, as the worker crashed before it had done so.

    In an engine each setting is checked before it is timed, so that one without a time may not have been. The settings
    of times that are not tried any more do not count.
    """
    readings = ledger.records[mode].readings if mode in ledger.records else {}
    tried = (ledger.request.metrics[name] for name in job.metrics if ledger.continues(name, job.round, mode))
    times = (readings.get(each.key) for metric in tried for each in metric.quantities)
    is_lost = any(time and time.lost and not time.measured for time in times)
    return ledger.crashed(mode, job.device) or (is_lost and "engine" in conditions(ledger, mode))


def staying_error(ledger: Ledger, job: Job, mode: str) -> Reading | None:
    """The output error of a mode that stays unless a job finds a larger one, under the same conditions.

    Of an engine, it may be that of a setting whose times the job does not measure, or of a point of a curve: what was
    prepared for these is not checked again. So does the reason why one was not checked, until a job checks them all. Of
    a mode of torch, one above its limit stays: it may be that of a later round, whose times stay, too.
    """
    now, error = conditions(ledger, mode), any_error(ledger, mode, job.device)
    if "engine" in now and error and lacks_check(error) and not job.only_checks:
        return error if _has_other_times(ledger, job, mode, now) else None
    if not error or not was_compared(error) or is_repeated(error) or not ("engine" in now or error.reason):
        return None
    points = "engine" in now and _is_of_run(ledger, mode, job.device)
    has_points = points and _has_points(ledger, mode, job.device, now)
    stays = has_points or _has_other_times(ledger, job, mode, now)
    return error if stays and same_conditions(error.settings, now) else None


def _has_points(ledger: Ledger, mode: str, device: str, now: Mapping[str, Any]) -> bool:
    """Whether a curve of a mode has measured points under these conditions."""
    place = mode, device_type(device)
    return any(
        point.measured and (point.mode, point.device) == place and now.items() <= point.settings.items()
        for point in ledger.record.curves.batch
    )


def _has_other_times(ledger: Ledger, job: Job, mode: str, now: Mapping[str, Any]) -> bool:
    """Whether a mode has times under these conditions that a job does not measure again; those of curves are points."""
    metrics = () if job.only_checks else job.metrics
    again = {each.key for name in metrics for each in ledger.request.metrics[name].quantities}
    return any(
        reading.timed
        and not reading.quantity.is_ratio
        and key not in again
        and device_in(key) == device_type(job.device)
        and BATCHES not in reading.settings
        and now.items() <= reading.settings.items()
        for key, reading in ledger.records[mode].readings.items()
    )
