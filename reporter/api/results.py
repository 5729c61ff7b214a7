"""A results folder in Python and notebooks: pandas frames and charts. Does not import torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from reporter.model import Chart, Reading, Record, ReporterError
from reporter.model.names import nearest
from reporter.model.plurals import counted
from reporter.registry.catalog import collect
from reporter.report.between_runs import run_history
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts
from reporter.report.language import SOURCE, language
from reporter.store import record_files


@dataclass(frozen=True)
class Drawn:
    """A chart that a notebook shows: its SVG, with its title and caption."""

    name: str
    title: str
    caption: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds; `complaints` has a line for each file that could not be read.

    With `modes`, the frames have rows of all execution modes and a column `mode`; without, those of eager only.
    """

    folder: Path
    comparison: Comparison
    complaints: tuple[str, ...]
    modes: bool = False

    def __repr__(self) -> str:
        """The size, not the content: a record is many thousand characters."""
        modes = ", modes=True" if self.modes else ""
        return f"<Results of {counted(len(self.comparison.networks), 'architecture')} in {str(self.folder)!r}{modes}>"

    @property
    def records(self) -> tuple[Record, ...]:
        return self.comparison.records

    @cached_property
    def _rows(self) -> tuple[Record, ...]:
        """The records that the frames are made of: with modes, each followed by its modes."""
        if not self.modes:
            return self.records
        return tuple(each for record in self.records for each in (record, *self.comparison.modes_of(record)))

    @cached_property
    def values(self) -> pd.DataFrame:
        """A row per network (and machine and mode), a column per quantity in base units; NaN where there is no number.

        What does not depend on the mode is in the rows of eager only.
        """
        keys = list(self.comparison.quantities)
        if self.modes:
            keys = list(dict.fromkeys((*keys, *(key for each in self._rows for key in each.readings))))
        rows = [{**self._about(each), **{key: each.value(key) for key in keys}} for each in self._rows]
        frame = pd.DataFrame(rows, columns=[*self._about(self.records[0]), *keys]).set_index("architecture")
        empty = [key for key in ("year", *keys) if frame[key].isna().all()]
        return frame.astype(dict.fromkeys(empty, "float64"))

    @cached_property
    def readings(self) -> pd.DataFrame:
        """A row per network and quantity: value and 95 % interval, or status and reason."""
        rows = ({**self._place(record), **_row_values(reading)} for record, reading in self._readings())
        return pd.DataFrame(list(rows))

    @cached_property
    def samples(self) -> pd.DataFrame:
        """A row per raw sample, as it was measured, with the round that it was taken in."""
        rows = (
            (*self._place(record).values(), *row) for record, reading in self._readings() for row in _samples(reading)
        )
        columns = [*self._place(self.records[0]), "key", "unit", "round", "number", "value"]
        return pd.DataFrame(rows, columns=columns)

    def chart(self, name: str, lang: str = SOURCE) -> Drawn:
        """One chart of the report; ReporterError where there is none of that name, or nothing to draw in it."""
        available = collect("reporter.charts", Chart)
        if name not in available:
            raise ReporterError(f"unknown chart {name!r}; {nearest(name, available)}")
        drawn = self._drawn([available[name]], lang)
        if name not in drawn:
            raise ReporterError(f"chart {name!r} has nothing to show of these records")
        return drawn[name]

    def charts(self, lang: str = SOURCE) -> dict[str, Drawn]:
        """All charts that have something to show, by name."""
        return self._drawn(list(collect("reporter.charts", Chart).values()), lang)

    def _drawn(self, charts: list[Chart], lang: str) -> dict[str, Drawn]:
        figures = [(each.figure, each.file) for each in drawn_charts.draw(self.comparison, language(lang), charts)]
        return {figure.name: Drawn(figure.name, figure.title, figure.caption, svg) for figure, svg in figures}

    def _readings(self) -> Iterator[tuple[Record, Reading]]:
        return ((record, reading) for record in self._rows for reading in record.readings.values())

    def _place(self, record: Record) -> dict[str, Any]:
        about = {"machine": record.machine, "architecture": record.architecture}
        return {**about, "mode": record.mode} if self.modes else about

    def _about(self, record: Record) -> dict[str, Any]:
        keys = ("architecture", "machine", *(("mode",) if self.modes else ()), "family", "year")
        size = record.input_size if record.input_width is None else str(record.image_size)
        return {**{key: getattr(record, key) for key in keys}, "input_size": size}

    def _repr_html_(self) -> str:
        return self.values.to_html(max_rows=60)


def load(folder: str | os.PathLike[str], modes: bool = False) -> Results:
    """Reads the records of a results folder; ReporterError where there are none.

    The frames have eager only; with `modes`, they have all execution modes and a column `mode`. A leading `~` is the
    home folder.
    """
    place = Path(os.path.expanduser(folder))  # Path.expanduser raises without a home
    records, complaints = record_files.load_all_modes(place)
    if not records:
        raise ReporterError(
            f"{place}: {complaints[0] if complaints else 'no records there; reporter --out measures some'}"
        )
    comparison = replace(compare(records), evidence=record_files.load_all_evidence(place)[0])
    try:
        comparison = run_history.remembered(comparison, place)
    except ReporterError as error:
        complaints = [*complaints, str(error)]
    return Results(place, comparison, tuple(complaints), modes)


def _row_values(reading: Reading) -> dict[str, Any]:
    verdict, (low, high) = reading.verdict, reading.interval or (None, None)
    about = {"key": reading.quantity.key}
    numbers = {"value": reading.value, "low": low, "high": high, "unit": reading.quantity.unit}
    return {**about, **numbers, "status": verdict.status, "reason": "; ".join(reading.notes) or None}


def _samples(reading: Reading) -> Iterator[tuple[object, ...]]:
    about = (reading.quantity.key, reading.quantity.unit)
    rounds = [number for number, count in enumerate(reading.rounds) for _ in range(count)] or [0] * len(reading.samples)
    for number, (turn, value) in enumerate(zip(rounds, reading.samples, strict=True)):
        yield *about, turn, number, value
