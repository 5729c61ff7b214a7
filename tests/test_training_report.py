"""Training in reports: names by initial weights, intervals, ranks as ranges, chance, and comparable curves."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
import samples

from reporter.charts import bars, curves
from reporter.compare.held_out import with_share_intervals
from reporter.metrics import finetune
from reporter.model import Record
from reporter.model.fields import AS_SET
from reporter.report.cards.provenance import origin
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing.drawn_charts import draw
from reporter.report.findings.key_findings import findings
from reporter.report.language import language
from reporter.report.output.csv_tables import to_csv
from reporter.report.sections import chapters
from reporter.report.table import Table
from reporter.report.training import training_recipes
from reporter.report.training.training_names import start
from reporter.tables import groups, overview

ENGLISH = language("en")
SHARES = {
    "resnet18": (0.82, 0.85),
    "densenet121": (0.74, 0.76),
    "resnet50": (0.41, 0.46),
    "resnet101": (0.30, 0.37),
    "vgg16": (0.08,),
}


def trained(weights: str = "random", steps: int = 10, images: int = 240, **detail: Any) -> Comparison:
    """Records of five networks, two seeds each, one of a network that stays at chance."""
    records = []
    for record in samples.lecture():
        if record.architecture not in SHARES:
            continue
        before = record.readings["finetune_top1"]
        recipe = {**before.detail["recipe"], "steps": steps, "first_seed": 3, "seed": 3}
        shares = SHARES[record.architecture]
        left_out = {"seeds_left_out": 1} if len(shares) == 1 else {}
        more = {"recipe": recipe, "weights": weights, "test_images": images, "train_images": 1557, "classes": 10}
        update = {"samples": shares, "detail": {**before.detail, **more, **left_out, **detail}}
        reading = before.model_copy(update=update)
        records.append(record.model_copy(update={"readings": {**record.readings, "finetune_top1": reading}}))
    return compare(records)


@pytest.mark.parametrize(("pool", "is_wider"), [(240, True), (1797, True), (100, False), ("many", False)])
def test_the_interval_includes_the_images_that_all_seeds_draw_from(pool: object, is_wider: bool) -> None:
    """A pool of fewer images than a seed has, or no number, is an error of the record, which has no effect."""

    def intervals(**detail: object) -> list[tuple[float, float] | None]:
        found = (record.readings["finetune_top1"] for record in trained(**detail).records)
        return [each.interval for each in found if len(each.samples) > 1]

    before, after = intervals(), intervals(held_out_pool=pool)
    assert (before != after) == is_wider
    for one, other in zip(before, after, strict=True):
        assert one
        assert other
        assert other[0] <= one[0]
        assert one[1] <= other[1]


def table(comparison: Comparison) -> Table:
    made = groups.group("finetune")(comparison, ENGLISH)
    assert made is not None
    return made


def column(made: Table, key: str) -> dict[str, str]:
    place = [each.key for each in made.columns].index(key)
    return {row[0].text: row[place].text for row in made.rows}


@pytest.mark.parametrize(
    ("weights", "name", "other"),
    [("random", "raining from scratch", "ine-tun"), ("IMAGENET1K_V1", "ine-tuning", "from scratch")],
)
def test_titles_name_what_was_done(weights: str, name: str, other: str) -> None:
    """Fine-tuning starts from pretrained weights, in every title and in the provenance of a row."""
    comparison = trained(weights)
    chart = next(each for each in bars.ENTRIES if each.name == "finetune")
    (picture,) = draw(comparison, ENGLISH, [chart])
    words = [
        comparison.quantities["finetune_top1"].title,
        comparison.quantities["finetune_seconds"].title,
        picture.figure.title,
        table(comparison).title,
        overview.weights_note(comparison, ENGLISH).replace("fine-tuned", "fine-tuning").replace("trained", "training"),
        chapters([], ENGLISH, start(comparison.records)) or name,
        origin(comparison.records[0], ENGLISH).replace("Fine-tuned", "Fine-tuning").replace("Trained", "Training"),
    ]
    for text in words:
        assert name in str(text), text
        assert other not in str(text), text


def test_training_from_weights_of_a_module_instance_has_the_neutral_name() -> None:
    """They may be untrained; so it is where others are fine-tuned."""
    comparison = trained(AS_SET)
    assert comparison.quantities["finetune_top1"].title == "Top-1 after training"
    assert table(comparison).title == "Table: training"
    card = origin(comparison.records[0], ENGLISH)
    assert "Trained on digits, from weights as its code sets them." in card
    others = trained("IMAGENET1K_V1").records[1:]
    assert start([comparison.records[0], *others]) is None
    assert start(others) == "pretrained"


@pytest.mark.parametrize(("weights", "all_random"), [("random", True), ("IMAGENET1K_V1", False), (AS_SET, False)])
def test_the_note_on_intervals_has_the_initial_weights_that_seeds_draw(weights: str, all_random: bool) -> None:
    (note,) = (each for each in table(trained(weights)).notes if each.startswith("Intervals (95 %)"))
    assert ("at most the weights of a new head" in note) != all_random
    assert ("images, the initial weights and the order" in note) == all_random


@pytest.mark.parametrize(("weights", "neutral"), [("random", True), ("IMAGENET1K_V1", False)])
def test_the_mode_scratch_is_training_from_scratch(weights: str, neutral: bool) -> None:
    """In records of earlier versions too, and no two columns have the same title."""
    records = []
    for record in trained(weights).records:
        shares = record.readings["finetune_top1"]
        quantity = shares.quantity.model_copy(update={"key": "scratch_top1", "title": "Top-1 from random weights"})
        more = {"scratch_top1": shares.model_copy(update={"quantity": quantity})}
        records.append(record.model_copy(update={"readings": record.readings | more}))
    quantities = compare(records).quantities
    assert quantities["scratch_top1"].title == "Top-1 after training from scratch"
    other = "Top-1 after training" if neutral else "Top-1 after fine-tuning"
    assert quantities["finetune_top1"].title == other


def test_no_text_on_training_from_scratch_calls_it_fine_tuning() -> None:
    for quantity in finetune.QUANTITIES["scratch"]:
        assert "ine-tun" not in f"{quantity.title} {quantity.definition}"


def test_mixed_weights_have_one_neutral_name_and_no_ranks() -> None:
    first, second, *_ = (trained(weights).records for weights in ("random", "IMAGENET1K_V1"))
    comparison = compare([*first[:2], *second[2:]])
    assert comparison.quantities["finetune_top1"].title == "Top-1 after training"
    assert "rank_finetune_top1" not in [each.key for each in table(comparison).columns]


def test_the_note_on_missing_ranks_names_the_column() -> None:
    """Those of training from scratch have ranks; shares that are too short to be ranked make no column mixed."""
    first, second = (
        with_mode(trained(weights), "scratch_top1", "vgg16").records for weights in ("random", "IMAGENET1K_V1")
    )
    records = [
        record.model_copy(update={"readings": record.readings | {"scratch_top1": other.readings["scratch_top1"]}})
        for record, other in zip([*first[:2], *second[2:]], first, strict=True)
    ]
    made = table(compare(records))
    assert [each.key for each in made.columns if each.key.startswith("rank_")] == ["rank_scratch_top1"]
    (note,) = (each for each in made.notes if each.startswith("No ranks"))
    assert note.startswith("No ranks for Top-1 after training: the architectures differ in initial weights")
    made = table(compare([*trained(images=99).records[:2], *trained("IMAGENET1K_V1").records[2:]]))
    assert "rank_finetune_top1" in [each.key for each in made.columns]
    assert not any(each.startswith("No ranks") for each in made.notes)


def test_the_table_has_the_recipe_the_intervals_and_ranks_as_ranges() -> None:
    made = table(trained())
    assert column(made, "seeds") == dict.fromkeys(SHARES, "3–4") | {"vgg16": "3"}
    assert set(column(made, "train_images").values()) == {"1557"}
    assert set(column(made, "test_images").values()) == {"240"}
    assert set(column(made, "steps").values()) == {"10"}
    ranks = column(made, "rank_finetune_top1")
    assert ranks["vgg16"] == "5"
    assert ranks["resnet50"] == ranks["resnet101"] == "3–4"
    spans = column(made, "interval_finetune_top1")
    assert [name for name, span in spans.items() if "at chance" in span] == ["vgg16"]
    notes = " ".join(made.notes)
    assert "Trained with one seed, because its accuracy is close to that of guessing: vgg16." in notes
    assert "the initial weights" in notes


@pytest.mark.parametrize("other", [{"dataset": "fashion-mnist"}, {"steps": 100}, {"batch_size": 32}, {"protocol": 1}])
def test_networks_of_two_protocols_have_no_ranks_and_no_leader(other: dict[str, Any]) -> None:
    records = []
    for record in trained().records:
        reading = record.readings["finetune_top1"]
        changed = other if record.architecture in ("resnet18", "densenet121") else {}
        settings = {"dataset": "digits", "steps": 10, "batch_size": 16, "protocol": 2, **changed}
        moved = reading.model_copy(update={"settings": settings})
        records.append(record.model_copy(update={"readings": {**record.readings, "finetune_top1": moved}}))
    made, comparison = table(compare(records)), compare(records)
    assert "rank_finetune_top1" not in [each.key for each in made.columns]
    assert any("No ranks" in note for note in made.notes)
    assert "highest accuracy" not in " ".join(findings(comparison, ENGLISH))
    assert not any(comparison.is_best(record, "finetune_top1") for record in comparison.records)


def test_the_caption_of_a_chart_with_two_protocols_does_not_call_them_the_same() -> None:
    mixed = compare([*trained().records[:2], *trained(steps=100).records[2:]])
    chart = next(chart for chart in bars.ENTRIES if chart.name == "finetune")
    assert chart.remark is not None
    for tongue, steps, same in (
        (ENGLISH, "Steps: 100 (3 architectures), 10 (2);", "the same"),
        (language("ru"), "Шаги: 100 (3 сети), 10 (2);", "одинаков"),
    ):
        text = f"{tongue._(chart.caption)} {chart.remark(mixed, tongue)}"
        assert steps in text
        assert same not in text


def test_two_checkpoints_of_the_user_are_ranked_but_not_with_published_weights() -> None:
    """The weights of a record have the name of the file."""
    first, second = (trained(f"own checkpoint {name}.pth, SHA-256 0…").records for name in "ab")
    other = trained("IMAGENET1K_V1").records
    assert "rank_finetune_top1" in [each.key for each in table(compare([*first[:2], *second[2:]])).columns]
    assert "rank_finetune_top1" not in [each.key for each in table(compare([*first[:2], *other[2:]])).columns]


def test_the_summary_table_has_the_interval_and_marks_chance() -> None:
    made = overview.make(trained(), ENGLISH)
    spans = column(made, "interval_finetune_top1")
    assert [name for name, span in spans.items() if "at chance" in span] == ["vgg16"]
    assert all(
        "too short to rank" in span
        for span in column(overview.make(trained(steps=3), ENGLISH), "interval_finetune_top1").values()
    )
    (heading,) = [each for each in made.columns if each.key == "interval_finetune_top1"]
    assert (heading.title, heading.group) == ("95 % interval: Top-1 after training from scratch, %", "Accuracy")


def test_the_file_of_the_summary_table_has_bounds_as_numbers_and_the_remark_alone() -> None:
    """Text with a dash would bring a byte-order mark before the name of the first column."""
    written = to_csv(overview.make(trained(), ENGLISH))
    assert written.startswith("architecture,")
    rows = {row["architecture"]: row for row in csv.DictReader(StringIO(written))}
    assert float(rows["vgg16"]["finetune_top1_low"]) < 0.1 < float(rows["vgg16"]["finetune_top1_high"])
    assert {name for name, row in rows.items() if row["interval_finetune_top1"] == "at chance"} == {"vgg16"}
    assert {row["interval_finetune_top1"] for row in rows.values()} == {"at chance", ""}


def test_the_interval_of_a_cell_is_that_of_seeds_and_images() -> None:
    """Student's t of two seeds alone would be from -1 to 2."""
    comparison = trained()
    readings = {record.architecture: record.readings["finetune_top1"] for record in comparison.records}
    for name, reading in readings.items():
        low, high = reading.interval or (0.0, 0.0)
        assert 0 <= low < min(SHARES[name])
        assert max(SHARES[name]) < high <= 1
        assert high - low < 0.35


def test_a_training_that_resolves_nothing_is_marked() -> None:
    """By hand with --steps: the number is there, without a rank, a winner or a finding."""
    comparison = trained(steps=3)
    made = table(comparison)
    assert "rank_finetune_top1" not in [each.key for each in made.columns]
    assert all("too short to rank" in span for span in column(made, "interval_finetune_top1").values())
    assert all(text.endswith("≈") for text in column(made, "finetune_top1").values())
    assert not any(comparison.is_best(record, "finetune_top1") for record in comparison.records)
    assert "training from scratch" not in " ".join(findings(comparison, ENGLISH))


def test_the_finding_names_the_leader_and_who_is_not_distinguished_from_guessing() -> None:
    text = " ".join(findings(trained(), ENGLISH)).replace("\u00a0", " ")
    assert (
        "After 10 steps of training from scratch on digits, resnet18 and densenet121 have the highest accuracy" in text
    )
    assert "vgg16 is not distinguished from guessing (10 %)" in text


def test_chance_is_the_share_of_the_commonest_class_where_a_record_has_it() -> None:
    """Records of earlier versions lack it; a share that is none is an error of the record, which has no effect."""

    def marked(**detail: object) -> list[str]:
        spans = column(overview.make(trained(**detail), ENGLISH), "interval_finetune_top1")
        return [name for name, span in spans.items() if "at chance" in span]

    assert set(marked(chance=0.9)) == SHARES.keys()
    assert set(marked(chance=0.41)) == {"resnet50", "resnet101", "vgg16"}
    assert all(marked(chance=wrong) == ["vgg16"] for wrong in (0.1, 1.5, -1, 0, "high", None, True))


def test_bars_are_sorted_by_value_and_have_intervals() -> None:
    comparison = trained()
    spec = bars.panel("finetune_top1", comparison.records, comparison, ENGLISH)
    assert spec is not None
    rows = spec["layer"][0]["data"]["values"]
    assert [row["name"] for row in rows] == ["resnet18", "densenet121", "resnet50", "resnet101", "vgg16"]
    assert all(row["low"] < row["value"] < row["high"] for row in rows)
    assert rows[-1]["text"].endswith("at chance")
    (chart,) = [each for each in bars.ENTRIES if each.name == "finetune"]
    assert chart.remark is not None
    note = "At chance: not distinguished from guessing, because the interval includes the share that guessing gives."
    assert chart.remark(comparison, ENGLISH).endswith(f". {note}")
    assert note in table(comparison).notes
    learned = [each for each in comparison.records if each.architecture != "vgg16"]
    assert "guessing" not in chart.remark(compare(learned), ENGLISH)


def lines_of(panel: dict[str, Any]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The steps of the pale lines and of the named ones of a panel of learning curves, by architecture."""
    found: list[dict[str, list[Any]]] = []
    for layer in panel["layer"][:2]:
        steps: dict[str, list[Any]] = {}
        for row in layer["data"]["values"]:
            steps.setdefault(row["name"], []).append(row["x"])
        found.append(steps)
    return found[0], found[1]


def test_curves_are_of_one_loss_in_a_panel_of_each_family() -> None:
    """In older records those of label smoothing and auxiliary losses are left out; all others are named once."""

    def drawn(records: list[Record]) -> dict[str, set[str]]:
        spec = curves.loss(compare(records), ENGLISH)
        assert spec is not None
        domains = {str(panel["encoding"][axis]["scale"]) for panel in spec["concat"] for axis in "xy"}
        assert len(domains) == 2, "one scale for each axis"
        assert all(not lines_of(panel)[0] for panel in spec["concat"])
        return {panel["title"]["text"]: set(lines_of(panel)[1]) for panel in spec["concat"]}

    older = samples.lecture()
    panels = drawn(older)
    members: dict[str, set[str]] = {}
    for record in older:
        if record.architecture not in ("googlenet", "inception_v3"):
            members.setdefault(record.family, set()).add(record.architecture)
    assert panels == members
    assert len(panels) == 8
    newer = [
        each.model_copy(update={"readings": {**each.readings, "finetune_top1": marked}})
        for each in older
        for before in [each.readings["finetune_top1"]]
        for marked in [before.model_copy(update={"detail": {**before.detail, "curve_shows": "cross-entropy"}})]
    ]
    assert {"googlenet", "inception_v3"} <= drawn(newer)["Inception"]


@pytest.mark.parametrize("families", [1, 13])
def test_curves_of_one_family_or_of_many_share_a_panel(families: int) -> None:
    """Five are named; the pale lines have fewer points, the first step and the last among them."""
    plain = [record for record in samples.lecture() if record.architecture not in ("googlenet", "inception_v3")]
    records = [record.model_copy(update={"family": f"F{rank % families}"}) for rank, record in enumerate(plain)]
    spec = curves.loss(compare(records), ENGLISH)
    assert spec is not None
    pale, named = lines_of(spec)
    assert len(named) == 5
    assert set(pale) == {record.architecture for record in records}
    assert all((steps[0], steps[-1]) == (1, 40) and len(steps) < 15 for steps in pale.values())
    assert all(len(steps) == 40 for steps in named.values())


def test_a_panel_names_five_networks_of_a_large_family() -> None:
    records = [
        record.model_copy(update={"family": "VGG" if rank else record.family})
        for rank, record in enumerate(samples.lecture())
    ]
    spec = curves.loss(compare(records), ENGLISH)
    assert spec is not None
    sizes = [tuple(map(len, lines_of(panel))) for panel in spec["concat"]]
    assert (10, 5) in sizes
    assert (0, 1) in sizes


def test_the_mean_of_two_times_is_not_negative() -> None:
    seconds = samples.reading("finetune_seconds", 1.0).model_copy(update={"samples": (1.0, 2.0)})
    assert seconds.interval is not None
    assert seconds.interval[0] == 0.0


def test_a_gpu_has_a_note_on_what_is_not_deterministic() -> None:
    assert "On a GPU" in " ".join(table(trained(deterministic=False)).notes)
    assert "On a GPU" not in " ".join(table(trained(deterministic=True)).notes)


def of_modes(**recipes: dict[str, Any]) -> Comparison:
    """Networks with these fine-tuning modes alone, each with its recipe, and from ImageNet weights if it may."""
    titles = {each.key: each.title for each in sum(finetune.QUANTITIES.values(), ())}
    records = []
    for record in trained().records:
        reading = record.readings["finetune_top1"]
        readings = {key: each for key, each in record.readings.items() if key != "finetune_top1"}
        for key, recipe in recipes.items():
            weights = "random" if key == "scratch_top1" else "IMAGENET1K_V1"
            detail = reading.detail | {"weights": weights, "recipe": reading.detail["recipe"] | recipe}
            quantity = reading.quantity.model_copy(update={"key": key, "title": titles[key]})
            readings[key] = reading.model_copy(update={"quantity": quantity, "detail": detail})
        records.append(record.model_copy(update={"readings": readings}))
    return compare(records)


def test_batch_norm_statistics_are_estimated_again_only_after_training_all_layers() -> None:
    """Also where a linear probe comes before training from scratch."""
    again, kept = {"batch_norm_recalibrated": True}, {"batch_norm_recalibrated": False}
    for recipes, noted in (
        ({"probe_top1": kept}, False),
        ({"finetune_top1": again, "probe_top1": kept}, True),
        ({"probe_top1": kept, "scratch_top1": again}, True),
    ):
        found = [each for each in table(of_modes(**recipes)).notes if each.startswith("Batch-norm statistics")]
        assert len(found) == noted
        assert all("of every training of all layers, for every architecture that has them" in each for each in found)


def test_the_recipe_is_that_of_each_fine_tuning_mode_where_they_differ() -> None:
    """In a column for each, or once below the table if it is the same for all rows."""
    rates = {"finetune_top1": 0.001, "probe_top1": 0.01, "scratch_top1": 0.003}
    made = table(of_modes(**{key: {"learning_rate": rate, "steps": 10} for key, rate in rates.items()}))
    titles = {each.title: each.key for each in made.columns if each.key.startswith(("learning_rate", "steps"))}
    assert titles == {
        "Learning rate: Top-1 after fine-tuning": "learning_rate",
        "Learning rate: Top-1 of a linear probe": "learning_rate_probe_top1",
        "Learning rate: Top-1 after training from scratch": "learning_rate_scratch_top1",
        "Steps": "steps",
    }
    for key, rate in zip(("", "_probe_top1", "_scratch_top1"), rates.values(), strict=True):
        assert set(column(made, f"learning_rate{key}").values()) == {str(rate)}
    (note,) = (each for each in made.notes if each.startswith("The same for all: "))
    assert "Started from (Top-1 after fine-tuning): IMAGENET1K_V1; " in note
    assert "Started from (Top-1 after training from scratch): random weights; " in note
    made = table(of_modes(scratch_top1={"learning_rate": 0.003}))
    assert set(column(made, "learning_rate").values()) == {"0.003"}
    assert any(each.startswith("The same for all: Started from: random weights; ") for each in made.notes)


@pytest.mark.parametrize(
    ("line", "russian"),
    [
        ("3 of 5 classes have no image among the 2000 training images that were loaded", "обучающих (2000): 3 из 5"),
        ("1 of 8 images has transparent pixels, first a.png; the alpha channel is ignored", "1 из 8, a.png; альфа-ка"),
    ],
)
def test_notes_on_images_are_part_of_the_table(line: str, russian: str) -> None:
    comparison = trained(image_notes=[line])
    assert f"Images: {line}" in table(comparison).notes
    made = groups.group("finetune")(comparison, language("ru"))
    assert made
    assert any(note.startswith("Изображения: ") and russian in note for note in made.notes)


@pytest.mark.parametrize("rescaled", [True, False, None])
def test_images_that_are_not_rescaled_for_a_checkpoint_have_a_note(rescaled: bool | None) -> None:
    """Of GoogLeNet and Inception v3; other networks never rescale images."""
    about = {"file": "mine.pth"} | ({} if rescaled is None else {"transform_input": rescaled})
    notes = " ".join(table(trained("own checkpoint mine.pth, SHA-256 0…", checkpoint=about)).notes)
    assert ("Images are not rescaled as torchvision's ImageNet weights need them" in notes) == (rescaled is False)


def test_machines_and_damaged_details_do_not_disturb() -> None:
    """A number of images that is none leaves the interval of the samples."""
    broken = trained(images="many").records  # type: ignore[arg-type]
    assert with_share_intervals(broken) == list(broken)


def test_the_caption_names_data_set_steps_batch_and_seeds() -> None:
    comparison = trained(steps=24)
    chart = next(each for each in bars.ENTRIES if each.name == "finetune")
    (figure,) = [picture.figure for picture in draw(comparison, ENGLISH, [chart])]
    for part in (
        "Data set: digits",
        "Steps: 24",
        "Batch: ",
        "Seeds: 3–4 (4 architectures), 3 (1)",
        "Held-out images: 240",
    ):
        assert part in figure.caption
    russian = draw(comparison, language("ru"), [chart])[0].figure.caption
    assert "Набор данных: digits" in russian


def with_mode(comparison: Comparison, key: str, stops: str) -> Comparison:
    """The same with another fine-tuning mode in three seeds, of which one network stays at chance with the first."""
    title = next(each.title for each in sum(finetune.QUANTITIES.values(), ()) if each.key == key)
    records = []
    for record in comparison.records:
        reading = record.readings["finetune_top1"]
        detail = {name: value for name, value in reading.detail.items() if name != "seeds_left_out"}
        update: dict[str, Any] = {"samples": (0.4, 0.5, 0.6), "detail": detail}
        if record.architecture == stops:
            update = {"samples": (0.1,), "detail": detail | {"seeds_left_out": 2}}
        quantity = reading.quantity.model_copy(update={"key": key, "title": title})
        more = {key: reading.model_copy(update=update | {"quantity": quantity})}
        records.append(record.model_copy(update={"readings": record.readings | more}))
    return compare(records)


def test_the_captions_of_learning_curves_name_the_seed() -> None:
    """The table beside them has the mean; with one seed there is nothing to explain."""
    several = trained()
    one = compare([record for record in several.records if record.architecture == "vgg16"])
    for comparison, named in ((several, True), (one, False)):
        pictures = draw(comparison, ENGLISH, curves.ENTRIES)
        assert {each.figure.name for each in pictures} == {"learning_curves", "learning_accuracy"}
        for each in pictures:
            assert each.figure.caption.endswith("the first seed; the table has the mean over all seeds.") == named


def test_seeds_are_those_of_each_fine_tuning_mode() -> None:
    """Training from scratch stopped after one seed, fine-tuning did not, and the other way round."""
    made = table(with_mode(trained("IMAGENET1K_V1"), "scratch_top1", "resnet18"))
    titles = {each.key: each.title for each in made.columns if each.key.startswith("seeds")}
    assert titles == {
        "seeds": "Seeds: Top-1 after fine-tuning",
        "seeds_scratch_top1": "Seeds: Top-1 after training from scratch",
    }
    assert (column(made, "seeds")["resnet18"], column(made, "seeds")["vgg16"]) == ("3–4", "3")
    assert column(made, "seeds_scratch_top1") == dict.fromkeys(SHARES, "3–5") | {"resnet18": "3"}
    (note,) = (each for each in made.notes if each.startswith("Trained with one seed"))
    assert "resnet18 (Top-1 after training from scratch)" in note
    assert "vgg16 (Top-1 after fine-tuning)" in note
    alone = table(with_mode(trained("IMAGENET1K_V1"), "scratch_top1", "vgg16"))
    assert any(each.endswith("close to that of guessing: vgg16.") for each in alone.notes), "in both modes"


def test_the_caption_of_a_chart_has_the_seeds_of_its_fine_tuning_mode() -> None:
    comparison = with_mode(trained("IMAGENET1K_V1"), "probe_top1", "resnet18")
    for name, seeds in (
        ("finetune", "Seeds: 3–4 (4 architectures), 3 (1)"),
        ("probe", "Seeds: 3–5 (4 architectures), 3 (1)"),
    ):
        chart = next(each for each in bars.ENTRIES if each.name == name)
        (figure,) = [picture.figure for picture in draw(comparison, ENGLISH, [chart])]
        assert seeds in figure.caption


def test_texts_on_linear_probes_name_random_weights() -> None:
    """The caption and the note below the summary table name them, and the key finding is of others."""
    (chart,) = [each for each in bars.ENTRIES if each.name == "probe"]
    assert chart.remark is not None
    assert "loaded" not in chart.caption
    note, finding = "Features of random weights, not of trained ones: {}.", "What the head alone does"
    for weights, names in (("random", "all architectures"), ("IMAGENET1K_V1", "")):
        comparison = with_mode(trained(weights, steps=100), "probe_top1", "vgg16")
        remark = chart.remark(comparison, ENGLISH)
        assert remark.endswith(note.format(names)) if names else "random" not in remark
        assert (finding in " ".join(findings(comparison, ENGLISH))) == (not names)
        only = compare([without(record, "finetune_top1") for record in comparison.records])
        start = "random" if names else "ImageNet"
        expected = f"All architectures that were trained started from {start} weights."
        assert overview.weights_note(only, ENGLISH) == expected
    random = with_mode(trained(), "probe_top1", "vgg16").records
    comparison = compare([*random[:1], *with_mode(trained("IMAGENET1K_V1"), "probe_top1", "vgg16").records[1:]])
    assert chart.remark(comparison, ENGLISH).endswith(note.format(random[0].architecture))


def without(record: Record, key: str) -> Record:
    return record.model_copy(update={"readings": {k: each for k, each in record.readings.items() if k != key}})


def test_weights_that_could_not_be_downloaded_are_one_sentence() -> None:
    """With the networks, without files and errors, for the reasons of earlier versions, too; other reasons follow."""
    missing = "no IMAGENET1K_V1 weights: {file}.pth is not in torch hub's checkpoints and {error}"
    errors = ("could not be downloaded: timed out", "<urlopen error timed out>")
    found = {missing.format(file=f"f{number}", error=error): [f"net{number}"] for number, error in enumerate(errors)}
    expected = ["Random weights for net0 and net1: the ImageNet weights could not be downloaded."]
    assert training_recipes.reasons(found, 3, ENGLISH) == expected
    assert training_recipes.reasons({**found, "asked for": ["net2"]}, 3, ENGLISH) == [
        *expected,
        "Random weights for net2: asked for.",
    ]
    many = [f"net{number}" for number in range(7)]
    for count, some in ((7, "all architectures"), (9, "7 of 9 architectures")):
        (text,) = training_recipes.reasons({"asked for": many}, count, ENGLISH)
        assert text == f"Random weights for {some}: asked for."
