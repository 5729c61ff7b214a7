"""What times say besides their medians: beside each other, and how late the latest calls were."""

from __future__ import annotations

import numpy as np

from reporter.comparing.noise import parts, run
from reporter.comparing.pairs import is_time
from reporter.comparing.times import FEWEST
from reporter.statistics import percentile
from reporter.telling import units
from reporter.telling.comparison import Comparison
from reporter.telling.table import Builder, Cell, Column
from reporter.types import Reading

Place = tuple[str, str]
PERCENTILES = (90, 99)


def add_relative(rows: Builder) -> None:
    """A column beside each single-image latency: relative to the geometric mean of the networks in its run."""
    _ = rows.language._
    for key, quantity in rows.comparison.quantities.items():
        found = relative(rows.comparison, key) if quantity.unit == "s" and key.startswith("latency") else {}
        if found:
            title = _("Relative: {quantity}").format(quantity=_(quantity.title))
            hint = _("Time over the geometric mean of all networks in the run; comparisons of runs use it.")
            values = [found.get((record.machine, record.architecture)) for record in rows.records]
            cells = [Cell(rows.language.number(v, 2), v) if v else Cell("–", status="missing") for v in values]
            rows.add(Column(f"{key}_relative", title, "", "1", hint, numeric=True), cells)


def add_percentiles(rows: Builder) -> None:
    """The times that 90 % and 99 % of the calls kept to, where enough calls were timed to say."""
    _ = rows.language._
    for key, quantity in rows.comparison.quantities.items():
        for share in PERCENTILES if quantity.unit == "s" and key.startswith("latency") else ():
            readings = [record.readings.get(key) for record in rows.records]
            values = [percentile(r.samples, share / 100) if r and r.measured else None for r in readings]
            if any(values):
                scale = units.scale(quantity, values)
                title = f"p{share}: {_(quantity.title)}"
                hint = _("The time that {share} % of the calls did not exceed.").format(share=share)
                pairs = zip(readings, values, strict=True)
                cells = [_percentile(rows, reading, value, scale) for reading, value in pairs]
                column = Column(f"{key}_p{share}", title, _(scale.word), quantity.unit, hint, numeric=True)
                rows.add(column, cells)


def _percentile(rows: Builder, reading: Reading | None, value: float | None, scale: units.Scale) -> Cell:
    if reading is None or value is None:
        return Cell("")
    return Cell(units.text(rows.language, value, scale) + " ≈" * units.is_doubtful(reading), value)


def relative(comparison: Comparison, key: str) -> dict[Place, float]:
    """Each network's time over the geometric mean of those interleaved with it, by machine and architecture.

    The median over rounds. Throughput counts as seconds per image. A network with fewer rounds than others has none.
    """
    quantity = comparison.quantities.get(key)
    found: dict[Place, float] = {}
    if quantity is None or not is_time(quantity):
        return found
    for machine in comparison.machines:
        readings = {record.architecture: record.readings.get(key) for record in comparison.of(machine)}
        measured = {name: reading for name, reading in readings.items() if reading and reading.measured}
        most = max((len(parts(reading)) for reading in measured.values()), default=0)
        whole = {name: reading for name, reading in measured.items() if len(parts(reading)) == most}
        if len(whole) >= FEWEST and min(min(reading.samples) for reading in whole.values()) > 0:
            medians = np.exp(np.median(run(list(whole.values()), relative=True).medians, axis=1))
            found |= {(machine, name): float(value) for name, value in zip(whole, medians, strict=True)}
    return found
