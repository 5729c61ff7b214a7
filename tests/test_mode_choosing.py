"""`reporter choose` with (architecture, mode) pairs, and frames with modes."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import mode_samples
import pandas as pd
import pytest
from click.testing import CliRunner
from commands import call
from test_curves import point, with_curves

import reporter
from reporter.charts import best_modes
from reporter.cli import choosing
from reporter.cli.main import command
from reporter.metrics.latency import ENTRIES as LATENCIES
from reporter.model import Reading, Record, ReporterError, Verdict
from reporter.model.device_readings import with_device
from reporter.model.modes import OUTPUT_ERROR, unchecked
from reporter.model.scaling_curves import BEST, CurvePoint, Curves
from reporter.report.choosing.batch_sizes import best_batch
from reporter.report.choosing.choice import choice
from reporter.report.choosing.limits import CRITERIA, candidate, measured_with
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.modes import mode_ranking, mode_words
from reporter.report.output_verdicts import output_of
from reporter.run.preparation import choose_metrics
from reporter.store import record_files

NAMES = ("resnet18", "googlenet", "vgg16")
KEY = "latency_cpu_1thread"
(LATENCY_CUDA,) = [each for metric in LATENCIES for each in metric.quantities if each.key == "latency_cuda"]


def eager() -> list[Record]:
    return [record for record in mode_samples.reference() if record.architecture in NAMES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three architectures in eager, four modes, int8, one that is not available, and one with a wrong output."""
    folder = tmp_path_factory.mktemp("pairs")
    found = mode_samples.with_modes(eager(), {**mode_samples.FACTORS, "int8+openvino": 0.2})
    found += [mode_samples.mode(record, "fp16", 0.1, error=0.5) for record in eager()]
    record_files.save_all(folder, found)
    return folder


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["architecture"], row["mode"]) for row in rows]


def names(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {pair for part in ("fits", "undecided", "unknown", "out") for pair in pairs(found[part])}


def test_a_mode_fits_by_its_own_time(folder: Path) -> None:
    (time,) = [record.value(KEY) for record in eager() if record.architecture == "resnet18"]
    assert time is not None
    found = choosing.chosen(folder, {KEY: 0.7 * time})
    fitting = {mode for name, mode in pairs(found["fits"]) if name == "resnet18"}
    assert fitting == {"bf16", "bf16+channels_last", "openvino"}
    assert ("resnet18", "eager") in pairs(found["out"])
    rows = {(row["architecture"], row["mode"]): row for row in found["fits"]}
    row = rows["resnet18", "bf16+channels_last"]
    assert row["values"][KEY] == pytest.approx(0.5 * time)
    assert row["speedup"] == pytest.approx(2)
    assert row["speedup_interval"][0] <= row["speedup"] <= row["speedup_interval"][1]
    assert row["output_error"] == mode_samples.ERROR
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    assert (row["values"]["parameters"], row["values"]["macs"]) == (base.value("parameters"), base.value("macs"))
    assert row["imagenet_top1"] == base.value("imagenet_top1")
    assert (row["fp32"], rows["resnet18", "openvino"]["fp32"]) == (False, True)


def test_pairs_are_in_the_order_of_accuracy_and_then_of_time(folder: Path) -> None:
    rows = choosing.chosen(folder, {})["fits"]
    scores = [row["imagenet_top1"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    modes = [row["mode"] for row in rows if row["architecture"] == "resnet18"]
    assert modes == ["bf16+channels_last", "openvino", "bf16", "channels_last", "eager"]


def test_static_limits_are_those_of_eager(folder: Path) -> None:
    found = choosing.chosen(folder, {"parameters": 2e7})
    assert {name for name, _ in pairs(found["fits"])} == {"resnet18", "googlenet"}
    assert {pair for pair in pairs(found["out"]) if pair[1] == "openvino"} == {("vgg16", "openvino")}


def test_the_process_memory_of_eager_is_not_that_of_other_modes(folder: Path) -> None:
    """A process in a mode may load the libraries of an engine."""
    found = choosing.chosen(folder, {"process_memory": 2**40})
    assert pairs(found["fits"]) == [(name, "eager") for name in ("vgg16", "googlenet", "resnet18")]
    assert {mode for _, mode in pairs(found["unknown"])} == set(mode_samples.FACTORS)
    why = "not measured in this mode"
    assert {row["reasons"]["process_memory"] for row in found["unknown"]} == {why}
    assert not [row for row in found["unknown"] if row["batch"] or "process_memory" in row["values"]]
    assert f"process_memory: {why}" in choosing.in_words(found)
    made = choice(compare(record_files.load_all_modes(folder)[0]), language("en"))
    assert made is not None
    at = [column.key for column in made.table.columns].index("process_memory")
    notes = {(row[1].text, row[at].status, row[at].note) for row in made.table.rows if row[1].text in ("eager", "bf16")}
    assert notes == {("eager", "ok", ""), ("bf16", "missing", why)}


def test_a_process_memory_that_no_run_measured_is_measured_in_eager(tmp_path: Path) -> None:
    without = [
        each.model_copy(update={"readings": {k: r for k, r in each.readings.items() if k != "rss_process_bytes"}})
        for each in eager()
    ]
    record_files.save_all(tmp_path, mode_samples.with_modes(without, unavailable=()))
    text = choosing.in_words(choosing.chosen(tmp_path, {"process_memory": 2**40}))
    assert "no value is measured: measure with --metrics rss_process_bytes\n" in text
    only = choosing.chosen(tmp_path, {"process_memory": 2**40}, ["bf16"])
    assert only["unmeasured"] == [], "no run measures it in modes"


def test_no_batch_keeps_a_process_memory_that_is_not_known() -> None:
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    base = with_curves(base, ("cpu",))
    for record, wanted in ((base, True), (mode_samples.mode(base, "bf16"), False)):
        points = tuple(each.model_copy(update={"mode": record.mode, "predicted": 1}) for each in base.curves.batch)
        known = candidate(record.model_copy(update={"curves": Curves(batch=points)}), record.machine)
        found = best_batch(known, {"process_memory": 2**40}, record.machine)
        assert bool(found) == wanted


def test_a_mode_without_a_limited_time_lacks_the_value(folder: Path) -> None:
    found = choosing.chosen(folder, {KEY: 10.0})
    assert pairs(found["unknown"]) == [(name, "onnxruntime") for name in ("vgg16", "googlenet", "resnet18")]
    assert found["unknown"][0]["reasons"] == {KEY: f"unsupported: {mode_samples.NOT_INSTALLED}"}
    text = choosing.in_words(found)
    three = "vgg16 (onnxruntime), googlenet (onnxruntime), resnet18 (onnxruntime)"
    assert f"- {three}: {KEY}: unsupported: {mode_samples.NOT_INSTALLED}" in text
    assert not {mode for _, mode in names(choosing.chosen(folder, {}))} & {"onnxruntime"}, "nothing limits its time"
    other = choosing.chosen(folder, {"latency_cuda": 1.0})
    assert ("resnet18", "openvino") in pairs(other["unknown"])


@pytest.mark.parametrize("type_", ["xpu", "mps"])
def test_times_on_other_accelerators_are_limited_and_order_the_modes(type_: str, tmp_path: Path) -> None:
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    key, on_cpu = f"latency_{type_}", base.readings["latency_cpu"]
    there = on_cpu.model_copy(update={"quantity": on_cpu.quantity.model_copy(update={"key": key})})
    base = base.model_copy(update={"readings": base.readings | {key: there}})
    modes = [mode_samples.mode(base, name, factor, times=(key,)) for name, factor in (("bf16", 0.5), ("fp16", 0.25))]
    record_files.save_all(tmp_path, [base, *modes])
    assert there.value is not None
    found = choosing.chosen(tmp_path, {key: 0.7 * there.value})
    assert pairs(found["fits"]) == [("resnet18", "fp16"), ("resnet18", "bf16")]
    assert pairs(found["out"]) == [("resnet18", "eager")]
    assert found["fits"][0]["speedup"] == pytest.approx(4)
    done = CliRunner().invoke(command, ["choose", str(tmp_path), f"--max-latency-{type_}", str(0.7 * there.value)])
    assert done.output.startswith("2 of 3 (architecture, mode) pairs fit")
    assert f"{key} " in done.output
    chart = next(each for each in best_modes.ENTRIES if each.name == f"modes_{type_}")
    assert "fp16, 4.00×" in json.dumps(chart.draw(compare([base, *modes]), language("en")), ensure_ascii=False)


def test_wrong_modes_are_left_out(folder: Path) -> None:
    for modes in ([], ["fp16", "eager"]):
        found = choosing.chosen(folder, {}, modes)
        assert "fp16" not in {mode for _, mode in names(found)}
        assert set(pairs(found["wrong"])) == {(name, "fp16") for name in NAMES}
        assert "left out because the output error exceeds its limit" in choosing.in_words(found)


def test_nothing_is_unmeasured_where_all_pairs_are_left_out(folder: Path) -> None:
    done = call("choose", folder, "--modes", "fp16", "--max-latency-cpu", "50ms")
    assert done.stdout.startswith("0 of 0 architectures fit;")
    assert "left out because the output error exceeds its limit" in done.stdout
    assert "measure with" not in done.stdout
    found = choosing.chosen(folder, {"latency_cpu": 0.05}, ["fp16"])
    assert found["unmeasured"] == []


def test_an_output_error_that_no_run_measured_needs_modes(tmp_path: Path) -> None:
    """It is no metric; whatever else can be limited and was not measured is one by its key."""
    record_files.save_all(tmp_path, eager())
    done = call("choose", tmp_path, "--max-output-error", "1%")
    eager_too = "(the output of eager is checked with that of any other mode)"
    assert f"no value is measured: measure with --modes default {eager_too}\n" in done.stdout
    assert "--metrics" not in done.stdout
    assert call("choose", tmp_path, "--max-output-error", "1%", "--modes", "eager").stdout == done.stdout
    assert "the output of eager" not in call("choose", tmp_path, "--max-latency-xpu", "5ms").stdout
    assert measured_with([OUTPUT_ERROR.key, "macs"]) == ["--metrics macs", "--modes default"]
    for key in CRITERIA:
        (option,) = measured_with([key])
        assert choose_metrics(tuple(option.removeprefix("--metrics ").split(",")))


def test_a_value_that_named_modes_lack_is_measured_in_them(tmp_path: Path) -> None:
    modes = [mode_samples.mode(each, name, 0.5) for each in eager() for name in ("openvino", "bf16")]
    record_files.save_all(tmp_path, [*eager(), *modes])

    def advice(*options: object) -> str:
        done = call("choose", tmp_path, *options)
        (line,) = [each for each in done.stdout.splitlines() if "measure with" in each]
        return line.partition("measure with ")[2]

    xpu = ("--max-latency-xpu", "5ms")
    assert advice(*xpu, "--modes", "openvino,bf16") == "--metrics latency_xpu --modes bf16,openvino"
    assert advice(*xpu) == advice(*xpu, "--modes", "eager") == "--metrics latency_xpu", "eager needs no --modes"
    assert measured_with([OUTPUT_ERROR.key], ["eager", "openvino"]) == ["--modes openvino"]
    assert measured_with(["macs"], ["openvino"]) == ["--metrics macs"], "it is that of eager"


def curved(record: Record, devices: tuple[str, ...] = ("cpu", "cuda")) -> Record:
    """The record with points of curves, of eight equal samples each."""
    record = with_curves(record, devices)
    points = tuple(each.model_copy(update={"samples": each.samples * 8}) for each in record.curves.batch)
    return record.model_copy(update={"curves": Curves(batch=points)})


def above_the_limit() -> list[Record]:
    """Eager above its limit, with modes that are unchecked, within their limit and wrong."""
    above = Reading(quantity=OUTPUT_ERROR, samples=(0.3,), detail={"limit": mode_samples.LIMIT})
    base = [each.model_copy(update={"readings": each.readings | {above.quantity.key: above}}) for each in eager()]
    errors = {"openvino": 0.5, "channels_last": 0.01, "bf16": 0.5}
    modes = [mode_samples.mode(each, name, 0.5, error=error) for each in base for name, error in errors.items()]
    return [*base, *modes]


def test_a_limit_that_eager_exceeds_calls_no_mode_wrong(tmp_path: Path) -> None:
    records = above_the_limit()
    record_files.save_all(tmp_path, records)
    found = choosing.chosen(tmp_path, {})
    assert names(found) == {(name, mode) for name in NAMES for mode in ("eager", "channels_last")}
    assert set(pairs(found["wrong"])) == {(name, "bf16") for name in NAMES}
    assert set(pairs(found["unchecked"])) == {(name, "openvino") for name in NAMES}
    assert "left out because the output cannot be checked: " in choosing.in_words(found)
    comparison = compare(records)
    assert {each.mode for each in mode_ranking.fastest(comparison, comparison.records[0], KEY)} == {"channels_last"}
    (line,) = mode_words.unchecked_modes(comparison, language("en"))
    assert "eager itself differs from the float64 run by more than the limit" in line


def test_only_an_error_above_its_limit_has_the_mark_of_unchecked_ones() -> None:
    """The check on a GPU failed, where eager is timed; the value is that of the CPU, within its limit or above."""
    failed = unchecked(Verdict("failed", "out of memory"))
    for value, mark in ((0.01, ""), (0.3, "?")):
        records = []
        for record in eager():
            on_cpu = Reading(quantity=OUTPUT_ERROR, samples=(value,), detail={"limit": mode_samples.LIMIT})
            on_gpu = record.readings["latency_cpu"].model_copy(update={"quantity": LATENCY_CUDA})
            kept = {OUTPUT_ERROR.key: with_device(on_cpu, failed, "cuda"), LATENCY_CUDA.key: on_gpu}
            base = record.model_copy(update={"readings": record.readings | kept})
            records += [base, mode_samples.mode(base, "channels_last", 0.5, error=0.01)]
        comparison = compare(records)
        assert {output_of(comparison, each) for each in comparison.records if each.mode == "eager"} == {"unchecked"}
        made = choice(comparison, language("en"))
        assert made is not None
        place = [column.key for column in made.table.columns].index(OUTPUT_ERROR.key)
        cells = [row[place].text for row in made.table.rows if "eager" in [cell.text for cell in row]]
        assert len(cells) == len(NAMES)
        assert {text.endswith("?") for text in cells} == {bool(mark)}, cells
        assert any("?: the output" in note for note in made.table.notes) is bool(mark)


def test_int8_is_listed_on_request_only(folder: Path) -> None:
    found = choosing.chosen(folder, {})
    assert "int8+openvino" not in {mode for _, mode in names(found)}
    assert len(found["on_request"]) == 3
    assert "left out unless --modes names them: " in choosing.in_words(found)
    asked = choosing.chosen(folder, {}, ["openvino+int8"])
    assert names(asked) == {(name, "int8+openvino") for name in NAMES}
    assert not asked["on_request"]
    assert "int8+openvino" in {mode for _, mode in names(choosing.chosen(folder, {}, ["all"]))}


def test_modes_that_are_named(folder: Path) -> None:
    found = choosing.chosen(folder, {}, ["channels_last+bf16", "eager"])
    assert {mode for _, mode in names(found)} == {"bf16+channels_last", "eager"}
    with pytest.raises(ReporterError, match=r"--modes: there are no results of 'compile'; measured modes: eager, bf16"):
        choosing.chosen(folder, {}, ["compile"])


def test_the_output_error_can_be_limited(tmp_path: Path) -> None:
    found = [
        record
        for eager_record in eager()
        for record in (eager_record, mode_samples.mode(eager_record, "bf16", 0.6, error=0.015))
    ]
    found += [mode_samples.mode(record, "openvino", 0.6, error=1e-6) for record in eager()]
    record_files.save_all(tmp_path, found)
    chosen = choosing.chosen(tmp_path, {OUTPUT_ERROR.key: 0.01})
    assert set(pairs(chosen["fits"])) == {(name, "openvino") for name in NAMES}
    assert set(pairs(chosen["out"])) == {(name, "bf16") for name in NAMES}
    assert set(pairs(chosen["unknown"])) == {(name, "eager") for name in NAMES}, "eager has no output error here"
    text, comparison = choosing.in_words(chosen), compare(found)
    for record in found:
        if record.mode != "eager":
            assert f"output_error {mode_words.error(record, comparison, language('en'))} %" in text, "as in the table"


def test_the_accuracy_of_another_precision_is_marked(folder: Path) -> None:
    text = choosing.in_words(choosing.chosen(folder, {}))
    lines = {line.split("  ")[0].removeprefix("- "): line for line in text.splitlines()}
    assert " %†" in lines["resnet18 (bf16+channels_last)"]
    assert "speedup 2.00x" in lines["resnet18 (bf16+channels_last)"]
    assert "†" not in lines["resnet18 (openvino)"] + lines["resnet18 (channels_last)"] + lines["resnet18"]
    assert "† accuracy measured in fp32; this mode has another precision" in text
    assert text.startswith("15 of 15 (architecture, mode) pairs fit; times of ")


@pytest.mark.parametrize(
    ("limits", "eager_batch", "mode_batch"),
    [({}, 8, 8), ({"latency_cpu": 0.0131}, 4, 8), ({"latency_cpu": 0.0069}, None, 4), ({"memory": 66e6}, 2, 2)],
)
def test_a_pair_is_listed_with_its_batch(
    limits: dict[str, float], eager_batch: int | None, mode_batch: int | None, tmp_path: Path
) -> None:
    """That of the highest throughput whose latency and memory keep the limits; eager takes 5 ms and 2 ms an image."""
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    base = curved(base, ("cpu",))
    each = (base.value("weights_bytes") or 0) / 5
    points = [point.model_copy(update={"predicted": int(each * point.batch)}) for point in base.curves.batch]
    base = base.model_copy(update={"curves": base.curves.model_copy(update={"batch": tuple(points)})})
    record_files.save_all(tmp_path, [base, mode_samples.mode(base, "bf16+channels_last", 0.5)])
    found = choosing.chosen(tmp_path, limits)
    rows = {row["mode"]: row for part in ("fits", "undecided", "unknown", "out") for row in found[part]}
    batches = [rows[mode]["batch"] and rows[mode]["batch"]["batch"] for mode in ("eager", "bf16+channels_last")]
    assert batches == [eager_batch, mode_batch]
    if not limits:
        assert rows["eager"]["batch"] == {
            "device": "cpu", "batch": 8, "latency": pytest.approx(0.021), "throughput": pytest.approx(8 / 0.021),
            "low": pytest.approx(8 / 0.021), "high": pytest.approx(8 / 0.021), "status": "ok",
        }  # fmt: skip
        assert "batch 8 on cpu: 381 images/s [380 – 381]" in choosing.in_words(found).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("samples", "load", "fitting", "printed"),
    [
        ((0.045, 0.046, 0.048, 0.049, 0.050, 0.055, 0.057, 0.058), 0.0, 0.0581, "≈ 81 images/s [68.9 – 88.9]"),
        ((0.0495, *[0.04951] * 7), 0.0, 0.0496, "80.79 images/s [80.79 – 80.81]"),
        ((0.0495, *[0.04951] * 7), 0.4, 0.0496, "≈ 80.79 images/s [80.79 – 80.81]"),
        ((0.0495,), 0.0, 0.0991, "≈ 81 images/s"),
    ],
    ids=["wide", "narrow", "disturbed", "single"],
)
def test_a_batch_keeps_a_limit_with_its_whole_interval(
    samples: tuple[float, ...], load: float, fitting: float, printed: str, tmp_path: Path
) -> None:
    """Without an interval, with twice its time, as pairs do."""
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    rate = 4 / median(samples)
    made = point(4, rate, foreign_load=load).model_copy(update={"samples": samples})
    base = base.model_copy(update={"curves": Curves(batch=(made,))})
    for limits, keeps in (
        ({"latency_cpu": 0.99 * fitting}, False),
        ({"latency_cpu": fitting}, True),
        ({"throughput_cpu": 1.01 * 4 / fitting}, False),
        ({"throughput_cpu": 4 / fitting}, True),
    ):
        assert bool(best_batch(candidate(base, base.machine), limits, base.machine)) == keeps
    record_files.save_all(tmp_path, [base])
    assert f"batch 4 on cpu: {printed}" in choosing.in_words(choosing.chosen(tmp_path, {})).replace("\u00a0", " ")


@pytest.mark.parametrize("batch", [2, 4, 8])
def test_the_batch_keeps_the_memory_of_the_process(batch: int) -> None:
    """A process takes as much more than with one image as the tensors of the batch do; those of a GPU are elsewhere."""
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    process, one = base.value("rss_process_bytes") or 0, base.value("peak_activation_bytes") or 0
    for device, found_with_less in (("cpu", batch // 2), ("cuda", 8)):
        points = (
            point.model_copy(update={"predicted": int(one * point.batch)})
            for point in curved(base, (device,)).curves.batch
        )
        record = base.model_copy(update={"curves": Curves(batch=tuple(points))})
        limit = process + int(one * batch) - one
        for limits, wanted in (
            ({"process_memory": limit}, batch if device == "cpu" else 8),
            ({"process_memory": limit - 1}, found_with_less),
        ):
            found = best_batch(candidate(record, record.machine), limits, record.machine)
            assert (found and found["batch"]) == wanted


def _tenfold(point: CurvePoint) -> dict[str, Any]:
    """The times of a device that is ten times as fast."""
    latency, rate = point.latency or 1.0, point.throughput or 1.0
    return {"latency": latency / 10, "throughput": rate * 10, "samples": tuple(each / 10 for each in point.samples)}


@pytest.mark.parametrize(
    ("limits", "threads", "device", "batch"),
    [
        ({}, 2, "cuda", 8),
        ({"latency_cpu": 0.0131}, 2, "cpu", 4),
        ({"throughput_cpu": 1.0}, 2, "cpu", 8),
        ({"throughput_cpu": 1e6}, 2, None, None),
        ({"latency_cpu": 0.0131, "latency_cuda": 0.0131}, 2, "cuda", 8),
        ({"latency_cpu_1thread": 0.0131}, 2, None, None),
        ({"latency_cpu_1thread": 0.0131}, 1, "cpu", 4),
    ],
)
def test_the_batch_is_one_of_the_device_that_is_limited(
    limits: dict[str, float], threads: int, device: str | None, batch: int | None
) -> None:
    """The GPU is ten times as fast."""
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    points = [
        each.model_copy(update={"settings": {"threads": threads}})
        if each.device == "cpu"
        else each.model_copy(update=_tenfold(each))
        for each in curved(base).curves.batch
        if each.latency and each.throughput
    ]
    base = base.model_copy(update={"curves": Curves(batch=tuple(points))})
    found = best_batch(candidate(base, base.machine), limits, base.machine)
    assert (found and (found["device"], found["batch"])) == (device and (device, batch))


def test_all_usable_cores_may_be_one_thread() -> None:
    """Points that were measured on all cores have no number of threads of their own."""
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    base = with_curves(base, ("cpu",))
    for cores in (1, 2):
        record = base.model_copy(update={"machine_facts": base.machine_facts | {"threads": cores}})
        found = best_batch(candidate(record, record.machine), {"latency_cpu_1thread": 10.0}, record.machine)
        assert bool(found) == (cores == 1)


def test_the_batch_is_not_one_of_another_version_of_the_engine(tmp_path: Path) -> None:
    """Points of batch sizes that were not measured again stay in the record."""
    (base,) = [record for record in eager() if record.architecture == "resnet18"]
    points = [
        point(batch, batch * rate, settings={"engine": version}).model_copy(update={"mode": "openvino"})
        for batch, rate, version in (
            (1, 30.0, "2026.4"),
            (2, 31.0, "2026.4"),
            (8, 90.0, "2025.1"),
            (16, 90.0, "2025.1"),
        )
    ]
    base = base.model_copy(update={"curves": Curves(batch=tuple(points))})
    mode = mode_samples.mode(base, "openvino", 0.5)
    best = Reading(quantity=BEST["cpu"], samples=(62.0,), settings={"engine": "2026", "batches": [1, 2]})
    mode = mode.model_copy(update={"readings": mode.readings | {best.quantity.key: best}})
    record_files.save_all(tmp_path, [base, mode])
    rows = {row["mode"]: row for row in choosing.chosen(tmp_path, {})["fits"]}
    assert rows["openvino"]["batch"]["batch"] == 2


def test_without_modes_the_text_is_that_of_architectures(tmp_path: Path) -> None:
    record_files.save_all(tmp_path, eager())
    found = choosing.chosen(tmp_path, {KEY: 10.0})
    text = choosing.in_words(found)
    assert text.startswith("3 of 3 architectures fit; times of ")
    assert not [word for word in ("resnet18 (", "†", "speedup", "left out", "output_error") if word in text]
    assert {row["mode"] for row in found["fits"]} == {"eager"}
    assert {row["speedup"] for row in found["fits"]} == {None}


def test_a_folder_of_one_mode_of_another_machine_has_no_times(tmp_path: Path) -> None:
    newest, *others = eager()
    old = [each.model_copy(update={"machine": "old", "started": "2020-01-01T00:00:00+00:00"}) for each in others]
    record_files.save_all(tmp_path, mode_samples.with_modes([newest, *old], {"openvino": 0.5}, ()))
    found = choosing.chosen(tmp_path, {KEY: 10.0})
    assert {pair for pair in pairs(found["unknown"]) if pair[1] == "openvino"} == {
        (each.architecture, "openvino") for each in others
    }
    assert "measured on old" in found["unknown"][0]["reasons"][KEY]


def test_the_command_takes_modes_and_an_output_error(folder: Path) -> None:
    done = call("choose", folder, "--modes", "openvino,eager", "--max-output-error", "0.01", "--json")
    found = json.loads(done.stdout)
    assert found["limits"] == {"output_error": 0.01}
    assert {row["mode"] for row in found["fits"]} == {"openvino"}
    wrong = call("choose", folder, "--modes", "compile")
    assert wrong.returncode == 2
    assert "there are no results of 'compile'" in wrong.stderr
    assert call("choose", folder, "--max-output-error", "-1").returncode == 2


# Frames


def test_frames_are_those_of_eager(folder: Path, tmp_path: Path) -> None:
    record_files.save_all(tmp_path, eager())
    with_modes, alone = reporter.load(folder), reporter.load(tmp_path)
    for frame in ("values", "readings", "samples"):
        assert getattr(with_modes, frame).equals(getattr(alone, frame)), frame
        assert "mode" not in getattr(with_modes, frame).columns


def test_frames_with_modes_have_a_column(folder: Path) -> None:
    results, plain = reporter.load(folder, modes=True), reporter.load(folder)
    modes = {"eager", "int8+openvino", "onnxruntime", "fp16", *mode_samples.FACTORS}
    for frame in ("values", "readings", "samples"):
        made = getattr(results, frame)
        found = set(made["mode"])
        assert found == (modes - {"onnxruntime"} if frame == "samples" else modes), frame
        only = made[made["mode"] == "eager"][getattr(plain, frame).columns].reset_index(drop=frame != "values")
        pd.testing.assert_frame_equal(
            only, getattr(plain, frame).reset_index(drop=frame != "values"), check_dtype=False
        )
    values = results.values.set_index("mode", append=True)
    assert values.index.is_unique
    resnet = values.loc["resnet18"]
    assert resnet.loc["openvino", KEY] == pytest.approx(0.6 * resnet.loc["eager", KEY])
    assert resnet.loc["openvino", f"speedup_{KEY}"] == pytest.approx(1 / 0.6)
    assert resnet.loc["eager", "parameters"] == 11689512
    row = results.readings.query(f"architecture == 'resnet18' and mode == 'openvino' and key == 'speedup_{KEY}'")
    assert (row["status"].item(), row["unit"].item()) == ("ok", "1")
    assert row["low"].item() <= row["value"].item() <= row["high"].item()


def test_frames_of_a_folder_without_modes_have_the_column(tmp_path: Path) -> None:
    record_files.save_all(tmp_path, eager())
    results = reporter.load(tmp_path, modes=True)
    assert set(results.values["mode"]) == {"eager"}
    assert len(results.records) == 3


def test_the_page_filters_the_pairs_of_the_command(folder: Path) -> None:
    """The same pairs in the same order with all modes; int8 is there but not chosen, and a wrong output is not."""
    made = choice(compare(record_files.load_all_modes(folder)[0]), language("en"))
    assert made is not None
    at = {column.key: number for number, column in enumerate(made.table.columns)}
    listed = [(row[0].text, row[at["mode"]].text) for row in made.table.rows]
    assert listed == pairs(choosing.chosen(folder, {}, ["all"])["fits"])
    chosen = dict(made.modes)
    assert chosen == {"eager": True, **dict.fromkeys(mode_samples.FACTORS, True), "int8+openvino": False}
    assert [pair for pair in listed if chosen[pair[1]]] == pairs(choosing.chosen(folder, {})["fits"])
    rows = dict(zip(listed, made.table.rows, strict=True))
    marked = {mode for (_, mode), row in rows.items() if "†" in row[at["imagenet_top1"]].text}
    assert marked == {"bf16", "bf16+channels_last", "int8+openvino"}
    assert "† The accuracy was measured in fp32, not in this mode." in made.table.notes
    assert made.on_request
    (slider,) = [slider for slider in made.sliders if slider.key == OUTPUT_ERROR.key]
    assert (mode_samples.ERROR, "≤ 0.500 %") in slider.stops
    times = [rows["resnet18", mode][at[KEY]] for mode in ("eager", "bf16+channels_last")]
    assert times[1].value == pytest.approx(0.5 * times[0].value)


def test_marks_and_limits_are_explained_where_they_are(tmp_path: Path) -> None:
    """Without a mode of another precision there is no †; only the page has limits and modes to choose."""
    modes = {"channels_last": 0.9, "openvino": 0.6}
    record_files.save_all(tmp_path, mode_samples.with_modes(eager(), modes, unavailable=()))
    made = choice(compare(record_files.load_all_modes(tmp_path)[0]), language("en"))
    assert made is not None
    assert {mode for mode, _chosen in made.modes} == {"eager", *modes}
    assert not made.on_request
    assert not [note for note in made.table.notes if "†" in note or "limit" in note or "chosen" in note]
    assert not [note for note in made.table.notes if "left out" in note]


def test_the_page_states_that_unchecked_outputs_are_left_out(tmp_path: Path) -> None:
    """Eager above its own limit is listed with a mark; modes that cannot be checked are left out with a note."""
    records = above_the_limit()
    record_files.save_all(tmp_path, records)
    comparison = compare(record_files.load_all_modes(tmp_path)[0])
    made = choice(comparison, language("en"))
    assert made is not None
    assert "Modes other than eager whose output is wrong or cannot be checked are left out." in made.table.notes
    assert "?: the output of the mode cannot be checked." in made.table.notes
    at = {column.key: number for number, column in enumerate(made.table.columns)}
    errors = {(row[at["mode"]].text, row[at[OUTPUT_ERROR.key]].text) for row in made.table.rows}
    assert errors == {("eager", "30?"), ("channels_last", "1.0")}
    alone = choice(compare([each for each in records if each.mode != "channels_last"]), language("en"))
    assert alone is not None
    assert not alone.modes
    assert any("cannot be checked are left out" in note for note in alone.table.notes)


def test_the_page_states_that_modes_without_a_time_are_left_out(folder: Path, tmp_path: Path) -> None:
    """The command lists them as pairs without a verdict once a time is limited."""
    note = "Modes without a measured time are left out; if a time is limited, reporter choose DIR lists them."
    made = choice(compare(record_files.load_all_modes(folder)[0]), language("en"))
    assert made is not None
    found = choosing.chosen(folder, {KEY: 10.0}, ["all"])
    assert len(names(found)) > len(made.table.rows)
    assert note in made.table.notes
    record_files.save_all(tmp_path, mode_samples.with_modes(eager(), {"bf16": 0.6}, unavailable=()))
    whole = choice(compare(record_files.load_all_modes(tmp_path)[0]), language("en"))
    assert whole is not None
    assert note not in whole.table.notes
    assert len(names(choosing.chosen(tmp_path, {KEY: 10.0}, ["all"]))) == len(whole.table.rows)


def test_of_too_many_pairs_the_page_has_those_of_eager(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.report.choosing.choice.MOST_PAIRS", 17)
    made = choice(compare(record_files.load_all_modes(folder)[0]), language("en"))
    assert made is not None
    assert not made.modes
    assert {row[0].text for row in made.table.rows} == set(NAMES)
    assert any("of 18 (architecture, mode) pairs" in note for note in made.table.notes)


def test_a_page_without_modes_has_no_column_of_them(tmp_path: Path) -> None:
    record_files.save_all(tmp_path, [record.model_copy(update={"mode": "eager"}) for record in eager()])
    made = choice(compare(record_files.load_all_modes(tmp_path)[0]), language("en"))
    assert made is not None
    assert not made.modes
    assert not {column.key for column in made.table.columns} & {"mode", OUTPUT_ERROR.key}
