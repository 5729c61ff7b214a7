"""Charts for slides: what they print of stages, and how many architectures and kinds of blocks they name."""

from __future__ import annotations

from typing import Any

import samples

from reporter.charts import stage_strips
from reporter.model import Record
from reporter.report.comparison import compare
from reporter.report.language import language

ENGLISH = language("en")
GOOGLENET = samples.ROWS[5]
STEM = (
    ("conv1", "Conv2d(7×7, stride=2)", 1, "64×112×112", 9_408, 118_013_952),
    ("conv2", "Conv2d(1×1)", 2, "64×56×56", 4_096, 12_845_056),
    ("conv3", "Conv2d(3×3)", 2, "192×56×56", 110_592, 346_816_512),
)
"""The stages of the stem of GoogLeNet, as they are counted."""


def with_stages(record: Record, rows: tuple[tuple[Any, ...], ...]) -> Record:
    """The same record with these stages."""
    stages = [dict(zip(("name", "kind", "level", "output", "parameters", "macs"), row, strict=True)) for row in rows]
    layers = samples.reading("layers", len(rows), stages=stages, layers=[])
    return record.model_copy(update={"readings": record.readings | {"layers": layers}})


def test_a_strip_names_the_part_with_the_most_macs_of_a_resolution() -> None:
    spec = stage_strips.draw(compare([with_stages(samples.record(GOOGLENET), STEM)]), ENGLISH)
    assert spec
    texts = [row["text"] for row in spec["layer"][0]["data"]["values"]]
    assert texts == ["conv 7×7", "conv 3×3"]
