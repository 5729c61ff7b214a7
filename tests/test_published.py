"""Published accuracy: looked up in every run, compared only where the whole table has it, rounded alike everywhere."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
import samples
from commands import run

from reporter.cli import choosing
from reporter.model import GROUPS, Chart, Reading, Record
from reporter.registry.catalog import collect
from reporter.report import build, units
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts
from reporter.report.drawing.drawn_charts import Pictures
from reporter.report.findings.key_findings import findings
from reporter.report.language import language
from reporter.report.published.accuracy_marks import hollow as hollow_bubbles
from reporter.report.table import Table
from reporter.run.preparation import choose_metrics
from reporter.store import record_files
from reporter.tables import overview

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
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    found = {record["architecture"]: record["readings"] for record in summary["records"]}
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
    have = "has" if known == 1 else "have"
    assert not marks(table)
    assert any(f"torchvision publishes weights for only {known} of {everyone}." in note for note in table.notes)
    assert not any("Pareto: ◆" in note for note in table.notes)
    assert not any("Pareto fronts elsewhere" in note for note in table.notes)
    best = [cell for row in table.rows for cell, column in zip(row, table.columns, strict=True)
            if column.key == "imagenet_top1" and cell.best]  # fmt: skip
    assert not best
    assert "the most accurate (" not in " ".join(findings(comparison, ENGLISH))
    drawn = json.dumps(CHARTS["accuracy_macs"].draw(comparison, ENGLISH))
    assert ("step-after" not in drawn) or known < 2
    assert (
        drawn == "null" or f"No Pareto front: {known} of {everyone} architectures {have} a published accuracy" in drawn
    )


def test_a_network_without_the_cost_takes_its_mark_from_all() -> None:
    assert not any(
        "◇" in mark for mark in marks(overview.make(lacking(["vgg16"], "latency_cpu_1thread"), ENGLISH)).values()
    )
    assert not any("◆" in mark for mark in marks(overview.make(lacking(["vgg16"], "macs"), ENGLISH)).values())
    count = len(WITH_WEIGHTS)
    for key, cost in (("latency_cpu_1thread", "time (one CPU thread)"), ("macs", "MACs")):
        note = f"No Pareto marks by {cost}: {count - 1} of {count} architectures have it."
        assert note in overview.make(lacking(["vgg16"], key), ENGLISH).notes
    assert not any("No Pareto" in note for note in overview.make(lacking(()), ENGLISH).notes)


def of_papers_only(looked_up: bool) -> Comparison:
    """Networks whose accuracy only their papers state; `looked_up`: their records say that no weights are published."""
    records = [samples.record(row) for row in samples.ROWS if row[0] in ("se_resnet50", "se_resnet101")]
    assert len(records) == 2
    why = {"status": "unsupported", "reason": "torchvision publishes no ImageNet weights of this network"}
    found = {"imagenet_top1": samples.reading("imagenet_top1", **why)} if looked_up else {}
    return compare([each.model_copy(update={"readings": each.readings | found}) for each in records])


@pytest.mark.parametrize("code", ["en", "ru"])
def test_networks_with_the_figures_of_papers_only_lack_a_front_for_want_of_weights(code: str) -> None:
    titles = {
        "en": "No Pareto front: no architecture has the accuracy of published weights",
        "ru": "Без фронта Парето: ни у одной сети нет точности опубликованных весов",
    }
    for name in ("accuracy_macs", "accuracy_latency"):
        spec = CHARTS[name].draw(of_papers_only(True), language(code))
        assert spec
        assert spec["title"] == titles[code]


@pytest.mark.parametrize("looked_up", [True, False])
def test_the_summary_table_has_the_figures_of_papers_alone_with_their_notes(looked_up: bool) -> None:
    table = overview.make(of_papers_only(looked_up), ENGLISH)
    keys = [column.key for column in table.columns]
    assert ("imagenet_top1" in keys) == looked_up
    noted = [note for note in table.notes if note.startswith(("ImageNet top-1 with *", "‡"))]
    assert len(noted) == (2 if looked_up else 0)
    if looked_up:
        shown = {row[0].text: row[keys.index("imagenet_top1")] for row in table.rows}
        assert {name: cell.text for name, cell in shown.items()} == {"se_resnet50": "76.7*‡", "se_resnet101": "77.6*‡"}
        assert {cell.value for cell in shown.values()} == {None}, "files have the accuracy of weights only"


def test_a_front_is_of_one_protocol() -> None:
    """The lecture has five networks with a paper's figure only: none of them is on a front, the table has no marks."""
    comparison = compare(samples.lecture())
    assert not marks(overview.make(comparison, ENGLISH))
    chart = CHARTS["accuracy_macs"].draw(comparison, ENGLISH)
    assert chart["title"] == "Pareto front of 13 of 18 architectures (filled bubbles)"
    (line,) = [layer for layer in chart["layer"] if layer["mark"].get("interpolate") == "step-after"]
    assert {row["name"] for row in line["data"]["values"]} <= {row[0] for row in WITH_WEIGHTS}
    notes = overview.make(comparison, ENGLISH).notes
    assert "Pareto fronts elsewhere in this report are of those 13 only." in notes


def test_only_torchvision_is_said_to_publish_no_weights() -> None:
    """Weights of two of the five are in timm; with networks of timm, and at other sizes, the sentence is another."""
    comparison = compare(samples.lecture())
    clause = "torchvision publishes weights for only 13 of 18."
    assert f"The most accurate architecture for its cost is not determined, because {clause}" in sentences(comparison)
    assert f"No Pareto marks and no most accurate architecture: {clause}" in overview.make(comparison, ENGLISH).notes
    for update in ({"architecture": "timm:resnet50"}, {"own_input_size": 299}):
        other = compare([comparison.records[0].model_copy(update=update), *comparison.records[1:]])
        text = " ".join((sentences(other), *overview.make(other, ENGLISH).notes))
        assert text.count("the accuracy of the named weights is known for only 13 of 18.") == 2
        assert "torchvision publishes" not in text
    hollow = hollow_bubbles(comparison.networks, ENGLISH)
    assert hollow
    assert "is published" not in hollow, "others may publish weights"


@pytest.mark.parametrize(("factor", "stated"), [(1.5, True), (1.05, False)])
def test_a_group_with_the_same_macs_whose_times_differ_is_named(factor: float, stated: bool) -> None:
    """The rank correlation over all hides it: it follows the few that are ten times as large."""
    text = sentences(in_a_group(factor))
    found = "But of 5 with 4.00 G to 4.20 G MACs, vgg16 takes 1.5 times as long as alexnet." in text
    assert found == stated


@pytest.mark.parametrize(
    ("factor", "times"), [(1.5, "в 1,5 раза"), (5, "в 5,0 раза"), (11, "в 11 раз"), (22, "в 22 раза")]
)
def test_a_group_with_the_same_macs_has_the_plural_of_its_ratio(factor: float, times: str) -> None:
    text = " ".join(findings(in_a_group(factor), language("ru"))).replace("\u00a0", " ")
    assert f"vgg16 работает дольше, чем alexnet, {times}." in text


def in_a_group(factor: float) -> Comparison:
    """Networks of which five have the same MACs, and some of these take this many times as long."""
    records = []
    for number, row in enumerate(samples.ROWS[:8]):
        macs, time = (
            (4.0e9 + 0.05e9 * number, 50.0 * factor ** (number % 2)) if number < 5 else (8.0e9 * number, 90.0 * number)
        )
        records.append(samples.record((*row[:5], int(macs), row[6], time, *row[8:])))
    return compare(records)


def test_captions_define_the_front_by_its_cost() -> None:
    """In time, a network is not on it if a more accurate one is as fast within noise (`Comparison.unmatched`)."""
    whole = compare(samples.lecture())
    for name, end in (
        ("accuracy_macs", "than which none is more accurate for as few MACs."),
        ("accuracy_latency", "in a time that is as short or that this run does not distinguish."),
    ):
        assert end in captions(whole)[name]


def test_captions_define_no_front_where_none_is_drawn() -> None:
    """The title of the chart states why."""
    comparison = lacking(["vgg16"])
    assert "No Pareto front" in json.dumps(CHARTS["accuracy_macs"].draw(comparison, ENGLISH))
    assert not [name for name, caption in captions(comparison).items() if "front" in caption]


def captions(comparison: Comparison) -> dict[str, str]:
    """The captions of charts of accuracy over a cost."""
    charts = [CHARTS[name] for name in ("accuracy_macs", "accuracy_latency")]
    found = (drawn_charts._sketch(chart, comparison, ENGLISH) for chart in charts)
    return {sketch.chart.name: sketch.caption for sketch in found if sketch}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ("resnext50_32x4d", "densenet201"),
            "resnext50_32x4d is the most accurate (77.6 % ImageNet top-1), and no other one within one point of it "
            "needs fewer MACs: 4.23 G.",
        ),
        (("resnet101", "inception_v3"), "within one point of the best, inception_v3 needs the fewest MACs: 77.3 %"),
    ],
)
def test_the_finding_on_accuracy_names_the_cost(names: tuple[str, ...], expected: str) -> None:
    """Fewer MACs are not less time: a faster network may be within one point, as in results/reference-backbones."""
    comparison = compare([samples.record(row) for row in WITH_WEIGHTS if row[0] in names])
    assert expected in sentences(comparison)
    assert "cheap" not in sentences(comparison)


def test_what_a_picture_leaves_out_counts() -> None:
    from reporter.report.drawing.thinning import chosen

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


def sentences(comparison: Comparison) -> str:
    return " ".join(findings(comparison, ENGLISH)).replace("\u00a0", " ")


def test_a_leader_that_the_images_resolve_is_named() -> None:
    comparison = tuned(0.9, 0.5, 0.4)
    assert "alexnet classifies 90.0 % of the held-out images correctly, the highest share" in sentences(comparison)
    best = [record.architecture for record in comparison.records if comparison.is_best(record, "finetune_top1")]
    assert best == ["alexnet"]


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
    assert "the highest share" not in sentences(comparison)
    assert not [record for record in comparison.records if comparison.is_best(record, "finetune_top1")]


def test_leaders_that_are_not_distinguished_are_named_with_the_data_set() -> None:
    few, many = tuned(0.9, 0.88, 0.2), tuned(*(0.9,) * 5)
    opening = "After 24 steps of training from scratch on digits, "
    assert f"{opening}alexnet and vgg16 have the highest accuracy on held-out images, up to 90.0 %" in sentences(few)
    assert f"{opening}5 of 5 architectures are not distinguished from the highest accuracy on" in sentences(many)
    russian = " ".join(findings(few, language("ru"))).replace("\u00a0", " ")
    assert "После 24 шагов обучения с нуля на digits наивысшая точность" in russian
    assert "у alexnet и vgg16" in russian


@pytest.mark.parametrize(
    "comparison", [tuned(0.267, 0.1, steps=3, images=30, preset="quick"), tuned(0.9, 0.1, steps=3)]
)
def test_a_fine_tuning_that_hardly_began_is_no_finding(comparison: Comparison) -> None:
    assert "held-out" not in sentences(comparison)
    assert "guessing" not in sentences(comparison)


HALVES = {
    "alexnet": 0.7795,
    "resnet18": 0.7765,
    "resnet50": 0.8255,
    "vgg16": 0.56522,
    "vgg19": 0.6005,
    "googlenet": 0.7,
}
"""Shares that binary arithmetic rounds one way as a fraction and another way in percent, and a whole one."""


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered folder of networks with these published accuracies, with one chart."""
    folder = tmp_path_factory.mktemp("halves")
    for row in samples.ROWS:
        if row[0] in HALVES:
            record = samples.record(row)
            top1 = record.readings["imagenet_top1"].model_copy(update={"samples": (HALVES[row[0]],)})
            record_files.save(
                folder, record.model_copy(update={"readings": {**record.readings, "imagenet_top1": top1}})
            )
    chart = [CHARTS["accuracy_macs"]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "Pictures", lambda made, tongue, _, convert: Pictures(made, tongue, chart, convert))
        build.write(folder, ["en"])
    return folder


def rounded(share: float) -> str:
    return str((100 * Decimal(repr(share))).quantize(Decimal("0.1"), ROUND_HALF_UP))


def in_html(text: str) -> Iterator[tuple[str, str]]:
    for table in re.findall(r"<table data-name[^>]*>(.*?)</table>", text, re.DOTALL):
        heads = re.findall(r'<th scope="col" data-key="(\w+)"', table)
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL):
            cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
            if "imagenet_top1" in heads and cells[0] in HALVES:
                yield cells[0], cells[heads.index("imagenet_top1")]


def in_rows(text: str, separator: str, title: str) -> Iterator[tuple[str, str]]:
    """The cells of the column with that title in Markdown or LaTeX tables."""
    at = None
    for line in text.splitlines():
        cells = [re.sub(r"^\\bfseries |[{}*`\\]", "", cell.strip()) for cell in line.strip("| ").split(separator)]
        if any(cell.startswith(title) for cell in cells) and len(cells) > 3:
            at = next(rank for rank, cell in enumerate(cells) if cell.startswith(title))
        elif cells[0] in HALVES and at is not None and len(cells) > at:
            yield cells[0], cells[at].strip()
        elif len(cells) < 3 and not line.startswith("\\midrule"):
            at = None


def test_a_published_accuracy_is_rounded_alike_everywhere(halves: Path) -> None:
    """The page, Markdown, LaTeX, the text of `choose` and the tooltips of charts; CSV and JSON have it in full."""
    title = "ImageNet top-1, published"
    lines = choosing.in_words(choosing.chosen(halves, {})).splitlines()
    seen = {
        "html": list(in_html((halves / "report.html").read_text(encoding="utf-8"))),
        "markdown": list(in_rows((halves / "report.md").read_text(encoding="utf-8"), " | ", title)),
        "choose": [(parts[1], parts[2]) for line in lines if len(parts := line.split()) > 2 and parts[1] in HALVES],
        "chart": re.findall(
            r"<title>(\w+) · ImageNet top-1: ([\d.]+) %", (halves / "figures/accuracy_macs.svg").read_text("utf-8")
        ),
    }
    for table in ("overview", "accuracy", "choosing"):
        text = (halves / f"tables/{table}.tex").read_text(encoding="utf-8")
        seen[f"{table}.tex"] = list(in_rows(text.replace(r" \\", ""), " & ", title))
    wanted = {(name, rounded(share)) for name, share in HALVES.items()}
    assert rounded(HALVES["alexnet"]) == "78.0"
    for place, cells in seen.items():
        assert set(cells) == wanted, place
    with (halves / "tables/overview.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["architecture"]: float(row["imagenet_top1"]) for row in csv.DictReader(file)} == HALVES
    found = choosing.chosen(halves, {})["fits"]
    assert {row["architecture"]: row["imagenet_top1"] for row in found} == HALVES


def test_a_share_is_rounded_in_decimal() -> None:
    for share in (value / 2000 for value in range(1, 1999, 37)):
        assert units.share(ENGLISH, share) == rounded(share)
        assert units.text(ENGLISH, share, units.PERCENT) == rounded(share)


@pytest.mark.parametrize(
    ("samples_", "printed"),
    [
        ((1.6481,), "≈ 1.6 s"),
        ((0.107123, 0.1072, 0.107), "≈ 110 ms"),
        ((0.0964, 0.0963), "≈ 96 ms"),
        (samples.times(0.0181, 0.01), "18.1 ms"),
    ],
)
def test_a_time_without_interval_has_two_digits_and_a_mark(samples_: tuple[float, ...], printed: str) -> None:
    reading = samples.reading("latency_cpu", *samples_)
    assert units.stated(ENGLISH, reading) == printed
    scale = units.scale(reading.quantity, [reading.value])
    assert units.figure(ENGLISH, reading, scale).startswith(printed.removeprefix("≈ ").split()[0])
    assert units.figure(ENGLISH, reading, scale).endswith("≈") == printed.startswith("≈")
    assert units.figure(ENGLISH, samples.reading("latency_cpu", 1.6481), units.SECONDS[1]) == "1,600 ≈"


def test_a_mark_of_time_needs_a_time_that_is_distinguished() -> None:
    """A network that is as fast as a more accurate one, as far as the run resolves it, is not marked as faster."""

    def marked(faster: float) -> str:
        rows = {row[0]: samples.record(row) for row in samples.ROWS}
        times = {"alexnet": samples.times(0.05 * faster), "resnet50": samples.times(0.05)}
        key = "latency_cpu_1thread"
        readings = {name: rows[name].readings | {key: samples.reading(key, *taken)} for name, taken in times.items()}
        records = [rows[name].model_copy(update={"readings": found}) for name, found in readings.items()]
        return marks(overview.make(compare(records), ENGLISH))["alexnet"]

    assert marked(0.5) == "◆◇"
    assert marked(0.995) == "◆"
