"""Multiply-adds vs. latency: a scatter plot with the rank correlation."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum, log10
from statistics import fmean

from reporter.charts._bubbles import DASHES, MOST, NARROW, WIDTH, Plane
from reporter.charts._plane import across, chart, upward
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, reading
from reporter.report.drawing.vega import FRONT, Spec, data
from reporter.report.findings.pair_sentences import doubted
from reporter.report.headline_latency import machine_of_times
from reporter.report.language import Language
from reporter.report.table import mark
from reporter.stats.correlation import spearman

LABELED = 10
"""Of very many networks so many are labeled."""


def against(key: str, width: int = WIDTH) -> Callable[[Comparison, Language], Spec | None]:
    """Draws a time over MACs, with Spearman's correlation and its interval as the title."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        plotted = [r for r in comparison.latest if r.value("macs") and r.value(key) and r.value("parameters")]
        if len(plotted) < 2:
            return None
        scales = [units.scale(comparison.quantities[k], [r.value(k) for r in plotted]) for k in ("macs", key)]
        rows = [_row(record, key, scales, language) for record in plotted]
        titles = [language._(comparison.quantities[k].title) for k in ("macs", key)]
        axes = [f"{title}, {language._(scale.word)}" for title, scale in zip(titles, scales, strict=True)]
        x = across([row["x"] for row in rows], axes[0], width)
        y = upward([row[end] for row in rows for end in ("bottom", "top")], axes[1], log=True, width=width)
        trend = _trend([(row["x"], row["y"]) for row in rows])
        for row in sorted(rows, key=lambda row: -_distance(row, trend))[:LABELED]:
            row["front"] = True
        given = Plane(rows, x, y, colors(comparison, plotted), language, under=[_line(trend)], lines=[trend])
        return {**chart(given), "title": correlated(plotted, key, language)}

    return draw


def _trend(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The ends of the line through points by least squares of logarithms."""
    logs = [(log10(x), log10(y)) for x, y in points]
    x_mean, y_mean = (fmean(values) for values in zip(*logs, strict=True))
    spread = fsum((x - x_mean) ** 2 for x, _y in logs)
    slope = fsum((x - x_mean) * (y - y_mean) for x, y in logs) / spread if spread else 0.0
    return [(10**x, 10 ** (y_mean + slope * (x - x_mean))) for x in (min(logs)[0], max(logs)[0])]


def _distance(row: Spec, trend: list[tuple[float, float]]) -> float:
    """How far a network is from the trend, in powers of ten of its time."""
    (x, y), (x2, y2) = ((log10(x), log10(y)) for x, y in trend)
    share = (log10(row["x"]) - x) / (x2 - x) if x2 > x else 0.0
    return abs(log10(row["y"]) - y - share * (y2 - y))


def _line(ends: list[tuple[float, float]]) -> Spec:
    mark = {"type": "line", "color": FRONT, "strokeDash": DASHES, "strokeWidth": 2}
    return {"data": data([{"x": x, "y": y} for x, y in ends]), "mark": mark}


def correlated(records: list[Record], key: str, language: Language) -> str:
    """Spearman's correlation of MACs and a time in words, with its interval."""
    found = spearman([record.value("macs") or 0 for record in records], [record.value(key) or 0 for record in records])
    message = language._("Spearman's rank correlation {rho}, 95 % interval {low} to {high}, {count} architectures")
    if found is None:
        return language._("too few architectures for a correlation")
    numbers = {name: units.coefficient(language, value) for name, value in found._asdict().items()}
    numbers["rho"] = doubted(numbers["rho"], *(record.readings[key] for record in records))
    return message.format(count=len(records), **numbers)


def _row(record: Record, key: str, scales: list[units.Scale], language: Language) -> Spec:
    texts = (reading(record, each, language) for each in ("macs", key))
    value = record.value(key) or 0
    low, high = record.readings[key].interval or (value, value)
    return {
        "name": record.architecture,
        "family": record.family,
        "about": about(record, f"{record.image_size} px", *texts),
        "parameters": record.value("parameters"),
        "x": (record.value("macs") or 0) / scales[0].factor,
        "y": value / scales[1].factor,
        "bottom": low / scales[1].factor,
        "top": high / scales[1].factor,
        "mark": mark(record.readings[key]).strip(),
        "hollow": False,
        "front": False,
    }


CAPTION = (
    "Both axes logarithmic; the area of a bubble is proportional to the parameters. Vertical lines: 95 % intervals; "
    "≈ marks a noisy time. Dashed: the trend, by least squares of the logarithms; architectures above it take longer "
    "than their MACs suggest. Of many architectures only those farthest from it are labeled. The correlation compares "
    "ranks and is shown with its 95 % interval."
)
ENTRIES = (
    Chart(
        "macs_latency",
        "MACs vs. latency",
        CAPTION,
        against("latency_cpu_1thread"),
        narrow=against("latency_cpu_1thread", NARROW),
        most=MOST,
        remark=machine_of_times,
        chapter="time",
        order=6,
        eager=True,
    ),
    Chart(
        "macs_latency_cuda",
        "MACs vs. latency on the GPU",
        CAPTION,
        against("latency_cuda"),
        narrow=against("latency_cuda", NARROW),
        most=MOST,
        remark=machine_of_times,
        chapter="time",
        order=7,
        eager=True,
    ),
)
