"""The records that a nightly run is compared with, and those that the next run is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reporter.compare import folders
from reporter.compare.folders import ResultsFolder
from reporter.compare.kernel_digests import has_digest
from reporter.compare.matching import NO_NUMBER, is_exact, is_time, newest
from reporter.model import Reading, Record, ReporterError, option_values
from reporter.model.device_readings import on_devices, was_tried, with_device
from reporter.model.modes import OUTPUT_ERROR, TIMED, output_decisions
from reporter.model.records import EAGER
from reporter.nightly import level
from reporter.nightly.run_folder import Folder
from reporter.nightly.state import Finding, NightlyRun
from reporter.store import history, record_files
from reporter.store.history import PastRun

LAST = "the last accepted run"
"""The name of the baseline without --baseline."""
COUNTED = ("preset", "dataset", "input_size")
"""The settings that exact values depend on; those of the training memory on the preset and the data set."""


@dataclass(frozen=True)
class Baseline:
    """The records of the last accepted run, or of a named folder.

    `unreadable` are architectures whose record cannot be read; `place` is the folder that the records are in, with the
    ledgers of their kernels; `named` is what --baseline names.
    """

    records: tuple[Record, ...] = ()
    unreadable: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    place: Path = Path()
    named: ResultsFolder | None = None

    @property
    def name(self) -> str:
        """What it is called in reports and documents."""
        return self.named.folder.name if self.named else LAST

    @property
    def newest(self) -> Record | None:
        """The record that was measured last: its versions and its start are those of the run."""
        return max(self.records, key=lambda record: record.started, default=None)


def named(option: str | None) -> ResultsFolder | None:
    """The folder that --baseline names, None without the option; ReporterError if it has no record that can be read."""
    return folders.read(Path(option_values.path(option)), "--baseline") if option else None


def past(folder: Folder, base: Baseline) -> list[PastRun]:
    """Earlier runs of the machines of the baseline, without the one that is about to start."""
    keys = {key for each in base.records for key, reading in each.readings.items() if is_time(reading.quantity)}
    try:
        return history.recent(folder.out / "history.jsonl", {each.machine for each in base.records}, keys=keys)
    except ReporterError:
        return []


def read(folder: Folder, other: ResultsFolder | None = None) -> Baseline:
    """The baseline of a results folder: `other` if a folder is named, else the records of the last accepted run.

    The records of the main job are the baseline of the first nightly run in its folder.
    """
    nightly = folder.base.exists() or folder.run_file.exists()
    place = other.folder if other else (folder.base if nightly else folder.out)
    records, complaints = record_files.load_all_modes(place)
    readable = {record_files.record_path(place, record.machine, record.architecture).name for record in records}
    names = {path.name for path in record_files.paths(place / "records")} - readable
    unreadable = sorted(unquote(name.removesuffix(".json")) for name in names)
    return Baseline(tuple(records), tuple(unreadable), tuple(complaints), place, other)


def from_history(base: Baseline, tonight: Iterable[Record], path: Path, last: NightlyRun | None) -> list[Record]:
    """For each architecture whose record cannot be read, the exact values of the history in the form of a record.

    Those of runs in which it had findings that were not accepted are left out, as they are no baseline, and so are
    those of the main job after such a run or after the last one: they were not compared with the baseline. So are those
    of runs with other settings that counts depend on.
    """
    red_runs = list(level.red(last))
    eager = [record for record in tonight if record.mode == EAGER]
    counted = {record.architecture: _counted(record.settings) for record in eager}

    def is_left_out(name: str, moment: str, settings: Mapping[str, Any]) -> bool:
        is_later = last is not None and bool(last.ended) and moment > last.ended
        is_unlike = bool(settings) and name in counted and _counted(settings) != counted[name]
        return is_later or is_unlike or any(each.covers(name, moment) for each in red_runs)

    values = history.last_values(path, base.unreadable, left_out=is_left_out)
    return [_with_values(record, values[record.architecture]) for record in eager if record.architecture in values]


def _counted(settings: Mapping[str, Any]) -> list[Any]:
    return [settings.get(key) for key in COUNTED]


def merged(base: Sequence[Record], tonight: Sequence[Record], findings: Iterable[Finding]) -> list[Record]:
    """The baseline after a run whose `findings` are all accepted.

    A record keeps the last exact value, the last kernels and the last output error where this run has none, so that the
    next ones are compared with them. Records of other machines are kept for their times, and so are modes that this run
    did not measure, as without times, or that are not available any more, until their removal is accepted;
    architectures that were not measured are removed.
    """
    removed = {(each.architecture, each.machine, each.mode) for each in findings if each.kind == "removed"}
    same = {_place(record): record for record in base if _place(record) not in removed}
    new = [record for record in tonight if _place(record) not in same or not _is_unavailable(record)]
    names, measured = {record.architecture for record in tonight}, {_place(record) for record in new}
    others = [each for place, each in same.items() if each.architecture in names and place not in measured]
    latest = newest(base)
    completed = [_completed(each, latest.get(each.architecture)) if each.mode == EAGER else each for each in new]
    return [*others, *(_with_earlier(record, same.get(_place(record))) for record in completed)]


def _place(record: Record) -> tuple[str, str, str]:
    return record.architecture, record.machine, record.mode


def _is_unavailable(record: Record) -> bool:
    """Whether it is of a mode that cannot be measured."""
    return record.mode != EAGER and all(reading.status == "unsupported" for reading in record.readings.values())


def _completed(record: Record, before: Record | None) -> Record:
    earlier = before.readings if before else {}
    kept = {key: reading for key, reading in earlier.items() if is_exact(reading.quantity) and reading.measured}
    return _with_missing(record, kept)


def _with_earlier(record: Record, before: Record | None) -> Record:
    """The record with the kernels and the output error of the one before, of the same machine and mode.

    Only where this run recorded no kernels, and on devices where it did not try to check the output.
    """
    earlier = before.readings if before else {}
    kept = {key: reading for key, reading in earlier.items() if has_digest(reading)}
    output = _output_error(before, record.readings.get(OUTPUT_ERROR.key))
    readings = record.readings | ({output.quantity.key: output} if output else {})
    return _with_missing(record.model_copy(update={"readings": readings}), kept)


def _output_error(before: Record | None, now: Reading | None) -> Reading | None:
    """The output error of this run, with the earlier one on devices that it did not check; None if there is none."""
    found = on_devices(now) if now and was_tried(now) else {}
    earlier = _outputs_of_runs(before) if before else {}
    kept = {kind: each for kind, each in earlier.items() if kind not in found or found[kind].status == "skipped"}
    made = now if found or not kept else None
    for kind, each in kept.items():
        made = with_device(made, each, kind)
    return made


def _outputs_of_runs(record: Record) -> dict[str, Reading]:
    """The output error on each device that the mode ran or failed on.

    One without a value is marked if the mode has times there: with these it is decided whether the output is wrong.
    """
    found: dict[str, Reading] = {}
    for kind, (verdict, reading, _) in output_decisions(record).items():
        if reading is not None and (reading.measured or reading.status in NO_NUMBER or verdict != "within"):
            was_timed = not reading.measured and verdict != "within"
            detail = reading.detail | ({TIMED: True} if was_timed else {})
            found[kind] = reading.model_copy(update={"detail": detail})
    return found


def _with_missing(record: Record, kept: Mapping[str, Reading]) -> Record:
    """The record with those readings in place of the ones that were not measured."""
    measured = {key: reading for key, reading in record.readings.items() if reading.measured}
    missing = {key: reading for key, reading in kept.items() if key not in measured}
    return record.model_copy(update={"readings": record.readings | missing})


def _with_values(record: Record, values: dict[str, float]) -> Record:
    readings: dict[str, Reading] = {
        key: reading.model_copy(update={"samples": (values[key],), "status": "ok", "reason": None})
        for key, reading in record.readings.items()
        if is_exact(reading.quantity) and key in values
    }
    return record.model_copy(update={"readings": readings, "started": ""})
