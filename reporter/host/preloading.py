"""Imports in the fork server, once for all workers; a failed one is reported by the workers that need the module."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType

from reporter.model import ReporterError
from reporter.model.attempts import attempt

WORKER = "reporter.worker.entry"
"""The module that does what a worker is sent; it imports torch."""
YOUNG_ONLY = 1_000_000
"""Threshold of full garbage collections that no import reaches: each searches all that is already imported."""
_failures: dict[str, str] = {}


def preload(module: str) -> None:
    """Imports a module; an exception, which would end the fork server, is kept for `load`."""
    with _young_only():
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


@contextmanager
def _young_only() -> Iterator[None]:
    """Collects young garbage only, and afterwards exempts all objects: no worker searches what it has inherited."""
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], YOUNG_ONLY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.freeze()
