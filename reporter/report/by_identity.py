"""A key of a cache that is equal only to a key of the same object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ByIdentity(Generic[T]):
    """An object that has no hash, or one that takes long; the key keeps it alive."""

    value: T

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
