"""Resolving of architectures; a worker is asked for those that need torch, timm or code of the user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NoReturn

from reporter.architectures import timm, torchvision
from reporter.host.job import DESCRIBED
from reporter.host.questions import Describe, ListTimm, ListTorchvision, WorkerError
from reporter.model import Architecture, ReporterError
from reporter.registry.selection import select
from reporter.run.slots import Executor


def chosen(
    words: Sequence[str],
    references: Sequence[str],
    executor: Executor,
    timeout: float | None = None,
    missing: dict[str, str] | None = None,
) -> tuple[Architecture, ...]:
    """The architectures that words and then references stand for, each once: the only resolution in the parent process.

    One that cannot be found is a ReporterError, or, where `missing` is given, an entry there with the reason. Building
    that of a reference takes at most `timeout` seconds.
    """
    named = [word.strip() for word in words if word.strip()]
    ask, ask_timm = cache(partial(discovered, executor)), cache(partial(timms, executor))
    if not named and not references:
        return select((), ask)  # raises
    found: dict[str, Architecture] = {}
    for word in named:
        with _collected(word, missing):
            found |= {entry.name: entry for entry in select([word], ask, ask_timm) if entry.name not in found}
    for reference in dict.fromkeys(references):
        with _collected(reference, missing):
            entry = referred(reference, executor, timeout)
            first = found.setdefault(entry.name, entry)
            if first is not entry:
                taken = f"the name {entry.name!r} is taken by {first.reference or first.name}"
                raise ReporterError(f"--architecture {reference}: {taken}")
    return tuple(found.values())


@contextmanager
def _collected(word: str, missing: dict[str, str] | None) -> Iterator[None]:
    try:
        yield
    except ReporterError as error:
        if missing is None:
            raise
        missing[word] = str(error).removeprefix(f"--architecture {word}: ")


def discovered(executor: Executor) -> tuple[Architecture, ...]:
    """All of torchvision's classifiers, asked for in a worker: the parent imports no torch."""
    try:
        found = executor.ask(ListTorchvision())
    except WorkerError as error:
        raise ReporterError(f"torchvision cannot be loaded: {error}") from None
    return tuple(torchvision.described(each.name, each.weights, each.input_size) for each in found)


def timms(executor: Executor) -> tuple[Architecture, ...]:
    """All of timm's networks, asked for in the same way; the workers of this run have timm loaded from now on."""
    executor.preload("reporter.worker.preloaded_timm")
    try:
        found = executor.ask(ListTimm())
    except WorkerError as error:
        raise ReporterError(f"timm is installed but cannot be loaded: {error}") from None
    return tuple(timm.described(*each) for each in found)


def referred(reference: str, executor: Executor, timeout: float | None = None) -> Architecture:
    """The architecture of a reference, as a worker that built it once describes it; ReporterError if it could not."""
    try:
        return described(reference, executor.ask(Describe(reference=reference), timeout))
    except WorkerError as error:
        raise ReporterError(f"--architecture {reference}: {error}") from None


def described(reference: str, description: dict[str, Any]) -> Architecture:
    """The entry of a model from elsewhere, from what a worker reported of it; only a worker can build it."""
    return Architecture(
        build=partial(_unbuilt, reference), reference=reference, **{key: description[key] for key in DESCRIBED}
    )


def _unbuilt(reference: str, classes: int) -> NoReturn:
    raise RuntimeError(f"{reference} is built in a worker only")
