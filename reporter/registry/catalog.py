"""The extension mechanism: a folder is a catalog, and each file in it ends in `ENTRIES`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol, TypeVar

from reporter.model import ReporterError
from reporter.registry import plugins
from reporter.registry.entry_faults import conflict


class Named(Protocol):
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


def collect(package: str, kind: type[Entry]) -> dict[str, Entry]:
    """Every entry of a folder by its name, file by file in alphabetical order, then what installed packages add.

    Raises ReporterError where a file ends in something else, or a name is used twice; a package's is then left out.
    """
    entries: dict[str, Entry] = {}
    for module in modules(package):
        for entry in getattr(module, "ENTRIES", ()):
            if not isinstance(entry, kind):
                raise ReporterError(f"{module.__name__}.ENTRIES holds {entry!r}, which is no {kind.__name__}")
            if entry.name in entries:
                raise ReporterError(f"{module.__name__}.ENTRIES: the name {entry.name!r} is taken; choose another")
            entries[entry.name] = entry
    for point, entry in plugins.offered(package, kind):
        if taken := plugins.taken(entry, entries.values()):
            plugins.complain(point, f"the name {taken!r} is taken")
        elif apart := conflict(entry, entries.values()):
            plugins.complain(point, f"{apart}; name another process")
        else:
            entries[entry.name] = entry
    return entries


def modules(package: str) -> Iterator[ModuleType]:
    """The files of a folder, imported."""
    for info in iter_modules(import_module(package).__path__):
        yield import_module(f"{package}.{info.name}")
