"""The files of nightly runs in a results folder.

    .nightly/started.json   the run in progress; it remains if the run is killed
    .nightly/tonight/       what the run in progress has measured
    .nightly/complete/      a complete run, from the rename of tonight/ until all of it is in place
    .nightly/run.json       the last complete run: its findings
    .nightly/recent.json    the headlines of recent runs
    .nightly/base/          the records of the last accepted run
    accepted.json           what users accepted

One rename makes a run complete. Putting it in place takes several: if that is interrupted, the next run finishes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from reporter.compare import ratio_history, reference_file
from reporter.host import files
from reporter.model import Record, ReporterError
from reporter.model.readings import Model
from reporter.nightly import kernel_ledgers, state
from reporter.nightly.state import Acceptances, NightlyRun
from reporter.store import record_files

PARTS = (
    "records",
    "evidence",
    "figures",
    "tables",
    "summary.json",
    "comparison.json",
    "against.json",
    reference_file.FAILURE,
    "report.*",
    "index.html",
)
"""What belongs to one run, as patterns of names: it is replaced by the next complete run."""

HISTORIES = ("history.jsonl", ratio_history.NAME)
"""What a run adds a line to."""

UNFINISHED: dict[str, Any] = {"finished": False, "architecture": None, "values": {}}
"""What marks the line of a run that did not finish in history.jsonl."""


class Started(Model):
    """When the run in progress started, and the line that history.jsonl gets if it does not finish.

    `superseded`: it did not finish, and the results in the folder are those of a later run of the main job.
    """

    started: str
    line: dict[str, JsonValue] | None = None
    superseded: bool = False


class Folder:
    """A results folder with nightly runs."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.area = out / ".nightly"
        self.tonight, self.complete, self.base = (self.area / name for name in ("tonight", "complete", "base"))
        self.run_file, self.started_file = self.area / "run.json", self.area / "started.json"
        self.accepted_file, self.recent_file = out / "accepted.json", self.area / "recent.json"
        self.promoted = self.area / "promoted"

    def recover(self) -> str | None:
        """Puts a complete run in place and removes one that did not finish; gives the start of the latter.

        The history gets a line for it.
        """
        if self.complete.exists():
            self.place()
        unfinished = _or_none(self.started_file, Started)
        if unfinished and unfinished.line:
            with suppress(ReporterError):  # a full disk hides no finding of the next run
                record_files.append_history(self.out, [{**unfinished.line, **UNFINISHED}])
        with files.writing(self.area):
            if self.promoted.exists() and not self.base.exists():
                self.promoted.rename(self.base)
            for name in ("tonight", "old", "partial", "promoted"):
                shutil.rmtree(self.area / name, ignore_errors=True)
            self.started_file.unlink(missing_ok=True)
        return unfinished.started if unfinished else None

    def mark_started(self, started: str, line: Mapping[str, Any] | None = None) -> None:
        """Creates the folder of the run in progress, with the history so far; `line` is for a run that is killed."""
        with files.writing(self.tonight):
            self.tonight.mkdir(parents=True, exist_ok=True)
            state.save(self.started_file, Started(started=started, line=dict(line) if line else None))
            for name in HISTORIES:
                if (self.out / name).is_file():
                    shutil.copyfile(self.out / name, self.tonight / name)

    def mark_failed(self, code: int) -> None:
        """Adds the exit code to the line of a run that ends without being complete."""
        unfinished = _or_none(self.started_file, Started)
        if unfinished and unfinished.line:
            line = {**unfinished.line, "exit_code": code}
            with suppress(ReporterError):
                state.save(self.started_file, unfinished.model_copy(update={"line": line}))

    def supersede(self) -> None:
        """Marks the last complete nightly run before a run of the main job, which may replace its records.

        The caller has the lock of the folder. ReporterError where the mark cannot be written: the records must stay.
        """
        last = self.last()
        if last and not last.superseded:
            state.save(self.run_file, last.model_copy(update={"superseded": True}))

    def supersede_unfinished(self) -> None:
        """Marks a nightly run that did not finish after a complete run of the main job, which is published instead.

        The next nightly run still prints that it did not finish. The caller has the lock of the folder.
        """
        with suppress(ReporterError):  # a full disk
            if unfinished := _or_none(self.started_file, Started):
                state.save(self.started_file, unfinished.model_copy(update={"superseded": True}))

    def discard(self) -> None:
        """Removes what a run that ends without being complete has measured."""
        shutil.rmtree(self.tonight, ignore_errors=True)

    def finish(self, run: NightlyRun, base: Sequence[Record] | None) -> None:
        """Makes the run in progress complete, with a new baseline if there is one, and puts it in place."""
        parts = sorted(path.name for path in self.tonight.iterdir() if not path.name.startswith("."))
        state.save(self.tonight / ".run.json", run.model_copy(update={"parts": tuple(parts)}))
        if base is not None:
            _save_records(self.tonight / ".base", base, (self.tonight, self.base, self.out))
        with files.writing(self.complete):
            self.tonight.rename(self.complete)
        self.place()

    def place(self) -> None:
        """Moves a complete run into the results folder; may be repeated at any point."""
        run = state.load(self.complete / ".run.json", NightlyRun) or _or_none(self.run_file, NightlyRun)
        if run is None:
            raise ReporterError(f"{self.complete}: no run.json; remove this folder")
        with files.writing(self.out):
            for path in self.out.iterdir():
                if path.name not in run.parts and any(fnmatch(path.name, pattern) for pattern in PARTS):
                    self._remove(path)
            for name in run.parts:
                if (self.complete / name).exists():
                    self._move(self.complete / name, self.out / name)
            if (self.complete / ".base").exists():
                self._move(self.complete / ".base", self.base)
            for name, target in ((".recent.json", self.recent_file), (".run.json", self.run_file)):
                if (self.complete / name).exists():
                    (self.complete / name).replace(target)
            self.started_file.unlink(missing_ok=True)
            shutil.rmtree(self.complete)
            shutil.rmtree(self.area / "old", ignore_errors=True)

    def promote(self, records: Sequence[Record], ledgers: Path | None = None) -> None:
        """Makes records the baseline; if that is interrupted, the next run has the old one or the new one.

        `ledgers` is the folder with the ledgers of their kernels, if not that of the last run.
        """
        partial = self.area / "partial"
        with files.writing(self.base):
            for path in (partial, self.promoted):
                shutil.rmtree(path, ignore_errors=True)
            _save_records(partial, records, (ledgers or self.out, self.base, self.out))
            partial.rename(self.promoted)
            self._move(self.promoted, self.base)

    def last(self) -> NightlyRun | None:
        """The last complete run, None if there is none or its file cannot be read."""
        return _or_none(self.run_file, NightlyRun)

    def acceptances(self) -> Acceptances:
        """What users accepted so far."""
        return state.load(self.accepted_file, Acceptances) or Acceptances()

    def _move(self, source: Path, target: Path) -> None:
        if source.is_dir():
            self._remove(target)
        source.replace(target)

    def _remove(self, path: Path) -> None:
        """Renames first, so that no folder is ever seen half removed."""
        if not path.exists():
            return
        old = self.area / "old"
        shutil.rmtree(old, ignore_errors=True)
        old.mkdir()
        path.rename(old / path.name)
        shutil.rmtree(old)


def _save_records(folder: Path, records: Sequence[Record], sources: Sequence[Path]) -> None:
    """Saves records, each with the ledger of its kernels from the first of the folders that has it."""
    (folder / "records").mkdir(parents=True, exist_ok=True)
    record_files.save_all(folder, records)
    kernel_ledgers.save(folder, records, sources)


def _or_none(path: Path, kind: type[state.Stored]) -> state.Stored | None:
    try:
        return state.load(path, kind)
    except ReporterError:
        return None
