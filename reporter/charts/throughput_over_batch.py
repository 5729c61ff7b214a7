"""Throughput over the batch size, a line for each architecture and execution mode."""

from __future__ import annotations

from functools import partial

from reporter.charts._series import NARROW, WIDTH, marks, panels
from reporter.model import Chart
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import Spec
from reporter.report.language import Language


def draw(comparison: Comparison, language: Language, width: int = WIDTH) -> Spec | None:
    _ = language._
    return panels(
        comparison,
        "batch",
        lambda point: (float(point.batch), point.throughput or 0.0),
        (_("batch size"), _("throughput, images/s")),
        language,
        unit=_(units.RATE.word),
        width=width,
    )


ENTRIES = (
    Chart(
        name="throughput_over_batch",
        title="Throughput over the batch size",
        caption="Images per second in batches of ascending size; logarithmic axes. A line is interrupted at "
        "batch sizes that could not be measured, and ends with the largest one that was: a sweep ends where twice the "
        "batch gives less than 5 % more throughput or does not fit into memory.",
        draw=draw,
        remark=marks("batch"),
        narrow=partial(draw, width=NARROW),
        chapter="time",
        order=20,
        per_machine=True,
    ),
)
