"""Latency of one image over the image size, a line for each architecture and execution mode."""

from __future__ import annotations

from functools import partial
from math import sqrt

from reporter.charts._series import NARROW, WIDTH, marks, panels
from reporter.model import Chart
from reporter.model.scaling_curves import CurvePoint
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import Spec
from reporter.report.language import Language


def draw(comparison: Comparison, language: Language, width: int = WIDTH) -> Spec | None:
    _ = language._
    titles = (_("image size, pixels (the square root of height x width)"), _("latency of one image, ms"))
    return panels(comparison, "size", _place, titles, language, unit=_("ms"), width=width)


def _place(point: CurvePoint) -> tuple[float, float]:
    return sqrt(point.image.height * point.image.width), 1e3 * (point.latency or 0.0)


ENTRIES = (
    Chart(
        name="latency_over_size",
        title="Latency over the image size",
        caption="Milliseconds for one image of ascending size; logarithmic axes. A line is interrupted at sizes that "
        "could not be measured; the reasons are listed under Failures and warnings.",
        draw=draw,
        remark=marks("size"),
        narrow=partial(draw, width=NARROW),
        chapter="time",
        order=22,
        per_machine=True,
    ),
)
