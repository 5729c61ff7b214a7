"""A results folder in Python and notebooks: pandas frames and charts. Does not import torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from reporter.model import Chart, Reading, Record, ReporterError
from reporter.model.names import nearest
from reporter.registry.catalog import collect
from reporter.report import build, run_history
from reporter.report.comparison import Comparison, compare
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
    """What a results folder holds; `complaints` has a line for each file that could not be read."""

    folder: Path
    comparison: Comparison
    complaints: tuple[str, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        return self.comparison.records

    @cached_property
    def values(self) -> pd.DataFrame:
        """A row per network (and machine), a column per quantity in base units; NaN where there is no number."""
        keys = list(self.comparison.quantities)
        rows = [{**_about(each), **{key: each.value(key) for key in keys}} for each in self.records]
        frame = pd.DataFrame(rows, columns=[*_about(self.records[0]), *keys]).set_index("architecture")
        empty = [key for key in ("year", *keys) if frame[key].isna().all()]
        return frame.astype(dict.fromkeys(empty, "float64"))

    @cached_property
    def readings(self) -> pd.DataFrame:
        """A row per network and quantity: value and 95 % interval, or status and reason."""
        return pd.DataFrame([_row_values(record, reading) for record, reading in self._readings()])

    @cached_property
    def samples(self) -> pd.DataFrame:
        """A row per raw sample, as it was measured, with the round that it was taken in."""
        rows = (row for record, reading in self._readings() for row in _samples(record, reading))
        columns = ["machine", "architecture", "key", "unit", "round", "number", "value"]
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
        figures = [(each.figure, each.file) for each in build.draw(self.comparison, language(lang), charts)]
        return {figure.name: Drawn(figure.name, figure.title, figure.caption, svg) for figure, svg in figures}

    def _readings(self) -> Iterator[tuple[Record, Reading]]:
        return ((record, reading) for record in self.records for reading in record.readings.values())

    def _repr_html_(self) -> str:
        return self.values.to_html(max_rows=60)


def load(folder: str | os.PathLike[str]) -> Results:
    """Reads the records of a results folder; ReporterError where there are none."""
    place = Path(folder)
    records, complaints = record_files.load_all(place)
    if not records:
        raise ReporterError(
            f"{place}: {complaints[0] if complaints else 'no records there; reporter --out measures some'}"
        )
    comparison = compare(records)
    try:
        comparison = run_history.remembered(comparison, place)
    except ReporterError as error:
        complaints = [*complaints, str(error)]
    return Results(place, comparison, tuple(complaints))


def _about(record: Record) -> dict[str, Any]:
    about = {key: getattr(record, key) for key in ("architecture", "machine", "family", "year")}
    return {**about, "input_size": record.input_size if record.input_width is None else str(record.image_size)}


def _row_values(record: Record, reading: Reading) -> dict[str, Any]:
    verdict, (low, high) = reading.verdict, reading.interval or (None, None)
    about = {"machine": record.machine, "architecture": record.architecture, "key": reading.quantity.key}
    numbers = {"value": reading.value, "low": low, "high": high, "unit": reading.quantity.unit}
    return {**about, **numbers, "status": verdict.status, "reason": "; ".join(reading.notes) or None}


def _samples(record: Record, reading: Reading) -> Iterator[tuple[object, ...]]:
    about = (record.machine, record.architecture, reading.quantity.key, reading.quantity.unit)
    rounds = [number for number, count in enumerate(reading.rounds) for _ in range(count)] or [0] * len(reading.samples)
    for number, (turn, value) in enumerate(zip(rounds, reading.samples, strict=True)):
        yield *about, turn, number, value
