"""The measurements of a run with two environments, in a file from which the same command resumes.

A line is added after each measurement, before the next one starts. The first line has a digest of what is measured and
where: the measurements of another command, environment or machine are not used. A measurement that failed is not kept.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reporter.host import files
from reporter.host.job import Job
from reporter.model import Origin, Reading
from reporter.store.record_files import append_lines

LARGEST = 2**27
"""Bytes of a journal that is read."""


class MeasuredPair(BaseModel):
    """The readings of a job on both sides, and how long they took."""

    job: str
    origin: Origin
    seconds: float
    readings: tuple[list[Reading], list[Reading]]


class PairJournal:
    """What an interrupted run has measured, to which this one adds; without a path, nothing is kept.

    `about` is what has to be the same, as JSON; `fresh` discards what is there.
    """

    def __init__(
        self, path: Path | None = None, about: Mapping[str, Any] | None = None, *, fresh: bool = False
    ) -> None:
        self.path = path
        self._header = {"digest": hashlib.sha256(files.dumps(about or {}).encode()).hexdigest()}
        self._entries = {} if fresh or path is None else self._loaded(path)
        self._spent: dict[str, float] = defaultdict(float)
        if path and not self._entries:
            with files.writing(path):
                path.unlink(missing_ok=True)
            append_lines(path, [self._header])

    def __contains__(self, job: Job) -> bool:
        return name_of(job) in self._entries

    def replay(self, job: Job) -> MeasuredPair:
        """What the interrupted run has measured, whose seconds count as spent."""
        found = self._entries[name_of(job)]
        self._spent[job.architecture] += found.seconds
        return found

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def seconds(self) -> float:
        """How long the interrupted run has measured."""
        return sum(entry.seconds for entry in self._entries.values())

    def spent(self, architecture: str) -> float:
        """The seconds of the measurements of an architecture that were added or replayed so far."""
        return self._spent[architecture]

    def add(self, job: Job, readings: Sequence[Sequence[Reading]], origin: Origin, seconds: float) -> None:
        """Keeps a measurement of this run, unless it failed."""
        self._spent[job.architecture] += seconds
        if self.path and all(side and all(reading.measured for reading in side) for side in readings):
            first, second = map(list, readings)
            entry = MeasuredPair(job=name_of(job), origin=origin, seconds=seconds, readings=(first, second))
            append_lines(self.path, [entry.model_dump(mode="json")])

    def _loaded(self, path: Path) -> dict[str, MeasuredPair]:
        """The entries of the same command; a line that is cut short or not valid is skipped."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
            return {}
        first, *rest = path.read_text("utf-8", errors="replace").splitlines() or [""]
        if self._header["digest"] not in first:
            return {}
        return {entry.job: entry for entry in map(_entry, rest) if entry}


def name_of(job: Job) -> str:
    """What distinguishes a job from the others of a run."""
    return " ".join((job.architecture, ",".join(job.modes), ",".join(job.metrics), str(job.round)))


def _entry(line: str) -> MeasuredPair | None:
    try:
        return MeasuredPair.model_validate_json(line)
    except ValidationError:
        return None
