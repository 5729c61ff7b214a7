"""Marks of published accuracies of another network or protocol, and gains over a paper's own baseline."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace

import pytest
import samples

from reporter import facts
from reporter.charts import accuracy_by_year, accuracy_vs_cost, timeline
from reporter.model import Record
from reporter.report.choosing.choice import choice
from reporter.report.comparison import Comparison, compare
from reporter.report.findings.pair_sentences import against
from reporter.report.language import language
from reporter.report.published.accuracy_marks import NETWORK, PROTOCOL, SIZE, footnotes, special
from reporter.report.published.published_figures import counted_by
from reporter.tables import overview, published_accuracy

ENGLISH = language("en")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(samples.lecture())


def one(comparison: Comparison, name: str) -> Record:
    record = comparison.network(name)
    assert record is not None
    return record


def with_figures(record: Record, macs: float = 0, **figures: object) -> Record:
    """A record with other counted MACs and published figures, and no published accuracy of weights."""
    kept = {key: each for key, each in record.readings.items() if not key.startswith("imagenet")}
    kept["macs"] = samples.reading("macs", macs or record.value("macs"))
    return record.model_copy(update={"readings": kept, "published": {**record.published, **figures}})


def test_an_accuracy_of_another_network_or_protocol_is_marked(comparison: Comparison) -> None:
    usual = {"paper_1crop_top1_err": 25.0, "paper_protocol": "1-crop 224 from 256", "mult_adds_published": "4.00 G"}
    resnet = one(comparison, "resnet50")
    assert special(with_figures(resnet, 4.03e9, **usual)) == ""
    assert special(with_figures(resnet, 4.2e9, **usual)) == "‡"
    assert special(with_figures(resnet, 4.03e9, **{**usual, "paper_protocol": "1 crop 299, a subset"})) == "§"
    assert special(with_figures(resnet, 4.03e9, **{**usual, "paper_protocol": "1 crop 224 of a subset"})) == "§"
    assert special(resnet) == ""
    assert special(one(comparison, "inception_v3")) == "§"
    assert special(one(comparison, "inception_v2")) == "‡§"


def test_footnotes_name_both_costs_and_the_protocol(comparison: Comparison) -> None:
    network, protocol = footnotes([one(comparison, "inception_v2"), one(comparison, "resnet50")], ENGLISH)
    assert "Inception v2: 3.80 G, measured here 6.35 G" in network
    assert "Inception v2 (1 crop 299, 48,238 non-blacklisted val images)" in protocol
    assert "ResNet-50" not in network + protocol
    assert footnotes([one(comparison, "resnet50")], ENGLISH) == ()


def test_charts_mark_the_labels(comparison: Comparison) -> None:
    for draw in (accuracy_vs_cost.against("macs"), accuracy_by_year.draw):
        assert "Inception v2 ‡§" in str(draw(comparison, ENGLISH))
        assert "'ResNet-50'" in str(draw(comparison, ENGLISH))
    assert "Inception v3 §" in str(timeline.draw(comparison, ENGLISH))
    for chart in (*accuracy_vs_cost.ENTRIES, *accuracy_by_year.ENTRIES, *timeline.ENTRIES):
        for tongue in (ENGLISH, language("ru")):
            assert all(sign in tongue._(chart.caption) for sign in (NETWORK, PROTOCOL, SIZE))


def test_tables_mark_the_accuracy(comparison: Comparison) -> None:
    chosen = choice(comparison, ENGLISH)
    assert chosen
    for table in (chosen.table, published_accuracy.make(comparison, ENGLISH), overview.make(comparison, ENGLISH)):
        assert table
        rows = {row[0].text: [cell.text for cell in row] for row in table.rows}
        assert any(text.endswith("§") for text in rows["inception_v3"])
        assert not any(text.endswith(("§", "‡")) for text in rows["resnet50"])
        assert any(note.startswith("§") for note in table.notes)


def test_a_front_contains_no_unmarked_accuracy_of_another_protocol(comparison: Comparison) -> None:
    records = {"resnet18", "inception_v3"}
    few = compare([record for record in comparison.records if record.architecture in records])
    table = overview.make(few, ENGLISH)
    at = [column.key for column in table.columns].index("pareto")
    signs = {row[0].text: row[at].text for row in table.rows}
    assert signs["inception_v3"].endswith("§")
    assert not signs["resnet18"].endswith("§")


def test_the_gain_is_over_the_baseline_of_the_same_paper(comparison: Comparison) -> None:
    text = against("se_resnet50", "resnet50", "")(comparison, ENGLISH)
    assert text
    assert "+1.5 points of ImageNet top-1 (24.80 → 23.29 % error, SE paper, Table 2)" in text
    records = [
        record.model_copy(update={"published": {**record.published, "baseline": "vgg16"}})
        for record in comparison.records
    ]
    text = against("se_resnet50", "resnet50", "")(replace(comparison, records=tuple(records)), ENGLISH)
    assert text
    assert "24.80" not in text


def test_facts_name_one_version_of_torchvision(comparison: Comparison) -> None:
    counted = {row["params_counted_by"] for row in facts.architectures().values()}
    versions = {text.split()[1] for text in counted if text.startswith("torchvision ")}
    assert len(versions) == 1
    old = {**one(comparison, "resnet50").published, "params_counted_by": "torchvision 0.1"}
    assert versions.pop() in counted_by(one(comparison, "resnet50").model_copy(update={"published": old}))


def test_published_counts_are_those_of_the_named_version() -> None:
    """Skipped where another version is installed than the one that the facts name."""
    models = pytest.importorskip("torchvision.models")
    for name, row in facts.architectures().items():
        if not row["params_counted_by"].startswith("torchvision "):
            continue
        if row["params_counted_by"].split()[1] != importlib.metadata.version("torchvision"):
            pytest.skip("another version of torchvision is installed")
        assert models.get_model_weights(name).IMAGENET1K_V1.meta["num_params"] == int(row["params_counted"]), name


def test_the_summary_shows_a_papers_own_figure_with_a_sign(comparison: Comparison) -> None:
    """Without weights; the value in files stays that of weights, which these networks do not have."""
    table = overview.make(comparison, ENGLISH)
    at = [column.key for column in table.columns].index("imagenet_top1")
    cells = {row[0].text: row[at] for row in table.rows}
    assert (cells["se_resnext50_32x4d"].text, cells["se_resnext50_32x4d"].value) == ("78.9*", None)
    assert cells["inception_v2"].text.endswith("*‡§")
    assert "*" not in cells["resnet50"].text
    assert any("the paper's own figure" in note for note in table.notes)
    weights = compare([record for record in comparison.records if record.value("imagenet_top1")])
    assert not any("the paper's own figure" in note for note in overview.make(weights, ENGLISH).notes)
