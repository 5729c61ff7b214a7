"""Lookup of an architecture by name, where torch may be imported.

The parent resolved what the user asked for (run/roster.py) and sends a name or a reference: what builds a model cannot
be sent to another process, so a worker imports it by that name.
"""

from __future__ import annotations

from reporter.architectures import timm
from reporter.architectures.timm import PREFIX
from reporter.architectures.torchvision import discover
from reporter.model import Architecture
from reporter.registry import selection
from reporter.worker import references


def find(name: str) -> Architecture:
    """One architecture by its name, or FILE.py:NAME; imports torchvision or timm if it must.

    Raises ReporterError for a name that is unknown.
    """
    if name.startswith(PREFIX):
        return timm.find(name)
    if ":" in name:
        return references.load(name)
    entries = selection.catalog_entries()
    if name not in entries:
        entries = entries | {entry.name: entry for entry in discover()}
    if name not in entries:
        raise selection.unknown(name, entries)
    return entries[name]
