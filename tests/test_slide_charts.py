"""Charts for slides: what they print of stages, and how many architectures and kinds of blocks they name."""

from __future__ import annotations

from typing import Any

import pytest
import samples

from reporter.charts import blocks, stage_strips, table_slide
from reporter.model import Record
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.slide_table import slide_table

ENGLISH = language("en")
GOOGLENET, RESNET = samples.ROWS[5], samples.ROWS[10]
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


@pytest.mark.parametrize(
    ("years", "title"),
    [
        ((2014, 2014), "Convolutional networks for ImageNet, 2014"),
        ((2014, 2015), "Convolutional networks for ImageNet, 2014 to 2015"),
        ((2014, None), "Convolutional networks for ImageNet, 2014"),
        ((None, None), "Convolutional networks for ImageNet"),
    ],
)
def test_the_slide_names_the_years_of_its_architectures_and_no_count(years: tuple[int | None, ...], title: str) -> None:
    pair = (samples.record(GOOGLENET), samples.record(RESNET))
    made = compare([record.model_copy(update={"year": year}) for record, year in zip(pair, years, strict=True)])
    spec, table = table_slide.draw(made, ENGLISH), slide_table(made, ENGLISH)
    assert spec
    assert table
    assert title in [row["text"] for layer in spec["layer"] for row in layer["data"]["values"] if "text" in row]
    [chart] = table_slide.ENTRIES
    assert not any("ten arch" in text.lower() for text in (table.title, chart.title, chart.caption))


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (("vgg16", "resnet18"), "plain and residual"),
        (("resnet50", "densenet121", "se_resnet50"), "residual, dense and squeeze-and-excitation"),
    ],
)
def test_the_caption_of_blocks_names_the_kinds_that_are_drawn(names: tuple[str, ...], kinds: str) -> None:
    made = compare([record for record in samples.lecture() if record.architecture in names])
    [chart] = blocks.ENTRIES
    assert chart.draw(made, ENGLISH)
    assert chart.remark
    assert chart.remark(made, ENGLISH) == f"Architectures, from left to right: {kinds}."
    assert "squeeze" not in chart.caption
