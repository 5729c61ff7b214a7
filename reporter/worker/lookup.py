"""Lookup of an architecture by name, with torchvision and timm."""

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
