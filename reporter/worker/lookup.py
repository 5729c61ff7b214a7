"""One architecture by its name, where torch may be imported."""

from __future__ import annotations

from reporter.architectures import timm
from reporter.architectures.timm import PREFIX
from reporter.architectures.torchvision import discover
from reporter.model import Architecture, ReporterError
from reporter.model.names import nearest
from reporter.registry import plugins
from reporter.registry.selection import GROUP, known
from reporter.worker import references


def find(name: str) -> Architecture:
    """One architecture by its name, or one's own by FILE.py:NAME; imports torchvision or timm where it must."""
    if name.startswith(PREFIX):
        return timm.find(name)
    if ":" in name:
        return references.load(name)

    entries = known() if name in known() else {entry.name: entry for entry in discover()}
    if name not in entries:
        raise ReporterError(f"unknown architecture {name!r}; {nearest(name, known() | entries)}{plugins.said(GROUP)}")
    return entries[name]
