"""Times with one more round, and with the note that a round failed."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from reporter.model import LostRound, Origin, Reading
from reporter.model.origins import UNKNOWN


def joined(before: Reading, now: Reading) -> Reading:
    """A time with another round; what its detail lists is a list over the rounds, null where a round has no entry."""
    lists = {
        key: [*_of_rounds(before, key), *_of_rounds(now, key)]
        for key, value in (before.detail | now.detail).items()
        if isinstance(value, list)
    }
    update = {
        "samples": before.samples + now.samples,
        "rounds": before.rounds + now.rounds,
        "origins": _origins(before) + _origins(now),
        "lost": _still_lost(before, now.origins),
        "detail": before.detail | now.detail | lists,
    }
    return now.model_copy(update=update)


def with_loss(before: Reading, lost: LostRound) -> Reading:
    """A time with the note that a round failed."""
    return before.model_copy(update={"lost": (*_still_lost(before, (lost.origin,)), lost)})


def _still_lost(before: Reading, origins: Sequence[Origin]) -> tuple[LostRound, ...]:
    """Every round that is tried in a later run takes the place of one that was lost."""
    runs = [origin.run for origin in origins]
    earlier = [lost for lost in before.lost if lost.origin.run not in runs]
    replaced = earlier[: len(runs)]
    return tuple(lost for lost in before.lost if lost not in replaced)


def _origins(reading: Reading) -> tuple[Origin, ...]:
    return reading.origins or (UNKNOWN,) * len(reading.rounds)


def _of_rounds(reading: Reading, key: str) -> list[JsonValue]:
    value = reading.detail.get(key)
    return value if isinstance(value, list) else [None] * len(reading.rounds)
