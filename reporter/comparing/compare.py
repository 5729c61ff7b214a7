"""From two lists of records, or two folders, to what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporter import store
from reporter.comparing import pairs, times
from reporter.comparing.differences import Differences
from reporter.settings import Settings
from reporter.types import Record, ReporterError


@dataclass(frozen=True)
class Results:
    """What a results folder holds, read before anything is written to it."""

    folder: Path
    records: tuple[Record, ...]
    history: tuple[dict[str, Any], ...] = ()
    complaints: tuple[str, ...] = ()


def compare(base: Sequence[Record], new: Sequence[Record], history: Sequence[Mapping[str, Any]] = ()) -> Differences:
    """What changed from base to new; `history` has the lines of history.jsonl, oldest first."""
    paired = pairs.pairs(base, new)
    timings, bases, left = times.judge(paired, history)
    return Differences(
        changes=(*pairs.rows(base, new), *pairs.changes(paired)),
        timings=tuple(timings),
        bases=tuple(bases),
        gaps=(*pairs.gaps(paired), *left),
    )


def compare_results(base: Results, new: Results) -> Differences:
    """The same for two folders, with the history of both."""
    lines = {json.dumps(line, sort_keys=True): line for line in (*base.history, *new.history)}
    return compare(base.records, new.records, sorted(lines.values(), key=lambda line: str(line.get("generated"))))


def baseline(settings: Settings) -> Results | None:
    """What --baseline names, read before anything is measured: it may be the folder of --out."""
    if settings.baseline:
        return read(Path(settings.baseline), "--baseline")
    if settings.fail_on != "never":
        raise ReporterError("--fail-on: there is nothing to compare with; name an earlier run: --baseline DIR")
    return None


def read(folder: Path, name: str) -> Results:
    """A results folder; ReporterError, with the option's or argument's name, where it has no records."""
    records, complaints = store.load_all(folder)
    if not records:
        why = complaints[0] if complaints else "there are no records in it"
        raise ReporterError(f"{name}: {folder} cannot be compared with: {why}; name a folder of reporter --out")
    return Results(folder, tuple(records), _history(folder / "history.jsonl"), tuple(complaints))


def _history(path: Path) -> tuple[dict[str, Any], ...]:
    """The lines of a history that can be read: a torn one is left out."""
    if not path.exists():
        return ()
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        lines += [line] if isinstance(line, dict) and isinstance(line.get("values"), dict) else []
    return tuple(lines)
