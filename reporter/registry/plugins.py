"""Plug-ins: entry points of installed packages, in a group with the name of the extension folder.

An entry point names a module that ends in `ENTRIES`, as a file of the folder does, or what is in them. One that is
broken is left out and reported; what does not use its entries works without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from reporter.host.captured import captured
from reporter.model import ReporterError
from reporter.model.attempts import attempt
from reporter.registry.entry_faults import fault

GROUPS = ("reporter.architectures", "reporter.datasets", "reporter.metrics", "reporter.engines")
_complaints: dict[str, dict[str, None]] = {}


@cache
def points() -> Mapping[str, tuple[EntryPoint, ...]]:
    """The entry points of each group, looked up once: that takes longer than loading them."""
    found = entry_points()
    return {group: tuple(found.select(group=group)) for group in GROUPS}


def offered(group: str, kind: type) -> Iterator[tuple[EntryPoint, Any]]:
    """What packages add to a catalogue, each with its entry point."""
    for point in points().get(group, ()) if group in GROUPS else ():
        for entry in _entries(point, kind):
            yield point, entry


def taken(entry: Any, others: Iterable[Any]) -> str:
    """A name of an entry that another has; of a metric the keys of its quantities count, too."""
    return min(_names(entry) & {name for other in others for name in _names(other)}, default="")


def complain(point: EntryPoint, why: str) -> None:
    """Notes why something of an entry point is left out."""
    notice(point, f"is left out: {why}")


def notice(point: EntryPoint, text: str) -> None:
    """Notes something about an entry point; `text` follows its name."""
    package = point.dist.name if point.dist else "an unknown package"
    line = f"{point.group}: {point.name!r} of {package} {text}"
    _complaints.setdefault(point.group, {})[line] = None


def complaints(*groups: str) -> list[str]:
    """A line for all that was left out or noted so far, of some groups or of all."""
    return [line for group in groups or GROUPS for line in _complaints.get(group, {})]


def complaint_suffix(group: str) -> str:
    """The complaints as the end of an error line: what was not found may be in what was left out."""
    return "".join(f"; {line}" for line in complaints(group))


@cache
def _entries(point: EntryPoint, kind: type) -> tuple[Any, ...]:
    found, verdict = attempt(partial(_load, point, kind))
    if found is None:
        complain(point, str(verdict.reason))
    return found or ()


def _load(point: EntryPoint, kind: type) -> tuple[Any, ...]:
    with captured(f"the plug-in {point.value}"):
        made = point.load()
    entries = getattr(made, "ENTRIES", made)
    found = (entries,) if isinstance(entries, kind) else entries
    if not isinstance(found, tuple | list) or not all(isinstance(entry, kind) for entry in found):
        raise ReporterError(f"{point.value} is {made!r:.80}, no {kind.__name__} and no module with ENTRIES of them")
    for entry in found:
        if wrong := fault(entry):
            raise ReporterError(f"{point.value}: {kind.__name__} {entry.name!r:.80}: {wrong}")
    return tuple(found)


def _names(entry: Any) -> set[str]:
    return {entry.name, *(quantity.key for quantity in getattr(entry, "quantities", ()))}
