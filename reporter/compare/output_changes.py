"""Changes of the verdict on the output of an execution mode from one run to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reporter.compare.differences import Change, Kind
from reporter.compare.matching import NO_NUMBER, Pair
from reporter.model import Reading
from reporter.model.modes import OutputVerdict, output_decision
from reporter.model.records import EAGER

EXCEEDS = "output error {value} exceeds the limit {limit}"
OF_EAGER = "its output cannot be checked: eager itself differs from the float64 run by more than the limit"
WITHIN = "its output can be checked again and is within the limit"


def changes(paired: Iterable[Pair]) -> Iterator[Change]:
    """The changes of the pairs that were measured on one machine.

    A change is `failed` if the output came to be wrong or can no longer be computed, `recovered` if it is right again,
    and `information` if only one side could be checked and nothing is known to be wrong now.
    """
    every = [pair for pair in paired if pair.one_machine]
    eager = {(each.new.architecture, each.new.machine): each for each in every if each.new.mode == EAGER}
    for pair in every:
        beside = eager.get((pair.new.architecture, pair.new.machine))
        if found := _change(pair, beside):
            yield found


def _change(pair: Pair, eager: Pair | None) -> Change | None:
    """The change of a pair, given that of eager; None where there is none."""
    old, before, _ = output_decision(pair.base, eager.base if eager else None)
    now, after, _ = output_decision(pair.new, eager.new if eager else None)
    if before is None or after is None:
        return None
    kind = _kind(before, after, old, now)
    if kind is None:
        return None
    reason = _reason(kind, before if kind == "recovered" else after, now, pair.new.mode)
    place = pair.new.architecture, pair.new.machine
    return Change(kind, *place, after.quantity, before.value, after.value, reason, mode=pair.new.mode)


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


def _reason(kind: Kind, reading: Reading, now: OutputVerdict, mode: str) -> str | None:
    """Why an output is wrong now, or was if the change is `recovered`; why it has another verdict, else."""
    if kind == "information" and now == "within":
        return WITHIN
    if not reading.measured:
        return reading.reason
    if kind == "information" and mode != EAGER:
        return OF_EAGER
    return EXCEEDS.format(value=f"{reading.value:.3g}", limit=f"{reading.detail['limit']:.3g}")
