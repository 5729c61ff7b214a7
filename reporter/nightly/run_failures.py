"""Failures of a nightly run: readings, points of curves and claims, each with the first run that had it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reporter.compare import matching
from reporter.model import Reading, Record
from reporter.model.records import EAGER, Evidence
from reporter.model.scaling_curves import AXES, LOST
from reporter.nightly.state import Failing, NightlyRun

Place = tuple[str, str, bool]
"""Architecture and mode, or a claim."""


def failing(
    tonight: Sequence[Record], evidence: Mapping[str, Evidence], last: NightlyRun | None, now: str
) -> tuple[Failing, ...]:
    """The architectures and modes with readings or points of curves that failed in this run, and the claims that did.

    Each with the start of the first run that had such a failure. The points are left out where readings failed, too.
    """
    failing_since = {each.place: each.since for each in (last.failing if last else ())}
    readings, points = _readings(tonight), _points(tonight)
    found: dict[Place, tuple[int, int, str]] = {}
    for place in sorted({*readings, *points}):
        broken, lost = readings.get(place, []), points.get(place, [])
        found[place] = (len(broken), 0, broken[0]) if broken else (0, len(lost), lost[0])
    found |= {(name, EAGER, True): (0, 0, each.reason) for name, each in sorted(evidence.items()) if each.reason}
    return tuple(
        Failing(
            architecture=place[0],
            mode=place[1],
            claim=place[2],
            readings=of_readings,
            points=of_points,
            reason=reason,
            since=failing_since.get(place, now),
        )
        for place, (of_readings, of_points, reason) in found.items()
    )


def _readings(tonight: Iterable[Record]) -> dict[Place, list[str]]:
    """The reasons of the readings that failed or lost rounds."""
    found = defaultdict[Place, list[str]](list)
    for record in tonight:
        for reading in record.readings.values():
            if reading.status in matching.NO_NUMBER or reading.lost:
                found[record.architecture, record.mode, False].append(_reason(reading))
    return found


def _reason(reading: Reading) -> str:
    return reading.reason or reading.loss or reading.status


def _points(tonight: Iterable[Record]) -> dict[Place, list[str]]:
    """The reasons of the points of curves that failed, each after its batch size or image size."""
    found = defaultdict[Place, list[str]](list)
    for record in tonight:
        for axis in AXES:
            for point in record.curves.points(axis):
                if point.status in LOST:
                    value = point.batch if axis == "batch" else point.size
                    found[record.architecture, point.mode, False].append(
                        f"{axis} {value}: {point.reason or point.status}"
                    )
    return found
