"""The latest runs of each machine from history.jsonl, which is read from its end.

A line has one architecture of one run; `append_history` in store.py writes it. A run that did not finish has a line
with `finished` false, which is skipped. A reading that failed has no value, and a run of the main job that was
interrupted has none either: its times have fewer rounds than others. Lines of one run and machine belong together: they
share `run`; older lines, which have none, belong together until an architecture comes again or more than
ONE_RUN_SECONDS lie between two of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from reporter.host.exit_codes import INTERRUPTED
from reporter.model import ReporterError
from reporter.model.records import EAGER

RUNS = 30
"""So many runs of a machine are looked back to: a month of nightly runs."""
MOST_BYTES = 2**25
"""No more of the file's end than this is read: six runs of 1,300 networks, whose lines have 4 KB, on one machine."""
MOST_FOR_RUNS = 2**28
"""So much is read where fewer runs of a machine than are needed lie within MOST_BYTES."""
LONGEST_LINE = 2**20
BLOCK = 2**20
ONE_RUN_SECONDS = 60.0
NEEDED = ("machine", "architecture", "values")
LARGEST = 1e300
"""No value is as large; a number that is would end arithmetic with an overflow."""


@dataclass
class PastRun:
    """What one run measured on one machine: architecture -> key -> value in base units.

    `values` are those of eager, `modes` has those of other modes: architecture -> mode -> key -> value. `moment` is
    when its last line was written, ISO 8601; `environment` has the versions.
    """

    machine: str
    moment: str
    name: str
    environment: dict[str, Any]
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    modes: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    def value(self, architecture: str, key: str, mode: str = EAGER) -> float | None:
        """A value of the run, None where it has none that is a number."""
        found = self.values.get(architecture) if mode == EAGER else self.modes.get(architecture, {}).get(mode)
        return (found or {}).get(key)


def recent(
    path: Path,
    machines: Collection[str],
    runs: int = RUNS,
    keys: Collection[str] | None = None,
    most_bytes: int = MOST_BYTES,
    *,
    needed: int = 0,
) -> list[PastRun]:
    """The latest runs of each of the machines, oldest first, with the values of `keys` or all.

    Reads from the end of the file until every machine has so many runs, or `most_bytes` are read; a run that begins
    before that is left out. If fewer than `needed` of a machine remain, MOST_FOR_RUNS are read. Torn lines are skipped.
    Raises ReporterError where there is a file that cannot be read.
    """
    found = _recent(path, machines, runs, keys, most_bytes)
    count = Counter(run.machine for run in found)
    if any(count[machine] < needed for machine in machines) and path.is_file() and path.stat().st_size > most_bytes:
        return _recent(path, machines, runs, keys, MOST_FOR_RUNS)
    return found


def _recent(
    path: Path, machines: Collection[str], runs: int, keys: Collection[str] | None, most_bytes: int
) -> list[PastRun]:
    found: dict[str, list[PastRun]] = {machine: [] for machine in machines}
    seen: dict[str, str] = {}
    try:
        entire = path.is_file() and path.stat().st_size <= most_bytes
        for line in _backwards(path, most_bytes):
            group = found.get(line["machine"])
            if group is not None and len(group) <= runs:
                _take(line, group, seen, keys)
                if all(len(group) > runs for group in found.values()):
                    break
    except OSError as error:
        raise ReporterError(f"{path}: cannot be read: {error.strerror}; earlier runs are left out") from None
    return _in_order([group[:runs] if entire or len(group) > runs else group[:-1] for group in found.values()])


def complaint(path: Path, most_bytes: int = MOST_BYTES) -> str | None:
    """Why no earlier run can be read from a history; None if it has a line of JSON, or there is no history."""
    try:
        if not path.is_file() or not path.stat().st_size or any(map(_is_json, _texts(path, most_bytes))):
            return None
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror}; earlier runs are left out"
    return f"{path}: no line of it can be read; earlier runs are left out"


def last_values(
    path: Path,
    names: Collection[str],
    most_bytes: int = MOST_BYTES,
    left_out: Callable[[str, str, Mapping[str, Any]], bool] = lambda *_: False,
) -> dict[str, dict[str, float]]:
    """The last value of each key of some architectures, on any machine; none from a file that cannot be read.

    `left_out` is called with the architecture, the moment and the settings of a line, and is true for one that does not
    count; lines of schema 1 have no settings.
    """
    found: dict[str, dict[str, float]] = {}
    try:
        for line in _backwards(path, most_bytes) if names else ():
            name, moment, settings = line["architecture"], str(line.get("generated")), line.get("settings")
            if name in names and not left_out(name, moment, settings if isinstance(settings, dict) else {}):
                values = found.setdefault(name, {})
                for key, value in line["values"].items():
                    if _is_number(value):
                        values.setdefault(key, value)
    except OSError:
        return found
    return found


def costs(path: Path, machine: str, effort: str, most_bytes: int = MOST_BYTES) -> dict[tuple[str, str], float]:
    """Seconds that jobs of equal effort took on a machine, by architecture and name: the latest that are stored."""
    found: dict[tuple[str, str], float] = {}
    try:
        for line in _backwards(path, most_bytes):
            jobs = line.get("jobs")
            if line["machine"] == machine and line.get("effort") == effort and isinstance(jobs, dict):
                for name, seconds in jobs.items():
                    if _is_number(seconds) and seconds >= 0:
                        found.setdefault((line["architecture"], name), seconds)
    except OSError:
        return found
    return found


def _in_order(groups: Iterable[list[PastRun]]) -> list[PastRun]:
    """The runs of some machines, oldest first; those of one machine as in the file, also where its clock was set back.

    Each group has the newest run first.
    """
    dated: list[tuple[str, PastRun]] = []
    for group in groups:
        oldest_first = group[::-1]
        dated += zip(accumulate((run.moment for run in oldest_first), max), oldest_first, strict=True)
    return [run for _, run in sorted(dated, key=itemgetter(0))]


def _take(line: dict[str, Any], group: list[PastRun], seen: dict[str, str], keys: Collection[str] | None) -> None:
    """Puts a line into the run it belongs to, the last of the group, or into one that it opens."""
    machine, name, moment = line["machine"], line["architecture"], str(line.get("generated"))
    run = str(line.get("run") or "")
    if not group or _other(group[-1], run, name, seen[machine], moment):
        environment = line.get("environment")
        group.append(PastRun(machine, moment, run, environment if isinstance(environment, dict) else {}))
    seen[machine] = moment
    interrupted = line.get("exit_code") == INTERRUPTED
    group[-1].values[name] = {} if interrupted else _numbers(line["values"], keys)
    modes = line.get("modes")
    if isinstance(modes, dict) and modes and not interrupted:
        named = ((mode, each) for mode, each in modes.items() if isinstance(each, dict))
        group[-1].modes[name] = {mode: _numbers(each.get("values"), keys) for mode, each in named}


def _numbers(values: object, keys: Collection[str] | None) -> dict[str, float]:
    """The numbers of a line, those of `keys` or all."""
    if not isinstance(values, dict):
        return {}
    wanted = values.keys() & keys if keys else values
    return {key: values[key] for key in wanted if _is_number(values[key])}


def _other(run: PastRun, name: str, architecture: str, later: str, moment: str) -> bool:
    """Whether an earlier line is not of this run."""
    if run.name or name:
        return run.name != name
    return architecture in run.values or _apart(moment, later)


def _apart(before: str, after: str) -> bool:
    try:
        return abs((datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()) > ONE_RUN_SECONDS
    except (ValueError, TypeError):
        return False


def _is_json(text: bytes) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _backwards(path: Path, most_bytes: int) -> Iterator[dict[str, Any]]:
    """The lines of a history that can be read, the last one first."""
    for text in _texts(path, most_bytes):
        try:
            line = from_json(text, allow_inf_nan=False)
        except ValueError:
            continue
        if isinstance(line, dict) and [type(line.get(key)) for key in NEEDED] == [str, str, dict] and _finished(line):
            yield line


def _finished(line: dict[str, Any]) -> bool:
    """Whether a line is of a run that finished: all lines of schema 1 are."""
    return line.get("finished", True) is not False


def _texts(path: Path, most_bytes: int) -> Iterator[bytes]:
    """The lines of a file from its end, block by block; one longer than LONGEST_LINE is left out."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        end = file.seek(0, 2)
        last, rest = max(0, end - most_bytes), b""
        while end > last:
            start = max(last, end - BLOCK)
            file.seek(start)
            first, *lines = (file.read(end - start) + rest).split(b"\n")
            yield from reversed(lines)
            rest, end = first if len(first) <= LONGEST_LINE else b"", start
        if end == 0:
            yield rest
