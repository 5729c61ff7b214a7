"""Shares of the time by operator, a bar for each architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reporter.charts import _stacked
from reporter.charts.bars import names_axis
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import Spec, text
from reporter.report.language import Language
from reporter.report.why import record_profiles

WIDTH, NARROW, STEP = 330, 170, 24
Bar = tuple[Record, dict[str, record_profiles.Part]]


def shares(settings: Sequence[str], width: int = WIDTH) -> Callable[[Comparison, Language], Spec | None]:
    """Draws the first setting that has operators, in a panel per machine, all with the same colors."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        setting = record_profiles.setting_of(comparison.records, settings)
        operators = [(record, record_profiles.operators(record, setting)) for record in comparison.records]
        bars = [(record, record_profiles.parts(rows)) for record, rows in operators if rows]
        shown = _stacked.colours(parts for _, parts in bars)
        rest = any(label not in shown for _, parts in bars for label in parts)
        look = shown, _stacked.scale(shown, rest, language)
        of_each = [(m, [bar for bar in bars if bar[0].machine == m]) for m in comparison.machines]
        panels = [(machine, _panel(mine, setting, look, language, width)) for machine, mine in of_each if mine]
        several = len(comparison.machines) > 1
        named = [{**panel, **({"title": machine} if several else {})} for machine, panel in panels]
        return {"vconcat": named} if named else None

    return draw


def _panel(
    bars: Sequence[Bar], setting: str, look: tuple[Mapping[str, str], Spec], language: Language, width: int
) -> Spec:
    """The bars of a machine; `look` has the colors of the operators in all panels, and their scale."""
    shown, colour = look
    rows = [row for record, parts in bars for row in _stacked.segments(record, parts, shown, 1, language)]
    plotted = [record for record, _ in bars]
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
    """The latency behind each bar: shares of different times are beside each other. None where it was not measured."""
    key = f"latency_{setting}"
    found = [(record.architecture, record.readings.get(key)) for record in records]
    rows = [
        {"name": name, "start": 100, "text": units.stated(language, each)}
        for name, each in found
        if each and each.measured
    ]
    return text(rows, "text", 13, align="left", dx=7)


CAPTION = (
    "The share of each operator in the time of one inference, from left to right the operators that take most over all "
    "networks; behind each bar the latency. An operator with a library behind its name is computed in several ways: "
    "convolution (GEMM) is a matrix product per image, convolution (oneDNN) a kernel made for convolutions."
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
    ),
)
