"""Trials in a worker before the first measurement, so that errors are reported early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reporter.host.questions import Answer, CheckCheckpoint, Question, TryModel, WorkerError
from reporter.model import Architecture, ReporterError
from reporter.run.slots import Executor

LONGEST = 30.0
"""Seconds that one network is tried, where --timeout is not shorter."""


def check_checkpoints(
    checkpoints: Mapping[str, Mapping[str, str]],
    architectures: Sequence[Architecture],
    executor: Executor,
    timeout: float | None = None,
) -> None:
    """ReporterError, with the file and what is wrong with it, where a checkpoint does not fit its architecture."""
    references = {entry.name: entry.reference or entry.name for entry in architectures}
    for name, about in checkpoints.items():
        file, sha256 = about["checkpoint_file"], about["checkpoint"]
        question = CheckCheckpoint(architecture=references[name], file=file, sha256=sha256)
        if error := _answer(executor, question, timeout):
            raise ReporterError(f"--checkpoint {name}={about['checkpoint_file']}: {error}")


def check_networks(
    architectures: Sequence[Architecture], executor: Executor, input_size: str = "", timeout: float | None = None
) -> list[str]:
    """ReporterError where a network from elsewhere does not take the images; a line for each that cannot be trained.

    One that takes longer than `timeout` seconds, which is that of --timeout, or ends its worker is left to the
    measurement.
    """
    notices, limit = [], min(LONGEST, timeout or LONGEST)
    for entry in architectures:
        question = TryModel(reference=entry.reference, input_size=input_size)
        found = (_answer(executor, question, limit) if entry.reference else None) or {}
        if "error" in found:
            raise ReporterError(f"--architecture {entry.reference}: {found['error']}")
        notices += [f"{entry.name}: {found['notice']}"] if "notice" in found else []
    return notices


def _answer(executor: Executor, question: Question[Answer], timeout: float | None) -> Answer | None:
    """The answer, None if the worker failed: what is wrong then shows in the rows."""
    try:
        return executor.ask(question, timeout)
    except WorkerError:
        return None
