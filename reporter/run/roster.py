"""Resolving of architectures; a worker is asked for those that need torch, timm or code of the user."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NoReturn

from reporter.architectures import timm, torchvision
from reporter.host.job import TOLD
from reporter.host.questions import Describe, ListTimm, ListTorchvision, WorkerError
from reporter.model import Architecture, ReporterError
from reporter.registry.selection import select
from reporter.run.slots import Executor


def chosen(words: Sequence[str], references: Sequence[str], executor: Executor) -> tuple[Architecture, ...]:
    """Those that words stand for, and after them those of one's own; only these where there is no word."""
    ask, ask_timm = cache(partial(discovered, executor)), cache(partial(timms, executor))
    found = select(words, ask, ask_timm) if words or not references else ()
    return (*found, *referred(references, executor))


def discovered(executor: Executor) -> tuple[Architecture, ...]:
    """All of torchvision's classifiers, asked for in a worker: the parent imports no torch."""
    return tuple(
        torchvision.described(each.name, each.weights, each.input_size) for each in executor.ask(ListTorchvision())
    )


def timms(executor: Executor) -> tuple[Architecture, ...]:
    """All of timm's networks, asked for in the same way; the workers of this run have timm loaded from now on."""
    executor.preload("timm")
    try:
        found = executor.ask(ListTimm())
    except WorkerError as error:
        raise ReporterError(f"timm is installed but cannot be loaded: {error}") from None
    return tuple(timm.described(each.name, each.module, each.input_size) for each in found)


def referred(references: Sequence[str], executor: Executor) -> tuple[Architecture, ...]:
    """The networks of one's own, as a worker that built each once describes them; ReporterError where it could not."""
    found: dict[str, Architecture] = {}
    for reference in dict.fromkeys(references):
        try:
            entry = described(reference, executor.ask(Describe(reference=reference)))
        except WorkerError as error:
            raise ReporterError(f"--architecture {reference}: {error}") from None
        first = found.setdefault(entry.name, entry)
        if first is not entry:
            raise ReporterError(f"--architecture {reference}: the name {entry.name!r} is taken by {first.reference}")
    return tuple(found.values())


def described(reference: str, description: dict[str, Any]) -> Architecture:
    """The entry of a model from elsewhere, from what a worker reported of it; only a worker can build it."""
    return Architecture(
        build=partial(_unbuilt, reference), reference=reference, **{key: description[key] for key in TOLD}
    )


def _unbuilt(reference: str, classes: int) -> NoReturn:
    raise RuntimeError(f"{reference} is built in a worker only")
