"""Origins of rounds, and what very many objects share."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_names: dict[frozenset[str], set[str]] = {}


class Shared(BaseModel):
    """A model with very many objects, which share the sets of the names of their given fields: these take most memory.

    pydantic changes such a set only in a copy of the object, which has a copy of the set.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="after")
    def _has_shared_names(self) -> Self:
        given = frozenset(self.__pydantic_fields_set__)
        object.__setattr__(self, "__pydantic_fields_set__", _names.setdefault(given, set(given)))
        return self


class Origin(Shared):
    """The run in which a round was measured (its id in history.jsonl), and when the round started (ISO 8601, UTC)."""

    run: str = Field(max_length=64)
    started: str = Field(max_length=64)


UNKNOWN = Origin(run="", started="")
"""The origin of a round in a record of reporter 0.1.0."""

_origins: dict[tuple[Origin, ...], tuple[Origin, ...]] = {}


def shared(origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
    """One object for equal origins."""
    return _origins.setdefault(origins, origins)
