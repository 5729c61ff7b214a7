"""Throughput over the batch size, a line for each architecture and execution mode."""

from __future__ import annotations

from functools import partial

from reporter.charts._series import NARROW, WIDTH, panels
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
        caption="Images per second in batches of ascending size; logarithmic axes. A line ends where the next batch "
        "was not asked for or did not fit into memory.",
        draw=draw,
        narrow=partial(draw, width=NARROW),
        chapter="time",
        order=20,
    ),
)
