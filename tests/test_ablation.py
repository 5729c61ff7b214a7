"""The ablation table: pairs that differ in one part, their changes recomputed from the records."""

from __future__ import annotations

import pytest
import samples
from networks import CONDITIONS

from reporter import facts
from reporter.registry.selection import catalog_entries
from reporter.report.comparison import Comparison, compare
from reporter.report.findings.key_findings import findings
from reporter.report.findings.pair_sentences import interval_ends
from reporter.report.language import language
from reporter.report.output import csv_tables
from reporter.run.input_sizes import fields
from reporter.stats.intervals import Ratio
from reporter.tables import ablation

ENGLISH = language("en")
KEY = "latency_cpu_1thread"


def test_the_rows_are_the_pairs_with_their_changes() -> None:
    comparison = compare(samples.lecture())
    table = ablation.make(comparison, ENGLISH)
    assert table is not None
    assert len(table.rows) == len(facts.ablations())
    keys = [column.key for column in table.columns]
    rows = {row[1].value: dict(zip(keys, row, strict=True)) for row in table.rows}
    for step in facts.ablations():
        row = rows[step["new"]]
        if step["points"]:
            assert (row["parameters"].value, row["top1"].value) == (0, float(step["points"]))
            assert row["time"].value is None
            continue
        new, old = (comparison.network(step[side]) for side in ("new", "old"))
        assert new is not None
        assert old is not None
        for key in ("parameters", "macs"):
            ratio = (new.value(key) or 0) / (old.value(key) or 1)
            assert abs((row[key].value or 0) - 100 * (ratio - 1)) < 1e-9
        time = row["time"]
        assert time.low is not None
        assert time.high is not None
        assert time.low <= time.value <= time.high
    assert rows["se_resnet50"]["top1"].value == 24.80 - 23.29
    assert rows["vgg16_bn"]["top1"].text == "+1.8"


def test_the_file_has_the_units_of_its_numbers() -> None:
    """Percent and points, not shares."""
    table = ablation.make(compare(samples.lecture()), language("ru"))
    assert table
    assert csv_tables.to_csv(table).removeprefix(csv_tables.MARK).splitlines()[0] == (
        "step,new,old,parameters [%],macs [%],time [%],time_low [%],time_high [%],top1 [points],source"
    )


def test_a_run_without_any_pair_has_no_table() -> None:
    alone = [record for record in samples.lecture() if record.architecture in ("vgg16", "resnet50", "densenet121")]
    assert ablation.make(compare(alone), ENGLISH) is None


@pytest.mark.parametrize(("key", "words"), [("latency_cpu", "all CPU threads"), ("latency_cuda", "GPU")])
def test_a_run_without_times_of_one_thread_compares_those_it_has(key: str, words: str) -> None:
    """In the table and in the key finding, by the latency that represents an architecture."""
    rows = {row[0]: row for row in samples.ROWS}
    records = []
    for name, seconds in (("se_resnet50", 0.012), ("resnet50", 0.010)):
        record = samples.record(rows[name])
        exact = {each: reading for each, reading in record.readings.items() if not reading.timed}
        time = samples.reading("latency_cpu", *samples.times(seconds, spread=0.001))
        time = time.model_copy(update={"quantity": samples.quantity(key, key, "s", "latency")})
        records.append(record.model_copy(update={"readings": {**exact, key: time}}))
    table = ablation.make(compare(records), ENGLISH)
    assert table is not None
    at = [column.key for column in table.columns].index("time")
    assert table.columns[at].title == f"Time ({words})"
    [cell] = [row[at] for row in table.rows if row[1].value == "se_resnet50"]
    assert cell.text.startswith("+20 [")
    [finding] = [each for each in findings(compare(records), ENGLISH) if each.startswith("Squeeze-and-excitation")]
    assert f"time ({words})" in finding.replace("\u00a0", " ")


def test_times_of_two_machines_are_not_compared() -> None:
    """The time of each is known on another machine only."""
    rows = {row[0]: row for row in samples.ROWS}
    apart = [samples.record(rows["se_resnet50"]), samples.record(rows["resnet50"], machine="old")]
    table = ablation.make(compare(apart), ENGLISH)
    assert table is not None
    keys = [column.key for column in table.columns]
    [row] = [dict(zip(keys, row, strict=True)) for row in table.rows if row[1].value == "se_resnet50"]
    assert (row["parameters"].text, row["time"].text) == ("+9.9", "–")
    assert not [note for note in table.notes if "round by round" in note]


def test_a_difference_that_is_not_the_quotient_of_the_medians_is_explained() -> None:
    """As in results/reference: of two networks with three and four rounds, three are compared."""
    rows = {row[0]: row for row in samples.ROWS}
    records = []
    for name, levels in (("se_resnet50", (1.0, 1.1, 1.2)), ("resnet50", (1.0, 1.1, 1.2, 1.3, 1.3))):
        record = samples.record(rows[name])
        time = samples.reading(KEY, *(level * 0.01 for level in levels for _ in range(3)))
        time = time.model_copy(update={"rounds": (3,) * len(levels)})
        records.append(record.model_copy(update={"readings": record.readings | {KEY: time}}))
    comparison = compare(records)
    table = ablation.make(comparison, ENGLISH)
    assert table is not None
    [cell] = [row[5] for row in table.rows if row[1].value == "se_resnet50"]
    new, old = (comparison.network(name) for name in ("se_resnet50", "resnet50"))
    assert new is not None
    assert old is not None
    assert cell.value == pytest.approx(0, abs=1e-6)
    assert (new.value(KEY) or 0) / (old.value(KEY) or 1) < 0.95
    assert "Times are compared round by round; the quotient of the medians in other tables may differ." in table.notes


def test_the_ends_of_an_interval_are_rounded_outward() -> None:
    """Here and in key findings: 17.46 % is within 18, not within 17."""
    assert interval_ends(Ratio(1.0, 0.9006, 1.1746), ENGLISH) == ("−10", "+18")
    assert interval_ends(Ratio(0.9, 0.898, 0.9877), ENGLISH) == ("−11", "−1.2")


def test_accuracies_of_another_image_size_are_left_out() -> None:
    """Published errors hold for the own size of an architecture; the facts must not complete records of another one."""
    rows = {row[0]: row for row in samples.ROWS}
    size = CONDITIONS.model_copy(update={"input_size": "160"})
    records = []
    for name in ("se_resnet50", "resnet50"):
        record = samples.record(rows[name])
        readings = {key: reading for key, reading in record.readings.items() if not key.startswith("imagenet")}
        records.append(record.model_copy(update={"readings": readings, "published": facts.published(name)}))

    def shown(comparison: Comparison) -> tuple[str, str]:
        table = ablation.make(comparison, ENGLISH)
        assert table is not None
        at = [column.key for column in table.columns].index("top1")
        [cell] = [row[at] for row in table.rows if row[1].value == "se_resnet50"]
        [finding] = [each for each in findings(comparison, ENGLISH) if each.startswith("Squeeze-and-excitation")]
        return cell.text, finding

    text, finding = shown(compare(records))
    assert text == "+1.5"
    assert "points of ImageNet top-1" in finding
    other = [each.model_copy(update=fields(catalog_entries()[each.architecture], size)) for each in records]
    text, finding = shown(compare(other))
    assert text == "–"
    assert "ImageNet" not in finding
