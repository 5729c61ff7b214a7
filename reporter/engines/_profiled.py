"""A prepared callable of an engine that lists the operators it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class EngineOperator(NamedTuple):
    """An operator as the engine ran it: the name of the node, the operator, the implementation, and the seconds."""

    node: str
    operator: str
    kernel: str
    seconds: float


@dataclass(frozen=True)
class Profiled:
    """Calls `run`; `operators(images, count)` runs it `count` times and lists the operators of each call."""

    run: Callable[[Any], Any]
    operators: Callable[[Any, int], list[list[EngineOperator]]]

    def __call__(self, images: Any) -> Any:
        return self.run(images)
