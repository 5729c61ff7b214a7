"""Environments of nodes: nodes of one kind of machine may have another torch, or other variables.

A record is of one environment. That of most nodes of a kind is measured, and the other nodes take no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reporter.run.slots import Slot

NO_KIND = "there was no node of its kind of machine when the run began"


class NodeEnvironment(NamedTuple):
    """The versions that readings depend on, and the variables that change what is measured."""

    versions: Mapping[str, str]
    variables: Mapping[str, str]

    @classmethod
    def of(cls, slot: Slot) -> NodeEnvironment:
        """The environment of a slot; without variables if they are those of this process."""
        return cls(dict(slot.about.get("environment", {})), dict(slot.variables or {}))

    def missing_from(self, slot: Slot) -> str:
        """Why a slot of the same kind cannot measure this environment; empty if it can."""
        there = NodeEnvironment.of(slot)
        if there.versions != self.versions:
            return f"it has {_differing(there.versions, self.versions)}"
        if there.variables != self.variables:
            return f"its variables are {_differing(there.variables, self.variables)}"
        return ""


def measured(slots: Iterable[Slot]) -> dict[str, NodeEnvironment]:
    """The environment of most nodes of each kind of machine; of several on as many nodes, that of the first slot."""
    nodes: dict[str, dict[str, NodeEnvironment]] = {}
    for slot in slots:
        nodes.setdefault(slot.machine, {})[slot.node] = NodeEnvironment.of(slot)
    return {machine: max(found.values(), key=list(found.values()).count) for machine, found in nodes.items()}


def taking_part(slots: Sequence[Slot], environments: Mapping[str, NodeEnvironment]) -> list[Slot]:
    """The slots with the environment that is measured on their kind of machine."""
    return [slot for slot in slots if not _obstacle(slot, environments)]


def notices(slots: Iterable[Slot], environments: Mapping[str, NodeEnvironment]) -> Iterator[str]:
    """A line for each node that takes no part."""
    found = {slot.node: why for slot in slots if (why := _obstacle(slot, environments))}
    yield from (f"{node} takes no part: {why}" for node, why in found.items())


def _obstacle(slot: Slot, environments: Mapping[str, NodeEnvironment]) -> str:
    return environments[slot.machine].missing_from(slot) if slot.machine in environments else NO_KIND


def _differing(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What differs, on both sides."""
    names = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    sides = [", ".join(f"{name} {side.get(name, 'not set')}" for name in names) for side in (there, here)]
    return f"{sides[0]}, and {sides[1]} is measured"
