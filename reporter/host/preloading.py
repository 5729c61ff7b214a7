"""Imports in the fork server, once for all workers; a failed one is reported by the workers that need the module."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from types import ModuleType

from reporter.model import ReporterError
from reporter.model.attempts import attempt

WORKER = "reporter.worker.entry"
"""The module that does what a worker is sent; it imports torch."""
_failures: dict[str, str] = {}


def preload(module: str) -> None:
    """Imports a module; an exception, which would end the fork server, is kept for `load`."""
    _, verdict = attempt(partial(import_module, module))
    if verdict.status != "ok":
        _failures[module] = verdict.reason or ""


def load(module: str) -> ModuleType:
    """Imports a module in a worker; ReporterError with the first reason if the fork server could not import it.

    A second import of a half-loaded package fails with an exception of its own, which says nothing about the cause.
    """
    if module in _failures:
        raise ReporterError(_failures[module])
    return import_module(module)
