"""Changes of the verdict on the output of an execution mode from one run to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reporter.compare.differences import Change, Kind
from reporter.compare.matching import NO_NUMBER, Pair
from reporter.model import Reading
from reporter.model.device_readings import on_devices
from reporter.model.modes import OUTPUT_ERROR, OutputDecision, OutputVerdict, output_decision, output_decisions
from reporter.model.records import EAGER

EXCEEDS = "output error {value} exceeds the limit {limit}"
ON_DEVICE = "on {device}: {reason}"
OF_EAGER = "its output cannot be checked: eager itself differs from the float64 run by more than the limit"
WITHIN = "its output can be checked again and is within the limit"
WORST_FIRST: tuple[Kind, ...] = ("failed", "information", "recovered")
"""The kinds of change; of several devices each that failed is reported, or else the worst change."""


def changes(paired: Iterable[Pair]) -> Iterator[Change]:
    """The changes of the pairs that were measured on one machine.

    A change is `failed` if the output came to be wrong or can no longer be computed, `recovered` if it is right again,
    and `information` if only one side could be checked and nothing is known to be wrong now. Each kind of device is
    compared with itself; an output that is wrong on one of them has not recovered.
    """
    every = [pair for pair in paired if pair.one_machine]
    eager = {(each.new.architecture, each.new.machine): each for each in every if each.new.mode == EAGER}
    for pair in every:
        beside = eager.get((pair.new.architecture, pair.new.machine))
        yield from _changes(pair, beside)


def _changes(pair: Pair, eager: Pair | None) -> list[Change]:
    """The changes of a pair on its devices that are reported, given that of eager."""
    is_wrong = output_decision(pair.new, eager.new if eager else None).verdict == "wrong"
    several, found = _has_several_devices(pair), list[Change]()
    for device, (old, before, _), (now, after, _) in _on_devices(pair, eager):
        kind = _kind(before, after, old, now) if before and after else None
        if before is None or after is None or kind is None or (kind == "recovered" and is_wrong):
            continue
        shown = device if several else ""
        reason = _reason(kind, before if kind == "recovered" else after, now, pair.new.mode, shown)
        place, values = (pair.new.architecture, pair.new.machine), (before.value, after.value)
        found.append(Change(kind, *place, after.quantity, *values, reason, mode=pair.new.mode, device=device))
    found.sort(key=lambda change: WORST_FIRST.index(change.kind))
    return [change for change in found if change.kind == "failed"] or found[:1]


def _on_devices(pair: Pair, eager: Pair | None) -> Iterator[tuple[str, OutputDecision, OutputDecision]]:
    """The decisions of both sides on each kind of device.

    A device that only NEW has is compared with the worst decision of BASE if it is wrong, or if the sides have no
    device in common.
    """
    of_eager = (eager.base, eager.new) if eager else (None, None)
    before, after = output_decisions(pair.base, of_eager[0]), output_decisions(pair.new, of_eager[1])
    worst, is_disjoint = output_decision(pair.base, of_eager[0]), not before.keys() & after.keys()
    for kind, now in after.items():
        if kind in before or now.verdict == "wrong" or is_disjoint:
            yield kind, before.get(kind, worst), now


def _has_several_devices(pair: Pair) -> bool:
    readings = (side.readings.get(OUTPUT_ERROR.key) for side in (pair.base, pair.new))
    return len({kind for reading in readings for kind in on_devices(reading)}) > 1


def _kind(before: Reading, after: Reading, old: OutputVerdict, now: OutputVerdict) -> Kind | None:
    lost = before.status in NO_NUMBER
    if before.measured and after.status in NO_NUMBER:
        return "failed"
    if now == "wrong" and old != "wrong" and (lost or _ran(before, old)):
        return "failed"
    if after.measured and now == "within" and (lost or old == "wrong"):
        return "recovered"
    both = _ran(before, old) and _ran(after, now)
    return "information" if both and old != now and "unchecked" in (old, now) else None


def _ran(reading: Reading, verdict: OutputVerdict) -> bool:
    """Whether a mode ran: without times and output it is within its limit in name only."""
    return reading.measured or verdict != "within"


def _reason(kind: Kind, reading: Reading, now: OutputVerdict, mode: str, device: str) -> str | None:
    """Why an output is wrong now, or was if the change is `recovered`; why it has another verdict, else.

    `device` is named with the error or the reason why there is none; empty if there is only one.
    """
    if kind == "information" and now == "within":
        return WITHIN
    if kind == "information" and mode != EAGER and reading.measured:
        return OF_EAGER
    reason = reading.reason
    if reading.measured:
        reason = EXCEEDS.format(value=f"{reading.value:.3g}", limit=f"{reading.detail['limit']:.3g}")
    return ON_DEVICE.format(device=device.upper(), reason=reason) if device and reason else reason
