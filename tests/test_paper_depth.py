"""Depth in reports: that of the paper, with its source, beside the counted longest path."""

from __future__ import annotations

from pathlib import Path

import pytest
import samples

from reporter import facts
from reporter.charts import timeline
from reporter.report.cards import cards
from reporter.report.comparison import Comparison, compare
from reporter.report.language import language
from reporter.report.published.paper_depth import paper_depth, source
from reporter.report.table import Table
from reporter.tables import measured_vs_published, overview

ENGLISH = language("en")
STATED = {"alexnet": 8, "vgg16_bn": 16, "googlenet": 22, "inception_v2": 42, "inception_v3": 42, "resnet50": 50,
          "densenet201": 201, "resnext50_32x4d": 50, "se_resnet50": 50, "se_resnet101": 101}  # fmt: skip


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(samples.lecture())


def column(table: Table | None, key: str) -> dict[str, tuple[str, object]]:
    assert table is not None
    at = [column.key for column in table.columns].index(key)
    return {row[0].text: (row[at].text, row[at].value) for row in table.rows}


def test_every_stated_depth_has_a_source() -> None:
    for name, row in facts.architectures().items():
        assert bool(row["depth_source"]) == row["depth_paper"][0].isdecimal(), name


@pytest.mark.parametrize("make", [overview.make, measured_vs_published.make])
def test_tables_have_both_depths(make: object, comparison: Comparison) -> None:
    assert callable(make)
    table = make(comparison, ENGLISH)
    stated, counted = column(table, "depth_paper"), column(table, "depth")
    assert {name: stated[name][1] for name in STATED} == STATED
    assert stated["bn_inception"] == ("–", None)
    for record in comparison.networks:
        assert counted[record.architecture][1] == record.value("depth")
    titles = {each.key: each.title for each in table.columns}
    assert titles["depth"] == "Longest path"
    assert titles["depth_paper"].startswith("Depth")


def test_the_timeline_shows_the_depth_of_the_paper(comparison: Comparison) -> None:
    points = {point["name"]: point for point in timeline._points(comparison, ENGLISH)}
    assert points["SE-ResNet-101"]["depth"] == 101
    assert points["Inception v3"]["depth"] == 42
    assert "Depth: 42 (arXiv 1512.00567, sect. 6)" in points["Inception v3"]["about"]
    assert points["BN-Inception"]["depth"] is None


def test_an_older_record_gets_the_source_too(comparison: Comparison) -> None:
    record = comparison.network("resnet50")
    assert record is not None
    old = {key: value for key, value in record.published.items() if key != "depth_source"}
    other = {**old, "paper_title": "Another paper"}
    assert source(record.model_copy(update={"published": old}), ENGLISH) == "arXiv 1512.03385, Table 1"
    assert source(record.model_copy(update={"published": other}), ENGLISH) == ""


def test_a_network_without_a_paper_has_its_counted_depth_on_its_card(comparison: Comparison, tmp_path: Path) -> None:
    record = comparison.networks[0].model_copy(update={"published": {}})
    assert paper_depth(record) is None
    assert f"longest path {record.value('depth')}" in cards.lead(record, ENGLISH)
    assert "depth" not in cards.lead(record, ENGLISH).replace("longest path", "")
    table = overview.make(compare([record]), ENGLISH)
    assert "depth_paper" not in [each.key for each in table.columns]
