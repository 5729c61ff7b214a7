"""Image sizes and threads that were asked for: what they change in records, and which readings they make invalid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reporter.host.machine import usable_threads
from reporter.model import Architecture, Metric, Reading, Record, ReporterError, thread_counts
from reporter.model.image_sizes import OF_ONE_SIZE, image_size
from reporter.model.modes import ALTERNATION, ONCE
from reporter.model.plurals import counted
from reporter.model.readings import SPEEDUP
from reporter.model.records import EAGER
from reporter.model.scaling_curves import AXES, CurvePoint, Curves
from reporter.model.settings import Conditions
from reporter.registry.catalog import collect


def usable(conditions: Conditions, there: int | None = None) -> Conditions:
    """The conditions on a machine with that many usable cores; ReporterError where more threads are asked for."""
    most = there or usable_threads()
    if conditions.threads and conditions.threads > most:
        raise ReporterError(
            f"--threads: {conditions.threads} is too many; this machine has {counted(most, 'usable core')}"
        )
    return conditions.model_copy(update={"threads": None}) if conditions.threads == most else conditions


def fields(architecture: Architecture, conditions: Conditions) -> dict[str, Any]:
    """The fields of a record that depend on the image size; figures published for another size are left out."""
    own = architecture.input_size
    if conditions.input_size is None:
        return {
            "input_size": own, "input_width": None, "own_input_size": None, "published": architecture.published
        }  # fmt: skip
    height, width = image_size(conditions.input_size)
    return {
        "input_size": height,
        "input_width": width if width != height else None,
        "own_input_size": own,
        "published": {key: value for key, value in architecture.published.items() if key not in OF_ONE_SIZE},
    }


def changed_fields(record: Record, architecture: Architecture, conditions: Conditions) -> dict[str, Any]:
    """The same fields where the record has another image size; none where it has this one."""
    now = fields(architecture, conditions)
    sizes = ("input_size", "input_width", "own_input_size")
    return {} if all(getattr(record, name) == now[name] for name in sizes) else now


def valid(record: Record, conditions: Conditions) -> Record:
    """The record without the readings of another image size or number of threads."""
    metrics = {q.key: metric for metric in collect("reporter.metrics", Metric).values() for q in metric.quantities}
    once = {each.key for each in ONCE if record.mode != EAGER or each.key not in metrics}

    def is_valid(key: str, reading: Reading) -> bool:
        metric = metrics.get(key.removeprefix(SPEEDUP).removeprefix(ALTERNATION))
        if key in once:
            wanted = conditions.of_mode()
        elif metric:
            wanted = conditions.of(metric, str(reading.settings.get("device", "")))
        else:
            return True
        wanted = thread_counts.conditions_of(key, wanted)
        return all(reading.conditions.get(name) == wanted.get(name) for name in ("input_size", "threads"))

    kept = {key: reading for key, reading in record.readings.items() if is_valid(key, reading)}
    curves = _valid_curves(record, conditions)
    if len(kept) == len(record.readings) and curves == record.curves:
        return record
    return record.model_copy(update={"readings": kept, "curves": curves})


def valid_modes(records: Sequence[Record], conditions: Conditions) -> tuple[list[Record], int]:
    """The records of all modes without these readings; how many values they lose, readings and points of curves."""
    found = [valid(record, conditions) for record in records]
    return found, _values(records) - _values(found)


def _values(records: Sequence[Record]) -> int:
    readings = sum(reading.measured for record in records for reading in record.readings.values())
    eager = next((record.curves for record in records if record.mode == EAGER), Curves())
    return readings + sum(point.measured for axis in AXES for point in eager.points(axis))


def notice(dropped: Sequence[int]) -> str:
    """The line for the values that records lose, by architecture; empty if none loses any."""
    losing = [count for count in dropped if count]
    if not losing:
        return ""
    values, architectures = counted(sum(losing), "value"), counted(len(losing), "architecture")
    return (
        f"{values} of {architectures} in this folder will be dropped, because a record has readings of one image size "
        "and one number of threads only; to keep them, interrupt this run and name another folder with --out"
    )


def _valid_curves(record: Record, conditions: Conditions) -> Curves:
    """The points with these threads; of the curve over the batch size those of the record's image size."""

    def has_threads(point: CurvePoint) -> bool:
        wanted = conditions.threads if point.device == "cpu" else None
        return point.settings.get("threads") == wanted

    size = str(record.image_size)
    return Curves(
        batch=tuple(point for point in record.curves.batch if point.size == size and has_threads(point)),
        size=tuple(filter(has_threads, record.curves.size)),
    )
