"""ratios.jsonl: the history of runs with --against, as ratios to the first reference, one curve per kind of machine.

A line has the ratios of a run to its reference, or those of a new reference to the one before, measured when the
reference was moved. With the latter, later ratios are chained: the ratio to the first reference is the ratio to the
new one times that of the new one to the first. A ratio of two versions depends on the processor, so a move is valid
only for the kind of machine it was measured on; elsewhere a new reference starts a new curve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from reporter.documents.reference_verdicts import AgainstReference
from reporter.store.history import LARGEST
from reporter.store.record_files import LARGEST_FILE, append_lines

NAME = "ratios.jsonl"
NAMED = ("torch", "torchvision")
"""The packages whose versions name a reference."""
RowName = tuple[str, str, str]
"""Architecture, metric, mode."""


class RatioRow(BaseModel):
    """The ratio of times of an architecture: that of the run, or of the new reference, over the reference."""

    model_config = ConfigDict(frozen=True)

    architecture: str
    metric: str
    mode: str
    ratio: float

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
    rows: tuple[RatioRow, ...]


@dataclass
class RatioCurve:
    """The ratios of one row on one kind of machine: moments, and ratios to the first of `references`.

    `measured` has the reference that each ratio was measured against, before it was chained.
    """

    machine_kind: str
    row: RowName
    references: list[str]
    moments: list[str] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)


def named(versions: Mapping[str, str]) -> str:
    """The name of a reference."""
    return " ".join(f"{name}=={versions[name]}" for name in NAMED if name in versions)


def line_of(found: AgainstReference, kind: Literal["run", "move"] = "run") -> RatioLine:
    """The line of a comparison; in a move, the new reference is what was compared with the old one."""
    return RatioLine(
        kind=kind,
        started=found.started,
        machine_kind=found.machine_kind,
        reference=named(found.reference.versions),
        moved_to=named(found.tonight.versions) if kind == "move" else "",
        rows=tuple(
            RatioRow(architecture=row.architecture, metric=row.metric, mode=row.mode, ratio=row.ratio)
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
        append_lines(folder / NAME, [line.model_dump(mode="json")])


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


def curves(lines: Iterable[RatioLine]) -> list[RatioCurve]:
    """A curve for each row on each kind of machine; another one where a reference is not linked with the one before."""
    found: list[RatioCurve] = []
    factors: dict[tuple[str, RowName], dict[str, tuple[RatioCurve, float]]] = defaultdict(dict)
    for line in lines:
        for row in line.rows:
            links = factors[line.machine_kind, row.name]
            if line.reference not in links:
                curve = RatioCurve(line.machine_kind, row.name, [line.reference])
                links[line.reference] = curve, 1.0
                found.append(curve)
            curve, factor = links[line.reference]
            if line.kind == "move":
                if line.moved_to not in links:
                    links[line.moved_to] = curve, factor * row.ratio
                    curve.references.append(line.moved_to)
            else:
                curve.moments.append(line.started)
                curve.ratios.append(factor * row.ratio)
                curve.measured.append(line.reference)
    return [curve for curve in found if curve.moments]
