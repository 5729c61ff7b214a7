"""The runs of the history that form the level of a time.

Levels are those of eager. A run is left out for the architectures that had findings that were not accepted, and so are
runs of the main job from such a run until the next nightly one: they may have the same findings.
When a slower time is accepted, its level starts with the accepted run; when it is measured under other settings than
the baseline, or than the runs since such a start, with the first run of these settings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reporter.compare.folders import ResultsFolder
from reporter.compare.levels import MOST_RUNS
from reporter.compare.matching import is_time
from reporter.compare.recent_level import LEVEL_RUNS
from reporter.model import Record, ReporterError
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER
from reporter.nightly.run_folder import Folder
from reporter.nightly.state import TIMES, Acceptance, LevelPlace, NightlyRun, Red, Start
from reporter.store import history, record_files
from reporter.store.history import PastRun

UNTIL_NOW = "9999"
"""After the start of any run."""


def before(
    folder: Folder, base: Sequence[Record], tonight: Sequence[Record], last: NightlyRun | None, now: str
) -> list[PastRun]:
    """The accepted runs before this one that the level of each time is made of."""
    first = [*starts(last, folder.acceptances().accepted), *restarted(folder, base, tonight, last, now)]
    return past(folder.out / "history.jsonl", tonight, first, last)


def past(path: Path, tonight: Sequence[Record], starts: Iterable[Start], last: NightlyRun | None) -> list[PastRun]:
    """The earlier runs of the machines of this one, oldest first, with the times that are part of a level."""
    keys = {key for each in tonight for key, reading in each.readings.items() if is_time(reading.quantity)}
    try:
        runs = history.recent(path, {each.machine for each in tonight}, MOST_RUNS, keys, needed=LEVEL_RUNS)
    except ReporterError:
        return []
    return accepted(runs, starts, last)


def of_folder(side: ResultsFolder) -> ResultsFolder:
    """A results folder with the times of its history that a level is made of."""
    folder = Folder(side.folder)
    try:
        entries = folder.acceptances().accepted
    except ReporterError:
        entries = ()
    last = folder.last()
    return replace(side, accepted=tuple(accepted(side.history, starts(last, entries), last)))


def accepted(runs: Sequence[PastRun], starts: Iterable[Start], last: NightlyRun | None) -> list[PastRun]:
    """The same runs with the times that are part of a level only."""
    red_runs, first = list(red(last, UNTIL_NOW)), defaultdict[LevelPlace, int](int)
    for each in starts:
        first[each.place] = max(first[each.place], _number(runs, each))
    return [_cut(run, number, red_runs, first) for number, run in enumerate(runs)]


def starts(last: NightlyRun | None, acceptances: Iterable[Acceptance]) -> list[Start]:
    """The starts of levels up to the last run."""
    times = [each for each in acceptances if each.kind in TIMES and each.mode == EAGER]
    return [
        *(last.starts if last else ()),
        *(
            Start(architecture=each.architecture, metric=each.metric, machine=each.machine, run=each.run or each.since)
            for each in times
        ),
    ]


def restarted(
    folder: Folder, base: Sequence[Record], tonight: Sequence[Record], last: NightlyRun | None, now: str
) -> tuple[Start, ...]:
    """The starts because of other settings, one for each time, with those of this run.

    A level starts once although the baseline keeps the former settings, as it does while there are findings; it starts
    again when a run returns to them.
    """
    found = {each.place: each for each in (last.starts if last else ())}
    before = {(record.architecture, record.machine): record for record in base if record.mode == EAGER}
    for record in (each for each in tonight if each.mode == EAGER):
        previous = before.get((record.architecture, record.machine))
        others = {key for key in record.readings if _differs(previous, record, key)}
        started = {key for key in record.readings if (record.architecture, key, record.machine) in found}
        in_place = _in_place(folder, record) if others or started else None
        for key in record.readings:
            is_first = key in others and (key not in started or in_place is None)
            if is_first or (key in started and _differs(in_place, record, key)):
                start = Start(architecture=record.architecture, metric=key, machine=record.machine, run=now)
                found[start.place] = start
    return tuple(found.values())


def _differs(before: Record | None, record: Record, key: str) -> bool:
    """Whether a time has a value in both records, under other settings."""
    old, new = before.readings.get(key) if before else None, record.readings.get(key)
    if not old or not new or not old.measured or not new.measured:
        return False
    return not same_conditions(old.conditions, new.conditions)


def _in_place(folder: Folder, record: Record) -> Record | None:
    """The same record of the last complete run, None if it cannot be read."""
    path = record_files.record_path(folder.out, record.machine, record.architecture)
    try:
        return record_files.load(path) if path.exists() else None
    except ReporterError:
        return None


def red(last: NightlyRun | None, until: str = "") -> Iterator[Red]:
    """The runs with findings that were not accepted, the last one included, oldest first; the latest MOST_RUNS.

    `until` is the start of the run after the last one, if there is one.
    """
    if last is None:
        return
    yield from last.red[-MOST_RUNS:]
    names = dict.fromkeys(each.architecture for each in last.findings if each.is_open and each.mode == EAGER)
    if names:
        yield Red(started=last.started, ended=last.ended or last.started, architectures=tuple(names), until=until)


def _number(runs: Sequence[PastRun], start: Start) -> int:
    """The number of the run that a level starts with: the runs after it count, also if the clock was set back since."""
    later = [
        (run.moment, number)
        for number, run in enumerate(runs)
        if run.machine == start.machine and run.moment >= start.run
    ]
    return min(later)[1] if later else len(runs)


def _cut(run: PastRun, number: int, red_runs: Iterable[Red], first: Mapping[LevelPlace, int]) -> PastRun:
    out = {name for red_run in red_runs if red_run.includes(run.moment) for name in red_run.architectures}
    values = {
        name: {key: value for key, value in each.items() if number >= first[name, key, run.machine]}
        for name, each in run.values.items()
        if name not in out
    }
    return replace(run, values=values)
