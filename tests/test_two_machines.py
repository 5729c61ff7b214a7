"""Reports on two machines of which the newer one measured less."""

from __future__ import annotations

import pytest
import samples

from reporter.charts import accuracy_vs_cost, blocks, latency_ranks, macs_latency, pair_bars, stage_strips
from reporter.model import Record
from reporter.report.cards import cards, record_structure
from reporter.report.comparison import Comparison, compare
from reporter.report.findings.key_findings import cheapest
from reporter.report.language import language
from reporter.report.slide_table import slide_table
from reporter.tables import groups

ENGLISH = language("en")
LATER = "2026-02-03T04:05:06+00:00"
NEWER = ("latency_cpu_1thread", "latency_cpu", "imagenet_top1", "imagenet_top5")
"""What the newer machine measured, with what every run looks up."""


def with_newer(names: tuple[str, ...] = (), **changes: object) -> Comparison:
    """The lecture on one machine, and on a newer one the latency of some architectures, by default of all."""
    older = samples.lecture()
    newer: list[Record] = []
    for record in older:
        if not names or record.architecture in names:
            readings = {key: record.readings[key] for key in NEWER if key in record.readings}
            update = {"machine": "newer", "started": LATER, "readings": readings, **changes}
            newer.append(record.model_copy(update=update))
    return compare([*older, *newer])


@pytest.mark.parametrize("names", [(), ("resnet50", "vgg16")])
def test_what_does_not_depend_on_the_machine_is_that_of_the_older_one(names: tuple[str, ...]) -> None:
    alone, both = compare(samples.lecture()), with_newer(names)
    assert both.machines == ("newer", "quiet")
    for key in ("parameters", "macs", "peak_training_bytes"):
        assert [r.value(key) for r in both.networks] == [r.value(key) for r in alone.networks]
    resnet = both.network("resnet50")
    assert resnet
    assert resnet.machine == "newer"
    assert "finetune_seconds" not in resnet.readings
    assert record_structure.stages(resnet)
    assert cards.drawing(resnet, ENGLISH)
    assert cheapest(both, ENGLISH) == cheapest(alone, ENGLISH)
    table, expected = slide_table(both, ENGLISH), slide_table(alone, ENGLISH)
    assert table
    assert expected
    assert table.rows == expected.rows
    for draw in (accuracy_vs_cost.against("macs"), blocks.draw, stage_strips.draw):
        spec, before = draw(both, ENGLISH), draw(alone, ENGLISH)
        assert spec
        assert before
        assert len(spec["layer"]) == len(before["layer"])
        assert spec.get("title") == before.get("title")


def test_bubbles_over_a_time_of_the_newer_machine_have_the_parameters_and_macs_of_the_older_one() -> None:
    both = with_newer()
    for draw in (accuracy_vs_cost.against("latency_cpu_1thread"), macs_latency.against("latency_cpu_1thread")):
        spec = draw(both, ENGLISH)
        assert spec
        rows = [row for layer in spec["layer"] for row in layer["data"]["values"]]
        assert any("parameters" in row for row in rows)


@pytest.mark.parametrize("changes", [{"input_size": 64}, {"definition": "another"}])
def test_nothing_is_taken_from_another_definition_or_image_size(changes: dict[str, object]) -> None:
    resnet = with_newer(**changes).network("resnet50")
    assert resnet
    assert resnet.value("macs") is None


TIMED = {
    name: chart
    for module in (accuracy_vs_cost, macs_latency, latency_ranks, pair_bars)
    for chart in module.ENTRIES
    if (name := chart.name) != "accuracy_macs"
}


@pytest.mark.parametrize("name", TIMED)
def test_charts_of_the_times_of_one_of_several_machines_name_it(name: str) -> None:
    remark = TIMED[name].remark
    assert remark
    sentence = "Times are those of newer, the machine that was measured last."
    assert remark(with_newer(), ENGLISH).endswith(sentence)
    assert "Times are" not in remark(compare(samples.lecture()), ENGLISH)
    [by_macs] = (chart for chart in accuracy_vs_cost.ENTRIES if chart.name == "accuracy_macs")
    assert by_macs.remark
    assert "newer" not in by_macs.remark(with_newer(), ENGLISH)


def test_notes_on_counts_name_each_architecture_once() -> None:
    made = []
    for machine in ("quiet", "newer"):
        for record in samples.lecture()[:2]:
            detail = {"counted_on": "cpu", "uncounted": {"aten::_fft_c2r": 1}}
            macs = record.readings["macs"].model_copy(update={"detail": detail})
            made.append(record.model_copy(update={"machine": machine, "readings": record.readings | {"macs": macs}}))
    table = groups.group("compute")(compare(made), ENGLISH)
    assert table
    notes = [note for note in table.notes if note.startswith(("Counted by a forward pass", "MACs leave out"))]
    assert len(notes) == 2
    assert all(note.count("alexnet") == note.count("vgg16") == 1 for note in notes)
