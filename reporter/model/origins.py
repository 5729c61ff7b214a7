"""Origins of rounds, and what very many readings share."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_names: dict[frozenset[str], set[str]] = {}


def share_names(made: BaseModel) -> None:
    """Makes an object share the set of the names of its given fields: of very many objects these take most memory.

    pydantic changes such a set only in a copy of the object, which has a copy of the set.
    """
    given = frozenset(made.__pydantic_fields_set__)
    names = _names.get(given)
    if names is None:
        names = _names[given] = set(given)
    object.__setattr__(made, "__pydantic_fields_set__", names)


class Origin(BaseModel):
    """The run in which a round was measured (its id in history.jsonl), and when the round started (ISO 8601, UTC).

    `number` is that of the round, from 0, which all networks of a run have in common; None in older records.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str = Field(max_length=64)
    started: str = Field(max_length=64)
    number: int | None = Field(default=None, ge=0)


UNKNOWN = Origin(run="", started="")
"""The origin of a round in a record of reporter 0.1.0."""

_content = attrgetter("run", "started", "number")
_origins: dict[tuple[tuple[str, str, int | None], ...], tuple[Origin, ...]] = {}
_quantities: dict[tuple[Any, ...], BaseModel] = {}


def share(reading: BaseModel) -> None:
    """Makes what is equal in readings one object: their quantities, their origins and the names of given fields."""
    parts = reading.__dict__
    quantity, origins = parts["quantity"], parts["origins"]
    parts["quantity"] = _quantities.setdefault(tuple(quantity.__dict__.values()), quantity)
    if origins:
        parts["origins"] = _shared(origins)
    share_names(reading)


def _shared(origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
    """One object for equal origins."""
    content = tuple(map(_content, origins))
    found = _origins.get(content)
    if found is None:
        for origin in origins:
            share_names(origin)
        found = _origins[content] = origins
    return found
