"""The executors by name; a module is imported once its executor is chosen."""

from __future__ import annotations

from importlib import import_module

from reporter.model import ReporterError
from reporter.model.settings import Settings
from reporter.run.slots import Executor

EXECUTORS = {
    "local": "reporter.run.executors.local:LocalExecutor",
    "ray": "reporter.run.executors.ray:RayExecutor",
}
"""The class of each executor; its `chosen` makes one from settings, or refuses what it cannot do."""
OPTIONS = {"ray_address": "ray"}
"""The options that belong to one executor."""


def choose_executor(settings: Settings) -> Executor:
    """What runs the jobs; ReporterError if there is no such executor, or if it cannot do what was asked for."""
    if settings.executor not in EXECUTORS:
        raise ReporterError(f"--executor: unknown executor {settings.executor!r}; known: {', '.join(EXECUTORS)}")
    for option, owner in OPTIONS.items():
        if getattr(settings, option) is not None and settings.executor != owner:
            raise ReporterError(f"--{option.replace('_', '-')}: only for --executor {owner}")
    module, _, name = EXECUTORS[settings.executor].partition(":")
    made: Executor = getattr(import_module(module), name).chosen(settings)
    return made
