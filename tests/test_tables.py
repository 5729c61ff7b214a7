"""Tables that set two sources side by side: the two counters, and exact against measured memory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import samples
from commands import ROOT

from reporter.charts import bars, layer_gradients
from reporter.metrics import finetune
from reporter.model import Metric, Reading, Record
from reporter.model.fields import AS_SET
from reporter.registry.catalog import collect
from reporter.report.choosing.choice import choice
from reporter.report.comparison import compare
from reporter.report.drawing.drawn_charts import draw
from reporter.report.language import language
from reporter.report.output.summary import summary
from reporter.report.page.failures import failed
from reporter.report.sections import Items
from reporter.report.sections import measured as measured_section
from reporter.report.table import Table
from reporter.report.throughput_batches import batches
from reporter.store import record_files
from reporter.tables import fvcore_operators, groups, ilsvrc_entries, overview, peaks

ENGLISH = language("en")
MIB = 2**20


def reading(key: str, *numbers: int, unit: str = "B", **more: object) -> Reading:
    quantity = samples.quantity(key, key, unit, "memory")
    return Reading(quantity=quantity, samples=numbers, **more)


def changed(record: Record, *readings: Reading) -> Record:
    return record.model_copy(update={"readings": record.readings | {r.quantity.key: r for r in readings}})


def column(table: Table, key: str) -> list[str]:
    at = [column.key for column in table.columns].index(key)
    return [row[at].text for row in table.rows]


def test_every_row_has_its_verdict() -> None:
    """A counter that failed says so, where its verdict would stand."""
    records = samples.lecture()[:4]
    failed = reading("macs_fvcore", status="failed", reason="RuntimeError: no trace", unit="1")
    verdicts = ("agree", "differ", "undercount")
    counted = [
        changed(
            record, reading("macs_fvcore", 1000, unit="1", detail={"verdict": verdict, "operators": {"conv": 1000}})
        )
        for record, verdict in zip(records, verdicts, strict=False)
    ]
    comparison = compare([*counted, changed(records[3], failed)])
    by_operator = fvcore_operators.make(comparison, ENGLISH)
    assert by_operator
    assert sorted(column(by_operator, "verdict")) == ["agree", "differ", "failed", "undercount"]
    in_full = groups.group("compute")(comparison, ENGLISH)
    assert in_full
    assert not {"counters", "verdict"} & {column.key for column in in_full.columns}


def test_a_verdict_that_all_share_is_a_note_and_an_unexplained_difference_a_column() -> None:
    """Alike verdicts are one sentence; what no operator explains is shown with its sign, if there is any."""

    def by_operator(*because: dict[str, int]) -> Table:
        records = [
            changed(
                record,
                reading(
                    "macs_fvcore",
                    1000,
                    unit="1",
                    detail={"verdict": "differ", "operators": {"conv": 1000}, "because": reason},
                ),
            )
            for record, reason in zip(samples.lecture(), because, strict=False)
        ]
        made = fvcore_operators.make(compare(records), ENGLISH)
        assert made
        return made

    alike = by_operator({"batch_norm": 7}, {"batch_norm": 9})
    assert not {"verdict", "unexplained"} & {column.key for column in alike.columns}
    assert alike.notes == ("fvcore counts other MACs for all architectures, because of the operators in the table.",)
    odd = by_operator({"batch_norm": 7}, {"unexplained": 12}, {"missing": 30})
    assert sorted(column(odd, "unexplained")) == ["0", "12", "−30"]


def both_ratios(record: Record, weights: str = "random", **detail: object) -> Record:
    """The record with the gradient ratios with random weights and, with this detail, after training."""
    top = record.readings["finetune_top1"]
    top = top.model_copy(update={"detail": top.detail | {"weights": weights}})
    trained = samples.reading("gradient_ratio_trained", 0.2, 0.3, **detail)
    return changed(record, top, trained, samples.reading("gradient_ratio", 5.0, 6.0))


def ratio_notes(*records: Record) -> list[str]:
    made = groups.group("finetune")(compare(list(records)), ENGLISH)
    assert made
    return [note for note in made.notes if "gradient" in note.lower()]


def test_the_gradient_ratio_with_random_weights_is_next_to_that_after_training() -> None:
    """Also where a record has them the other way round; a note says what they are."""
    record = samples.lecture()[0]
    others = {key: value for key, value in record.readings.items() if not key.startswith("gradient_ratio")}
    after = {key: samples.reading(key, 0.5) for key in ("gradient_ratio_trained", "gradient_flow", "gradient_ratio")}
    made = groups.group("finetune")(compare([record.model_copy(update={"readings": others | after})]), ENGLISH)
    assert made
    keys = [column.key for column in made.columns]
    assert keys.index("gradient_ratio") + 1 == keys.index("gradient_ratio_trained")
    assert any(note.startswith("Gradient ratio: norm") for note in made.notes)


def test_only_gradient_ratios_of_one_batch_show_the_effect_of_training() -> None:
    """Earlier records have them on different images; of other initial weights the first is not before training."""
    first, second = samples.lecture()[:2]
    new = {"batch_of": "gradient_ratio", "image_size": 80}
    both = "Both are on the same batch of each seed."
    (alike,) = ratio_notes(both_ratios(first, **new), both_ratios(second, **new))
    assert alike.startswith("Gradient ratio: norm")
    assert alike.endswith(f"with random weights and after training. {both}")
    opening, unlike = ratio_notes(both_ratios(first), both_ratios(second, **new))
    assert both not in opening
    assert "are from different images" in unlike
    assert unlike.endswith(f"the effect of training: {first.architecture}.")
    assert ratio_notes(both_ratios(first), both_ratios(second))[1].endswith(": all architectures.")
    _, start = ratio_notes(both_ratios(first, "IMAGENET1K_V1", **new), both_ratios(second, **new))
    assert start.startswith("Training started from other weights than the random ones of the gradient ratio")
    assert start.endswith(f": {first.architecture}.")
    _, as_set = ratio_notes(both_ratios(first, AS_SET, **new), both_ratios(second, **new))
    assert as_set.startswith("Gradients with the weights that the code of a module instance sets")
    one_seed = changed(both_ratios(first, **new), samples.reading("gradient_ratio_trained", 0.2, **new))
    _, fewer = ratio_notes(one_seed, both_ratios(second, **new))
    assert fewer == f"After training, the gradient ratio is of fewer seeds: {first.architecture}."
    larger = both_ratios(first, **new)
    sizes = {"gradient_ratio": 80, "gradient_ratio_trained": 96}
    again = (larger.readings[key].model_copy(update={"settings": {"image_size": size}}) for key, size in sizes.items())
    assert "are from different images" in ratio_notes(changed(larger, *again), both_ratios(second, **new))[1]


def test_a_note_names_gradients_with_the_weights_that_code_sets() -> None:
    """Of a module instance; in a record of an earlier version its training started from these weights."""
    first, second = samples.lecture()[:2]
    bare, other = (each.model_copy(update={"readings": {}}) for each in (first, second))
    flow = changed(bare, samples.reading("gradient_flow", 6.0, weights=AS_SET, relative_gradients=[0.1, 0.2]))
    ratio = changed(other, samples.reading("gradient_ratio", 6.0))
    (note,) = ratio_notes(flow, ratio)
    assert note == (
        "Gradients with the weights that the code of a module instance sets, not with random ones: "
        f"{first.architecture}."
    )
    assert layer_gradients.ENTRIES[0].remark is not None
    assert layer_gradients.ENTRIES[0].remark(compare([flow, ratio]), ENGLISH) == note
    assert layer_gradients.ENTRIES[0].remark(compare([ratio]), ENGLISH) == ""
    assert ratio_notes(ratio) == []
    earlier = changed(ratio, samples.reading("finetune_top1", 0.9, weights=AS_SET))
    assert ratio_notes(earlier)[0].endswith("not with random ones: all architectures.")


def test_gradient_ratios_of_earlier_records_are_on_the_same_batch_if_training_took_its_images() -> None:
    """Of the size of the gradient ratio, and if no seed splits all images; as in reporter 0.1.0."""

    def with_settings(**more: object) -> Record:
        record = both_ratios(samples.record(samples.ROWS[9]))
        top = record.readings["finetune_top1"]
        top = top.model_copy(update={"detail": top.detail | more})
        ratios = (record.readings[key] for key in ("gradient_ratio", "gradient_ratio_trained"))
        return changed(record, top, *(each.model_copy(update={"settings": {"image_size": 80}}) for each in ratios))

    assert len(ratio_notes(with_settings())) == 1
    assert len(ratio_notes(with_settings(held_out_drawn="from the test part"))) == 1
    assert len(ratio_notes(with_settings(held_out_drawn="from all images"))) == 2
    assert len(ratio_notes(with_settings(recipe={"image_size": 32}))) == 2
    (old,), _ = record_files.load_all(ROOT / "results" / "reference-fashion-mnist")
    assert [each[:16] for each in ratio_notes(old)] == ["Gradient ratio: ", "Training started"]


def test_gradient_ratios_of_earlier_records_have_the_definition_of_their_values() -> None:
    """Earlier definitions state the same batch and a mean over seeds; all ratios are combined on logarithms."""
    former = "The gradient ratio on the same batch after the short training; the mean over seeds."
    reading = samples.reading("gradient_ratio_trained", 2.0, 8.0)
    old = reading.model_copy(update={"quantity": reading.quantity.model_copy(update={"definition": former})})

    def hint(*readings: Reading) -> str:
        records = [changed(samples.record(row), each) for row, each in zip(samples.ROWS[8:], readings, strict=False)]
        made = groups.group("finetune")(compare(records), ENGLISH)
        assert made
        at = [each.key for each in made.columns].index("gradient_ratio_trained")
        assert made.rows[0][at].value == pytest.approx(4.0)
        return made.columns[at].hint

    assert hint(old) == (
        "The gradient ratio after the short training, on a batch of its training images at their size. The geometric "
        "mean over the seeds of the training."
    )
    new = reading.model_copy(update={"detail": {"batch_of": "gradient_ratio"}})
    assert hint(old, new) == hint(new) == finetune.RATIO.definition
    assert "on the same batch" in finetune.RATIO.definition


def test_gradient_ratios_of_two_seeds_have_two_digits_and_no_interval() -> None:
    """Such as those of ResNet-101 and ResNet-18 in a standard run; three seeds have a positive interval."""
    rows = {9: (5.7224, 5.7235), 11: (348.78, 229.92), 5: (16.6, 32.9, 24.0)}
    records = [
        changed(samples.record(samples.ROWS[row]), samples.reading("gradient_ratio_trained", *ratios))
        for row, ratios in rows.items()
    ]
    made = groups.group("finetune")(compare(records), ENGLISH)
    assert made
    at = [each.key for each in made.columns].index("gradient_ratio_trained")
    cells = {row[0].text: row[at] for row in made.rows}
    assert (cells["resnet18"].text, cells["resnet101"].text) == ("5.7", "280")
    assert {cells[name].low for name in ("resnet18", "resnet101")} == {None}
    low, high = cells["googlenet"].low, cells["googlenet"].high
    assert low
    assert high
    assert 0 < low < min(rows[5])
    assert high > max(rows[5])


def test_a_head_names_the_threads_of_a_latency_and_what_activations_count() -> None:
    """The title in summary.json stays; a number of threads that was set has a note."""
    records = samples.lecture()[:2]
    times = groups.group("latency")(compare(records), ENGLISH)
    counts = groups.group("compute")(compare(records), ENGLISH)
    assert times
    assert counts
    heads = {column.key: column for column in (*times.columns, *counts.columns)}
    titles = [heads[key].title for key in ("latency_cpu_1thread", "latency_cpu", "rank_latency_cpu")]
    assert titles == ["Latency, CPU, 1 thread", "Latency, CPU, all threads", "Rank: Latency, CPU, all threads"]
    activations = heads["activations"]
    assert (activations.title, activations.unit, activations.heading) == ("Activations", "M elements", "activations")
    limited = [
        changed(each, each.readings["latency_cpu"].model_copy(update={"settings": {"threads": 1}})) for each in records
    ]
    assert compare(limited).quantities["latency_cpu"].title == "Latency, CPU"
    noisy = changed(records[0], samples.reading("latency_cpu", *samples.times(0.01, 0.4)))
    assert summary(compare([noisy]))["records"][0]["readings"]["latency_cpu"]["title"] == "Latency, CPU"
    blocks = failed(compare([noisy]), (), ENGLISH).blocks
    lines = [item for block in blocks if isinstance(block, Items) for item in block.items]
    assert any(line.startswith("Latency, CPU, all threads: ") for line in lines)


def batched(record: Record, batch: object) -> Record:
    """A record whose throughput was measured in batches of this size."""
    found = record.readings["throughput_cpu"].model_copy(update={"settings": {"throughput_batch": batch}})
    return changed(record, found)


def test_the_batch_of_a_throughput_is_stated_where_it_is_read() -> None:
    """It is a condition of the reading; records of earlier versions may lack it."""
    first, second = samples.lecture()[:2]
    comparison = compare([batched(first, 4), batched(second, 4)])
    chosen = choice(comparison, ENGLISH)
    assert chosen
    for table in (overview.make(comparison, ENGLISH), groups.group("latency")(comparison, ENGLISH), chosen.table):
        assert table
        assert any(note.endswith("Throughput: in batches of 4.") for note in table.notes)
    (chart,) = [each for each in bars.ENTRIES if each.name == "throughput"]
    (picture,) = draw(comparison, language("ru"), [chart])
    assert picture.figure.caption.endswith(" Пропускная способность: батчами по 4.")
    assert batches(compare([batched(first, 4), batched(second, 1)]), ENGLISH).endswith("of 1 and 4.")
    assert batches(compare([batched(first, [4]), batched(second, True)]), ENGLISH) == ""
    assert batches(compare([first]), ENGLISH) == ""


@pytest.mark.parametrize("key", ["gradient_ratio", "gradient_ratio_trained"])
def test_gradient_ratios_of_older_records_have_the_definition_of_how_they_are_combined(key: str) -> None:
    """These define the mean over seeds, which was printed beside a geometric mean."""
    ratio = samples.reading(key, 4.0, 9.0)
    older = ratio.quantity.model_copy(update={"definition": "Norm over norm, on one batch; the mean over seeds."})
    record = changed(samples.record(samples.ROWS[9]), ratio.model_copy(update={"quantity": older}))
    made = groups.group("finetune")(compare([record]), ENGLISH)
    assert made
    at = [each.key for each in made.columns].index(key)
    assert made.rows[0][at].text == "6.0"
    assert "he geometric mean over" in made.columns[at].hint


def test_a_network_without_a_year_has_an_empty_cell() -> None:
    first, second = samples.lecture()[:2]
    table = overview.make(compare([first, second.model_copy(update={"year": None})]), ENGLISH)
    assert sorted(column(table, "year")) == ["", str(first.year)]


def test_the_note_on_weights_names_the_networks_of_each_start() -> None:
    starts = ("IMAGENET1K_V1", "random", "IMAGENET1K_V1")
    records = [
        changed(record, samples.reading("finetune_top1", 0.9, weights=weights))
        for record, weights in zip(samples.lecture()[:3], starts, strict=True)
    ]
    first, second, third = (record.architecture for record in records)
    note = overview.weights_note(compare(records), ENGLISH)
    assert f"ImageNet weights for {first} and {third}, from random weights for {second}" in note
    assert overview.weights_note(compare(records[:1]), ENGLISH) != note
    records[0] = changed(records[0], samples.reading("finetune_top1", 0.9, weights=AS_SET))
    assert overview.weights_note(compare(records), ENGLISH) == (
        f"Training started from weights that the code of the network sets ({first}), ImageNet weights ({third}) and "
        f"random weights ({second}): not one ranking."
    )


@pytest.mark.parametrize("other", [None, "unsupported"])
@pytest.mark.parametrize(("weights", "start"), [("random", "random"), ("IMAGENET1K_V1", "ImageNet")])
def test_the_note_on_weights_does_not_state_of_untrained_networks_that_they_were_trained(
    other: str | None, weights: str, start: str
) -> None:
    """One network without a reading, or with one that states why it was not trained."""
    first, second = samples.lecture()[:2]
    first = changed(first, samples.reading("finetune_top1", 0.9, weights=weights))
    second = second.model_copy(update={"readings": {}})
    if other:
        second = changed(second, samples.reading("finetune_top1", status=other, reason="images of another size"))
    note = overview.weights_note(compare([first, second]), ENGLISH)
    assert note == f"All architectures that were trained started from {start} weights."


def measured(record: Record) -> Record:
    """Weights of 100 MiB and activations of 6, for an image of 3 x 224 x 224 floats: 0.57 MiB."""
    image = 3 * 224**2 * 4
    return changed(
        record,
        reading("peak_activation_bytes", 6 * MIB, detail={"weights": 100 * MIB}),
        reading("rss_inference_bytes", 106 * MIB + image + 25 * MIB),
        reading("peak_training_bytes", 500 * MIB),
        reading("cuda_inference_bytes", 106 * MIB + image + 10 * MIB),
        reading("cuda_training_bytes", 498 * MIB),
    )


def test_measured_peaks_stand_beside_exact_ones() -> None:
    known = samples.record(samples.ROWS[0])
    table = peaks.make(compare([measured(known), samples.record(samples.ROWS[9])]), ENGLISH)
    assert table
    assert len(table.rows) == 1, "only networks of which something was measured"
    assert column(table, "exact_inference_bytes") == ["107"]
    assert column(table, "rss_inference_bytes_beyond") == ["+25.0"]
    assert column(table, "cuda_inference_bytes_beyond") == ["+10.0"]
    assert column(table, "cuda_training_bytes_beyond") == ["−2.00"]
    assert any("Resident memory also has" in note for note in table.notes)
    assert any("cuDNN" in note for note in table.notes)


def test_the_image_of_a_network_in_half_precision_has_half_the_bytes() -> None:
    known, image = measured(samples.record(samples.ROWS[0])), 3 * 224**2 * 2
    half = reading("peak_activation_bytes", 6 * MIB, detail={"weights": 100 * MIB, "image": image})
    assert peaks.held_by_inference(known) == 106 * MIB + 2 * image
    assert peaks.held_by_inference(changed(known, half)) == 106 * MIB + image


def test_auxiliary_heads_in_a_computed_peak_are_marked() -> None:
    """They are built with the network and not run: the bytes beyond those of the weights without them."""
    with_heads, without = (
        changed(measured(samples.record(samples.ROWS[row])), reading("weights_bytes", size * MIB // 2))
        for row, size in ((5, 151), (9, 200))
    )
    table = peaks.make(compare([with_heads, without]), ENGLISH)
    assert table
    assert column(table, "exact_inference_bytes") == ["107¹", "107"]
    assert table.notes[0] == "¹ With the auxiliary heads, which are built but not run: 24.5 MiB (GoogLeNet)."
    plain = peaks.make(compare([without]), ENGLISH)
    assert plain
    assert not any("¹" in text for text in (*plain.notes, *column(plain, "exact_inference_bytes")))


def test_without_a_gpu_nothing_is_said_of_it() -> None:
    record = samples.record(samples.ROWS[0])
    resident = changed(record, reading("rss_inference_bytes", 300 * MIB))
    table = peaks.make(compare([resident]), ENGLISH)
    assert table
    assert [key.key for key in table.columns if "cuda" in key.key or "training" in key.key] == []
    assert not any("CUDA" in note for note in table.notes)
    assert column(table, "rss_inference_bytes_beyond") == ["–"], "the sample's exact peak does not say its weights"
    assert peaks.make(compare([record]), ENGLISH) is None


@pytest.mark.parametrize(("name", "measured"), [("googlenet", True), ("resnet50", False)])
def test_googlenet_is_called_the_one_measured_only_where_it_was(name: str, measured: bool) -> None:
    made = ilsvrc_entries.make(compare([each for each in samples.lecture() if each.architecture == name]), ENGLISH)
    assert made
    assert any("measured here" in note for note in made.notes) == measured


def test_the_table_of_the_challenge_has_one_winner_a_year_and_depths_as_numbers() -> None:
    """What sources say of a depth, and winners with external data, are remarks; files have the published error."""
    made = ilsvrc_entries.make(compare(samples.few()), ENGLISH)
    assert made
    keys = [column.key for column in made.columns]
    rows = [dict(zip(keys, row, strict=True)) for row in made.rows]
    winners = [row["year"].text for row in rows if row["winner"].text]
    assert winners == [str(year) for year in range(2010, 2018)]
    assert all(re.fullmatch(r"–|\d+(, \d+)*", row["depth"].text) for row in rows)
    shown = {row["top5_error_percent"].value: row for row in rows}
    errors = {value: row["top5_error_percent"].text for value, row in shown.items()}
    assert [errors[each] for each in (28.191, 33.65, 7.325, 6.656, 5.1)] == ["28.2", "33.7", "7.3", "6.7", "5.1"]
    assert [errors[each] for each in (3.567, 3.581, 2.991, 3.031)] == ["3.57", "3.58", "2.99", "3.03"]
    assert shown[7.325]["depth"].text == "16, 19"
    assert "Depth: 154 (chart says 152)" in shown[2.251]["note"].text
    assert "won the category with external data" in shown[15.315]["note"].text
    assert (shown[4.94]["year"].text, shown[4.94]["year"].value) == ("2015", "2015 (Feb)")
    assert shown[4.94]["note"].text.endswith("; 2015 (Feb)")
    assert (shown[12.0]["year"].text, shown[12.0]["team"].text) == ("–", "human: annotator A2")
    russian = ilsvrc_entries.make(compare(samples.few()), language("ru"))
    assert russian
    assert [row[1].text for row in russian.rows][-1] == "человек: разметчик A2"
    assert column(russian, "entry")[1] == "ядра Фишера"


def test_a_network_that_is_drawn_whole_has_no_parameters_of_a_block() -> None:
    kind = samples.QUANTITIES["block_parameters"]
    counts = zip(samples.lecture()[:2], (61100840, 70400), strict=True)
    records = [changed(each, Reading(quantity=kind, samples=(count,))) for each, count in counts]
    made = groups.group("size")(compare(records), ENGLISH)
    assert made
    assert column(made, "block_parameters") == ["–", "70,400"]


def test_a_value_that_most_networks_have_is_not_the_best_of_a_column() -> None:
    """No auxiliary parameters are nothing that singles a network out."""
    records = [
        changed(each, reading("weights_bytes", size))
        for each, size in zip(samples.lecture()[:4], (0, 0, 0, 9), strict=True)
    ]
    assert not any(compare(records).is_best(each, "weights_bytes") for each in compare(records).records)
    fewer = [records[0], *records[2:], changed(samples.lecture()[4], reading("weights_bytes", 9))]
    found = compare(fewer)
    assert sum(found.is_best(each, "weights_bytes") for each in found.records) == 2


def committed(*names: str) -> list[Record]:
    """Records of results/reference, which earlier versions wrote."""
    (folder,) = (ROOT / "results" / "reference" / "records").iterdir()
    return [record_files.load(folder / f"{name}.json") for name in names]


def test_the_memory_table_has_the_activations_of_training() -> None:
    """DenseNet needs less memory in all than ResNet-50, and more for activations, as its card states."""
    table = groups.group("memory")(compare(committed("densenet121", "resnet50")), ENGLISH)
    assert table
    keys = [column.key for column in table.columns]
    rows = {str(row[0].value): row for row in table.rows}
    peaks, held = (
        {name: row[keys.index(key)].value for name, row in rows.items()}
        for key in ("peak_training_bytes", "training_activations")
    )
    assert peaks["densenet121"] < peaks["resnet50"]
    assert held["densenet121"] > held["resnet50"]
    assert all(0 < held[name] < peaks[name] for name in rows)
    without = [changed(record, reading("peak_training_bytes", MIB)) for record in committed("resnet50")]
    table = groups.group("memory")(compare(without), ENGLISH)
    assert table
    assert "training_activations" not in [column.key for column in table.columns]


def test_definitions_of_earlier_versions_are_printed_in_present_words() -> None:
    records = committed("resnet50")
    former = records[0].readings["imagenet_top1"].quantity.definition
    assert "classified rightly" in former
    found = compare(records).quantities
    assert "classified correctly" in found["imagenet_top1"].definition
    assert not [key for key, each in found.items() if re.search("rightly|centre|same grid", each.definition)]


def test_no_text_on_measurements_denies_that_the_image_size_was_set(tmp_path: Path) -> None:
    """Definitions are those of any --input-size, also in reports on records of earlier versions; 0.1.0 had none."""
    present = {q.key: q.definition for each in collect("reporter.metrics", Metric).values() for q in each.quantities}
    assert not [key for key, definition in present.items() if "native" in definition]
    record = copied("resnet18.schema1.json", tmp_path)
    comparison = compare([record])
    former = {key for key, each in record.readings.items() if "native" in each.quantity.definition}
    assert former >= {"macs", "latency_cpu", "latency_cpu_default_malloc", "throughput_cpu", "throughput_cuda"}
    assert [comparison.quantities[key].definition for key in former] == [present[key] for key in former]
    assert "native" not in str(measured_section(comparison, ENGLISH))
    oldest = compare([copied("resnet18.0.1.0.json", tmp_path)])
    assert "native" in oldest.quantities["latency_cpu"].definition


def copied(name: str, folder: Path) -> Record:
    """A record of tests/data, at the place that its file name has in results."""
    text = (ROOT / "tests" / "data" / name).read_text(encoding="utf-8")
    about = json.loads(text)
    place = record_files.record_path(folder, about["machine"], about["architecture"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return record_files.load(place)
