"""Shares of the time by operator, a bar for each architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reporter.charts import _stacked
from reporter.charts.bars import names_axis
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import Spec, text
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.report.why import record_profiles

WIDTH, NARROW, STEP = 330, 170, 24
Bar = tuple[Record, Mapping[str, record_profiles.Part]]
"""A record, and what its operators take by their labels."""


def shares(settings: Sequence[str], width: int = WIDTH) -> Callable[[Comparison, Language], Spec | None]:
    """Draws each network in the first setting in which it has operators, in a panel per machine and setting."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        groups = [
            (machine, setting, bars)
            for machine in comparison.machines
            for setting in settings
            if (bars := _bars(comparison.of(machine), setting, settings))
        ]
        every = [parts for _machine, _setting, bars in groups for _record, parts in bars]
        shown = _stacked.colours(every)
        rest = any(label not in shown for parts in every for label in parts)
        colour = _stacked.scale(shown, rest, language)
        panels = []
        for machine, setting, bars in groups:
            where = machine if len(comparison.machines) > 1 else ""
            threads = how(f"latency_{setting}", language) if len(settings) > 1 else ""
            title = ", ".join(filter(None, (where, threads)))
            panel = _panel(bars, setting, shown, colour, language, width=width)
            panels.append({**panel, "title": title} if title else panel)
        return {"vconcat": panels} if panels else None

    return draw


def _bars(records: Sequence[Record], setting: str, settings: Sequence[str]) -> Sequence[Bar]:
    """The records with operators in a setting and in none before it, with what takes their time."""
    first = [record for record in records if record_profiles.setting_of([record], settings) == setting]
    found = ((record, record_profiles.operators(record, setting)) for record in first)
    return [(record, record_profiles.parts(rows)) for record, rows in found if rows]


def _panel(
    bars: Sequence[Bar], setting: str, shown: Mapping[str, str], colour: Spec, language: Language, *, width: int
) -> Spec:
    """The bars of a machine in a setting; the colors `shown` are those of all panels."""
    plotted = [record for record, _parts in bars]
    rows = [row for record, parts in bars for row in _stacked.segments(record, parts, shown, 1, language)]
    order = [record.architecture for record in plotted]
    places = [0, 50, 100] if width == NARROW else [0, 25, 50, 75, 100]
    whole = {"scale": {"domain": [0, 100], "nice": False}, "axis": {"values": places, "grid": False}}
    least = _stacked.LEAST * WIDTH / width
    return {
        "width": width,
        "height": {"step": STEP},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": names_axis()},
            "x": {"field": "start", "type": "quantitative", "title": language._("share of the time (%)"), **whole},
        },
        "layer": [*_stacked.layers(rows, colour, least=least), *_times(plotted, setting, language)],
    }


def _times(records: Sequence[Record], setting: str, language: Language) -> list[Spec]:
    """The latency behind each bar: shares of different times are beside each other. None under other conditions."""
    key = f"latency_{setting}"
    rows = [
        {"name": record.architecture, "start": 100, "text": units.stated(language, record.readings[key])}
        for record in records
        if record_profiles.has_timed_operators(record, setting)
    ]
    return text(rows, "text", 13, align="left", dx=7)


CAPTION = (
    "The share of each operator in the time of one inference, from left to right the operators that take most over "
    "all architectures; behind each bar the latency. An operator with a library behind its name is computed in "
    "several ways: convolution (GEMM) is a matrix product per image, convolution (oneDNN) a kernel made for "
    "convolutions."
)
ENTRIES = (
    Chart(
        "operator_shares",
        "Operators, CPU",
        CAPTION,
        shares(("cpu_1thread", "cpu")),
        narrow=shares(("cpu_1thread", "cpu"), NARROW),
        chapter="why",
        order=3,
        eager=True,
        per_machine=True,
    ),
    Chart(
        "operator_shares_cuda",
        "Operators, GPU",
        CAPTION,
        shares(("cuda",)),
        narrow=shares(("cuda",), NARROW),
        chapter="why",
        order=4,
        eager=True,
        per_machine=True,
    ),
)
