"""Marks of published accuracies of another network or protocol, and gains over a paper's own baseline."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import replace

import mode_samples
import pytest
import samples

from reporter import facts
from reporter.charts import accuracy_by_year, accuracy_vs_cost, timeline
from reporter.model import Reading, Record
from reporter.report.choosing.choice import choice
from reporter.report.comparison import Comparison, compare
from reporter.report.findings.pair_sentences import against
from reporter.report.language import language
from reporter.report.published.accuracy_marks import NETWORK, PROTOCOL, SIZE, footnotes, legend, special
from reporter.report.published.published_figures import counted_by, torchvision_versions
from reporter.report.slide_table import slide_table
from reporter.tables import measured_vs_published, mode_table, overview, published_accuracy

ENGLISH = language("en")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(samples.lecture())


def one(comparison: Comparison, name: str) -> Record:
    record = comparison.network(name)
    assert record is not None
    return record


def without(record: Record, *keys: str) -> Record:
    return record.model_copy(update={"readings": {k: each for k, each in record.readings.items() if k not in keys}})


def with_figures(record: Record, macs: float = 0, **figures: object) -> Record:
    """A record with other counted MACs and published figures, and no published accuracy of weights."""
    kept = {key: each for key, each in record.readings.items() if not key.startswith("imagenet")}
    kept["macs"] = samples.reading("macs", macs or record.value("macs"))
    return record.model_copy(update={"readings": kept, "published": {**record.published, **figures}})


def evaluated_at(record: Record, size: int) -> dict[str, Reading]:
    """The readings with an accuracy that was taken with images of this size."""
    return record.readings | {"imagenet_top1": samples.reading("imagenet_top1", 0.76, test_size=size)}


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
        assert chart.remark
        for tongue in (ENGLISH, language("ru")):
            signs = {sign for sign in (NETWORK, PROTOCOL, SIZE) if sign in chart.remark(comparison, tongue)}
            assert signs == {NETWORK, PROTOCOL}, "those that occur"
            assert not any(sign in tongue._(chart.caption) for sign in (NETWORK, PROTOCOL, SIZE))
    sized = one(comparison, "resnet50").model_copy(update={"readings": evaluated_at(one(comparison, "resnet50"), 176)})
    assert legend(compare([sized]), ENGLISH) == "¶: taken at another image size than the architecture was measured at."
    assert legend(compare([one(comparison, "resnet50")]), ENGLISH) == ""


@pytest.mark.parametrize("own", [True, False])
def test_legends_explain_the_signs_that_occur(comparison: Comparison, own: bool) -> None:
    """Hollow bubbles and * of a paper's own figure, with SE-ResNet-50 and without it."""
    some = [one(comparison, name) for name in ("resnet18", "resnet50", "se_resnet50")[: 3 if own else 2]]
    found = compare(some)
    for chart in (*accuracy_vs_cost.ENTRIES[:3], *accuracy_by_year.ENTRIES):
        assert chart.remark
        spec = chart.draw(found, ENGLISH)
        assert spec
        assert ("'hollow': True" in str(spec)) == own == ("Hollow bubbles: " in chart.remark(found, ENGLISH))
        assert "Hollow" not in chart.caption
    chosen = choice(found, ENGLISH)
    assert chosen
    tables = mode_table.make(compare(mode_samples.with_modes(some)), ENGLISH), slide_table(found, ENGLISH), chosen.table
    for table in tables:
        assert table
        at = [column.key for column in table.columns].index("imagenet_top1")
        assert any("*" in row[at].text for row in table.rows) == own == ("*:" in " ".join(table.notes)), table.name
    assert any(note.startswith("†: accuracy measured in fp32") for note in tables[0].notes)  # type: ignore[union-attr]


def test_the_filter_explains_memory_and_figures_of_papers_only_if_it_has_them(comparison: Comparison) -> None:
    unrated = without(one(comparison, "resnet18"), "imagenet_top1", "imagenet_top5")
    some = [unrated.model_copy(update={"published": {}}), one(comparison, "resnet50")]
    for records, memory in ((some, True), ([without(each, "weights_bytes") for each in some], False)):
        made = choice(compare(records), ENGLISH)
        assert made
        notes = " ".join(made.table.notes)
        assert ("memory" in [column.key for column in made.table.columns]) == memory == ("Tensor memory = " in notes)
        assert "Sorted by published single-crop top-1 of the weights; architectures without one are last." in notes


@pytest.mark.parametrize("language_code", ["en", "ru"])
def test_protocols_of_earlier_records_have_the_present_spelling(comparison: Comparison, language_code: str) -> None:
    vgg = one(comparison, "vgg16")
    present = str(vgg.published["paper_protocol"])
    earlier = {**vgg.published, "paper_protocol": present.replace("at one test", "at ONE test")}
    assert earlier != vgg.published
    records = vgg, vgg.model_copy(update={"published": earlier})
    made = [published_accuracy.make(compare([record]), language(language_code)) for record in records]
    assert made[0]
    assert made[0] == made[1]
    assert not re.search("ONE|ОДНОМ", str(made))


def test_tables_mark_the_accuracy(comparison: Comparison) -> None:
    chosen = choice(comparison, ENGLISH)
    assert chosen
    for table in (chosen.table, published_accuracy.make(comparison, ENGLISH), overview.make(comparison, ENGLISH)):
        assert table
        rows = {row[0].text: [cell.text for cell in row] for row in table.rows}
        assert any(text.endswith("§") for text in rows["inception_v3"])
        assert not any(text.endswith(("§", "‡")) for text in rows["resnet50"])
        assert any(note.startswith("§") for note in table.notes)


def test_the_accuracies_of_papers_are_beside_those_of_weights(comparison: Comparison) -> None:
    """100 % minus the error of the facts, with its digits; a single view that is not one crop of 224 pixels has §."""
    table = published_accuracy.make(comparison, ENGLISH)
    assert table
    keys = [column.key for column in table.columns]
    assert not [column.title for column in table.columns if "error" in column.title]
    rows = {str(row[0].value): row for row in table.rows}
    seen = 0
    for name, row in rows.items():
        for key in (key for key in keys if key.startswith("paper_1")):
            error, cell = facts.published(name).get(f"{key}_err"), row[keys.index(key)]
            if isinstance(error, int | float):
                assert isinstance(cell.value, float)
                assert abs(cell.value + error - 100) < 1e-9
                stated = str(one(comparison, name).published[f"{key}_err"])
                assert len(cell.text.rstrip("‡§").partition(".")[2]) == len(stated.partition(".")[2]), (name, key)
                seen += 1
    assert seen > 20
    shown = {name: row[keys.index("paper_1crop_top1")].text for name, row in rows.items()}
    assert {name: shown[name] for name in ("vgg16", "vgg19", "inception_v3", "resnet50", "se_resnet50", "alexnet")} == {
        "vgg16": "74.4§", "vgg19": "74.5§", "inception_v3": "78.8§", "resnet50": "75.3", "se_resnet50": "76.71‡",
        "alexnet": "–",
    }  # fmt: skip
    (note,) = (note for note in table.notes if note.startswith("§"))
    assert "VGG-16 (dense evaluation); VGG-19 (dense evaluation)" in note
    for figure in ("nan", "-3", "120", "1e999999", "many"):
        published = {**one(comparison, "resnet50").published, "paper_10crop_top1_err": figure}
        record = one(comparison, "resnet50").model_copy(update={"published": published})
        made = published_accuracy.make(compare([record]), ENGLISH)
        assert made
        cell = made.rows[0][[column.key for column in made.columns].index("paper_10crop_top1")]
        assert (cell.text, cell.value) == (figure, None)


def test_the_accuracies_of_papers_have_their_digits_in_records_too() -> None:
    """Records have the figures as numbers: 21.1 for an error of 21.10 %."""
    lecture = samples.lecture()
    measured = [each.model_copy(update={"published": facts.published(each.architecture)}) for each in lecture]
    found, expected = (published_accuracy.make(compare(records), ENGLISH) for records in (measured, lecture))
    assert found
    assert found == expected
    assert "78.90" in str(found.rows)


def test_the_note_on_recipes_has_the_figures_of_the_tables(comparison: Comparison) -> None:
    """Those of torchvision's two weights of one architecture."""
    models = pytest.importorskip("torchvision.models")
    table = published_accuracy.make(comparison, ENGLISH)
    assert table
    (note,) = (note for note in table.notes if "recipe" in note)
    both = models.get_model_weights("resnet50")
    tops = [both[name].meta["_metrics"]["ImageNet-1K"]["acc@1"] for name in ("IMAGENET1K_V1", "IMAGENET1K_V2")]
    assert re.findall(r"([\d.]+) %", note) == [f"{top:.1f}" for top in tops] == ["76.1", "80.9"]
    at = [column.key for column in table.columns].index("imagenet_top1")
    assert {row[0].text: row[at].text for row in table.rows}["resnet50"] == "76.1"


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
    assert versions == {"0.29.2"}, "the one that they were collected with"
    old = {**one(comparison, "resnet50").published, "params_counted_by": "torchvision 0.1"}
    record = one(comparison, "resnet50").model_copy(update={"published": old})
    assert torchvision_versions([record]) == list(versions)
    assert counted_by(record) == "torchvision"


def test_published_counts_that_the_installed_version_changes_are_shown(comparison: Comparison) -> None:
    """None does in the version that the facts name; of another installed one the table shows which."""
    models = pytest.importorskip("torchvision.models")
    here = importlib.metadata.version("torchvision").partition("+")[0]
    listed = {name: row for name, row in facts.architectures().items() if row["params_counted_by"].startswith("torchv")}
    counts = {name: models.get_model_weights(name).IMAGENET1K_V1.meta["num_params"] for name in listed}
    changed = {name for name, row in listed.items() if counts[name] != int(row["params_counted"])}
    assert not changed or torchvision_versions(comparison.networks) != [here]
    records = [each for each in comparison.networks if each.architecture in counts]
    counts["vgg19"] += 1  # 7e-7 % more
    kept = [_counting(record, counts[record.architecture], here) for record in records]
    table = measured_vs_published.make(compare(kept), ENGLISH)
    assert table
    at = [column.key for column in table.columns].index("parameters_difference")
    shown = {str(row[0].value) for row in table.rows if row[at].text != "0"}
    assert shown == {record.architecture for record in records} & (changed | {"vgg19"})
    assert {row[0].value: row[at].text for row in table.rows}["vgg19"] == "+0.0000007" or "vgg19" in changed
    note = next(note for note in table.notes if "states for its weights" in note)
    assert (f"Measured with torchvision {here}" in note) == (torchvision_versions(records) != [here])


def _counting(record: Record, count: int, version: str) -> Record:
    """A record with this number of parameters, heads included, measured with this version of torchvision."""
    readings = {**record.readings, "parameters": samples.reading("parameters", count)}
    readings.pop("parameters_auxiliary", None)
    return record.model_copy(update={"readings": readings, "environment": {"torchvision": version}})


def test_published_counts_of_another_version_are_named(comparison: Comparison) -> None:
    records = [_counting(one(comparison, "resnet18"), 11_689_512, "0.99.0")]
    table = measured_vs_published.make(compare(records), ENGLISH)
    assert table
    assert any(
        note.endswith("Measured with torchvision 0.99.0; a count that differs there is shown as a difference.")
        for note in table.notes
    )


def test_counts_and_macs_of_another_source_are_named(comparison: Comparison) -> None:
    """Counts that are not torchvision's, and MACs that another paper than the architecture's own states."""
    table = measured_vs_published.make(comparison, ENGLISH)
    assert table
    at = [column.key for column in table.columns].index("source")
    assert {row[at].text for row in table.rows} > {"torchvision", "timm seresnet50"}
    assert any(note.endswith("except where the last column names another source.") for note in table.notes)
    papers = "MACs from another paper: ResNet paper (VGG-16, VGG-19); SE paper (VGG-16 BN); Rethinking (BN-Inception)."
    assert papers in table.notes
    alone = measured_vs_published.make(compare([one(comparison, "resnet50")]), ENGLISH)
    assert alone
    assert not any("last column" in note or "another paper" in note or "¹" in note for note in alone.notes)
    assert any("states for its weights." in note for note in alone.notes)


def test_macs_within_the_rounding_of_the_published_figure_do_not_differ(comparison: Comparison) -> None:
    """Published MACs have three decimals of a billion: 0.714 for 714,188,480."""
    shown = {}
    for macs in (714_188_480, 714_600_000):
        record = one(comparison, "alexnet")
        readings = {**record.readings, "macs": samples.reading("macs", macs)}
        table = measured_vs_published.make(compare([record.model_copy(update={"readings": readings})]), ENGLISH)
        assert table
        shown[macs] = table.rows[0][[column.key for column in table.columns].index("macs_difference")].text
    assert shown == {714_188_480: "0", 714_600_000: "+0.08"}


def test_the_summary_shows_a_papers_own_figure_with_a_sign(comparison: Comparison) -> None:
    """Without weights; the value in files stays that of weights, which these networks do not have."""
    table = overview.make(comparison, ENGLISH)
    at = [column.key for column in table.columns].index("imagenet_top1")
    cells = {row[0].text: row[at] for row in table.rows}
    assert (cells["se_resnext50_32x4d"].text, cells["se_resnext50_32x4d"].value) == ("78.9*", None)
    assert cells["se_resnext50_32x4d"].order == pytest.approx(0.789)
    assert cells["resnet50"].order is None, "its value is"
    assert cells["inception_v2"].text.endswith("*‡§")
    assert "*" not in cells["resnet50"].text
    assert any("the paper's own figure" in note for note in table.notes)
    weights = compare([record for record in comparison.records if record.value("imagenet_top1")])
    assert not any("the paper's own figure" in note for note in overview.make(weights, ENGLISH).notes)
