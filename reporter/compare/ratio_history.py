"""ratios.jsonl: the history of runs with --against, in which reporter.compare.ratio_curves finds one curve per row.

A line has the ratios of a run to its reference, or those of a new reference to the one before, measured when the
reference was moved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from reporter.compare import reference_names
from reporter.documents.reference_verdicts import AgainstReference
from reporter.store.history import LARGEST
from reporter.store.record_files import LARGEST_FILE, append_lines

NAME = "ratios.jsonl"
RowName = tuple[str, str, str]
"""Architecture, metric, mode."""


class RatioRow(BaseModel):
    """The ratio of times of an architecture: that of the run, or of the new reference, over the reference.

    `input_size` is the size of its images, `N` or `HxW`, if it is not its own.
    """

    model_config = ConfigDict(frozen=True)

    architecture: str
    metric: str
    mode: str
    ratio: float
    input_size: str | None = None

    @property
    def name(self) -> RowName:
        return self.architecture, self.metric, self.mode


class RatioLine(BaseModel):
    """A run, or a move of the reference to `moved_to`."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["run", "move"]
    started: str
    machine_kind: str
    reference: str
    moved_to: str = ""
    threads: int | None = None
    """The threads of times that are measured on all; None in lines of development versions before 0.2.0."""
    rows: tuple[RatioRow, ...]


def line_of(found: AgainstReference, kind: Literal["run", "move"] = "run") -> RatioLine:
    """The line of a comparison; in a move, the new reference is what was compared with the old one."""
    return RatioLine(
        kind=kind,
        started=found.started,
        machine_kind=found.machine_kind,
        threads=found.threads,
        reference=reference_names.reference(found.reference),
        moved_to=reference_names.reference(found.tonight) if kind == "move" else "",
        rows=tuple(
            RatioRow(
                architecture=row.architecture,
                metric=row.metric,
                mode=row.mode,
                ratio=row.ratio,
                input_size=found.input_sizes.get(row.architecture),
            )
            for row in found.verdicts
        ),
    )


def add(folder: Path, found: AgainstReference | None) -> None:
    """Adds a run; None is one without --against."""
    if found is not None:
        append(folder, line_of(found))


def append(folder: Path, line: RatioLine) -> None:
    """Adds a line to the history in a results folder."""
    if line.rows:
        append_lines(folder / NAME, [line.model_dump(mode="json", exclude_none=True)])


def load(folder: Path) -> list[RatioLine]:
    """The lines that can be read, in the order of the file."""
    path = folder / NAME
    if not path.is_file() or path.is_symlink() or path.stat().st_size > LARGEST_FILE:
        return []
    found = []
    for text in path.read_bytes().splitlines():
        try:
            line = RatioLine.model_validate_json(text)
        except ValidationError:
            continue
        if all(1 / LARGEST < row.ratio < LARGEST for row in line.rows):
            found.append(line)
    return found
