"""Counts the readings of an architecture that failed or lack rounds, of those that a run asks for."""

from __future__ import annotations

from collections.abc import Iterator

from reporter.model import Metric, Quantity, Reading
from reporter.model.device_readings import DEVICES, on_devices
from reporter.model.modes import OUTPUT_ERROR, quantities
from reporter.model.records import EAGER
from reporter.model.scaling_curves import LOST
from reporter.run import curve_plan, mode_plan
from reporter.run.ledger import Ledger

FAILED = ("failed", "oom", "timeout")
"""The status of a reading that was tried and has no value."""


def failed(ledger: Ledger) -> int:
    """How many of the readings asked for did not succeed; the speedup of a time that failed does not count.

    Nor does the best throughput where no batch fits into memory, as points that do not fit are no failures.
    """
    curves = _of_curves(ledger)
    asked = dict.fromkeys((mode, quantity.key) for mode, _, quantity in _asked(ledger) if not quantity.is_ratio)
    found = ((LOST if key in curves else FAILED, _of_run(ledger, _reading(ledger, mode, key))) for mode, key in asked)
    return sum(any(each.status in lost for each in readings) for lost, readings in found)


def lacking(ledger: Ledger) -> int:
    """How many of the times asked for have fewer rounds than asked for because rounds were lost."""
    asked = {(mode, each.key) for mode, metric, each in _asked(ledger) if metric.timed and each in metric.quantities}
    found = (_reading(ledger, mode, key) for mode, key in asked)
    return sum(bool(each and each.lost and len(each.rounds) < ledger.request.conditions.rounds) for each in found)


def lacks(ledger: Ledger, reason: str) -> bool:
    """Whether one of the readings asked for is missing for that reason, not counting curves."""
    curves = _of_curves(ledger)
    asked = {(mode, quantity.key) for mode, _, quantity in _asked(ledger) if quantity.key not in curves}
    found = (_of_run(ledger, _reading(ledger, mode, key)) for mode, key in asked)
    return any(each.reason == reason for readings in found for each in readings)


def _of_curves(ledger: Ledger) -> set[str]:
    """The keys of the readings of curves."""
    return {each.key for metric in curve_plan.metrics(ledger.request).values() for each in metric.quantities}


def _asked(ledger: Ledger) -> Iterator[tuple[str, Metric, Quantity]]:
    """The readings that a run asks for on its devices: mode, metric and quantity.

    Others may be in the record: those of an earlier run in the same folder with other modes or devices.
    """
    request = ledger.request
    for metric in request.metrics.values():
        if metric.device in ("none", *ledger.devices):
            yield from ((EAGER, metric, quantity) for quantity in metric.quantities)
    for device in (each for each in ledger.devices if each != "any"):
        for mode in mode_plan.resolved(request, device):
            for metric in mode_plan.metrics(request, device, mode).values():
                for quantity in quantities(metric, 0):
                    yield mode, metric, quantity
                    if quantity is OUTPUT_ERROR:
                        yield EAGER, metric, quantity
    for device, metric in curve_plan.metrics(request).items():
        for mode, _ in curve_plan.modes(request, device) if device in ledger.devices else ():
            yield from ((mode, metric, quantity) for quantity in metric.quantities)


def _reading(ledger: Ledger, mode: str, key: str) -> Reading | None:
    return ledger.records[mode].readings.get(key) if mode in ledger.records else None


def _of_run(ledger: Ledger, reading: Reading | None) -> list[Reading]:
    """A reading; of one that is kept for several devices, those of the devices of the run."""
    if reading is None or DEVICES not in reading.detail:
        return [reading] if reading else []
    return [each for kind, each in on_devices(reading).items() if kind in ledger.devices]
