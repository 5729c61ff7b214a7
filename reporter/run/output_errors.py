"""The output errors of execution modes that are kept: of several, the largest; see docs/modes.md."""

from __future__ import annotations

from typing import Any

from reporter.model import Reading
from reporter.model.device_readings import of_device, was_tried
from reporter.model.devices import device_type
from reporter.model.modes import CHECK_FAILED, OUTPUT_ERROR
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER
from reporter.registry.execution_modes import conditions_of
from reporter.run.ledger import Ledger

COMPARED = ("ok", "failed")
"""The status of outputs that were compared, or cannot be."""


def stored(ledger: Ledger, mode: str, device: str) -> Reading | None:
    """The output error of a mode on a device; with --fresh, only one of this run."""
    kind = device_type(device)
    if mode not in ledger.records or (ledger.request.fresh and (mode, kind) not in ledger.checked):
        return None
    found = ledger.records[mode].readings.get(OUTPUT_ERROR.key)
    return of_device(found, kind) if found and was_tried(found) else None


def is_larger(now: Reading, before: Reading) -> bool:
    """Whether an output error takes the place of another one: it is larger, or its outputs cannot be compared.

    Of one whose check is repeated, any that is above its limit does, as it may be that of a point of a curve.
    """
    if not before.measured:
        return is_repeated(before) and now.reason is not None
    return now.samples > before.samples if now.measured else now.status == "failed" and not is_repeated(now)


def is_repeated(error: Reading) -> bool:
    """Whether an output error is missing for another reason than its outputs, so that they are checked again.

    It has no settings where the worker ended; what a worker sends of an engine has the version of the engine.
    """
    return _lacks_check(error) or (not error.measured and not error.settings)


def is_unchecked(ledger: Ledger, mode: str, device: str) -> bool:
    """Whether the check of a mode on a device, or that of eager beside it, failed or ran out of memory."""
    found = (stored(ledger, each, device) for each in (mode, EAGER))
    return any(error and _lacks_check(error) for error in found)


def _lacks_check(error: Reading) -> bool:
    return error.status == "oom" or CHECK_FAILED in error.detail


def conditions(ledger: Ledger, mode: str) -> dict[str, Any]:
    """What the output error of a mode depends on at present."""
    own = ledger.request.conditions_of(ledger.record.architecture).of_mode()
    return own | conditions_of(mode, ledger.request.engines)


def of_curve(ledger: Ledger, mode: str, device: str) -> Reading | None:
    """The output error of an engine of which a curve has measured points under the same conditions.

    These points are not measured again, so that what the engine prepared for their batches is not checked again.
    """
    now, found = conditions(ledger, mode), stored(ledger, mode, device)
    if "engine" not in now or not found or found.status not in COMPARED or is_repeated(found):
        return None
    place = mode, device_type(device)
    has_points = any(
        point.measured
        and (point.mode, point.device) == place
        and all(point.settings.get(key) == value for key, value in now.items())
        for point in ledger.record.curves.batch
    )
    return found if has_points and same_conditions(found.settings, now) else None
