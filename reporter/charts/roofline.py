"""Roofline charts: MACs per second over MACs per byte, below the ceilings that were measured on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from reporter.charts._bubbles import NARROW, Axis, Plane
from reporter.charts._plane import chart
from reporter.model import Chart
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about
from reporter.report.drawing.vega import INK, MUTED, Spec, data, text
from reporter.report.headline_latency import TIMES, how
from reporter.report.language import Language
from reporter.report.why.rooflines import FP32, GIGA, Point, Roofline, rooflines

WIDTH, HEIGHT = 560, 380


def roofline(setting: str, width: int = WIDTH) -> Callable[[Comparison, Language], Spec | None]:
    """Draws a panel for each machine, precision, and threads and variables of the latency, two in a row."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        found = list(rooflines(comparison, (setting,)))
        shades = colors(comparison, [point.record for each in found for point in each.points])
        panels = [
            {**_panel(each, shades, language, width), "title": _title(each, comparison, language)} for each in found
        ]
        return {"concat": panels, "columns": 2, "spacing": 28} if panels else None

    return draw


def _title(found: Roofline, comparison: Comparison, language: Language) -> str:
    key = f"latency_{found.setting}"
    where = how(key, language) if key in TIMES else found.setting
    machine = found.machine if len(comparison.machines) > 1 else ""
    return ", ".join(filter(None, (found.precision, where, found.conditions, machine)))


def _panel(found: Roofline, shades: Mapping[str, str], language: Language, width: int) -> Spec:
    peak = found.peak / GIGA
    lows, rates = [point.intensity for point in found.points], [point.rate / GIGA for point in found.points]
    x = Axis(min(*lows, found.ridge) / 2.2, max(*lows, found.ridge) * 2.2, width, language._("MACs per byte moved"))
    y = Axis(min(rates) / 1.7, peak * 1.7, HEIGHT, language._("G MACs per second"))
    rows = [_row(point, found, language) for point in found.points]
    under = tuple(_roof(found, x, y, language))
    return chart(Plane(rows, x, y, shades, language, under=under, largest=7), enlarged=False)


def _row(point: Point, found: Roofline, language: Language) -> Spec:
    reached = language._("{share} % of the ceiling").format(share=units.part(language, found.share(point)))
    rate = language._("{rate} G MACs per second").format(rate=units.text(language, point.rate / GIGA))
    mode = [point.record.mode] if found.precision != FP32 else []
    return {
        "name": point.record.architecture,
        "family": point.record.family,
        "about": about(point.record, *mode, rate, reached),
        "parameters": 1,
        "x": point.intensity,
        "y": point.rate / GIGA,
        "hollow": False,
        "front": False,
    }


def _roof(found: Roofline, x: Axis, y: Axis, language: Language) -> Iterator[Spec]:
    """The slope of the memory bandwidth, the level of the peak, and their names."""
    bandwidth, peak = found.bandwidth / GIGA, found.peak / GIGA
    left = max(x.low, y.low / bandwidth)
    corners = [(left, left * bandwidth), (found.ridge, peak), (x.high, peak)]
    if found.ridge <= left:
        corners = [(x.low, peak), (x.high, peak)]
    line = [{"x": at, "y": min(value, peak)} for at, value in corners]
    yield {"data": data(line), "mark": {"type": "line", "color": MUTED, "strokeWidth": 2.5}}
    compute = language._("measured peak: {rate} G MACs per second").format(rate=units.text(language, peak))
    memory = language._("measured memory bandwidth: {rate} GB/s").format(rate=units.text(language, bandwidth))
    if x.length == NARROW:
        compute, memory = (words.replace(": ", ":\n") for words in (compute, memory))
    above = {"dx": -6, "dy": -26 if "\n" in compute else -10, "lineBreak": "\n"}
    yield from text([{"x": x.high, "y": peak, "text": compute}], "text", 13, INK, align="right", **above)
    if found.ridge > left:
        yield from text(
            [{"x": x.low, "y": y.high, "text": memory}], "text", 13, INK, align="left", dx=8, dy=12, lineBreak="\n"
        )


CAPTION = (
    "Both axes logarithmic. The line is the most that the machine can do, measured with the threads and environment "
    "variables of the latencies: the slope is the memory bandwidth, the level the best rate over several convolutions "
    "and matrix products. The distance of an architecture below the line is what its kernels leave unused; left of "
    "the corner the bound is memory, right of it computation. MACs per byte follow from exact counts."
)
SHOWN = {
    "cpu_1thread": ("roofline_1thread", "Roofline, one CPU thread"),
    "cpu": ("roofline", "Roofline, all CPU threads"),
    "cuda": ("roofline_cuda", "Roofline, GPU"),
}
ENTRIES = tuple(
    Chart(
        name,
        title,
        CAPTION,
        roofline(setting),
        "why",
        10 + order,
        narrow=roofline(setting, NARROW),
        per_machine=True,
    )
    for order, (setting, (name, title)) in enumerate(SHOWN.items())
)
