"""Published accuracy over the year of the paper: a bubble per architecture, sized by its parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

from reporter.charts._bubbles import MOST, NARROW, WIDTH, Axis, Plane
from reporter.charts._plane import chart, upward
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, reading
from reporter.report.drawing.vega import Spec
from reporter.report.language import Language
from reporter.report.published.accuracy_marks import hollow, legend, special

ROOM = 0.9
"""Years on both sides of the plot, for bubbles and labels."""


def draw(comparison: Comparison, language: Language, width: int = WIDTH) -> Spec | None:
    plotted = [record for record in comparison.networks if _row(record, language)]
    rows = [row for record in plotted if (row := _row(record, language))]
    if len(rows) < 2:
        return None
    best = {row["x"]: row for row in sorted(rows, key=lambda row: row["y"])}
    for row in best.values():
        row["front"] = True
    years = sorted({row["x"] for row in rows})
    x = Axis(years[0] - ROOM, years[-1] + ROOM, width, language._("year of the paper"), log=False)
    y = upward([row["y"] for row in rows], language._("ImageNet top-1, single crop (%)"), width=width)
    spec = chart(Plane(rows, x, y, colors(comparison, plotted), language), enlarged=False)
    across = spec["encoding"]["x"]
    across["axis"] |= {"format": "d", "values": list(range(years[0], years[-1] + 1, 1 if width > NARROW else 2))}
    return spec


def _row(record: Record, language: Language) -> dict[str, Any] | None:
    """The bubble of an architecture; None where year, accuracy or parameters are not known."""
    found, parameters = accuracy(record), record.value("parameters")
    if found is None or not found.top1 or record.year is None or not parameters:
        return None
    source = language._("the paper's own figure") if found.paper else language._("published weights")
    top1 = f"{language._('ImageNet top-1')}: {units.share(language, found.top1)} % ({source})"
    return {
        "name": record.architecture,
        "family": record.family,
        "about": about(record, str(record.year), top1, reading(record, "parameters", language)),
        "parameters": parameters,
        "x": record.year,
        "y": 100 * found.top1,
        "mark": special(record),
        "hollow": found.paper,
        "front": False,
    }


def marks(comparison: Comparison, language: Language) -> str:
    """What the hollow bubbles and the signs mean, of those that occur."""
    plotted = (record for record in comparison.networks if _row(record, language))
    return " ".join(filter(None, (hollow(plotted, language), legend(comparison, language))))


ENTRIES = (
    Chart(
        "accuracy_by_year",
        "Published accuracy by year",
        "Published single-crop ImageNet accuracy over the year of the paper; the area of a bubble is proportional to "
        "the parameters.",
        draw,
        narrow=partial(draw, width=NARROW),
        most=MOST,
        remark=marks,
        chapter="years",
        order=0,
        edition="choice",
    ),
)
