"""Architectures that cannot be found or built: each has a row and a line of the history with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reporter.architectures.timm import PREFIX
from reporter.host.job import USUAL
from reporter.model import Architecture, Reading, Record, ReporterError, absent
from reporter.model.fields import LONGEST_NAME, legible
from reporter.model.records import EAGER
from reporter.run.blank_records import blank
from reporter.run.history_lines import history_line
from reporter.run.request import Request, moment
from reporter.run.roster import chosen
from reporter.run.slots import Executor
from reporter.run.trials import check_networks
from reporter.store import record_files

if TYPE_CHECKING:
    from torch import nn

UNKNOWN = "Unknown"
"""The family of an architecture that no baseline describes."""


class Roster:
    """Finds the architectures of a run; `missing` has the reason for each word or reference without one."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}

    def choose(
        self, words: Sequence[str], references: Sequence[str], executor: Executor, timeout: float | None = None
    ) -> tuple[Architecture, ...]:
        """The architectures that are there, in the order asked for and each once."""
        return chosen(words, references, executor, timeout, self.missing)

    def check(
        self,
        architectures: Sequence[Architecture],
        executor: Executor,
        input_size: str = "",
        timeout: float | None = None,
    ) -> list[str]:
        """A line for each architecture from elsewhere with a problem; its measurement gives the reason in its row."""
        notices: list[str] = []
        for entry in architectures:
            try:
                notices += check_networks([entry], executor, input_size, timeout)
            except ReporterError as error:
                notices.append(f"{entry.name}: {error}")
        return notices


def save(missing: dict[str, str], base: Sequence[Record], request: Request) -> None:
    """Saves a record and a line of the run history for each architecture that is missing."""
    records = list(rows(missing, base, request))
    record_files.save_all(request.folder, records)
    now = moment()
    record_files.append_history(request.folder, [history_line({EAGER: each}, request, now) for each in records])


def rows(missing: dict[str, str], base: Sequence[Record], request: Request) -> Iterator[Record]:
    """A record for each architecture that is missing: every reading failed, with the reason."""
    measured = {entry.name for entry in request.architectures}
    for word, reason in missing.items():
        baseline = baseline_record(word, base)
        name = baseline.architecture if baseline else legible(_name(word))[:LONGEST_NAME]
        if name in measured:
            continue
        reference = word if _is_reference(word) else ""
        entry = Architecture(name=name, family=UNKNOWN, year=None, paper="", build=_unavailable, reference=reference)
        record = blank(entry, request, request.about)
        if baseline:
            fields = ("family", "year", "paper", "variant", "input_size", "input_width", "own_input_size", "published")
            record = record.model_copy(update={field: getattr(baseline, field) for field in fields})
        yield record.model_copy(update={"readings": _failed(request, reason)})


def reasons(tonight: Iterable[Record], request: Request) -> dict[str, str]:
    """The architectures of a run that are missing, each with the reason, from the records of the run."""
    measured = {entry.name for entry in request.architectures}
    return {
        record.architecture: next((each.reason for each in record.readings.values() if each.reason), "it is missing")
        for record in tonight
        if record.architecture not in measured
    }


def baseline_record(word: str, base: Sequence[Record]) -> Record | None:
    """The record of the baseline that a word or a reference stands for."""
    eager = [record for record in base if record.mode == EAGER]
    named = [each for each in eager if each.architecture == word or each.settings.get("architecture") == [word]]
    return max(named, key=lambda record: record.started, default=None)


def _unavailable(_: int) -> nn.Module:
    raise ReporterError("this architecture cannot be built")


def _failed(request: Request, reason: str) -> dict[str, Reading]:
    metrics = [metric for metric in request.metrics.values() if metric.device in ("none", *request.devices)]
    quantities = [quantity for metric in metrics for quantity in metric.quantities]
    return {reading.quantity.key: reading for reading in absent(quantities, "failed", reason)}


def _name(word: str) -> str:
    """The name that worker/references.py gives the architecture of a reference."""
    if not _is_reference(word):
        return word
    place, _, name = word.rpartition(":")
    return Path(place).stem if name == USUAL else name


def _is_reference(word: str) -> bool:
    return ":" in word and not word.lower().startswith(PREFIX)
