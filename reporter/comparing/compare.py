"""From two lists of records, or two folders, to what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporter import history, store
from reporter.comparing import document, pairs, times, words
from reporter.comparing.differences import Differences
from reporter.comparing.document import Context
from reporter.documents.comparison import Side
from reporter.history import PastRun
from reporter.settings import FailOn, Settings, check_gate
from reporter.types import ComparedRecord, Record, ReporterError


@dataclass(frozen=True)
class Results:
    """What a results folder holds, read before anything is written to it."""

    folder: Path
    records: tuple[Record, ...]
    history: tuple[PastRun, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def measured(self) -> str:
        """When its newest record was begun, ISO 8601."""
        return max(record.started for record in self.records)

    def side(self, name: str) -> Side:
        """What a document contains of it: its ids, times and versions."""
        return document.side(name, self.records, self.history)


def compare(base: Sequence[Record], new: Sequence[Record], past: Sequence[PastRun] = ()) -> Differences:
    """What changed from base to new; `past` has earlier runs, oldest first."""
    paired = pairs.pairs(base, new)
    timings, bases, left = times.judge(paired, past)
    return Differences(
        changes=(*pairs.rows(base, new), *pairs.changes(paired)),
        timings=tuple(timings),
        bases=tuple(bases),
        gaps=(*pairs.gaps(paired), *left),
    )


def compare_results(base: Results, new: Results) -> Differences:
    """The same for two folders, with the history of both."""
    return compare(base.records, new.records, _past(base, new))


def as_json(
    found: Differences, sides: tuple[Results, Results], names: tuple[str, str], fail_on: FailOn, code: int
) -> dict[str, Any]:
    """The document that programs read; `code` is the exit code."""
    base, new = sides
    context = Context(
        base=base.side(names[0]),
        new=new.side(names[1]),
        headline=words.headline(found),
        fail_on=fail_on,
        exit_code=code,
        still_failing=tuple(document.still_failing(base.records, new.records)),
        complaints=(*base.complaints, *new.complaints),
    )
    return document.as_json(found, context)


def _past(base: Results, new: Results) -> list[PastRun]:
    """The runs of both histories, oldest first, without the newest of NEW on each machine, which is compared."""
    compared = list({run.machine: run for run in new.history}.values())
    past = [*base.history, *(run for run in new.history if run not in base.history)]
    return sorted((run for run in past if run not in compared), key=lambda run: run.moment)


def baseline(settings: Settings) -> Results | None:
    """What --baseline names, read before anything is measured: it may be the folder of --out."""
    check_gate(settings)
    if settings.baseline:
        return read(Path(settings.baseline), "--baseline")
    if settings.fail_on != "never":
        raise ReporterError("--fail-on: there is nothing to compare with; name an earlier run: --baseline DIR")
    return None


def read(folder: Path, name: str) -> Results:
    """A results folder; ReporterError, with the option's or argument's name, where it has no records."""
    records, complaints = store.load_all(folder, ComparedRecord)
    if not records:
        why = complaints[0] if complaints else "there are no records in it"
        raise ReporterError(f"{name}: {folder} cannot be compared with: {why}; name a folder of reporter --out")
    machines = {record.machine for record in records}
    keys = {key for record in records for key, reading in record.readings.items() if pairs.is_time(reading.quantity)}
    try:
        past = history.recent(folder / "history.jsonl", machines, keys=keys)
    except ReporterError as error:
        return Results(folder, tuple(records), (), (*complaints, str(error)))
    return Results(folder, tuple(records), tuple(past), tuple(complaints))
