"""Curves of records without points that were measured under other conditions than the newest ones.

Such points stay in a record until they are measured again: under another version of an engine or other environment
variables. On one curve, they would be compared with points that they have nothing to do with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reporter.model import Record
from reporter.model.readings import same_conditions
from reporter.model.scaling_curves import AXES, BEST, CurvePoint, Curves, Points

Conditions = Mapping[str, Any]
OF_SIZES = "input_size"
"""What the points of a curve over the image size do not depend on: they name their own."""


def with_current_curves(records: Sequence[Record]) -> list[Record]:
    """The records with the current points of each curve; those of all modes of an architecture share their curves."""
    newest: dict[tuple[str, str], dict[tuple[str, str], Conditions]] = {}
    for record in records:
        if record.curves:
            of_modes = newest.setdefault((record.machine, record.architecture), {})
            of_modes |= {(record.mode, device): conditions for device, conditions in _conditions(record)}
    found: dict[tuple[str, str], Curves] = {}
    for record in records:
        place = record.machine, record.architecture
        if place in newest and place not in found:
            found[place] = current(record.curves, newest[place])
    return [
        record.model_copy(update={"curves": found[record.machine, record.architecture]}) if record.curves else record
        for record in records
    ]


def current(curves: Curves, newest: Mapping[tuple[str, str], Conditions]) -> Curves:
    """The points of each axis, mode and device under one set of conditions.

    These are the conditions of its best throughput (`newest`, by mode and device), or, if there are no such points,
    those under which most points were measured.
    """
    kept: dict[str, list[CurvePoint]] = {axis: [] for axis in AXES}
    for axis in AXES:
        lines: dict[tuple[str, str], list[CurvePoint]] = {}
        for point in curves.points(axis):
            lines.setdefault((point.mode, point.device), []).append(point)
        for place, points in lines.items():
            wanted = newest.get(place)
            if wanted is not None and axis == "size":
                wanted = {key: value for key, value in wanted.items() if key != OF_SIZES}
            kept[axis] += _alike(points, wanted)
    return Curves(**kept)


def _conditions(record: Record) -> Iterable[tuple[str, Conditions]]:
    """The conditions of the best throughput of a record, by device; `batches` says only which points were asked for."""
    for device, quantity in BEST.items():
        if reading := record.readings.get(quantity.key):
            yield device, {key: value for key, value in reading.settings.items() if key != "batches"}


def _alike(points: Sequence[CurvePoint], wanted: Conditions | None) -> Points:
    groups: list[list[CurvePoint]] = []
    for point in points:
        group = next((each for each in groups if same_conditions(each[0].settings, point.settings)), None)
        if group is None:
            groups.append([point])
        else:
            group.append(point)
    chosen = (group for group in groups if wanted is not None and same_conditions(group[0].settings, wanted))
    return tuple(next(chosen, max(groups, key=lambda group: sum(point.measured for point in group))))
