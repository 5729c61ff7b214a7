"""Properties of times besides their medians: relative to each other, and the latency of the slowest calls."""

from __future__ import annotations

import math
from itertools import chain

from reporter.compare.matching import is_time
from reporter.compare.times import FEWEST
from reporter.model import Reading
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.table import Builder, Cell, Column, mark
from reporter.stats.samples import percentile

Place = tuple[str, str]
PERCENTILES = (90, 99)


def add_relative(rows: Builder) -> None:
    """A column beside each single-image latency: relative to the geometric mean of the networks in its run."""
    _ = rows.language._
    for key, quantity in rows.comparison.quantities.items():
        found = relative(rows.comparison, key) if quantity.unit == "s" and key.startswith("latency") else {}
        if found:
            title = _("Relative: {quantity}").format(quantity=_(quantity.title))
            hint = _("Time over the geometric mean of the times of this column, machine by machine.")
            values = [found.get((record.machine, record.architecture)) for record in rows.records]
            cells = [
                _relative(record.readings.get(key), v, rows) for record, v in zip(rows.records, values, strict=True)
            ]
            rows.add(Column(f"{key}_relative", title, "", "1", hint, numeric=True), cells)


def _relative(reading: Reading | None, value: float | None, rows: Builder) -> Cell:
    """A relative time with the digits and the doubt of the time itself."""
    if reading is None or value is None or not reading.value:
        return Cell("–", status="missing")
    share = value / reading.value
    scale = units.Scale(1 / share, "")
    return Cell(units.figure(rows.language, reading, scale), value)


def add_percentiles(rows: Builder) -> None:
    """The times that 90 % and 99 % of the calls kept to, where enough calls were timed to say."""
    _ = rows.language._
    for key, quantity in rows.comparison.quantities.items():
        for share in PERCENTILES if is_time(quantity) and key.startswith("latency") else ():
            readings = [record.readings.get(key) for record in rows.records]
            values = [percentile(_samples(r), share / 100) if r and r.measured else None for r in readings]
            if any(values):
                scale = units.scale(quantity, values)
                title = f"p{share}: {_(quantity.title)}"
                hint = _("The time that {share} % of the calls did not exceed.").format(share=share)
                cells = [
                    Cell(units.text(rows.language, v, scale) + mark(r), v) if v else Cell("")
                    for r, v in zip(readings, values, strict=True)
                ]
                column = Column(f"{key}_p{share}", title, _(scale.word), quantity.unit, hint, numeric=True)
                rows.add(column, cells)


def _samples(reading: Reading) -> list[float]:
    """The samples that its median is of."""
    return list(chain.from_iterable(reading.counted))


def relative(comparison: Comparison, key: str) -> dict[Place, float]:
    """Each architecture's time over the geometric mean of all times of its machine, by machine and architecture.

    Throughput counts as seconds per image. Of fewer than FEWEST times there are none.
    """
    quantity = comparison.quantities.get(key)
    found: dict[Place, float] = {}
    if quantity is None or not is_time(quantity):
        return found
    sign = -1 if quantity.unit == "1/s" else 1
    for machine in comparison.machines:
        values = {record.architecture: record.value(key) for record in comparison.of(machine)}
        logs = {name: sign * math.log(value) for name, value in values.items() if value}
        if len(logs) >= FEWEST:
            mean = sum(logs.values()) / len(logs)
            found |= {(machine, name): math.exp(log - mean) for name, log in logs.items()}
    return found
