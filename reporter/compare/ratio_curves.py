"""Curves of the ratios to a pinned reference: one for each row on each kind of machine.

After a move, ratios are chained: the ratio to the first reference is the ratio to the new one times that of the new one
to the first. This includes earlier runs against the new reference, as on machines that change from run to run. A ratio
of two versions depends on the processor, so a move is valid only for the kind of machine on which it was measured;
elsewhere a new reference starts a new curve. Where a time is measured on all threads, their number is part of the kind.
Images of another size than the architecture's own have a curve for each size.

Lines of development versions before 0.2.0 have shorter names (reference_names.py) and no threads. The first kind of
machine whose former name they have continues their curve; what else had that name starts a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reporter.compare import reference_names
from reporter.compare.ratio_history import RatioLine, RowName


@dataclass
class RatioCurve:
    """The ratios of one row on one kind of machine: moments, and ratios to the first of `references`.

    `machine_kind` is followed by the number of threads and the size of the images if they are part of the curve.
    `measured` has the reference that each ratio was measured against, before it was chained, and `moves` the indices of
    ratios whose reference is another one than that of the ratio before. The first `earlier` ratios are of lines that
    may be about other machines with the same former name.
    """

    machine_kind: str
    row: RowName
    references: list[str]
    moments: list[str] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    moves: tuple[int, ...] = ()
    earlier: int = 0


@dataclass
class _Machine:
    """A kind of machine; its number of threads is None if no time depends on it."""

    kind: str
    threads: int | None
    has_full_name: bool
    """Whether `kind` is a full name; those of development versions before 0.2.0 are shorter."""


@dataclass
class _Reference:
    """A reference on a kind of machine: ratios to it times `factor` are ratios to the first one of its curve."""

    name: str
    machine: _Machine
    curve: int
    factor: float = 1.0
    replaces: _Reference | None = None
    """The reference that it replaced under the same name."""


@dataclass(frozen=True)
class _Point:
    line: RatioLine
    ratio: float
    reference: _Reference


@dataclass
class _RowHistory:
    """What the lines so far have about one row, with images of one size: None is the architecture's own."""

    input_size: str | None
    machines: list[_Machine] = field(default_factory=list)
    references: list[_Reference] = field(default_factory=list)
    points: list[_Point] = field(default_factory=list)

    def add(self, line: RatioLine, ratio: float, threads: int | None) -> None:
        machine = self._machine(line, threads)
        reference = self._reference(line.reference, machine) or self._start(line.reference, machine)
        if line.kind == "run":
            self.points.append(_Point(line, ratio, reference))
        else:
            self._move(reference, line.moved_to, ratio)

    def _machine(self, line: RatioLine, threads: int | None) -> _Machine:
        """The kind of machine of a line: for an older line, the latest one that has had its name."""
        is_older, kind = line.threads is None, line.machine_kind
        for each in reversed(self.machines):
            if not is_older and each.has_full_name and (each.kind, each.threads) == (kind, threads):
                return each
            if is_older and reference_names.former(each.kind) == kind:
                return each
        for each in self.machines:
            if not is_older and not each.has_full_name and each.kind == reference_names.former(kind):
                each.kind, each.threads, each.has_full_name = kind, threads, True
                return each
        made = _Machine(kind, threads, not is_older)
        self.machines.append(made)
        return made

    def _reference(self, name: str, machine: _Machine) -> _Reference | None:
        """The latest reference on a kind of machine that has a name, or a longer or shorter name of it."""
        for each in reversed(self.references):
            if each.machine is machine and reference_names.is_same(each.name, name):
                each.name = max(each.name, name, key=len)
                return each
        return None

    def _start(self, name: str, machine: _Machine, curve: int | None = None, factor: float = 1.0) -> _Reference:
        made = _Reference(name, machine, len(self.references) if curve is None else curve, factor)
        self.references.append(made)
        return made

    def _move(self, before: _Reference, name: str, ratio: float) -> None:
        """Links a reference with the one that a move replaced, and with it the runs that were measured against it."""
        if reference_names.is_same(before.name, name):  # another environment, whose name has no other versions
            if before.replaces and not any(point.reference is before for point in self.points):
                before = before.replaces  # the same move, which was killed before the lock file was replaced
            made = self._start(name, before.machine, before.curve, before.factor * ratio)
            made.replaces = before
            return
        factor = before.factor * ratio
        after = self._reference(name, before.machine)
        if after is None:
            self._start(name, before.machine, before.curve, factor)
        elif after.curve != before.curve:
            first, later = sorted((before.curve, after.curve))
            scale = factor / after.factor if later == after.curve else after.factor / factor
            for each in self.references:
                if each.curve == later:
                    each.curve, each.factor = first, each.factor * scale

    def curves(self, row: RowName) -> list[RatioCurve]:
        numbers = dict.fromkeys(point.reference.curve for point in self.points)
        return [self._curve(row, number) for number in sorted(numbers)]

    def _curve(self, row: RowName, number: int) -> RatioCurve:
        points = [point for point in self.points if point.reference.curve == number]
        references = [each for each in self.references if each.curve == number]
        machine = references[0].machine
        conditions = reference_names.conditions(machine.threads, self.input_size)
        return RatioCurve(
            ", ".join(filter(None, (machine.kind, conditions))),
            row,
            list(dict.fromkeys(each.name for each in references)),
            [point.line.started for point in points],
            [point.reference.factor * point.ratio for point in points],
            [point.reference.name for point in points],
            tuple(
                index for index in range(1, len(points)) if points[index].reference is not points[index - 1].reference
            ),
            sum(point.line.threads is None for point in points) if machine.has_full_name else 0,
        )


def curves(lines: Iterable[RatioLine]) -> list[RatioCurve]:
    """A curve for each row on each kind of machine; another one where a reference is not linked with the one before."""
    found: dict[tuple[RowName, str | None], _RowHistory] = {}
    for line in lines:
        for row in line.rows:
            threads = line.threads if reference_names.runs_on_all_threads(row.metric) else None
            history = found.setdefault((row.name, row.input_size), _RowHistory(row.input_size))
            history.add(line, row.ratio, threads)
    return [curve for (name, _), row in found.items() for curve in row.curves(name)]
