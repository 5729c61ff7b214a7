"""Published accuracy: looked up in every run, compared only where the whole table has it, rounded alike everywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import samples
from commands import run

from reporter.catalog import collect
from reporter.preparation import choose_metrics
from reporter.telling.comparison import Comparison, compare
from reporter.telling.findings import findings
from reporter.telling.language import language
from reporter.telling.table import Table
from reporter.telling.tables import overview
from reporter.types import GROUPS, Chart, Reading, Record

ENGLISH = language("en")
CHARTS = collect("reporter.charts", Chart)
WITH_WEIGHTS = [row for row in samples.ROWS if row[9]]


def marks(table: Table) -> dict[str, str]:
    """The Pareto marks by network, empty where the table has no such column."""
    keys = [column.key for column in table.columns]
    return {row[0].text: row[keys.index("pareto")].text for row in table.rows} if "pareto" in keys else {}


def without(record: Record, *keys: str) -> Record:
    """The record without some readings and without the paper's own figures."""
    kept = {key: reading for key, reading in record.readings.items() if key not in keys}
    return record.model_copy(update={"readings": kept, "published": {}})


def lacking(names: Sequence[str], key: str = "imagenet_top1") -> Comparison:
    records = [samples.record(row) for row in WITH_WEIGHTS]
    return compare([without(each, key) if each.architecture in names else each for each in records])


@pytest.mark.parametrize("name", [*GROUPS, "latency_cpu_1thread", "depth"])
def test_every_run_looks_it_up(name: str) -> None:
    assert "published" in choose_metrics((name,))
    assert not {"finetune", "gradients"} & set(choose_metrics((name,))) or name == "finetune"


@pytest.mark.slow
def test_a_run_of_times_has_it(tmp_path: Path) -> None:
    options = ("--metrics", "latency_cpu_1thread", "--preset", "quick", "--device", "cpu")
    done = run("--out", tmp_path, "--architectures", "resnet18,se_resnet50", *options)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["records"]
    found = {record["architecture"]: record["readings"] for record in told}
    assert found["resnet18"]["imagenet_top1"]["value"] == 0.69758
    assert found["resnet18"]["imagenet_top5"]["status"] == "ok"
    assert found["se_resnet50"]["imagenet_top1"]["status"] == "unsupported"
    assert "finetune_top1" not in found["resnet18"]


def test_marks_where_every_row_has_the_accuracy() -> None:
    found = marks(overview.make(lacking(()), ENGLISH))
    assert found["alexnet"] == "◆◇"
    assert found["vgg16"] == ""


@pytest.mark.parametrize("count", [1, 4, len(WITH_WEIGHTS) - 1])
def test_no_mark_where_some_rows_lack_it(count: int) -> None:
    names = [row[0] for row in WITH_WEIGHTS[:count]]
    comparison = lacking(names)
    table = overview.make(comparison, ENGLISH)
    known, everyone = len(WITH_WEIGHTS) - count, len(WITH_WEIGHTS)
    assert not marks(table)
    assert any(f"{known} of {everyone} have a published accuracy" in note for note in table.notes)
    assert not any("Pareto: ◆" in note for note in table.notes)
    best = [cell for row in table.rows for cell, column in zip(row, table.columns, strict=True)
            if column.key == "imagenet_top1" and cell.best]  # fmt: skip
    assert not best
    assert "the most accurate (" not in " ".join(findings(comparison, ENGLISH))
    drawn = json.dumps(CHARTS["accuracy_macs"].draw(comparison, ENGLISH))
    assert ("step-after" not in drawn) or known < 2
    assert drawn == "null" or f"No Pareto front: {known} of {everyone} networks have a published accuracy" in drawn


def test_a_network_without_the_cost_takes_its_mark_from_all() -> None:
    assert not any(
        "◇" in mark for mark in marks(overview.make(lacking(["vgg16"], "latency_cpu_1thread"), ENGLISH)).values()
    )
    assert not any("◆" in mark for mark in marks(overview.make(lacking(["vgg16"], "macs"), ENGLISH)).values())


def test_a_front_is_of_one_protocol() -> None:
    """The lecture has five networks with a paper's figure only: none of them is on a front, and no table has marks."""
    comparison = compare(samples.lecture())
    assert not marks(overview.make(comparison, ENGLISH))
    chart = CHARTS["accuracy_macs"].draw(comparison, ENGLISH)
    assert chart["title"] == "Pareto front of the 13 of 18 networks with torchvision's weights"
    (line,) = [layer for layer in chart["layer"] if layer["mark"].get("interpolate") == "step-after"]
    assert {row["name"] for row in line["data"]["values"]} <= {row[0] for row in WITH_WEIGHTS}


def test_what_a_picture_leaves_out_counts() -> None:
    from reporter.telling.thinning import chosen

    shown = chosen(lacking(["alexnet"]), 5)
    assert len(shown.networks) == 5
    assert shown.coverage.networks == len(WITH_WEIGHTS)
    assert not shown.coverage.whole


def tuned(*shares: float, steps: int = 24, images: int = 180, preset: str = "standard", seeds: int = 1) -> Comparison:
    """The first networks with these shares of held-out images from random weights."""
    records = []
    for row, share in zip(samples.ROWS, shares, strict=False):
        record = samples.record(row)
        before = record.readings["finetune_top1"]
        detail = {**before.detail, "test_images": images, "recipe": {**before.detail["recipe"], "steps": steps}}
        reading = before.model_copy(update={"samples": (share,) * seeds, "detail": detail})
        settings = {**record.settings, "preset": preset}
        records.append(record.model_copy(update={"settings": settings, "readings": _only(record, reading)}))
    return compare(records)


def _only(record: Record, reading: Reading) -> dict[str, Reading]:
    return {**record.readings, "finetune_top1": reading}


def said(comparison: Comparison) -> str:
    return " ".join(findings(comparison, ENGLISH)).replace("\u00a0", " ")


def test_a_leader_that_the_images_resolve_is_named() -> None:
    assert "alexnet recognises 90.0 % of the held-out images, the most" in said(tuned(0.9, 0.5, 0.4))


@pytest.mark.parametrize(
    "comparison",
    [
        tuned(0.9, 0.9, 0.2),
        tuned(0.9, 0.88, 0.2),
        tuned(0.9, 0.75),
        tuned(0.267, 0.1, 0.1, steps=3, images=30, preset="quick"),
        tuned(0.9, 0.1, preset="quick"),
        tuned(0.9, 0.1, steps=3),
        tuned(0.9, 0.1, images=30),
        tuned(0.133, 0.1, 0.1),
    ],
    ids=["a tie", "near", "one seed", "the quick preset, short", "the quick preset", "steps", "images", "guessing"],
)
def test_no_winner_that_is_not_resolved(comparison: Comparison) -> None:
    assert "the most." not in said(comparison)
    assert not [key for _, key in comparison.winners if key == "finetune_top1"] or "images" not in said(comparison)


@pytest.mark.parametrize(
    "comparison", [tuned(0.267, 0.1, steps=3, images=30, preset="quick"), tuned(0.9, 0.1, steps=3)]
)
def test_a_fine_tuning_that_hardly_began_is_no_finding(comparison: Comparison) -> None:
    assert "held-out" not in said(comparison)
    assert "hardly begun" not in said(comparison)
