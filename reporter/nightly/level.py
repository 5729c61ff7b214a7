"""The runs of the history that the level of a time is made of.

A run is left out for the architectures that had findings that were not accepted, and completely if it did not finish.
When a slower time is accepted, its level starts with the accepted run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reporter import history
from reporter.comparing.compare import Results
from reporter.comparing.levels import NIGHTS
from reporter.comparing.pairs import is_time
from reporter.history import PastRun
from reporter.nightly.folder import Folder
from reporter.nightly.state import Acceptance, Red, Run
from reporter.types import Record, ReporterError

Place = tuple[str, str, str]
"""Architecture, metric, machine."""


def past(path: Path, tonight: Sequence[Record], last: Run | None, acceptances: Sequence[Acceptance]) -> list[PastRun]:
    """The earlier runs of the machines of this one, oldest first, with the times that are part of a level."""
    keys = {key for each in tonight for key, reading in each.readings.items() if is_time(reading.quantity)}
    try:
        runs = history.recent(path, {each.machine for each in tonight}, NIGHTS, keys)
    except ReporterError:
        return []
    return accepted(runs, last, acceptances)


def of_folder(side: Results) -> Results:
    """A results folder with the times of its history that a level is made of."""
    folder = Folder(side.folder)
    try:
        entries = folder.acceptances().accepted
    except ReporterError:
        entries = ()
    return replace(side, accepted=tuple(accepted(side.history, folder.last(), entries)))


def accepted(runs: Sequence[PastRun], last: Run | None, acceptances: Sequence[Acceptance]) -> list[PastRun]:
    """The same runs with the times that are part of a level only."""
    nights, starts = list(red(last)), _starts(acceptances)
    return [_cut(run, nights, starts) for run in runs if run.finished]


def red(last: Run | None) -> Iterator[Red]:
    """The runs with findings that were not accepted, the last one included, oldest first; the latest NIGHTS of them."""
    if last is None:
        return
    yield from last.red[-NIGHTS:]
    names = dict.fromkeys(each.architecture for each in last.findings if not each.accepted)
    if names:
        yield Red(started=last.started, ended=last.ended or last.started, architectures=tuple(names))


def _cut(run: PastRun, nights: Iterable[Red], starts: dict[Place, str]) -> PastRun:
    out = {name for night in nights if night.started <= run.moment <= night.ended for name in night.architectures}
    values = {
        name: {key: value for key, value in each.items() if run.moment >= starts[name, key, run.machine]}
        for name, each in run.values.items()
        if name not in out
    }
    return replace(run, values=values)


def _starts(acceptances: Iterable[Acceptance]) -> dict[Place, str]:
    """When the level of a time started: with the run in which a slower one was accepted last."""
    found: dict[Place, str] = defaultdict(str)
    for each in acceptances:
        if each.kind in ("slower", "level"):
            place = each.architecture, each.metric, each.machine
            found[place] = max(found[place], each.run or each.since)
    return found
