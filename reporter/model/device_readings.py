"""Readings that are measured once per execution mode, kept for each kind of device that they were measured on.

Their keys name no device. The detail of one that was measured on an accelerator, or that a worker found unsupported,
has what was measured on each kind of device; the reading itself is one of these.
"""

from __future__ import annotations

from pydantic import JsonValue, ValidationError

from reporter.model.devices import DEVICE_TYPES
from reporter.model.readings import Quantity, Reading

DEVICES = "devices"
"""In the detail: the reading of each kind of device, without its quantity."""
REFUSED = ("skipped", "unsupported")
"""The status of a mode that was not tried; see `was_tried`."""


def on_devices(reading: Reading | None) -> dict[str, Reading]:
    """A reading on each kind of device that it was measured on.

    One without `devices` in its detail is of the CPU, or of CUDA if it has the identity of a device.
    """
    if reading is None:
        return {}
    own = {"cuda" if "device" in reading.detail else "cpu": reading}
    kept = reading.detail.get(DEVICES)
    if not isinstance(kept, dict):
        return own
    found = {kind: _restored(reading.quantity, content) for kind, content in kept.items()}
    return {kind: each for kind, each in found.items() if each is not None} or own


def of_device(reading: Reading | None, kind: str) -> Reading | None:
    """A reading as it was measured on a kind of device; None if it was not."""
    return on_devices(reading).get(kind)


def was_tried(reading: Reading) -> bool:
    """Whether a reading is from a worker, which tried the mode; others are of modes that a device does not support.

    Both may be unsupported and have no settings; `with_device` stores `devices` in the detail of those from a worker.
    Older records lack it on the CPU, where such a reading is replaced by that of another device.
    """
    if reading.settings or reading.status not in REFUSED:
        return True
    return DEVICES in reading.detail and any(each.status != "skipped" for each in on_devices(reading).values())


def with_device(before: Reading | None, now: Reading, kind: str) -> Reading:
    """What is stored after a reading on a kind of device: those of other kinds, which `before` has, are kept with it.

    Of those with a value, the one with the largest output error in relation to its limit is the reading itself; of
    durations, which have no limit, that of the CPU.
    """
    found = {**(on_devices(before) if before and was_tried(before) else {}), kind: now}
    if found.keys() == {"cpu"} and (was_tried(now) or now.status == "skipped"):
        return now
    ordered = dict(sorted(found.items(), key=lambda each: _place(each[0])))
    leading = max(ordered.values(), key=_standing)
    kept: JsonValue = {
        each: reading.model_dump(mode="json", exclude={"quantity"}, exclude_defaults=True)
        for each, reading in ordered.items()
    }
    return leading.model_copy(update={"detail": leading.detail | {DEVICES: kept}})


def _place(kind: str) -> int:
    """The CPU first."""
    return [*DEVICE_TYPES, kind].index(kind)


def _standing(reading: Reading) -> tuple[bool, float]:
    """Whether there is a value, and how large it is in relation to its limit."""
    limit, value = reading.detail.get("limit"), reading.value
    if value is not None and isinstance(limit, int | float) and limit > 0:
        return reading.measured, value / limit
    return reading.measured, 0.0


def _restored(quantity: Quantity, content: JsonValue) -> Reading | None:
    """A reading from the detail of another one; None if it is none, as in a record that was edited."""
    try:
        return Reading.model_validate({**content, "quantity": quantity}) if isinstance(content, dict) else None
    except ValidationError:
        return None
