"""Execution modes in the report: the table, the charts, the key findings, and nothing of them without modes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gpu_samples
import mode_samples
import pytest
import samples

from reporter.charts import accuracy_vs_cost, best_modes, speedup_heatmap
from reporter.model import Chart, Claim, Reading, Record, Status
from reporter.model.device_readings import with_device
from reporter.model.modes import OUTPUT_ERROR, PREPARE, alternation, speedup
from reporter.model.origins import UNKNOWN, Origin
from reporter.model.readings import LostRound
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts, vega
from reporter.report.drawing.png_files import conversion
from reporter.report.findings import mode_findings
from reporter.report.findings.key_findings import findings
from reporter.report.language import Language, language
from reporter.report.modes import mode_ranking, mode_words, pair_ranks
from reporter.report.modes.mode_ranking import break_even
from reporter.report.output import csv_tables, latex
from reporter.report.page import failures
from reporter.report.table import Cell, Table, Tabulation, status_word
from reporter.tables import groups, mode_table, overview

ENGLISH, RUSSIAN = language("en"), language("ru")
NAMES = ("alexnet", "googlenet", "resnet18", "resnet50", "densenet121", "vgg16")
EMULATED = "emulated: this processor has no fp16 instructions"


def eager() -> list[Record]:
    return [record for record in mode_samples.reference() if record.architecture in NAMES]


def changed(record: Record, key: str, **update: Any) -> Record:
    """The record with another reading under the key."""
    reading = record.readings[key].model_copy(update=update)
    return record.model_copy(update={"readings": record.readings | {key: reading}})


def measured() -> list[Record]:
    """Six architectures in modes; googlenet is wrong in bf16, resnet18 gains nothing, and resnet50 lacks an engine."""
    return list(_measured())


@cache
def _measured() -> tuple[Record, ...]:
    found = []
    for record in eager():
        name = record.architecture
        factors = {"bf16": 0.7, "channels_last": 0.9, "fp16": 3.0, "onnxruntime": 0.7}
        factors |= {"bf16": 0.4, "channels_last": 0.6} if name == "googlenet" else {}
        factors = dict.fromkeys(factors, 1.0) | {"fp16": 3.0} if name == "resnet18" else factors
        modes = {mode: mode_samples.mode(record, mode, factor, wobble=0.005) for mode, factor in factors.items()}
        modes["bf16"] = changed(modes["bf16"], "output_error", samples=(0.5 if name == "googlenet" else 0.001,))
        modes["fp16"] = changed(modes["fp16"], "latency_cpu", reason=EMULATED)
        if name == "resnet50":
            modes["onnxruntime"] = mode_samples.without(record, "onnxruntime")
        found += [record, *modes.values()]
    return tuple(found)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(measured())


@pytest.fixture(scope="module")
def table(comparison: Comparison) -> Table:
    return made(comparison)


def made(comparison: Comparison, tongue: Language = ENGLISH) -> Table:
    found = mode_table.make(comparison, tongue)
    assert found
    return found


def cells(table: Table, key: str) -> dict[tuple[str, str], Cell]:
    """The cells of a column by architecture and mode."""
    at = [column.key for column in table.columns].index(key)
    return {(row[0].text, row[1].text): row[at] for row in table.rows}


def network(comparison: Comparison, name: str) -> Record:
    return next(record for record in comparison.records if record.architecture == name)


def best(table: Table, key: str, name: str) -> set[str]:
    return {mode for (architecture, mode), cell in cells(table, key).items() if architecture == name and cell.best}


def test_a_row_for_each_pair_with_eager_first(table: Table) -> None:
    modes = ["eager", "bf16", "channels_last", "fp16", "onnxruntime"]
    assert [row[1].text for row in table.rows] == modes * len(NAMES)
    assert {row[0].text for row in table.rows} == set(NAMES)
    assert table.families == tuple(record.family for record in compare(measured()).records for _ in modes)


def test_speedups_are_those_of_the_readings(table: Table, comparison: Comparison) -> None:
    cell = cells(table, "speedup_latency_cpu")["vgg16", "bf16"]
    assert cell.value == pytest.approx(1 / 0.7, rel=0.01)
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < 1 / 0.7 < cell.high
    assert cell.text.startswith("1.4")
    mode = next(each for each in comparison.modes if (each.architecture, each.mode) == ("vgg16", "bf16"))
    assert (cell.low, cell.high) == pytest.approx(mode.readings["speedup_latency_cpu"].interval)
    assert cells(table, "latency_cpu")["vgg16", "bf16"].value == mode.value("latency_cpu")


def test_the_best_modes_are_bold_and_ties_share_it(table: Table) -> None:
    for key in ("mode", "speedup_latency_cpu", "speedup_latency_cpu_1thread"):
        assert best(table, key, "vgg16") == {"bf16", "onnxruntime"}, "not distinguished"
        assert best(table, key, "resnet50") == {"bf16"}, "the other is not available"


def test_a_wrong_mode_is_marked_and_never_the_best(table: Table, comparison: Comparison) -> None:
    assert best(table, "mode", "googlenet") == {"channels_last"}, "bf16 is faster, but wrong"
    cell = cells(table, "output_error")["googlenet", "bf16"]
    assert (cell.text, cell.value, cell.status) == ("wrong: 50 > 2.0", 0.5, "wrong")
    assert "exceeds the limit (50 > 2.0 %" in cell.note
    assert cells(table, "speedup_latency_cpu")["googlenet", "bf16"].status == "wrong"
    assert cells(table, "output_error")["vgg16", "bf16"].status == "ok"
    failed = failures.failed(comparison, [], ENGLISH)
    assert any("bf16: googlenet (50 > 2.0 %)" in getattr(block, "items", ()) for block in failed.blocks)


def test_without_a_gain_beyond_noise_eager_is_the_best(table: Table) -> None:
    assert best(table, "mode", "resnet18") == {"eager"}
    cell = cells(table, "speedup_latency_cpu")["resnet18", "bf16"]
    assert cell.status == "unresolved"
    assert cell.text.startswith("1.00 [")
    assert cell.text.endswith("] n.s.")
    assert cells(table, "break_even")["resnet18", "bf16"].text == "–"


def test_a_mode_that_is_not_available_has_its_reason(table: Table, comparison: Comparison) -> None:
    cell = cells(table, "speedup_latency_cpu")["resnet50", "onnxruntime"]
    assert (cell.text, cell.status, cell.note) == ("n/a", "unsupported", mode_samples.NOT_INSTALLED)
    assert cells(table, "notes")["resnet50", "onnxruntime"].text == mode_samples.NOT_INSTALLED
    failed = failures.failed(comparison, [], ENGLISH)
    lines = [line for block in failed.blocks for line in getattr(block, "items", ())]
    assert f"resnet50: onnxruntime: n/a: {mode_samples.NOT_INSTALLED}" in lines


def test_a_mode_without_some_of_its_values_is_listed_with_them() -> None:
    """Training in an engine, and a lost round of a time that has a value."""
    records, key = mode_samples.with_modes(eager(), {"compile": 0.8, "onnxruntime": 0.9}, ("openvino",)), "latency_cpu"
    why = "ONNX Runtime runs inference only"
    lost = LostRound(number=1, status="timeout", reason="not done after 5 s", origin=UNKNOWN)
    for place, record in enumerate(records):
        if record.mode == "onnxruntime":
            step = next(each for each in records if each.mode == "eager").readings["train_step_cpu"].quantity
            steps = [Reading(quantity=each, status="unsupported", reason=why) for each in (step, speedup(step))]
            own = record.readings | {each.quantity.key: each for each in steps}
            records[place] = record.model_copy(update={"readings": own})
        elif record.architecture == "vgg16" and record.mode == "compile":
            records[place] = changed(changed(record, key, lost=(lost,)), f"speedup_{key}", lost=(lost,))
        elif record.architecture == "resnet18" and record.mode == "eager":
            records[place] = changed(record, key, lost=(lost,))
    comparison = compare(records)
    failed = failures.failed(comparison, [], ENGLISH)
    lines = [line for block in failed.blocks for line in getattr(block, "items", ())]
    title, count = comparison.quantities[key].title, len(records[0].readings[key].rounds)
    assert f"all architectures: onnxruntime ({comparison.quantities['train_step_cpu'].title}): n/a: {why}" in lines
    assert f"all architectures: openvino: n/a: {mode_samples.NOT_INSTALLED}" in lines
    words = f"1 of {count + 1} rounds lost (not done after 5 s)"
    assert f"vgg16: compile ({title}): {words}" in lines
    assert f"resnet18: {title}: {words}" in lines


def test_emulated_modes_are_marked(table: Table) -> None:
    notes = cells(table, "notes")
    assert {place for place, cell in notes.items() if cell.text == EMULATED} == {(name, "fp16") for name in NAMES}
    assert {cell.text for (_, mode), cell in notes.items() if mode == "eager"} == {""}
    russian = cells(made(compare(measured()), RUSSIAN), "notes")
    assert russian["vgg16", "fp16"].text == "эмулируется: у этого процессора нет инструкций fp16"


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ((1.2, 1.063, 1.01), "all CPU threads: 6.3 % longer in alternation with eager than alone"),
        ((1.2, 1.063, 0.99), "all CPU threads: ≈ 6.3 % longer in alternation with eager than alone"),
        ((0.88, 0.87, 0.95), "all CPU threads: 12 % shorter in alternation with eager than alone"),
        ((1.2, 1.049, 1.01), ""),
    ],
)
def test_an_engine_whose_time_differs_in_alternation_has_a_note(ratios: tuple[float, ...], words: str) -> None:
    """By the median over rounds, and beyond 5 % only; it is marked where the rounds or the time are doubtful."""
    base = next(each for each in eager() if each.architecture == "vgg16")
    mode, time = mode_samples.mode(base, "openvino", 0.5), base.readings["latency_cpu"].quantity
    reading = Reading(quantity=alternation(time), samples=ratios, rounds=(1, 1, 1))
    mode = mode.model_copy(update={"readings": mode.readings | {reading.quantity.key: reading}})
    both = compare([base, mode])
    table = made(both)
    found = cells(table, "notes")["vgg16", "openvino"].text if "notes" in {each.key for each in table.columns} else ""
    assert found == words
    assert any("differ in alternation by more than 5 %" in note for note in table.notes) == bool(words)
    if ratios == (1.2, 1.063, 1.01):
        text = cells(made(both, RUSSIAN), "notes")["vgg16", "openvino"].text
        assert text.endswith("попеременно с eager на 6,3 % дольше, чем отдельно")
        loaded = changed(mode, "latency_cpu", detail={"foreign_load": [0.5]})
        assert cells(made(compare([base, loaded])), "notes")["vgg16", "openvino"].text == words.replace("6.3", "≈ 6.3")


@pytest.mark.parametrize("prepare", [0.001, 0.5, 22.0])
@pytest.mark.parametrize(("time", "ratio"), [(0.1, 1.5), (0.02, 1.03), (0.3, 4.0)])
def test_break_even_is_where_the_total_times_cross(prepare: float, time: float, ratio: float) -> None:
    images = 1
    while prepare + images * time > images * time * ratio + 1e-12:
        images += 1
    assert break_even(prepare, time, ratio) == images
    assert break_even(prepare, time, 1 / ratio) == float("inf")
    assert break_even(prepare, time, 1.0) == float("inf")


def test_the_break_even_of_a_row(table: Table, comparison: Comparison) -> None:
    """1.5 s of preparation over what a call saves; a slower mode never pays."""
    found = cells(table, "break_even")
    mode = next(each for each in comparison.modes if (each.architecture, each.mode) == ("vgg16", "bf16"))
    ratio = mode.value("speedup_latency_cpu") or 0
    saved = (mode.value("latency_cpu") or 0) * (ratio - 1)
    assert found["vgg16", "bf16"].value == -(-1.5 // saved)
    assert (found["vgg16", "fp16"].text, found["vgg16", "fp16"].status) == ("never", "never")
    assert found["vgg16", "eager"].text == "–"
    assert cells(table, PREPARE.key)["vgg16", "bf16"].text == "1.5"


def test_a_mode_whose_output_is_not_right_has_no_break_even(table: Table) -> None:
    """Its calls are faster, but a number would recommend it; the reason is that of its speedup."""
    found, gain = cells(table, "break_even")["googlenet", "bf16"], cells(table, "speedup_latency_cpu")
    assert (found.text, found.value, found.status) == ("–", None, "wrong")
    assert found.note == gain["googlenet", "bf16"].note
    assert found.note.startswith("wrong output: ")
    fields = {"samples": (), "status": "unsupported", "reason": "the scores hardly vary"}
    unchecked = [
        changed(each, "output_error", **fields) if (each.architecture, each.mode) == ("vgg16", "bf16") else each
        for each in measured()
    ]
    found = cells(made(compare(unchecked)), "break_even")["vgg16", "bf16"]
    assert (found.text, found.value, found.status) == ("–", None, "unchecked")
    assert found.note == "its output cannot be checked: the scores hardly vary"


@pytest.mark.parametrize(("device", "seconds"), [("cpu", 30.0), ("cuda", 1.0)])
def test_the_break_even_is_that_of_the_device_of_the_time(device: str, seconds: float) -> None:
    """Where the mode was prepared on both, on the GPU in a thirtieth of the seconds."""
    on_cpu, on_gpu = (Reading(quantity=PREPARE, samples=(each,)) for each in (30.0, 1.0))
    both, pair = with_device(on_cpu, on_gpu, "cuda"), ("vgg16", "bf16" if device == "cpu" else "bf16+channels_last")
    records = [
        each.model_copy(update={"readings": each.readings | {PREPARE.key: both}}) if each.mode == pair[1] else each
        for each in (measured() if device == "cpu" else gpu_samples.measured())
    ]
    table = made(compare(records))
    mode = next(each for each in records if (each.architecture, each.mode) == pair)
    saved = (mode.value(f"latency_{device}") or 0) * ((mode.value(f"speedup_latency_{device}") or 0) - 1)
    assert cells(table, "break_even")[pair].value == -(-seconds // saved)
    assert cells(table, PREPARE.key)[pair].text == "30"


def test_the_published_accuracy_of_another_precision_is_marked(table: Table, comparison: Comparison) -> None:
    """In the table and in its CSV and LaTeX files."""
    found = cells(table, "imagenet_top1")
    for (name, mode), cell in found.items():
        assert cell.value == network(comparison, name).value("imagenet_top1")
        assert ("†" in cell.text) == (cell.status == "fp32") == (mode in ("bf16", "fp16")), mode
    assert any("†: accuracy measured in fp32" in note for note in table.notes)
    rows = csv.DictReader(StringIO(csv_tables.to_csv(table).removeprefix(csv_tables.MARK)))
    marks = {(row["architecture"], row["mode"]): row["imagenet_top1_status"] for row in rows}
    assert marks["vgg16", "bf16"] == "fp32"
    assert marks["vgg16", "onnxruntime"] == marks["vgg16", "eager"] == "ok"
    lines = [line.split(" & ") for line in latex.to_tex(table, ENGLISH).splitlines() if line.endswith(r"\\")][1:]
    place = [column.key for column in table.columns].index("imagenet_top1")
    for line in lines:
        assert ("dag" in line[place]) == ("bf16" in line[1] or "fp16" in line[1])
    assert sum("dag" in cell for line in lines for cell in line) == 2 * len(NAMES)


def test_int8_is_in_no_accuracy_front() -> None:
    """However fast it is: its accuracy is unknown. With the same times, bf16 is all of the front."""
    base = eager()

    def ahead(mode: str, error: float = mode_samples.ERROR) -> tuple[dict[tuple[str, str], Cell], set[str]]:
        """The ranks, and the modes on the front, of eager and a mode that takes a tenth of its time."""
        table = made(compare([*base, *(mode_samples.mode(record, mode, 0.1, error=error) for record in base)]))
        found = cells(table, "imagenet_top1")
        assert all(("†" in cell.text) == (mode != "eager") for (_, mode), cell in found.items())
        return cells(table, "rank"), {mode for (_, mode), cell in cells(table, "pareto").items() if cell.text == "◇"}

    (ranks, int8), (same, bf16) = ahead("int8+onnxruntime"), ahead("bf16+onnxruntime")
    assert (int8, bf16) == ({"eager"}, {"bf16+onnxruntime"})
    assert ranks["alexnet", "int8+onnxruntime"] == same["alexnet", "bf16+onnxruntime"]
    assert ranks["alexnet", "int8+onnxruntime"].value == 1, "its time is known"
    wrong, front_of_wrong = ahead("bf16+onnxruntime", error=0.5)
    assert front_of_wrong == {"eager"}
    assert {cell.text for (_, mode), cell in wrong.items() if mode != "eager"} == {"–"}
    assert {cell.value for (_, mode), cell in wrong.items() if mode == "eager"} == set(range(1, 7))


def test_charts_of_accuracy_are_those_of_eager(comparison: Comparison) -> None:
    for key in ("macs", "latency_cpu", "latency_cpu_1thread"):
        draw = accuracy_vs_cost.against(key)
        assert draw(comparison, ENGLISH) == draw(compare(eager()), ENGLISH)


def test_ranks_of_pairs_are_shared_where_the_run_does_not_distinguish_them(comparison: Comparison) -> None:
    """By their times, in all architectures together; a front has no pair as slow as a more accurate one."""
    places = pair_ranks.ranks(comparison, comparison.machines[0], "latency_cpu")
    times = {(r.architecture, r.mode): r.value("latency_cpu") for r in (*comparison.records, *comparison.modes)}
    ranked = sorted(places, key=lambda pair: times[pair] or 0.0)
    assert [places[pair].rank for pair in ranked] == list(range(1, len(places) + 1))
    assert set(times) - set(places) == {("googlenet", "bf16"), ("resnet50", "onnxruntime")}, "wrong, and not available"
    assert any(each.low < each.high for each in places.values())
    assert places["resnet18", "bf16"].low <= places["resnet18", "eager"].rank <= places["resnet18", "bf16"].high
    table = made(comparison)
    signs = {pair for pair, cell in cells(table, "pareto").items() if cell.text == "◇"}
    assert signs == pair_ranks.ahead(comparison, comparison.machines[0], "latency_cpu")
    accurate = max(NAMES, key=lambda name: top1(comparison, name))
    fastest = min((pair for pair in places if pair[0] == accurate), key=lambda pair: times[pair] or 0.0)
    assert [pair for pair in signs if pair[0] == accurate] == [fastest]


@pytest.mark.parametrize(("slower", "front"), [(1.0, {"resnet50"}), (2.0, {"resnet18", "resnet50"})])
def test_a_pair_that_is_not_distinguished_from_a_more_accurate_one_is_not_on_the_front(
    slower: float, front: set[str]
) -> None:
    """Though that one has the larger median; the note states this rule."""
    records = []
    for name, rounds in (("resnet18", (0.050, 0.052, 0.050)), ("resnet50", (0.051, 0.050, 0.053))):
        factor = slower if name == "resnet50" else 1.0
        reading = samples.reading("latency_cpu", *(factor * each for each in rounds for _ in range(8)))
        record = next(samples.record(row) for row in samples.ROWS if row[0] == name)
        readings = record.readings | {"latency_cpu": reading.model_copy(update={"rounds": (8, 8, 8)})}
        records.append(record.model_copy(update={"readings": readings}))
    found = compare(records)
    assert {name for name, _mode in pair_ranks.ahead(found, found.machines[0], "latency_cpu")} == front
    note = pair_ranks.explained(found, {"pareto"}, "", ENGLISH)
    assert "no other pair has a higher published accuracy in a time that is as short or not distinguished, of" in note


def top1(comparison: Comparison, name: str) -> float:
    network = comparison.network(name)
    return (network.value("imagenet_top1") or 0.0) if network else 0.0


def test_the_files_of_the_table(table: Table) -> None:
    rows = list(csv.DictReader(StringIO(csv_tables.to_csv(table).removeprefix(csv_tables.MARK))))
    row = next(row for row in rows if (row["architecture"], row["mode"]) == ("googlenet", "bf16"))
    assert float(row["speedup_latency_cpu"]) == pytest.approx(2.5, rel=0.01)
    assert float(row["speedup_latency_cpu_low"]) < 2.5 < float(row["speedup_latency_cpu_high"])
    assert (row["output_error"], row["output_error_status"]) == ("0.5", "wrong")
    text = latex.to_tex(table, ENGLISH)
    assert r"channels\_last" in text
    assert "?" not in text, "a sign that LaTeX's fonts lack"


def test_the_note_explains_the_modes_that_occur(table: Table) -> None:
    note = table.notes[0]
    assert all(part in note for part in ("eager (", "bf16 (", "channels_last (", "onnxruntime ("))
    assert "openvino" not in note


def test_several_machines_are_not_compared(comparison: Comparison) -> None:
    old = [
        record.model_copy(update={"machine": "old", "started": "2020-01-01T00:00:00+00:00"}) for record in measured()
    ]
    both = compare([*measured(), *old])
    table = made(both)
    assert len(table.rows) == 2 * len(made(comparison).rows)
    assert [column.key for column in table.columns][1] == "machine"
    assert mode_ranking.gains(both, "old") == mode_ranking.gains(comparison, comparison.machines[0])


def drawn(chart: Chart, comparison: Comparison, tongue: Language = ENGLISH) -> Any:
    spec = chart.draw(comparison, tongue)
    assert spec
    json.dumps(spec, allow_nan=False)
    return spec


def rows(spec: Any) -> Iterable[dict[str, Any]]:
    """All rows of data of a specification."""
    if isinstance(spec, dict):
        yield from spec.get("values", [])
        for part in spec.values():
            yield from rows(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from rows(part)


def test_the_chart_goes_from_eager_to_the_best_mode(comparison: Comparison) -> None:
    spec = drawn(best_modes.ENTRIES[0], comparison)
    found = {row["name"]: row for row in reversed(list(rows(spec))) if "eager" in row}
    assert found["googlenet"]["text"] == "channels_last, 1.66×"
    assert found["vgg16"]["text"] == "bf16 / onnxruntime, 1.42×"
    assert found["resnet18"]["text"] == "eager"
    assert found["googlenet"]["best"] == pytest.approx(0.6 * found["googlenet"]["eager"], rel=0.01)
    order = spec["vconcat"][0]["encoding"]["y"]["sort"]
    assert order == sorted(order, key=lambda name: found[name]["best"])
    assert best_modes.ENTRIES[2].draw(comparison, ENGLISH) is None, "no GPU"


def test_a_mode_has_its_dot_on_whichever_side_its_own_latency_is() -> None:
    """The speedup is of times in alternation; the latency that places the dot is from another process."""
    rows = [{"name": name, "eager": 20.0, "best": best, "right": 20.7, "text": "bf16, 1.31×", "about": "", "base": "",
             "family": "ResNet"} for name, best in (("faster", 15.0), ("slower", 20.7), ("eager", 20.0))]  # fmt: skip
    _, dots, rings, *_ = best_modes._layers(rows, {"ResNet": "#000000"}, None)
    assert [row["name"] for row in dots["data"]["values"]] == ["faster", "slower"]
    assert len(rings["data"]["values"]) == 3


def test_the_heat_map_has_a_cell_for_each_pair(comparison: Comparison) -> None:
    spec = drawn(speedup_heatmap.ENTRIES[0], comparison)
    first = spec["vconcat"][0]["hconcat"][0]
    texts = {(row["name"], row["mode"]): row for row in rows(first)}
    assert len(texts) == 4 * len(NAMES)
    assert texts["googlenet", "bf16"]["text"] == "wrong"
    assert "exceeds the limit" in texts["googlenet", "bf16"]["about"]
    assert texts["resnet50", "onnxruntime"]["text"] == "n/a"
    assert mode_samples.NOT_INSTALLED in texts["resnet50", "onnxruntime"]["about"]
    assert (texts["resnet18", "bf16"]["text"], texts["resnet18", "bf16"]["kind"]) == ("1.00", "")
    assert "beyond noise" in texts["resnet18", "bf16"]["about"]
    assert (texts["vgg16", "bf16"]["text"], texts["vgg16", "bf16"]["kind"]) == ("1.42", "1.25–1.6")
    assert (texts["vgg16", "fp16"]["text"], texts["vgg16", "fp16"]["kind"]) == ("0.33", "< 0.8")
    assert EMULATED in texts["vgg16", "fp16"]["about"]


def many_modes() -> list[Record]:
    """Architectures in eight modes, of which some are wrong or have no value for various reasons."""
    names = ["bf16", "channels_last", "compile", "fp16", "openvino", "onnxruntime", "torchscript", "bf16+compile"]
    stati: list[Status] = ["oom", "timeout", "failed", "skipped", "unsupported"]
    records = []
    for at, each in enumerate(eager()):
        records += [each, *(mode_samples.mode(each, name, 0.4 + 0.1 * rank) for rank, name in enumerate(names[:6]))]
        records[-1] = mode_samples.mode(each, names[5], error=0.5)
        records += [mode_samples.without(each, name, stati[at % 5], "a reason") for name in names[6:]]
    return records


@pytest.mark.parametrize("tongue", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_words_in_the_heat_map_are_no_wider_than_their_cells(tongue: Language) -> None:
    """A word that is too wide is a sign; it is in the text for the mouse, and the caption explains the signs."""
    chart, comparison = speedup_heatmap.ENTRIES[0], compare(many_modes())
    assert chart.narrow
    assert chart.remark
    signs = {speedup_heatmap.MISSING: "oom", speedup_heatmap.WRONG: "wrong"}
    for spec in (drawn(chart, comparison, tongue), chart.narrow(comparison, tongue)):
        panels = spec["vconcat"][0]["hconcat"]
        cells = [(panel["width"]["step"], row) for panel in panels for row in rows(panel)]
        assert len(cells) == 2 * 2 * 8 * len(NAMES), "rectangles and texts"
        assert [row["text"] for step, row in cells if 0.58 * 12.5 * len(row["text"]) > step] == []
        shown = {row["text"] for _, row in cells}
        assert speedup_heatmap.MISSING in shown
        about = {row["text"]: row["about"] for _, row in cells if row["name"] == NAMES[0]}
        assert status_word(signs[speedup_heatmap.MISSING], tongue) in about[speedup_heatmap.MISSING]
    assert speedup_heatmap.WRONG in shown, "on a phone"
    assert all(sign in chart.remark(comparison, tongue) for sign in signs)
    assert chart.remark(compare([each for each in many_modes() if each.mode in ("eager", "bf16")]), tongue) == ""


@pytest.mark.parametrize("tongue", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_charts_and_tables_of_hostile_names(tongue: Language) -> None:
    """Names of architectures and modes, and reasons, that look like markup stay text."""
    records = [mode_samples.in_rounds(record) for record in samples.few() if record.machine == "quiet"]
    hostile = "<b>|&amp;"
    modes = [each for r in records for each in (mode_samples.mode(r, hostile), mode_samples.without(r, reason=hostile))]
    comparison = compare([*records, *modes])
    for chart in (*best_modes.ENTRIES[:2], *speedup_heatmap.ENTRIES):
        svg = vega.draw(drawn(chart, comparison, tongue), tongue)
        assert "NaN" not in svg
        for text in (vega.file(svg, chart.title), vega.inline(svg, chart.name, chart.title)):
            words = " ".join(ElementTree.fromstring(text).itertext())
            assert "#01020" not in text, "every sentinel color is replaced"
            assert hostile in words
            assert "<script>alert(1)</script>" in words
    assert hostile in {cell.text for row in made(comparison, tongue).rows for cell in row}


def luminance(color: str) -> float:
    """Relative luminance of an sRGB color (WCAG 2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_numbers_are_legible_and_classes_differ_without_hue() -> None:
    for _, color, ink in speedup_heatmap.CLASSES:
        light, dark = sorted(map(luminance, (color, ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, color
    faster = [luminance(color) for end, color, _ in speedup_heatmap.CLASSES if end > 1]
    assert faster == sorted(faster, reverse=True), "the faster the darker, also without colors"


def test_the_largest_gain_is_a_finding(comparison: Comparison) -> None:
    text = mode_findings.gained(comparison, ENGLISH)
    assert text == (
        "Run in channels_last, googlenet takes 0.60 of its eager time (all CPU threads). "
        "bf16 is the fastest mode of 4 of 6 architectures, or not distinguished from it."
    )
    alone = [r for r in measured() if r.mode in ("eager", "channels_last") and r.architecture != "resnet18"]
    text = mode_findings.gained(compare(alone), ENGLISH)
    assert text
    assert text.endswith("The fastest mode of 5 of 5 architectures is channels_last.")


def test_no_gain_is_a_finding_too() -> None:
    records = [each for record in eager() for each in (record, mode_samples.mode(record, "bf16", 1.0))]
    assert mode_findings.gained(compare(records), ENGLISH) == (
        "No execution mode is faster than eager beyond noise (all CPU threads)."
    )


@pytest.mark.parametrize(
    ("right", "first"),
    [
        (1.0, "No execution mode whose output is right is faster than eager beyond noise (all CPU threads)."),
        (0.5, "Too few rounds to state which execution modes whose output is right are faster than eager (all CPU "
         "threads)."),
    ],
)  # fmt: skip
def test_faster_modes_with_wrong_output_are_stated_as_such(right: float, first: str) -> None:
    records = []
    for record in eager():
        other = mode_samples.mode(record, "channels_last", right)
        wrong = [mode_samples.mode(record, "bf16", 0.5, error=0.5)]
        wrong += [mode_samples.mode(record, "fp16", 0.6, error=0.5)] if record.architecture == "vgg16" else []
        records += [record, *wrong, other if right == 1 else rounds_of(other, 1 / right)]
    assert mode_findings.gained(compare(records), ENGLISH) == (
        f"{first} Faster, but with output that is wrong or cannot be checked: bf16 (6 of 6 architectures), "
        "fp16 (1 of 6 architectures)."
    )


def test_an_unconfirmed_loss_is_no_lack_of_rounds() -> None:
    """Whether a mode is slower is not the question."""
    records = [each for r in eager() for each in (r, rounds_of(mode_samples.mode(r, "bf16", 2.0), 0.5))]
    assert mode_findings.gained(compare(records), ENGLISH) == (
        "No execution mode is faster than eager beyond noise (all CPU threads)."
    )


def rounds_of(record: Record, *ratios: float) -> Record:
    """The mode with other speedups, a round each."""
    update: dict[str, Any] = {"samples": ratios, "rounds": (1,) * len(ratios), "origins": (), "detail": {}}
    return changed(changed(record, "speedup_latency_cpu", **update), "speedup_latency_cpu_1thread", **update)


def test_a_gain_of_a_single_round_is_printed_and_not_stated() -> None:
    """As with --preset quick."""
    found = compare([each for r in eager() for each in (r, rounds_of(mode_samples.mode(r, "bf16", 0.5), 2.0))])
    table, why = made(found), "noisy, and only one round shows a difference from eager"
    assert best(table, "mode", "vgg16") == {"eager"}
    cell = cells(table, "speedup_latency_cpu")["vgg16", "bf16"]
    assert cell.text.startswith("2.00 ")
    assert cell.text.endswith(" ≈")
    assert cell.note == f"{why}; only 1 of the 3 rounds that a ratio needs"
    assert cells(table, "break_even")["vgg16", "bf16"].note == why
    assert mode_findings.gained(found, ENGLISH) == (
        "Too few rounds to state which execution modes are faster than eager (all CPU threads)."
    )


def of_run(record: Record, day: str, *ratios: float) -> Record:
    """The mode with other speedups, a round each, of a run of its own."""
    origins = tuple(Origin(run=day, started=f"2026-11-{day}T10:{at:02}:00+00:00") for at in range(len(ratios)))
    return changed(rounds_of(record, *ratios), "speedup_latency_cpu", origins=origins)


@pytest.mark.parametrize(
    ("ratios", "fastest"),
    [((2.57, 2.65, 2.73), ["openvino"]), ((1.49, 1.58, 1.46), ["openvino", "onnxruntime"])],
    ids=["different", "alike"],
)
def test_speedups_of_different_runs_are_compared_by_their_rounds(ratios: tuple[float, ...], fastest: list[str]) -> None:
    """They do not contain the drift of the machine: the factor of 2 between runs is one of times."""
    vgg16 = next(record for record in eager() if record.architecture == "vgg16")
    onnxruntime = of_run(mode_samples.mode(vgg16, "onnxruntime"), "28", 1.50, 1.48)
    openvino = of_run(mode_samples.mode(vgg16, "openvino"), "29", *ratios)
    comparison = compare([vgg16, onnxruntime, openvino])
    found = mode_ranking.fastest(comparison, comparison.records[0], "latency_cpu")
    assert [each.mode for each in found] == fastest
    rule = "Speedups of modes from different runs are compared by how far their rounds vary."
    assert rule in " ".join(made(comparison).notes)
    assert rule not in " ".join(made(compare(measured())).notes), "they have one run"


def test_the_largest_gain_is_one_that_is_not_noisy() -> None:
    modes = {r.architecture: mode_samples.mode(r, "bf16", 0.5) for r in eager()}
    modes["vgg16"] = rounds_of(modes["vgg16"], 2.1, 3.5, 4.0)
    comparison = compare([*eager(), *modes.values()])
    assert best(made(comparison), "mode", "vgg16") == {"bf16"}
    text = mode_findings.gained(comparison, ENGLISH)
    assert text
    assert "takes 0.50 of its eager time" in text
    assert "vgg16 takes" not in text


def swapped(factor: float, wobble: float = 0.0) -> list[Record]:
    """In eager, googlenet takes about 1.5 times as long as resnet18; in channels_last, `factor` of its own time."""
    found = []
    for record in eager():
        part, noise = (factor, wobble) if record.architecture == "googlenet" else (1.0, 0.0)
        found += [record, mode_samples.mode(record, "channels_last", part, wobble=noise)]
    return found


def swapping(factor: float, wobble: float = 0.0) -> Comparison:
    """The comparison of these."""
    return compare(swapped(factor, wobble))


def test_the_order_changes_with_the_mode() -> None:
    text = mode_findings.reordered(swapping(0.5), ENGLISH)
    assert text
    assert "googlenet takes " in text
    assert " times as long as resnet18 in eager, but resnet18 takes " in text
    assert text.endswith(" times as long as googlenet in channels_last.")
    assert text in [each.replace("\u00a0", " ") for each in findings(swapping(0.5), ENGLISH)]


@pytest.mark.parametrize(("factor", "wobble"), [(1.0, 0.0), (0.66, 0.0), (0.5, 0.9)])
def test_the_order_does_not_change_where_intervals_overlap(factor: float, wobble: float) -> None:
    assert mode_findings.reordered(swapping(factor, wobble), ENGLISH) is None


@pytest.mark.parametrize(("common", "reverse"), [(0.75, None), (0.95, None), (1.0, "1.1")])
def test_the_order_changes_by_the_times_of_common_rounds(common: float, reverse: str | None) -> None:
    """In the mode, resnet18 takes `common` of its eager time, and 1.02 in later rounds, which googlenet lacks."""

    def in_mode(record: Record) -> Record:
        odd = {"googlenet": [0.5] * 4, "resnet18": [common] * 4 + [1.02] * 6}
        levels = odd.get(record.architecture, [1.0] * 10)
        samples = tuple((record.value("latency_cpu") or 1.0) * level for level in levels for _ in range(4))
        origins = tuple(Origin(run="28", started=f"2026-11-28T10:{at:02}:00+00:00") for at in range(len(levels)))
        update: dict[str, Any] = {"samples": samples, "rounds": (4,) * len(levels), "origins": origins}
        return changed(mode_samples.mode(record, "bf16", 0.5), "latency_cpu", **update)

    comparison = compare([each for record in eager() for each in (record, in_mode(record))])
    times = {each.architecture: each.value("latency_cpu") or 0.0 for each in comparison.modes}
    assert times["resnet18"] / times["googlenet"] == pytest.approx(1.148, abs=0.001), "by their medians"
    text = mode_findings.reordered(comparison, ENGLISH)
    assert (text and text[text.index("but ") :]) == (
        reverse and f"but resnet18 takes {reverse} times as long as googlenet in bf16."
    )


def test_times_of_a_single_round_change_no_order() -> None:
    """As with --preset quick: no finding rests on one round."""

    def of_rounds(record: Record, count: int) -> Record:
        for key in ("latency_cpu", "latency_cpu_1thread"):
            reading = record.readings[key]
            samples, rounds = reading.samples[: sum(reading.rounds[:count])], reading.rounds[:count]
            record = changed(record, key, samples=samples, rounds=rounds, origins=reading.origins[:count])
        return record

    one, two = (compare([of_rounds(each, count) for each in swapped(0.5)]) for count in (1, 2))
    assert mode_findings.reordered(one, ENGLISH) is None
    assert mode_findings.reordered(two, ENGLISH)


def test_a_wrong_mode_changes_no_order() -> None:
    records = swapped(0.5)
    assert mode_findings.reordered(compare(records), ENGLISH)
    wrong = [each if each.mode == "eager" else changed(each, "output_error", samples=(0.5,)) for each in records]
    assert mode_findings.reordered(compare(wrong), ENGLISH) is None


def test_an_output_that_cannot_be_compared_is_wrong() -> None:
    reason = "the outputs have the shape 8 x 999, those of the model 8 x 1000"
    broken = {"status": "failed", "samples": (), "reason": reason}
    records = [
        changed(each, "output_error", **broken) if (each.architecture, each.mode) == ("vgg16", "bf16") else each
        for each in measured()
    ]
    both = compare(records)
    assert best(made(both), "mode", "vgg16") == {"onnxruntime"}, "bf16 is as fast, but wrong"
    assert cells(made(both), "speedup_latency_cpu")["vgg16", "bf16"].status == "wrong"
    lines = "\n".join(mode_words.wrong(both, ENGLISH))
    assert f"vgg16 ({reason})" in lines


def test_output_errors_are_in_the_table_of_modes_only(comparison: Comparison) -> None:
    own = Reading(quantity=OUTPUT_ERROR, samples=(4e-6,))
    records = [
        each.model_copy(update={"readings": each.readings | {own.quantity.key: own}}) if each.mode == "eager" else each
        for each in measured()
    ]
    both = compare(records)
    times = groups.group("latency")(both, ENGLISH)
    assert times
    assert "output_error" not in {column.key for column in times.columns}
    assert cells(made(both), "output_error")["vgg16", "eager"].text == "0.00040"


def test_times_of_other_chapters_are_those_of_eager(comparison: Comparison) -> None:
    note = "Times are those of eager (fp32); for other execution modes see “How to run it”."
    charts = collect("reporter.charts", Chart)
    assert {name for name, chart in charts.items() if chart.eager} >= {"latency", "ranks", "macs_latency", "throughput"}
    some = [charts["accuracy_latency"], charts["parameters"]]
    captions = {each.figure.name: each.figure.caption for each in drawn_charts.draw(comparison, ENGLISH, some)}
    assert note in captions["accuracy_latency"]
    assert note not in captions["parameters"]
    assert note in overview.make(comparison, ENGLISH).notes


MODE_ENTRIES = {"modes", "modes_1thread", "modes_cuda", "mode_speedups"}


def outputs(comparison: Comparison, tongue: Language, without: Iterable[str] = ()) -> dict[str, str | bytes]:
    left = set(without)
    charts = [each for each in collect("reporter.charts", Chart).values() if each.name not in left]
    tables = [each for each in collect("reporter.tables", Tabulation).values() if each.name not in left]
    pictures = drawn_charts.draw(comparison, tongue, charts)
    claims = collect("reporter.claims", Claim).values()
    made = build.build(comparison, tongue, pictures, tables, claims=claims, evidence=samples.evidence())
    return build.outputs(made, pictures, conversion(picture.file for picture in pictures).results())


@pytest.mark.usefixtures("specified_charts")
@pytest.mark.parametrize("tongue", [ENGLISH, pytest.param(RUSSIAN, marks=pytest.mark.slow)], ids=["en", "ru"])
def test_without_modes_nothing_changes(tongue: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = compare(samples.few()[::3])
    with_entries = outputs(comparison, tongue)
    assert not {name for name in with_entries if "mode" in name}
    monkeypatch.setattr(mode_ranking, "eager_note", lambda *_: "")
    assert with_entries == outputs(comparison, tongue, MODE_ENTRIES)
    page = with_entries[f"report{tongue.suffix}.html"]
    assert tongue._("How to run it") not in str(page)
    assert not mode_findings.gained(comparison, tongue)
    assert not mode_findings.reordered(comparison, tongue)


@pytest.mark.usefixtures("specified_charts")
def test_with_modes_the_report_has_the_chapter(comparison: Comparison) -> None:
    made = outputs(comparison, ENGLISH)
    assert {f"figures/{name}.svg" for name in MODE_ENTRIES - {"modes_cuda"}} <= made.keys()
    assert {"tables/modes.csv", "tables/modes.tex"} <= made.keys()
    page = str(made["report.html"])
    assert page.index(">The comparison</h2>") < page.index(">How to run it</h2>") < page.index(">Time</h2>")
    assert 'role="img" aria-label="Speedup of every mode"' in page
    assert "wrong output: the error exceeds the limit" in page, "the reason is a tooltip"
    assert "| `vgg16` | **bf16** |" in str(made["report.md"])


@pytest.mark.usefixtures("blank_charts")
def test_a_results_folder_with_modes_is_rendered(tmp_path: Path) -> None:
    from reporter.store import record_files

    record_files.save_all(tmp_path, measured())
    written = {path.relative_to(tmp_path).as_posix() for path in build.write(tmp_path, ["ru"])}
    assert {"tables/modes.ru.csv", "figures/mode_speedups.ru.svg", "report.ru.html"} <= written
    assert "Как запускать" in (tmp_path / "report.ru.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", ["ok", "unsupported"])
def test_a_mode_whose_output_cannot_be_checked_is_neither_wrong_nor_the_fastest(status: str) -> None:
    base = next(each for each in eager() if each.architecture == "vgg16")
    above = Reading(quantity=OUTPUT_ERROR, samples=(0.3,), detail={"limit": mode_samples.LIMIT})
    base = base.model_copy(update={"readings": base.readings | {above.quantity.key: above}})
    mode = mode_samples.mode(base, "openvino", 0.5, error=0.5)
    if status == "unsupported":
        mode = changed(mode, "output_error", status=status, samples=(), reason="the scores hardly vary")
    both = compare([base, mode])
    assert best(made(both), "mode", "vgg16") == {"eager"}
    assert cells(made(both), "speedup_latency_cpu")["vgg16", "openvino"].status == "unchecked"
    assert not mode_words.wrong(both, ENGLISH)
    assert mode_words.unchecked_modes(both, RUSSIAN)[0].startswith("vgg16 (openvino): результат нельзя проверить")
    assert mode_findings.gained(both, ENGLISH) == (
        "No execution mode whose output is right is faster than eager beyond noise (all CPU threads). "
        "Faster, but with output that is wrong or cannot be checked: openvino."
    )


def test_the_notes_of_unchecked_modes_agree_with_their_rows() -> None:
    """Eager above its own limit keeps its rank, and no error that cannot be checked has the sign of a wrong one."""
    base = next(each for each in eager() if each.architecture == "vgg16")
    above = Reading(quantity=OUTPUT_ERROR, samples=(0.3,), detail={"limit": mode_samples.LIMIT})
    base = base.model_copy(update={"readings": base.readings | {above.quantity.key: above}})
    modes = [mode_samples.mode(base, name, 0.5, error=0.5) for name in ("openvino", "bf16")]
    others = [each for each in measured() if each.architecture != "vgg16"]
    table = made(compare([base, *modes, *others]))
    errors, ranks = cells(table, OUTPUT_ERROR.key), cells(table, "rank")
    limit = f"{100 * mode_samples.LIMIT:.1f}"
    assert [errors["vgg16", each].text for each in ("eager", "openvino", "bf16")] == [
        "30?",
        "50?",
        f"wrong: 50 > {limit}",
    ]
    assert [ranks["vgg16", each].value is not None for each in ("eager", "openvino", "bf16")] == [True, False, False]
    notes = " ".join(table.notes)
    assert "modes other than eager whose output is wrong or cannot be checked have none" in notes
    assert "?: an output that cannot be checked" in notes
    assert "?: an output" not in " ".join(made(compare(measured())).notes)


def unchecked(records: Iterable[Record], name: str, mode: str) -> list[Record]:
    """The records with a mode whose outputs could not be compared."""
    fields: dict[str, Any] = {"status": "unsupported", "samples": (), "reason": "the scores hardly vary"}
    return [
        changed(each, "output_error", **fields) if (each.architecture, each.mode) == (name, mode) else each
        for each in records
    ]


@pytest.mark.parametrize("how", ["not supported", "eager exceeds its limit"])
def test_the_heat_map_marks_an_unchecked_mode(how: str) -> None:
    """It has its speedup without a color, and is not called wrong."""
    records = unchecked(measured(), "vgg16", "onnxruntime")
    if how != "not supported":
        above = Reading(quantity=OUTPUT_ERROR, samples=(0.3,), detail={"limit": mode_samples.LIMIT})
        records = [changed(each, "output_error", samples=(0.3,)) if each.mode == "onnxruntime" and each.value(
            "output_error") else each for each in measured()]  # fmt: skip
        records = [
            each.model_copy(update={"readings": each.readings | {"output_error": above}})
            if each.mode == "eager" and each.architecture == "vgg16"
            else each
            for each in records
        ]
    spec = drawn(speedup_heatmap.ENTRIES[0], compare(records))
    for panel in spec["vconcat"][0]["hconcat"]:
        cell = {(row["name"], row["mode"]): row for row in rows(panel)}["vgg16", "onnxruntime"]
        assert (cell["text"], cell["kind"]) == ("1.42?", "")
        assert "its output cannot be checked: " in cell["about"]
    first = {(row["name"], row["mode"]): row for row in rows(spec["vconcat"][0]["hconcat"][0])}
    assert first["vgg16", "bf16"]["kind"] == "1.25–1.6", "another mode keeps its color"
    if how != "not supported":
        assert first["resnet18", "onnxruntime"]["text"] == "wrong", "the limit of this eager holds"


def test_a_quotient_of_times_that_is_not_the_speedup_is_explained() -> None:
    """Eager's time in the tables is from another process than that beside the mode."""
    first = eager()[0]
    agreeing = [first, mode_samples.mode(first, factor=0.5)]
    key = mode_samples.TIMES[0]
    slow = first.readings[key].model_copy(update={"samples": tuple(1.3 * each for each in first.readings[key].samples)})
    other = [first.model_copy(update={"readings": first.readings | {key: slow}}), agreeing[1]]
    charts = {chart.name: chart for chart in best_modes.ENTRIES}
    for records, expected in ((agreeing, False), (other, True)):
        comparison = compare(records)
        table = mode_table.make(comparison, ENGLISH)
        assert table
        said = [note for note in table.notes if "differs from it by up to 30 % (AlexNet (bf16+channels_last))" in note]
        assert len(said) == expected
        remark = charts["modes_1thread"].remark
        assert remark
        assert bool(remark(comparison, ENGLISH)) == expected
        assert "30\u00a0%" in remark(comparison, RUSSIAN) or "30 %" in remark(comparison, RUSSIAN) or not expected
        assert charts["modes"].remark(comparison, ENGLISH) == ""  # type: ignore[misc]
