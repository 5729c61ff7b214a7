"""Origins of rounds, and what very many objects share."""

from __future__ import annotations

from operator import attrgetter

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
    """The run in which a round was measured (its id in history.jsonl), and when the round started (ISO 8601, UTC)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str = Field(max_length=64)
    started: str = Field(max_length=64)


UNKNOWN = Origin(run="", started="")
"""The origin of a round in a record of reporter 0.1.0."""

_content = attrgetter("run", "started")
_origins: dict[tuple[tuple[str, str], ...], tuple[Origin, ...]] = {}


def shared(origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
    """One object for equal origins."""
    content = tuple(map(_content, origins))
    found = _origins.get(content)
    if found is None:
        for origin in origins:
            share_names(origin)
        found = _origins[content] = origins
    return found
