"""What the fork server imports, once instead of in every worker; no exception ends it."""

from __future__ import annotations

from reporter.host.preloading import WORKER, preload
from reporter.model.attempts import attempt
from reporter.registry import plugins
from reporter.registry.catalog import modules


def _extensions() -> None:
    plugins.points()
    for folder in ("reporter.metrics", "reporter.architectures", "reporter.claims"):
        list(modules(folder))


preload("reporter.worker.loaded_libraries")
preload(WORKER)
attempt(_extensions)
