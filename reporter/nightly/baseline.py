"""The records that a nightly run is compared with, and those that the next run is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from reporter.compare.matching import is_exact
from reporter.model import Reading, Record
from reporter.model.records import EAGER
from reporter.nightly.run_folder import Folder
from reporter.store import history, record_files


@dataclass(frozen=True)
class Baseline:
    """The records of the last accepted run; `unreadable` are architectures whose record cannot be read.

    `place` is the folder that they are in, with the ledgers of their kernels.
    """

    records: tuple[Record, ...] = ()
    unreadable: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    place: Path = Path()

    @property
    def newest(self) -> Record | None:
        """The record that was measured last: its versions and its start are those of the run."""
        return max(self.records, key=lambda record: record.started, default=None)


def read(folder: Folder, other: Path | None = None) -> Baseline:
    """The baseline of a results folder: `other` if a folder is named, else the records of the last accepted run.

    The records of the main job are the baseline of the first nightly run in its folder.
    """
    nightly = folder.base.exists() or folder.run_file.exists()
    place = other or (folder.base if nightly else folder.out)
    records, complaints = record_files.load_all_modes(place)
    readable = {record_files.record_path(place, record.machine, record.architecture).name for record in records}
    names = {path.name for path in record_files.paths(place / "records")} - readable
    unreadable = sorted(unquote(name.removesuffix(".json")) for name in names)
    return Baseline(tuple(records), tuple(unreadable), tuple(complaints), place)


def from_history(base: Baseline, tonight: Iterable[Record], path: Path) -> list[Record]:
    """For each architecture whose record cannot be read, the exact values of the history in the form of a record."""
    values = history.last_values(path, base.unreadable)
    eager = (record for record in tonight if record.mode == EAGER)
    return [_with_values(record, values[record.architecture]) for record in eager if record.architecture in values]


def merged(base: Sequence[Record], tonight: Sequence[Record]) -> list[Record]:
    """The baseline after an accepted run.

    A record keeps the last exact value of a reading that has none in this run, so that the next value is compared with
    it. Records of other machines are kept for their times; architectures that were not measured are removed, and the
    modes of the others that were not.
    """
    measured = {(record.architecture, record.machine) for record in tonight}
    names = {record.architecture for record in tonight}
    others = [each for each in base if each.architecture in names and (each.architecture, each.machine) not in measured]
    latest = newest(base)
    eager, modes = ([each for each in tonight if (each.mode == EAGER) == of_eager] for of_eager in (True, False))
    return [*others, *(_completed(record, latest.get(record.architecture)) for record in eager), *modes]


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """The newest eager record of each architecture, whatever the machine."""
    eager = (record for record in records if record.mode == EAGER)
    ordered = sorted(eager, key=lambda record: (record.started, record.machine))
    return {record.architecture: record for record in ordered}


def _completed(record: Record, before: Record | None) -> Record:
    def lacks(key: str) -> bool:
        return key not in record.readings or not record.readings[key].measured

    kept = {
        key: reading
        for key, reading in (before.readings if before else {}).items()
        if is_exact(reading.quantity) and reading.measured and lacks(key)
    }
    return record.model_copy(update={"readings": record.readings | kept})


def _with_values(record: Record, values: dict[str, float]) -> Record:
    readings: dict[str, Reading] = {
        key: reading.model_copy(update={"samples": (values[key],), "status": "ok", "reason": None})
        for key, reading in record.readings.items()
        if is_exact(reading.quantity) and key in values
    }
    return record.model_copy(update={"readings": readings, "started": ""})
