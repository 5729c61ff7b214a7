"""Curves: which points are measured, that none is killed for lack of memory, that they are saved, and what is best."""

from __future__ import annotations

import json
import math
import os
import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import mode_samples
import pytest
import samples
import torch
from commands import call
from networks import CONDITIONS, own, small, subject
from simulated import Simulated, slot
from simulated_device import BLOCK, Accelerator, Machine
from torch import Tensor, nn

from reporter.cli.progress import Lines
from reporter.compare import folders
from reporter.documents.run_files import Summary
from reporter.host import process_memory
from reporter.host.job import CurveJob, Job
from reporter.model import Chart, Engine, Metric, Reading, Record, ReporterError, Verdict, absent
from reporter.model.image_sizes import square
from reporter.model.modes import CHECK_FAILED, OUTPUT_ERROR, is_larger, output_decision
from reporter.model.scaling_curves import BEST, CurvePoint, Curves, best, is_saturated, swept
from reporter.model.settings import settings
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import conditions_of, engines
from reporter.report.comparison import compare
from reporter.report.drawing import vega
from reporter.report.language import language
from reporter.report.modes import mode_words
from reporter.report.output.summary import summary
from reporter.report.page import failures
from reporter.report.sections import Items
from reporter.report.table import status_word
from reporter.run import budget, curve_plan, experiment, failure_counts, preparation
from reporter.run.budget_schedule import BudgetSchedule
from reporter.run.costs import USUAL_SPEED, Costs
from reporter.run.curve_measurement import CurveMeasurement, described
from reporter.run.input_sizes import valid
from reporter.run.ledger import NOT_ASKED, Ledger
from reporter.run.measurement import Measurement
from reporter.run.request import Outcome, Request
from reporter.run.schedule import Task
from reporter.run.slots import Event
from reporter.store import record_files
from reporter.tables import batch_fits
from reporter.worker import entry, torch_state
from reporter.worker.entry import measure
from reporter.worker.latency import curve_points, memory_forecast
from reporter.worker.latency.curve_points import COPIES, CurveTiming, measure_curve
from reporter.worker.latency.memory_forecast import Forecast
from reporter.worker.subject import Subject
from reporter.worker.variants import varied_inputs
from reporter.worker.variants.mode_preparation import CALIBRATION
from reporter.worker.variants.mode_timing import measure_modes

pytestmark = pytest.mark.usefixtures("brief_collections")
CHARTS = collect("reporter.charts", Chart)
METRICS = collect("reporter.metrics", Metric)
CPU = METRICS["best_throughput_cpu"]
GIB = 2**30
WIDE = """
from torch import nn

from reporter.model import Architecture


def build(classes):
    {before}
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), Last(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(32, classes),
    )


class Last(nn.Module):
    def forward(self, images):
        {during}
        return images


WIDE = Architecture("wide", "Test", 2026, "none", build, input_size=64, classes=10)
"""
LIMIT = (
    "import resource; from reporter.host.process_memory import status_bytes; "
    "resource.setrlimit(resource.RLIMIT_{name}, (status_bytes('{field}') + {bytes}, resource.RLIM_INFINITY))"
)


def point(batch: int, rate: float | None, status: str = "ok", **more: Any) -> CurvePoint:
    times = {"latency": batch / rate, "throughput": rate, "samples": (batch / rate,)} if rate else {"reason": "because"}
    return CurvePoint(mode="eager", device="cpu", batch=batch, size="32", status=status, **times, **more)


def curve(folder: Path, axis: str = "batch", name: str = "wide") -> list[dict[str, Any]]:
    (path,) = folder.glob(f"records/*/{name}.json")
    return json.loads(path.read_text())["curves"][axis]


def options(folder: Path, file: Path, *more: object) -> list[object]:
    return ["--out", folder, "--architecture", f"{file}:WIDE", "--preset", "quick", "--weights", "random", "--metrics",
            "parameters", "--modes", "eager", *more]  # fmt: skip


def written(folder: Path, before: str = "pass", during: str = "pass") -> Path:
    file = folder / "wide_network.py"
    file.write_text(WIDE.format(before=before, during=during))
    return file


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("batches", "8,1,2,2", (1, 2, 8)),
        ("batches", [4, 1], (1, 4)),
        ("batches", 3, (3,)),
        ("sizes", "320x256,64,96", ("64", "96", "320x256")),
        ("sizes", [64, "32x16"], ("32x16", "64")),
    ],
)
def test_batches_and_sizes_are_lists(key: str, value: object, found: tuple[object, ...]) -> None:
    assert getattr(settings({key: value}), key) == found


def test_points_have_a_detail_only_where_there_is_one() -> None:
    """Those of a CPU are stored as before, and stored ones are read."""
    on_gpu = {"device": {"name": "a GPU"}}
    points = point(1, 5.0), point(2, 8.0, detail=on_gpu)
    stored = Curves(batch=points).model_dump(mode="json")["batch"]
    assert ["detail" in each for each in stored] == [False, True]
    assert Curves.model_validate({"batch": stored}).batch == points
    found = best(points, BEST["cpu"], {})
    assert found
    assert found.detail == {**on_gpu, "batch": 2}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("batches", "1,two", "it should be batch sizes, as in 1,2,4,8"),
        ("batches", "0,1", "it should be batch sizes from 1 to"),
        ("batches", "-4", "it should be batch sizes"),
        ("batches", [True], "it should be batch sizes"),
        ("batches", "9999999", "it should be batch sizes from 1 to"),
        ("sizes", "32,huge", "it should be N or HxW in pixels"),
        ("batches", [*range(1, 1002)], "it should be a list of at most 1,000 numbers, not 1,001"),
    ],
)
def test_another_value_is_one_line(key: str, value: object, words: str) -> None:
    with pytest.raises(ReporterError, match=f"--{key}: .*{words}") as caught:
        settings({key: value})
    assert len(str(caught.value)) < 400


def test_the_best_throughput_has_its_batch() -> None:
    found = best([point(1, 10.0), point(4, 30.0), point(8, 29.0), point(64, None, "oom")], BEST["cpu"], {})
    assert found is not None
    assert (found.samples, found.detail) == ((30.0,), {"batch": 4})
    assert best([point(64, None, "oom")], BEST["cpu"], {}) is None


def test_a_point_is_printed_without_an_exponent() -> None:
    assert described(point(16, 12_345.6)) == "cpu, batch 16, 32 px: 1.3 ms, 12,346 images/s"
    assert described(point(16, None, "oom")) == "cpu, batch 16, 32 px: oom: because"


def test_a_sweep_ends_where_throughput_no_longer_rises() -> None:
    rising = [point(1, 10.0), point(2, 19.0), point(4, 30.0)]
    assert not is_saturated(rising[:1])
    assert not is_saturated(rising)
    assert is_saturated([*rising, point(8, 31.0)])
    assert is_saturated([*rising, point(8, None, "oom")])
    assert not is_saturated([])


def test_points_of_two_runs_do_not_end_a_sweep_and_are_marked() -> None:
    """The machine may be slower in the second run; points of older records have no run."""
    fast = [point(1, 10.0, run="a"), point(2, 19.0, run="a"), point(4, 30.0, run="a")]
    slow = point(8, 31.0, run="b")
    assert is_saturated([*fast, slow.model_copy(update={"run": "a"})])
    assert not is_saturated([*fast, slow])
    assert is_saturated([*fast, slow, point(16, 31.1, run="b")])
    found = best([*fast, slow], CPU.quantities[0], {})
    assert found
    assert found.reason == "the points of this curve were measured in 2 runs"
    assert found.reason in found.notes
    assert language("ru").translate(found.reason) == "точки этой кривой измерены в разных запусках: 2"
    assert [each.reason for each in [best(fast, CPU.quantities[0], {})] if each] == [None]
    record = samples.record(samples.ROWS[0]).model_copy(update={"curves": Curves(batch=(*fast, slow))})
    table = batch_fits.make(compare([record]), language("en"))
    assert table is not None
    cells = {column.key: cell for column, cell in zip(table.columns, table.rows[0], strict=True)}
    assert cells["overhead"].note == cells["time_per_image"].note == found.reason


def test_points_are_measured_again_with_a_larger_effort_only(tmp_path: Path) -> None:
    def lacking(seconds: float) -> bool:
        conditions = CONDITIONS.model_copy(update={"seconds": seconds})
        ledger = Ledger(own(), replace(of_curves(tmp_path, batches=(1, 2)), about=slot("here").about))
        ledger.request = replace(ledger.request, conditions=conditions)
        return bool([*curve_plan.jobs({"small": ledger})])

    measured(tmp_path, batches=(1, 2))
    assert [lacking(factor * CONDITIONS.seconds) for factor in (0.5, 1, 2)] == [False, False, True]


def test_a_point_has_the_run_that_measured_it(tmp_path: Path) -> None:
    first, second = (measured(tmp_path, batches=batches, run=run)[0] for run, batches in (("a", (1,)), ("b", (2,))))
    assert [(each.batch, each.run) for each in second.curves.batch] == [(1, "a"), (2, "b")]
    assert "run" not in point(1, 5.0).model_dump()
    assert first.readings[CPU.name].reason is None
    assert second.readings[CPU.name].reason == "the points of this curve were measured in 2 runs"


@pytest.mark.parametrize(
    "others",
    [
        [point(30, 40.0), point(32, 40.1)],
        [point(4096, None, "oom")],
        [point(3, 20.0), point(2**19 + 1, None, "failed")],
        [point(2, 19.0), point(8, None, "oom")],
    ],
    ids=["of equal throughput", "without memory", "that failed", "with a gap"],
)
def test_points_of_other_batches_do_not_end_a_sweep(others: list[CurvePoint]) -> None:
    """They are those of an earlier --batches, for example."""
    first = point(1, 10.0)
    assert not is_saturated(others)
    assert not is_saturated([first, *others])
    assert [each.batch for each in swept([first, *others])] == ([1, 2] if others[0].batch == 2 else [1])


def test_a_sweep_ends_at_the_largest_batch() -> None:
    doubling = [point(2**power, 2.0**power) for power in range(21)]
    assert not is_saturated(doubling[:-1])
    assert is_saturated(doubling)
    assert swept(doubling[::-1]) == doubling


def test_a_sweep_measures_what_an_earlier_list_of_batches_left_out() -> None:
    settled = Curves(batch=(point(30, 6.0), point(32, 6.1), point(2**20, None, "oom", predicted=1)))
    asked = CurveJob(mode="eager", sweep=True, settled=settled)
    found = [each.batch for _, each in CurveTiming(subject(own(), seconds=0.01), CPU, asked).run()]
    assert found[:2] == [1, 2]


def test_points_replace_each_other_and_are_ordered() -> None:
    curves = Curves()
    for each in (point(8, 8.0), point(1, 1.0), point(8, 9.0), point(2, None, "failed")):
        curves = curves.with_point("batch", each)
    assert [(each.batch, each.throughput) for each in curves.batch] == [(1, 1.0), (2, None), (8, 9.0)]
    assert [each.batch for each in curves.settled().batch] == [1, 8], "one that failed is tried again"
    assert curves.under("batch", "eager", "cpu", {}) == curves.batch
    assert curves.under("batch", "eager", "cpu", {"threads": 1}) == ()
    assert curves.under("batch", "bf16", "cpu", {}) == ()


@pytest.mark.parametrize(
    "change", [{"latency": None}, {"samples": ()}, {"throughput": -1.0}, {"size": "x"}, {"batch": 0}, {"status": "oom"}]
)
def test_impossible_points_are_refused(change: dict[str, Any]) -> None:
    whole = point(2, 4.0).model_dump()
    with pytest.raises(ValueError, match="validation error"):
        CurvePoint.model_validate(whole | change)


def test_a_curve_of_a_small_network() -> None:
    """Each point has the shape that it names; points that are known are not measured again."""
    shapes: list[tuple[int, ...]] = []

    def watching(classes: int) -> nn.Module:
        network = small(classes)
        network.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
        return network

    asked = CurveJob(mode="eager", batches=(1, 2, 4), sizes=("16x24",), settled=Curves(batch=(point(2, 5.0),)))
    found = list(CurveTiming(subject(own(watching), seconds=0.01), CPU, asked).run())
    assert [(axis, each.batch, each.size, each.status) for axis, each in found] == [
        ("batch", 1, "32", "ok"),
        ("batch", 4, "32", "ok"),
        ("size", 1, "16x24", "ok"),
    ]
    assert (4, 3, 32, 32) in shapes
    assert (1, 3, 16, 24) in shapes
    assert not [shape for shape in shapes if shape[0] == 2 and shape[2:] == (32, 32)]
    for _, each in found:
        assert len(each.samples) % 2 == 1
        assert each.throughput == pytest.approx(each.batch / (each.latency or 0))
        assert each.predicted


def test_points_of_an_engine_keep_no_files_where_there_are_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of Ray may not have the results folder."""
    folders: list[Path] = []

    def prepare(network: nn.Module, _: object, *, cache: str, **__: object) -> nn.Module:
        folders.append(Path(cache))
        return network

    known = {"swift": Engine("swift", "Swift", prepare)}
    monkeypatch.setattr("reporter.worker.latency.curve_points.engines", lambda: known)
    monkeypatch.setattr("reporter.registry.execution_modes.engines", lambda: known)
    (tmp_path / ".prepared").mkdir()  # that of another run, or of a checkout at the same path
    place = tmp_path / ".prepared" / "run" / "small"
    asked = CurveJob(mode="swift", batches=(1,))
    chosen = subject(own(), seconds=0.01)
    job = Job(
        architecture="small", metrics=(CPU.name,), device="cpu", process="curve", conditions=chosen.conditions,
        cache=str(place), curve=asked,
    )  # fmt: skip
    for made in (False, True):
        if made:
            place.parent.mkdir()
        sent: list[dict[str, Any]] = []
        measure_curve(job, CPU, chosen, sent.append)
        assert [each["point"]["status"] for each in sent if "curve" in each] == ["ok"]
        assert folders.pop().is_relative_to(place) == made
        assert place.exists() == made


class Growing(nn.Module):
    """A residual block that returns larger values than it takes, until its batch norm is calibrated."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        nn.init.normal_(self.branch[0].weight)

    def forward(self, images: Tensor) -> Tensor:
        added: Tensor = images + self.branch(images)
        return added


def deep(classes: int) -> nn.Module:
    """A residual network whose activations, with random weights, are finite in fp32 and overflow in fp16."""
    blocks = (Growing() for _ in range(32))
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    return nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), *blocks, *head)


@pytest.mark.parametrize("mode", ["eager", "fp16"])
def test_a_curve_has_the_weights_of_the_times_of_its_mode(mode: str, tmp_path: Path) -> None:
    """Those that are calibrated, with which the outputs are checked; the times of eager have them as initialized."""
    chosen = subject(own(deep, classes=10), seconds=0.01)
    network, images = chosen.network, chosen.input(1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        assert network(images).isfinite().all()
        assert deepcopy(network).half()(images.half()).isnan().any()
    found = [each["point"] for each in sent_of_curve(chosen, mode, tmp_path) if "curve" in each]
    assert [(point["status"], point["reason"]) for point in found] == [("ok", None)]
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before) == (mode == "eager")
    assert (tmp_path / CALIBRATION).exists() == (mode == "fp16"), "as the calibration of later jobs of the mode"


def sent_of_curve(chosen: Subject, mode: str, cache: Path, batches: tuple[int, ...] = (1,)) -> list[dict[str, Any]]:
    """The messages of a job of a curve."""
    job = Job(
        architecture="small", metrics=(CPU.name,), device="cpu", process="curve", conditions=chosen.conditions,
        cache=str(cache), curve=CurveJob(mode=mode, batches=batches),
    )  # fmt: skip
    sent: list[dict[str, Any]] = []
    measure_curve(job, CPU, chosen, sent.append)
    return sent


@pytest.mark.parametrize("name", ["right", "zeros", "infinite"])
def test_what_an_engine_prepares_for_each_batch_is_checked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In as few calls as 8 images need. Some engines are wrong for batches only, also after one image is checked."""
    calls: list[tuple[int, int]] = []

    def prepare(network: nn.Module, _: object, **__: object) -> Callable[[Tensor], Tensor]:
        def call(images: Tensor) -> Tensor:
            calls.append((len(images), images.shape[-1]))
            scores: Tensor = network(images)
            if name == "right" or len(images) == 1:
                return scores
            return scores * 0 if name == "zeros" else scores + float("inf")

        return call

    known = {name: Engine(name, name.title(), prepare)}
    for module in ("registry.execution_modes", "worker.latency.curve_points", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: known)
    request = of_curves(tmp_path, batches=(1, 8, 16), sizes=("16",), modes=(name,), engines=known)
    ledger = Ledger(own(), request)
    [*_, job] = experiment.plan(request, {"small": ledger})
    measurement = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    chosen = subject(own())
    chosen.sample = lambda *_, **__: (0.1,) * 3
    measure_curve(job, CPU, chosen, measurement.receive)
    readings = ledger.records[name].readings
    assert readings[CPU.name].detail["batch"] == 16
    assert Counter(calls) == {(1, 32): 1 + 8, (8, 32): 1 + 1, (16, 32): 1 + 1, (1, 16): 1}
    error = readings[OUTPUT_ERROR.key]
    assert error.measured == (name != "infinite"), error.reason
    assert error.settings == json.loads(json.dumps(chosen.conditions.of_mode() | conditions_of(name)))
    assert output_decision(ledger.records[name]).verdict == ("within" if name == "right" else "wrong")
    key = "latency_cpu_1thread"
    later = replace(request, metrics={CPU.name: CPU, key: METRICS[key]})
    again = Ledger(own(), later)
    [_, job, *_] = experiment.plan(later, {"small": again})
    assert (job.modes, job.curve) == ((name,), None)
    of_one = Measurement(job, again, Lines(StringIO()), Outcome())
    of_one.start()
    of_one.receive({"reading": output_error(1e-7, error.settings).model_dump(mode="json"), "mode": name})
    assert output_decision(again.records[name]).verdict == ("within" if name == "right" else "wrong")
    curves = [each.curve.mode for each in experiment.plan(later, {"small": again}) if each.curve]
    assert curves == ["eager"], "the points of the engine are there"


def test_a_point_whose_outputs_could_not_be_checked_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the check fails, and not the outputs: a failed output error would stay with the measured point."""
    calls, broken = Counter[int](), [True]

    def prepare(network: nn.Module, _: object, **__: object) -> Callable[[Tensor], Tensor]:
        def call(images: Tensor) -> Tensor:
            calls[len(images)] += 1
            if broken[0] and len(images) == 8 and calls[8] > 1:
                raise RuntimeError("the device is busy")
            scores: Tensor = network(images)
            return scores

        return call

    known = {"swift": Engine("swift", "Swift", prepare)}
    for module in ("registry.execution_modes", "worker.latency.curve_points", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: known)
    request = of_curves(tmp_path, batches=(1, 8), modes=("swift",), engines=known)
    found = []
    for broken[0] in (True, False):
        ledger = Ledger(own(), request)
        [*_, job] = experiment.plan(request, {"small": ledger})
        assert job.curve
        assert job.curve.mode == "swift"
        measurement = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
        measurement.start()
        chosen = subject(own())
        chosen.sample = lambda *_, **__: (0.1,) * 3
        measure_curve(job, CPU, chosen, measurement.receive)
        points = [(each.batch, each.status) for each in ledger.record.curves.batch if each.mode == "swift"]
        found.append((points, ledger.records["swift"].readings[OUTPUT_ERROR.key].status, curve_plan.failures(ledger)))
        if broken[0]:
            (reason,) = [each.reason for each in ledger.record.curves.batch if each.status == "failed"]
            assert reason == "its outputs could not be checked: RuntimeError: the device is busy"
    assert found == [([(1, "ok"), (8, "failed")], "ok", 1), ([(1, "ok"), (8, "ok")], "ok", 0)]


@pytest.mark.parametrize(("cause", "kept"), [("busy", False), ("infinite", True)])
def test_a_failed_check_of_one_image_is_replaced_by_the_next_one(
    cause: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside points of a curve, too. Outputs that are infinite may be those of a point, which is not checked again."""
    calls = Counter[str]()

    def prepare(network: nn.Module, _: object, **__: object) -> Callable[[Tensor], Tensor]:
        def call(images: Tensor) -> Tensor:
            calls[cause] += 1
            if calls[cause] > 1 and cause == "busy":  # the first call is timed
                raise RuntimeError("the device is busy")
            scores: Tensor = network(images) / (0.0 if cause == "infinite" else 1.0)
            return scores

        return call

    known = {"swift": Engine("swift", "Swift", prepare)}
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: known)
    monkeypatch.setattr("reporter.worker.variants.mode_preparation.has_nan", lambda _: False)
    request = of_curves(tmp_path, batches=(16,), modes=("swift",), engines=known)
    ledger = Ledger(own(), request)
    [job, *_] = experiment.plan(request, {"small": ledger})
    assert job.modes == ("swift",)

    def started() -> Measurement:
        measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
        measurement.start()
        return measurement

    measure_modes(job, METRICS, subject(own()), started().receive)
    error = ledger.records["swift"].readings[OUTPUT_ERROR.key]
    assert (error.status, "busy" in str(error.reason)) == ("failed", not kept)
    settings = CONDITIONS.of(CPU, "cpu") | conditions_of("swift", known)
    ledger.keep_curves(Curves(batch=(point(16, 8.0, settings=settings).model_copy(update={"mode": "swift"}),)))
    later = output_error(0.01, error.settings)
    started().receive({"reading": later.model_dump(mode="json"), "mode": "swift"})
    assert ledger.records["swift"].readings[OUTPUT_ERROR.key].measured != kept


def output_error(value: float, conditions: dict[str, Any]) -> Reading:
    return Reading(quantity=OUTPUT_ERROR, samples=(value,), settings=conditions, detail={"limit": 0.1})


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"asked": {"metrics": {"latency_cpu": METRICS["latency_cpu"]}, "batches": ()}}, True),
        ({"asked": {"fresh": True}}, False),
        ({"asked": {"fresh": True}, "of_run": True}, True),
        ({"of_points": {"engine": {"swift": "0"}}}, False),
        ({"of_error": {"engine": {"swift": "0"}}}, False),
        ({"rate": None}, False),
    ],
    ids=[
        "same",
        "without a curve",
        "fresh",
        "of this fresh run",
        "of other points",
        "of another version",
        "no point was measured",
    ],
)
def test_the_output_error_at_a_batch_stays_with_its_points(change: dict[str, Any], kept: bool, tmp_path: Path) -> None:
    """Also if the worker that checks one image again crashes or is cut off."""
    known = {"swift": Engine("swift", "Swift", lambda network, _, **__: network)}
    own_engine = conditions_of("swift", known)
    asked = {"metrics": {CPU.name: CPU}, "batches": (1, 16), **change.get("asked", {})}
    request = replace(of_curves(tmp_path, modes=("swift",), engines=known), **asked)
    ledger = Ledger(own(), request)
    job = Job(
        architecture="small", metrics=tuple(request.metrics), modes=("swift",), device="cpu", process="modes",
        conditions=request.conditions,
    )  # fmt: skip
    large = output_error(0.5, change.get("of_error", own_engine))
    rate = change.get("rate", 8.0)
    settings = CONDITIONS.of(CPU, "cpu") | change.get("of_points", own_engine)
    made = point(16, rate, "ok" if rate else "failed", settings=settings).model_copy(update={"mode": "swift"})
    found = []
    for end in ("smaller", "crash", "cut off", "larger"):
        ledger.records["swift"] = ledger.record.model_copy(
            update={"mode": "swift", "readings": {OUTPUT_ERROR.key: large}}
        )
        ledger.keep_curves(Curves(batch=(made,)))
        ledger.checked = {("swift", "cpu")} if change.get("of_run") else set()
        of_one = Measurement(job, ledger, Lines(StringIO()), Outcome())
        of_one.start(budget=5.0)
        value = {"smaller": 0.01, "larger": 0.7}.get(end)
        if value:
            of_one.receive({"reading": output_error(value, own_engine).model_dump(mode="json"), "mode": "swift"})
        elif end == "crash":
            of_one.receive({"running": "swift"})
            of_one.drop_crashed(Verdict("failed", "the worker crashed"))
        else:
            of_one.finish(Verdict("timeout", "longer than 5 s"), Costs({}, USUAL_SPEED, lambda _: ledger.record))
        found.append(ledger.records["swift"].readings[OUTPUT_ERROR.key].value)
    same = request.fresh is False and "of_error" not in change
    assert found == ([0.5, 0.5, 0.5, 0.7] if kept else [0.01, 0.5 if same else None, 0.5, 0.7])


@pytest.mark.parametrize("status", ["ok", "unsupported"])
def test_another_version_of_an_engine_is_checked_again_in_a_run_of_curves_alone(status: str, tmp_path: Path) -> None:
    known = {"swift": Engine("swift", "Swift", lambda network, _, **__: network)}
    request = of_curves(tmp_path, batches=(1, 2), modes=("swift",), engines=known)
    ledger = Ledger(own(), request)
    checks = []
    for version in (conditions_of("swift", known), {"engine": {"swift": "0"}}):
        error = output_error(0.01, version)
        if status == "unsupported":
            error = error.model_copy(update={"samples": (), "status": status, "reason": "no float64"})
        mode = ledger.record.model_copy(update={"mode": "swift", "readings": {OUTPUT_ERROR.key: error}})
        ledger.records["swift"] = mode
        checks.append([job.modes for job in experiment.plan(request, {"small": ledger}) if not job.curve])
    assert checks == [[], [("swift",)]]


def test_the_largest_output_error_of_all_points_is_that_of_the_mode(tmp_path: Path) -> None:
    """Also one that could not be measured; those of other conditions are replaced."""
    request = of_curves(tmp_path, batches=(1, 2), modes=("bf16",))
    ledger = Ledger(own(), request)
    [*_, job] = experiment.plan(request, {"small": ledger})
    measurement = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()

    def stored(error: Reading) -> Reading:
        measurement.receive({"output_error": error.model_dump(mode="json")})
        return ledger.records["bf16"].readings[OUTPUT_ERROR.key]

    def error(value: float, version: str = "1") -> Reading:
        return output_error(value, {"engine": {"swift": version}})

    assert [stored(error(value)).value for value in (0.1, 0.05, 0.2)] == [0.1, 0.1, 0.2]
    assert [stored(error(value, "2")).value for value in (0.01, 0.005, 0.03)] == [0.01, 0.01, 0.03]
    failed = error(0.0, "2").model_copy(update={"samples": (), "status": "failed", "reason": "the outputs contain NaN"})
    assert [stored(each).status for each in (failed, error(0.3, "2"), error(0.3, "3"))] == ["failed", "failed", "ok"]
    assert measurement.remaining == job, "a point is missing until it is sent"


@pytest.mark.parametrize("settings", [{}, {"engine": {"swift": "1"}}], ids=["the worker crashed", "the check failed"])
def test_a_point_with_a_wrong_output_is_kept_where_one_image_was_not_checked(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """One image is checked again by the next run, and the point is not."""
    ledger = Ledger(own(), of_curves(tmp_path, batches=(1, 2), modes=("bf16",)))
    [*_, job] = experiment.plan(ledger.request, {"small": ledger})
    (lost,) = absent([OUTPUT_ERROR], "failed", "the device is busy")
    lost = lost.model_copy(update={"settings": settings, "detail": {CHECK_FAILED: True} if settings else {}})
    ledger.records["bf16"] = ledger.record.model_copy(update={"mode": "bf16", "readings": {OUTPUT_ERROR.key: lost}})
    measurement = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    found = []
    for value, reason in ((0.01, None), (0.5, "above its limit"), (0.02, None)):
        error = output_error(value, {"engine": {"swift": "1"}}).model_copy(update={"reason": reason})
        measurement.receive({"output_error": error.model_dump(mode="json")})
        found.append(ledger.records["bf16"].readings[OUTPUT_ERROR.key].value)
    assert found == [None, 0.5, 0.5]


def test_a_failed_check_of_one_image_does_not_replace_the_output_error_of_a_point() -> None:
    conditions = {"engine": {"swift": "1"}}
    (lost,) = absent([OUTPUT_ERROR], "failed", "the device is busy")
    lost, before = lost.model_copy(update={"settings": conditions}), output_error(0.5, conditions)
    assert is_larger(lost, before)
    assert not is_larger(lost.model_copy(update={"detail": {CHECK_FAILED: True}}), before)


def test_preparation_and_checks_of_a_curve_are_no_part_of_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that only they advance: 5 s for each point that is prepared, 3 s for the calibration."""
    seconds = [0.0]
    calibrate = varied_inputs.calibrate

    def prepare(network: nn.Module, _: object, **__: object) -> nn.Module:
        seconds[0] += 5
        return network

    def calibrated(*given: Any) -> Any:
        seconds[0] += 3
        return calibrate(*given)

    monkeypatch.setattr(varied_inputs, "calibrate", calibrated)
    known = {"swift": Engine("swift", "Swift", prepare)}
    for module in ("registry.execution_modes", "worker.latency.curve_points", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: known)
    for module in ("entry", "subject", "variants.mode_checks"):
        monkeypatch.setattr(f"reporter.worker.{module}.perf_counter", lambda: seconds[0])
    for name in ("find", "limit_memory"):
        monkeypatch.setattr(entry, name, lambda *_: own())
    monkeypatch.setattr(torch_state, "settle", lambda threads: None)
    job = Job(
        architecture="small", metrics=(CPU.name,), device="cpu", process="curve", conditions=subject(own()).conditions,
        cache=str(tmp_path), curve=CurveJob(mode="swift", batches=(1, 2), sizes=("16",)),
    )  # fmt: skip
    sent: list[dict[str, Any]] = []
    entry.run(job, sent.append, lambda *_, **__: (0.1,) * 3)
    assert [each["point"]["status"] for each in sent if "curve" in each] == ["ok"] * 3
    assert sent[-1] == {"busy": 0.0, "building": 0.0, "preparing": 15.0, "checking": 3.0}


def test_the_best_throughput_alone_is_a_sweep() -> None:
    (reading,) = measure(CPU, subject(own(), seconds=0.01))
    assert reading.status == "ok"
    assert reading.detail["batch"] in [2**power for power in range(21)]


def test_the_batch_on_a_gpu_is_doubled_until_memory_ends() -> None:
    """On a device whose operators take as long for any batch, so that throughput never stops rising."""
    machine = Machine([Accelerator(0.0)], memory=80 << 20)
    with machine:
        chosen = Subject(own(), machine.device("cuda:0"), CONDITIONS.model_copy(update={"seconds": 0.01}))
        asked = CurveJob(mode="eager", sweep=True)
        points = [point for _, point in CurveTiming(chosen, METRICS["best_throughput_cuda"], asked).run()]
    assert [point.batch for point in points] == [2**power for power in range(len(points))]
    assert len(points) > 4, points[-1].reason
    assert [point.status for point in points] == [*["ok"] * (len(points) - 1), "oom"]
    assert {point.device for point in points} == {"cuda"}
    assert machine.devices[0].peak <= machine.memory
    assert 4 * machine.devices[0].peak > machine.memory - memory_forecast.SCRATCH


def test_memory_of_earlier_points_that_is_kept_for_reuse_is_no_memory_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a large batch, a small image has little; a large one after it fits, though not with the largest margin."""
    monkeypatch.setattr(memory_forecast, "SCRATCH", 2 * BLOCK)
    large = Forecast(subject(own()), Tight(1, 1.0)).predicted(1, square(512))
    machine = Machine([Accelerator(0.0)], memory=4 * BLOCK + 2 * large)
    asked = CurveJob(mode="eager", batches=(1, 256), sizes=("16", "512"))
    with machine:
        chosen = Subject(own(), machine.device("cuda:0"), CONDITIONS.model_copy(update={"seconds": 0.01}))
        points = [point for _, point in CurveTiming(chosen, METRICS["best_throughput_cuda"], asked).run()]
    assert [point.reason for point in points] == [None] * 4


class Tight:
    """A space of a few bytes, in which each inference takes a multiple of what is predicted."""

    def __init__(self, room: int, factor: float) -> None:
        self.room, self.factor, self.held, self.next = room, factor, 0, 0

    def available(self) -> int:
        return self.room - self.held

    def used(self) -> int:
        return self.held

    def restart_peak(self) -> None: ...

    def peak(self) -> int:
        return self.held


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.0])
def test_a_forecast_learns_from_the_point_before(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch is run that does not fit, and all are that fit with a margin of a half."""
    monkeypatch.setattr(memory_forecast, "SCRATCH", 0)
    room = 400 * 2**20
    where = Tight(room, factor)
    forecast = Forecast(subject(own()), where)
    ran = []
    for power in range(14):
        predicted = forecast.predicted(2**power, square(64))
        if forecast.misfit(predicted) is None:
            where.held = max(where.held, round(predicted * factor))
            assert where.held <= room, "it would have been killed"
            forecast.learn(predicted)
            ran.append(predicted)
        else:
            assert predicted * max(1.0, factor) * 1.5 > room
    assert ran


def test_a_point_that_is_not_run_has_what_its_process_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    where = Tight(2**20, 1.0)
    where.held = 2**19
    monkeypatch.setattr(curve_points, "space", lambda _: where)
    [(_, found)] = CurveTiming(subject(own()), CPU, CurveJob(mode="eager", batches=(1,))).run()
    assert found.status == "oom"
    assert found.predicted
    assert found.needed == 2**19 + memory_forecast.SCRATCH + round(memory_forecast.FIRST_MARGIN * found.predicted)


@pytest.mark.parametrize(
    ("needed", "available", "again"), [(100, 99, False), (100, 100, True), (0, 0, True), (None, 10**9, False)]
)
def test_a_point_that_did_not_fit_is_tried_again_where_what_it_needs_is_available(
    needed: int | None, available: int, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(own(), of_curves(tmp_path, batches=(1, 8)))
    own_conditions = CONDITIONS.of(CPU, "cpu")
    points = point(1, 4.0, settings=own_conditions), point(8, None, "oom", settings=own_conditions, needed=needed)
    ledger.keep_curves(Curves(batch=points))
    monkeypatch.setattr(curve_plan.process_memory, "available", lambda: available)
    assert [job.settled.batch for *_, job in curve_plan.jobs({"small": ledger})] == ([points[:1]] if again else [])
    assert ("needed" in points[1].model_dump()) == (needed is not None)


def test_a_point_whose_worker_was_killed_is_tried_again_by_a_later_run_only(tmp_path: Path) -> None:
    request = of_curves(tmp_path, batches=(1, 8))
    ledger = Ledger(own(), request)
    [job] = experiment.plan(request, {"small": ledger})
    found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    found.start()
    for batch in (1, 8):
        trying = point(batch, None, "skipped", settings=CONDITIONS.of(CPU, "cpu"))
        found.receive({"trying": "batch", "point": trying.model_dump(mode="json")})
        assert found.drop_crashed(Verdict("oom", "the worker was killed (SIGKILL)")) == (batch == 1)
    assert [(each.status, each.needed) for each in ledger.record.curves.batch] == [("oom", 0)] * 2
    [later] = experiment.plan(request, {"small": Ledger(own(), replace(request, run="later"))})
    assert later.curve
    assert later.curve.settled == Curves()


def test_the_forecast_is_linear_in_the_batch_and_the_area() -> None:
    forecast = Forecast(subject(own()), Tight(1, 1.0))
    one, eight = forecast.predicted(1, square(32)), forecast.predicted(8, square(32))
    assert 7 * one < eight <= 8 * one
    assert 3 * one < forecast.predicted(1, square(64)) < 5 * one


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_what_is_available_obeys_every_limit() -> None:
    """In a process of its own, which gets less of each kind of memory."""
    import subprocess

    code = (
        "import resource as r; from reporter.host import process_memory as m; "
        "r.setrlimit(r.RLIMIT_{0}, (m.status_bytes('{1}') + 2**26, r.RLIM_INFINITY)); print(m.available())"
    )
    for name, field in (("AS", "VmSize"), ("DATA", "VmData")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(name, field)], capture_output=True, text=True, check=True, env=os.environ
        )
        assert 2**25 < int(done.stdout) <= 2**26
    assert process_memory.available() > 2**26


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
@pytest.mark.parametrize(("name", "field"), [("AS", "VmSize"), pytest.param("DATA", "VmData", marks=pytest.mark.slow)])
def test_batches_beyond_a_hard_limit_are_rows_and_nothing_is_killed(name: str, field: str, tmp_path: Path) -> None:
    """A network whose worker may take 1 GiB more: a batch of 4,096 holds 2 GiB twice."""
    before = LIMIT.format(name=name, field=field, bytes=2**30)
    file, out = written(tmp_path, before), tmp_path / "out"
    done = call(*options(out, file, "--batches", "1,8,32,4096,65536", "--sizes", "64,8192"), report=False)
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in curve(out)] == ["ok", "ok", "ok", "oom", "oom"], done.stderr
    assert [row["status"] for row in curve(out, "size")] == ["ok", "oom"]
    reasons = [row["reason"] for row in [*curve(out), *curve(out, "size")] if row["status"] == "oom"]
    assert all("MiB are available; it was not run" in reason for reason in reasons)
    assert "killed" not in done.stderr
    (record,) = record_files.load_all(out)[0]
    assert record.value("best_throughput_cpu") == max(row["throughput"] or 0 for row in curve(out))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_batches_of_an_engine_beyond_a_hard_limit_are_rows_and_nothing_is_killed(tmp_path: Path) -> None:
    """Its copies of the weights and its arena are not those of torch."""
    if lacking := engines()["onnxruntime"].missing:
        pytest.skip(lacking)
    before = LIMIT.format(name="DATA", field="VmData", bytes=2**30)
    file, out = written(tmp_path, before), tmp_path / "out"
    done = call(*options(out, file, "--batches", "1,8,4096", "--modes", "onnxruntime"), report=False)
    assert done.returncode == 0, done.stderr
    rows = {mode: [row for row in curve(out) if row["mode"] == mode] for mode in ("eager", "onnxruntime")}
    for found in rows.values():
        assert [(row["batch"], row["status"]) for row in found] == [(1, "ok"), (8, "ok"), (4096, "oom")], done.stderr
    assert "MiB are available; it was not run" in rows["onnxruntime"][-1]["reason"]
    assert "killed" not in done.stderr


@pytest.mark.parametrize("mode", ["onnxruntime", "torchscript", "bf16+openvino"])
def test_the_forecast_of_an_engine_adds_its_copies_of_the_weights(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that suffices for a batch in eager does not for the same batch in an engine."""
    monkeypatch.setattr(memory_forecast, "SCRATCH", 0)
    weights = 4 * (3 * 64 * 64 + 1) * 1000

    def build(classes: int) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(64), nn.Flatten(), nn.Linear(3 * 64 * 64, 1000))

    reasons = []
    for name, room in (("eager", 0), (mode, 0), (mode, COPIES * weights)):
        mine = subject(own(build))
        monkeypatch.setattr(curve_points, "space", lambda _, room=room: Tight(2**20 + room, 1.0))
        forecast = CurveTiming(mine, CPU, CurveJob(mode=name, batches=(1,)))._prepared_forecast()
        reasons.append(forecast.misfit(forecast.predicted(1, square(64))))
    assert [reason is None for reason in reasons] == [True, False, True]
    assert f"needs about {COPIES * weights / 2**20:,.0f} MiB" in str(reasons[1])


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_a_miss_of_the_forecast_is_a_row_too(tmp_path: Path) -> None:
    """The network holds 64 MiB more for each image of a batch above 8, which no tracker can see."""
    before = LIMIT.format(name="DATA", field="VmData", bytes=2**29)
    during = "import torch; held = torch.ones(2**24 * len(images)) if len(images) > 8 and not images.is_meta else None"
    file, out = written(tmp_path, before, during), tmp_path / "out"
    done = call(*options(out, file, "--batches", "1,8,16,32,64"), report=False)
    assert done.returncode == 0, done.stderr
    rows = curve(out)
    assert [row["status"] for row in rows] == ["ok", "ok", "oom", "oom", "oom"]
    assert rows[3]["reason"].startswith("not run: a smaller one did not fit (")


def test_a_worker_that_ends_in_a_point_loses_that_point_alone(tmp_path: Path) -> None:
    """And the points before and after it are saved; the same command measures that point again."""
    flag = tmp_path / "flag"
    flag.touch()
    during = f"import os; len(images) == 4 and not images.is_meta and os.path.exists('{flag}') and os._exit(3)"
    file, out = written(tmp_path, during=during), tmp_path / "out"
    done = call(*options(out, file, "--batches", "1,2,4,8", "--sizes", "32"), report=False)
    assert done.returncode == 3
    rows = curve(out)
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok"]
    assert rows[2]["reason"] == "the worker ended with exit code 3"
    assert [row["status"] for row in curve(out, "size")] == ["ok"]
    flag.unlink()
    assert call(*options(out, file, "--batches", "1,2,4,8", "--sizes", "32"), report=False).returncode == 0
    again = curve(out)
    assert again[2]["status"] == "ok"
    assert [again[number] == rows[number] for number in (0, 1, 3)] == [True] * 3, "not measured again"


class OfCurves(Simulated):
    """Its workers send every point that they are asked for, with as many images per second as the batch has.

    Of a sweep, they send three points, and throughput does not rise in the last one.
    """

    def listen(self) -> Event:
        if not self._to_say:
            super().listen()
            job = self.done[-1].job
            assert job.curve
            own = job.conditions.of(CPU, job.device)
            about = {"mode": "eager", "device": "cpu", "latency": 1.0, "samples": (1.0,)}
            points = [
                ("batch", CurvePoint(batch=each, size="32", throughput=float(each), settings=own, **about))
                for each in job.curve.batches
            ]
            points += [
                ("batch", CurvePoint(batch=each, size="32", throughput=min(each, 2.0), settings=own, **about))
                for each in ((1, 2, 4) if job.curve.sweep else ())
            ]
            points += [
                ("size", CurvePoint(batch=1, size=each, throughput=1.0, settings=own, **about))
                for each in job.curve.sizes
            ]
            messages = ({"curve": axis, "point": each.model_dump(mode="json")} for axis, each in points)
            self._to_say = [(self.done[-1].slot, each) for each in (*messages, Verdict("ok", None))]
        return self._to_say.pop(0)


def of_curves(folder: Path, variables: dict[str, str] | None = None, **asked: Any) -> Request:
    """A request for the curves of a small network alone."""
    devices = {"cpu": "cpu", "any": "cpu"}
    conditions = CONDITIONS.model_copy(update={"variables": variables})
    return Request(folder, [own()], {CPU.name: CPU}, devices, conditions, **asked)


def measured(folder: Path, **asked: Any) -> tuple[Record, int]:
    """The record of a small network after a run of curves alone, and how many measurements failed."""
    outcome = experiment.run(of_curves(folder, **asked), OfCurves([slot("here")]), Lines(StringIO()))
    return record_files.load_all(folder)[0][0], outcome.failed


def test_image_sizes_alone_have_no_best_throughput(tmp_path: Path) -> None:
    record, failed = measured(tmp_path, sizes=("16", "32x16"))
    assert [each.size for each in record.curves.size] == ["16", "32x16"]
    assert (CPU.name in record.readings, failed) == (False, 0)


@pytest.mark.parametrize("named", ["best_throughput_cpu", "best_throughput"])
def test_image_sizes_do_not_replace_a_best_throughput_that_is_named(named: str, tmp_path: Path) -> None:
    record, failed = measured(tmp_path, sizes=("16",), settings={"metrics": ["latency_cpu", named]})
    assert [each.size for each in record.curves.size] == ["16"]
    assert [each.batch for each in record.curves.batch] == [1, 2, 4]
    assert (record.readings[CPU.name].value, failed) == (2.0, 0)
    request = of_curves(tmp_path, sizes=("16",), settings={"metrics": ["latency_cpu", "best_throughput_cuda"]})
    assert not curve_plan.wanted(Ledger(own(), request), CPU, "eager").has_batches


@pytest.mark.parametrize("batches", [(), (1,)], ids=["sizes", "batches"])
def test_only_a_curve_with_batches_lacks_a_best_throughput(batches: tuple[int, ...], tmp_path: Path) -> None:
    """Where the network cannot be built, and where a budget is over."""
    request = of_curves(tmp_path, batches=batches, sizes=("16",))
    ledger, progress, reason = Ledger(own(), request), Lines(StringIO()), "RuntimeError: no network"
    [job] = experiment.plan(request, {"small": ledger})
    plan = SimpleNamespace(waiting=[Task(job, "")], seconds=60.0, left=0.0)
    budget.close(request, cast(BudgetSchedule, plan), {"small": ledger}, progress)
    assert (CPU.name in ledger.record.readings) == bool(batches)
    found = CurveMeasurement(job, ledger, progress, Outcome())
    found.start()
    failed = Reading(quantity=BEST["cpu"], status="failed", reason=reason)
    found.receive({"reading": failed.model_dump(mode="json"), "mode": "eager"})
    found.finish(Verdict("ok", None), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    assert [each.reason for each in ledger.record.curves.size] == [reason]
    kept = [ledger.record.readings[CPU.name].reason] if batches else []
    assert [each.reason for each in ledger.record.readings.values()] == kept == [reason] * bool(batches)


@pytest.mark.parametrize("asked", [{"batches": (1, 2, 4)}, {"sizes": ("16", "48")}, {}], ids=["batch", "size", "sweep"])
def test_a_curve_that_is_cut_off_is_in_the_last_line_of_the_budget(asked: dict[str, Any], tmp_path: Path) -> None:
    """Until it is measured, also beside points that were measured; in a run that does not come to it, as not begun."""
    request = of_curves(tmp_path, **asked)
    ledger = Ledger(own(), request)
    [job] = experiment.plan(request, {"small": ledger})

    def closing(*waiting: Job) -> str:
        output = StringIO()
        plan = SimpleNamespace(waiting=[Task(each, "") for each in waiting], seconds=60.0, left=0.0)
        budget.close(request, cast(BudgetSchedule, plan), {"small": ledger}, Lines(output))
        return output.getvalue().rpartition("; ")[2].strip()

    found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    found.start(budget=5.0)
    settings = job.conditions.of(CPU, "cpu")
    made = [point(1, 4.0, settings=settings), point(2, None, "failed", settings=settings)]
    axis = "size" if request.sizes else "batch"
    changes = [{"size": "16"}, {"size": "48", "batch": 1}] if request.sizes else [{}, {}]
    first, second = (each.model_copy(update=change) for each, change in zip(made, changes, strict=True))
    found.receive({"curve": axis, "point": first.model_dump(mode="json")})
    found.receive({"trying": axis, "point": second.model_dump(mode="json")})
    found.finish(Verdict("timeout", "not done after 5 s"), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    assert closing() == "left out: points of curves cpu of small"
    assert closing(job) == "left out: curves cpu of small"


def test_a_network_that_can_no_longer_be_built_keeps_the_best_throughput_of_earlier_points(tmp_path: Path) -> None:
    measured(tmp_path, batches=(1, 2))
    request = replace(of_curves(tmp_path, batches=(1, 2), sizes=("16",)), about=slot("here").about)
    ledger, again = (Ledger(own(), replace(request, fresh=fresh)) for fresh in (False, True))
    for each in (ledger, again):
        _refused(each)
    assert [(each.batch, each.status) for each in ledger.record.curves.batch] == [(1, "ok"), (2, "ok")]
    assert [(each.size, each.reason) for each in ledger.record.curves.size] == [("16", NO_NETWORK)]
    assert ledger.record.readings[CPU.name].value == 2.0
    assert curve_plan.failures(ledger) == 1
    assert {each.status for each in again.record.curves.batch} == {again.record.readings[CPU.name].status} == {"failed"}


NO_NETWORK = "RuntimeError: no network"


def _refused(ledger: Ledger) -> None:
    """Its worker reports that the network cannot be built."""
    [job] = experiment.plan(ledger.request, {"small": ledger})
    found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    found.start()
    failed = Reading(quantity=BEST["cpu"], status="failed", reason=NO_NETWORK)
    found.receive({"reading": failed.model_dump(mode="json"), "mode": "eager"})
    found.finish(Verdict("ok", None), Costs({}, USUAL_SPEED, lambda _: ledger.record))


def test_points_for_which_there_was_no_time_are_rows(tmp_path: Path) -> None:
    record, failed = measured(tmp_path, batches=(1, 4), sizes=("16", "64x32"), timeout=0.0)
    points = [(each.batch, each.size, each.status) for each in (*record.curves.batch, *record.curves.size)]
    assert points == [(1, "32", "timeout"), (4, "32", "timeout"), (1, "16", "timeout"), (1, "64x32", "timeout")]
    assert {each.reason for each in record.curves.size} == {"not begun: the 0 s for this architecture were over"}
    assert (record.readings[CPU.name].status, failed) == ("timeout", 5)
    record, failed = measured(tmp_path, sizes=("16", "64x32"), timeout=0.0)
    assert failed
    record, failed = measured(tmp_path, batches=(1, 4), sizes=("16", "64x32"))
    assert {each.status for each in (*record.curves.batch, *record.curves.size)} == {"ok"}
    assert (record.readings[CPU.name].status, failed) == ("ok", 0)


def test_a_curve_without_a_measured_point_is_a_reading_with_its_reason(tmp_path: Path) -> None:
    """Of eager and of each mode; its points that failed are listed once."""

    def found() -> dict[str, Any]:
        return Summary.model_validate(summary(compare(record_files.load_all_modes(tmp_path)[0]))).model_dump()

    modes = ("bf16", "tf32")
    measured(tmp_path, sizes=("16", "48"), modes=modes, timeout=0.0)
    document = found()
    (record,) = document["records"]
    late, refused = "not begun: the 0 s for this architecture were over", "tf32 is a precision of GPUs"
    for readings, expected in (
        (record["readings"], ("timeout", late)),
        (record["modes"]["bf16"]["readings"], ("timeout", late)),
        (record["modes"]["tf32"]["readings"], ("unsupported", refused)),
    ):
        reading = readings["curves"]
        assert (reading["value"], reading["samples"], reading["status"], reading["reason"]) == (None, (), *expected)
    every = [*record["readings"].values(), *(r for m in record["modes"].values() for r in m["readings"].values())]
    assert document["counts"] == Counter(reading["status"] for reading in every)
    places = [(row["mode"], row["size"]) for row in document["failed"] if row["metric"] == "curves"]
    assert places == [(mode, size) for mode in ("bf16", "eager") for size in (16, 48)]
    measured(tmp_path, sizes=("16",))
    (record,) = found()["records"]
    assert "curves" not in record["readings"]
    assert record["modes"]["bf16"]["readings"]["curves"]["status"] == "timeout"


def test_a_mode_that_can_no_longer_be_measured_keeps_its_points(tmp_path: Path) -> None:
    """As it keeps its readings, for example after the package of an engine was removed."""
    ledger = Ledger(own(), of_curves(tmp_path, batches=(1, 2), sizes=("16",), modes=("tf32",)))
    before = point(1, 5.0).model_copy(update={"mode": "tf32"})
    ledger.keep_curves(ledger.record.curves.with_point("batch", before))
    assert {job.mode for *_, job in curve_plan.jobs({"small": ledger})} == {"eager"}
    curves = ledger.record.curves
    assert curves.batch[0] == before
    assert [(each.batch, each.status) for each in curves.batch] == [(1, "ok"), (2, "unsupported")]
    assert [each.status for each in curves.size] == ["unsupported"]


OTHER = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
"""A variable that changes which kernels run."""


def test_the_best_throughput_is_that_of_points_under_its_conditions(tmp_path: Path) -> None:
    """Points that were measured under others stay in the record until they are measured again."""
    record, _ = measured(tmp_path, batches=(1, 64))
    assert record.readings[CPU.name].detail["batch"] == 64
    record, _ = measured(tmp_path, variables=OTHER, batches=(1, 2))
    assert [each.batch for each in record.curves.batch] == [1, 2, 64]
    best_of_both = record.readings[CPU.name]
    assert (best_of_both.detail["batch"], best_of_both.value) == (2, 2.0)
    assert best_of_both.settings["variables"] == OTHER


def test_the_best_throughput_is_renewed_where_all_points_are_there(tmp_path: Path) -> None:
    """A run under other conditions measured other batch sizes meanwhile, whose best throughput was the last one."""
    first, _ = measured(tmp_path, batches=(1, 2))
    other, _ = measured(tmp_path, variables=OTHER, batches=(64,))
    assert other.readings[CPU.name].detail["batch"] == 64
    again, failed = measured(tmp_path, batches=(1, 2))
    assert again.curves == other.curves, "nothing is measured again"
    assert again.readings[CPU.name] == first.readings[CPU.name]
    assert failed == 0


def test_fresh_measures_the_points_of_a_curve_again(tmp_path: Path) -> None:
    """And keeps those of earlier runs only until it does."""
    measured(tmp_path, batches=(1, 64), sizes=("16",))
    request = replace(of_curves(tmp_path, batches=(1, 2), fresh=True), about=slot("here").about)
    assert len(Ledger(own(), request).record.curves.batch) == 2
    record, failed = measured(tmp_path, batches=(1, 2), fresh=True)
    assert [(each.batch, each.status) for each in record.curves.batch] == [(1, "ok"), (2, "ok")]
    assert (record.readings[CPU.name].detail["batch"], len(record.curves.size), failed) == (2, 1, 0)


@pytest.mark.parametrize("asked", [{"variables": OTHER}, {"fresh": True}], ids=["other conditions", "fresh"])
@pytest.mark.parametrize("after", ["nothing", "a start", "a point", "a failure"])
def test_a_curve_that_a_budget_cuts_off_keeps_what_earlier_runs_measured(
    asked: dict[str, Any], after: str, tmp_path: Path
) -> None:
    """Of a point that was measured again, or failed, the new result; the best throughput is that of all points."""
    before, _ = measured(tmp_path, batches=(1, 64), sizes=("16",))
    request = replace(of_curves(tmp_path, batches=(1, 2), sizes=("16", "48"), **asked), about=slot("here").about)
    ledger = Ledger(own(), request)
    [job] = experiment.plan(request, {"small": ledger})
    found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    found.start(budget=5.0)
    own_settings = job.conditions.of(CPU, "cpu")
    if after == "a start":
        found.receive({"trying": "batch", "point": point(1, None, "skipped").model_dump(mode="json")})
    elif after != "nothing":
        rate, status = (3.0, "ok") if after == "a point" else (None, "failed")
        made = point(1, rate, status, settings=own_settings)
        found.receive({"curve": "batch", "point": made.model_dump(mode="json")})
    found.finish(Verdict("timeout", "longer than 5 s"), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    curves = ledger.record.curves
    first = {"a point": ("ok", 3.0), "a failure": ("failed", None)}.get(after, ("ok", 1.0))
    assert [(each.batch, each.status, each.throughput) for each in curves.batch] == [
        (1, *first), (2, "skipped", None), (64, "ok", 64.0)
    ]  # fmt: skip
    assert [(each.size, each.status) for each in curves.size] == [("16", "ok"), ("48", "skipped")]
    kept, known = ledger.record.readings[CPU.name], before.readings[CPU.name]
    if "fresh" in asked or after in ("nothing", "a start"):
        assert (kept.status, kept.samples, kept.detail) == (known.status, known.samples, known.detail)
    else:
        assert (kept.status, kept.value) == first, "64 was measured under other conditions"
    assert found.remaining is None


@pytest.mark.parametrize("rate", [3.0, None])
def test_points_that_fresh_did_not_measure_again_are_left_out_at_the_end(rate: float | None, tmp_path: Path) -> None:
    """And with them their best throughput, also if no other point is measured."""
    measured(tmp_path, batches=(1, 64))
    request = replace(of_curves(tmp_path, batches=(1, 2), fresh=True), about=slot("here").about)
    ledger = Ledger(own(), request)
    [job] = experiment.plan(request, {"small": ledger})
    found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    found.start()
    for batch, now in ((1, rate), (2, None)):
        made = point(batch, now, "ok" if now else "failed", settings=job.conditions.of(CPU, "cpu"))
        found.receive({"curve": "batch", "point": made.model_dump(mode="json")})
        assert ledger.record.readings[CPU.name].value == 64.0
    found.finish(Verdict("ok", None), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    assert [(each.batch, each.throughput) for each in ledger.record.curves.batch] == [(1, rate), (2, None)]
    best_again = ledger.record.readings[CPU.name]
    assert (best_again.status, best_again.value) == ("ok" if rate else "failed", rate)


def test_no_best_throughput_if_no_point_was_measured_under_its_conditions(tmp_path: Path) -> None:
    measured(tmp_path, batches=(1, 64))
    record, _ = measured(tmp_path, variables=OTHER, batches=(1, 2), timeout=0.0)
    assert [each.status for each in record.curves.batch] == ["timeout", "timeout", "ok"]
    assert record.readings[CPU.name].status == "timeout"


@pytest.mark.parametrize(("status", "count"), [("oom", 0), ("failed", 2)])
def test_a_best_throughput_without_a_batch_that_fits_is_no_failure(status: str, count: int, tmp_path: Path) -> None:
    """Neither is the point; both have failed where it does not run for another reason."""
    request = replace(of_curves(tmp_path, batches=(4096,)), about=slot("here").about)
    ledger = Ledger(own(), request)
    [job] = experiment.plan(request, {"small": ledger})
    found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
    found.start()
    large = point(4096, None, status, settings=job.conditions.of(CPU, "cpu"))
    found.receive({"curve": "batch", "point": large.model_dump(mode="json")})
    found.finish(Verdict("ok", None), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    assert ledger.record.readings[CPU.name].status == status
    assert failure_counts.failed(ledger) + curve_plan.failures(ledger) == count
    if status == "oom":
        outcome = experiment.run(request, OfCurves([slot("here")]), Lines(StringIO()))
        assert (outcome.jobs, outcome.failed) == (0, 0), "it is settled"


def test_points_that_are_no_longer_asked_for_are_no_failures(tmp_path: Path) -> None:
    """They stay in the record, and its report lists them."""
    _, failed = measured(tmp_path, batches=(1, 64), sizes=("16", "48"), timeout=0.0)
    assert failed == 5
    record, failed = measured(tmp_path, batches=(1, 2), sizes=("16",))
    assert [each.status for each in record.curves.batch] == ["ok", "ok", "timeout"]
    assert [each.status for each in record.curves.size] == ["ok", "timeout"]
    assert failed == 0


def test_a_sweep_for_which_there_was_no_time_is_a_failure(tmp_path: Path) -> None:
    """Also if an earlier --batches measured points that are not part of it."""
    measured(tmp_path, batches=(30, 31))
    record, failed = measured(tmp_path, timeout=0.0)
    assert [(each.batch, each.status) for each in record.curves.batch] == [(1, "timeout"), (30, "ok"), (31, "ok")]
    assert failed == 1


@pytest.mark.parametrize(
    ("end", "status"),
    [("late", "timeout"), ("killed", "failed"), ("crash", "failed"), ("cut", "skipped"), ("", "failed")],
)
def test_a_sweep_that_does_not_continue_has_the_reason_at_its_next_batch(end: str, status: str, tmp_path: Path) -> None:
    """The next run continues it: no time is left, the worker ends before it tries a point, or cannot build it."""
    ledger = Ledger(own(), replace(of_curves(tmp_path, timeout=0.0 if end == "late" else None), about=slot("").about))
    for batch in (1, 2, 4):
        made = point(batch, 10.0 * batch, settings=CONDITIONS.of(CPU, "cpu"))
        ledger.keep_curves(ledger.record.curves.with_point("batch", made))
    ends = {"killed": ("oom", "killed"), "crash": ("failed", "crashed"), "cut": ("timeout", "late")}
    if end:
        [job] = experiment.plan(ledger.request, {"small": ledger})
        found = CurveMeasurement(job, ledger, Lines(StringIO()), Outcome())
        found.start(budget=5.0 if end == "cut" else None)
        if end in ends:
            assert not found.drop_crashed(Verdict(*ends[end]))
            found.finish(Verdict(*ends[end]), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    else:
        _refused(ledger)
    assert [(each.batch, each.status) for each in ledger.record.curves.batch] == [
        (1, "ok"), (2, "ok"), (4, "ok"), (8, status)
    ]  # fmt: skip
    assert ledger.record.readings[CPU.name].value == 40.0
    assert curve_plan.failures(ledger) == (end != "cut")
    [again] = experiment.plan(ledger.request, {"small": ledger})
    assert again.curve
    assert [each.batch for each in again.curve.settled.batch] == [1, 2, 4]


@pytest.mark.parametrize(("variables", "count"), [(None, 1), (OTHER, 0)])
def test_of_a_sweep_the_points_as_far_as_it_went_are_counted(
    variables: dict[str, str] | None, count: int, tmp_path: Path
) -> None:
    """Not one that failed at an earlier --batches 64, and none under other conditions."""
    ledger = Ledger(own(), of_curves(tmp_path, variables))
    settings = CONDITIONS.of(CPU, "cpu")
    for batch, rate, status in ((1, 10.0, "ok"), (2, 20.0, "ok"), (4, None, "failed"), (64, None, "timeout")):
        ledger.keep_curves(ledger.record.curves.with_point("batch", point(batch, rate, status, settings=settings)))
    assert curve_plan.failures(ledger) == count


def test_a_run_with_curves_in_named_modes(tmp_path: Path) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    chosen = ["--batches", "1,2", "--sizes", "16,32x16"]
    done = call(*options(out, file, *chosen, "--modes", "channels_last,tf32"))
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    (found,) = summary["records"]
    rows = found["curves"]["batch"]
    assert {(row["mode"], row["device"], row["batch"], row["status"]) for row in rows} == {
        (mode, "cpu", batch, "unsupported" if mode == "tf32" else "ok")
        for mode in ("eager", "channels_last", "tf32")
        for batch in (1, 2)
    }
    assert {row["reason"] for row in rows if row["mode"] == "tf32"} == {"tf32 is a precision of GPUs"}
    assert [row["size"] for row in found["curves"]["size"] if row["mode"] == "eager"] == [16, "32x16"]
    assert found["modes"]["channels_last"]["readings"]["best_throughput_cpu"]["status"] in ("ok", "noisy")
    checked = found["modes"]["channels_last"]["readings"]["output_error"]["value"]
    assert 0 < checked < 1e-4, "the outputs are checked, although no single image is timed"
    assert found["modes"]["channels_last"]["readings"]["prepare_seconds"]["value"] > 0
    (path,) = out.glob("records/*/wide.json")
    before = path.read_bytes()
    records = record_files.load_modes(path)
    assert record_files.load(path).curves == records[0].curves
    record_files.save(out, records[0], records[1:])
    assert json.loads(path.read_bytes()) == json.loads(before)
    done = call(*options(out, file, *chosen, "--modes", "channels_last,tf32"), report=False)
    assert done.returncode == 0
    assert json.loads(path.read_bytes())["curves"] == json.loads(before)["curves"], "nothing is measured again"


def test_no_curves_on_a_cpu_unless_they_are_asked_for(tmp_path: Path) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    assert call(*options(out, file)).returncode == 0
    (path,) = out.glob("records/*/wide.json")
    assert "curves" not in json.loads(path.read_text())
    (found,) = json.loads((out / "summary.json").read_text())["records"]
    assert "curves" not in found
    assert not [key for key in found["readings"] if key.startswith("best_throughput")]


def test_a_curve_of_a_device_that_is_not_measured_has_its_reason_if_its_key_is_named(tmp_path: Path) -> None:
    devices = {"cpu": "cpu", "any": "cpu"}

    def readings(*named: str) -> dict[str, tuple[str, str | None]]:
        chosen = settings({"metrics": named, "device": "cpu"})
        chosen_metrics = preparation.on_devices(preparation.choose_metrics(named), chosen, devices)
        metrics = preparation.with_curves(chosen_metrics, chosen, devices)
        (folder := tmp_path / named[0]).mkdir()
        request = Request(folder, [own()], metrics, devices, CONDITIONS, no_cuda=NOT_ASKED)
        ledger = Ledger(own(), request)
        assert not [job.curve for job in experiment.plan(request, {"own": ledger}) if job.device != "cpu"]
        assert not curve_plan.failures(ledger)
        found = ledger.record.readings
        return {key: (each.status, each.reason) for key, each in found.items() if key.startswith("best_throughput")}

    assert readings("best_throughput_cuda") == {"best_throughput_cuda": ("unsupported", NOT_ASKED)}
    assert readings("best_throughput") == {"best_throughput_cuda": ("unsupported", NOT_ASKED)}
    assert readings("latency_cuda") == readings("best_throughput_cpu") == {}


@pytest.mark.slow
def test_points_of_another_size_or_number_of_threads_are_dropped(tmp_path: Path) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    assert call(*options(out, file, "--batches", "1,2", "--sizes", "32")).returncode == 0
    assert call(*options(out, file, "--batches", "1", "--sizes", "48", "--input-size", "32x16")).returncode == 0
    assert [(row["batch"], row["size"]) for row in curve(out)] == [(1, "32x16")]
    assert [row["size"] for row in curve(out, "size")] == [32, 48], "these name their size"
    (found,) = json.loads((out / "summary.json").read_text())["records"]
    assert found["readings"]["best_throughput_cpu"]["detail"] == {"batch": 1}
    (path,) = out.glob("records/*/wide.json")
    record = record_files.load(path)
    one = CONDITIONS.model_copy(update={"threads": 1, "input_size": "32x16"})
    assert valid(record, one.model_copy(update={"threads": None})) == record
    assert not valid(record, one).curves


def with_curves(record: Record, devices: tuple[str, ...] = ("cpu", "cuda")) -> Record:
    """A record with made-up points: 5 ms of overhead and 2 ms per image in eager, half of it in another mode."""
    curves = Curves()
    for mode, factor in (("eager", 1.0), ("bf16+channels_last", 0.5)):
        for device in devices:
            for batch in (1, 2, 4, 8):
                seconds = factor * (0.005 + 0.002 * batch)
                made = point(batch, batch / seconds).model_copy(update={"mode": mode, "device": device})
                curves = curves.with_point("batch", made)
            too_large = point(16, None, "oom").model_copy(update={"mode": mode, "device": device})
            curves = curves.with_point("batch", too_large)
            for size, rate in (("64", 200.0), ("128x96", 90.0)):
                made = point(1, rate).model_copy(update={"mode": mode, "device": device, "size": size})
                curves = curves.with_point("size", made)
    return record.model_copy(update={"curves": curves})


def test_points_of_other_conditions_are_on_no_curve() -> None:
    """The newest ones are those of the best throughput; without one, those under which most points were measured."""
    old, new = {"threads": 2}, {"threads": 2, "variables": {"OMP": "1"}}
    batches = [point(batch, float(batch), settings=new if batch < 4 else old) for batch in (1, 2, 4, 8, 16)]
    sizes = [
        point(1, 5.0, settings=settings).model_copy(update={"size": size})
        for size, settings in (("32", old), ("64", new), ("96", new))
    ]
    record = samples.few()[0].model_copy(update={"curves": Curves(batch=tuple(batches), size=tuple(sizes))})
    asked = new | {"batches": [1, 2], "input_size": "64"}
    reading = Reading(quantity=BEST["cpu"], samples=(2.0,), settings=asked, detail={"batch": 2})

    def shown(record: Record) -> list[list[int | str]]:
        curves = compare([record]).records[0].curves
        return [[each.batch for each in curves.batch], [each.size for each in curves.size]]

    assert shown(record) == [[4, 8, 16], ["64", "96"]]
    known = record.model_copy(update={"readings": record.readings | {reading.quantity.key: reading}})
    assert shown(known) == [[4, 8, 16], ["64", "96"]], "no point has the input size of the reading"
    reading = reading.model_copy(update={"settings": new | {"batches": [1, 2]}})
    known = record.model_copy(update={"readings": record.readings | {reading.quantity.key: reading}})
    assert shown(known) == [[1, 2], ["64", "96"]]
    older = known.model_copy(update={"readings": {reading.quantity.key: reading.model_copy(update={"settings": old})}})
    assert shown(older) == [[4, 8, 16], ["32"]]
    (fit,) = summary(compare([known]))["records"][0]["curves"]["fits"]
    assert fit["time_per_image"]["value"] == pytest.approx(0.0, abs=1e-12), "1 s a call for 1 and 2 images"


@pytest.mark.parametrize("code", [pytest.param("en", marks=pytest.mark.slow), "ru"])
def test_charts_and_a_table_of_curves(code: str) -> None:
    comparison = compare([with_curves(each) for each in samples.few()])
    for name in ("throughput_over_batch", "latency_over_size"):
        chart = CHARTS[name]
        assert chart.draw(compare(samples.few()), language(code)) is None
        svg = vega.draw(chart.draw(comparison, language(code)), language(code))
        assert "NaN" not in svg
        assert "undefined" not in svg
        for text in (vega.file(svg, chart.title), vega.inline(svg, chart.name, chart.title)):
            ElementTree.fromstring(text)
            assert "#01020" not in text
    assert batch_fits.make(compare(samples.few()), language(code)) is None
    table = batch_fits.make(comparison, language(code))
    assert table is not None
    assert len(table.rows) == 4 * len(comparison.records)
    columns = {column.key: number for number, column in enumerate(table.columns)}
    row = next(row for row in table.rows if row[columns["mode"]].text == "eager")
    assert row[columns["overhead"]].value == pytest.approx(0.005)
    assert row[columns["time_per_image"]].value == pytest.approx(0.002)
    assert row[columns["best_batch"]].value == 8
    assert row[columns["best_throughput"]].value == pytest.approx(8 / 0.021)
    lost = row[columns["not_run"]]
    assert (lost.status, lost.value) == ("oom", "16 oom")
    assert lost.text == language(code)._("batch {batch}: {status}").format(
        batch=16, status=status_word("oom", language(code))
    )


def test_a_line_through_two_batch_sizes_is_marked_as_without_an_interval() -> None:
    curves = Curves().with_point("batch", point(1, 9.0)).with_point("batch", point(2, 16.0))
    table = batch_fits.make(
        compare([samples.record(samples.ROWS[0]).model_copy(update={"curves": curves})]), language("en")
    )
    assert table is not None
    cells = {column.key: cell.text for column, cell in zip(table.columns, table.rows[0], strict=True)}
    assert [cells[key][-2:] for key in ("overhead", "time_per_image")] == [" ≈", " ≈"]


def test_points_that_failed_are_listed_with_their_reason() -> None:
    lost = point(4, None, "failed").model_copy(update={"reason": "ValueError: four is too many"})
    record = samples.record(samples.ROWS[0])
    curves = Curves().with_point("batch", point(1, 9.0)).with_point("batch", lost)
    curves = curves.with_point("batch", lost.model_copy(update={"batch": 8}))
    curves = curves.with_point("size", lost.model_copy(update={"batch": 1, "size": "64x32"}))
    curves = curves.with_point("batch", point(16, None, "oom"))
    comparison = compare([record.model_copy(update={"curves": curves})])
    section = failures.failed(comparison, (), language("en"))
    lines = [line for block in section.blocks if isinstance(block, Items) for line in block.items]
    why = f"{status_word('failed', language('en'))}: ValueError: four is too many"
    assert f"{record.architecture}: curve on cpu, batches of 4, 8: {why}" in lines
    assert f"{record.architecture}: curve on cpu, images of 64x32 px: {why}" in lines
    assert not [line for line in lines if "of 16" in line]
    every = Summary.model_validate(summary(comparison)).failed
    points = [row for row in every if row.metric == "curves"]
    assert [(row.axis, row.batch, row.size) for row in points] == [
        ("batch", 4, 32),
        ("batch", 8, 32),
        ("size", 1, "64x32"),
    ]
    assert {(row.architecture, row.mode, row.device, row.status, row.reason) for row in points} == {
        (record.architecture, "eager", "cpu", "failed", lost.reason)
    }
    assert all(row.axis is None and row.batch is None for row in every if row not in points)


def of_sizes(name: str, *points: CurvePoint) -> Record:
    """A record with a curve over the image size."""
    record = samples.record(next(row for row in samples.ROWS if row[0] == name))
    return record.model_copy(update={"curves": Curves(size=points)})


def sized(size: str, status: str = "ok", rate: float = 20.0) -> CurvePoint:
    return point(1, rate if status == "ok" else None, status).model_copy(update={"size": size})


@pytest.mark.parametrize("code", ["en", "ru"])
def test_each_size_without_a_time_is_listed_with_its_reason(code: str) -> None:
    """No table has them; networks that lack the same sizes for the same reason share a line."""
    curves = [("64",), ("96", "oom"), ("128", "unsupported"), ("160", "skipped"), ("192", "unsupported")]
    records = [of_sizes(name, *(sized(*each) for each in curves)) for name in ("alexnet", "vgg16")]
    names = ", ".join(each.architecture for each in records)
    section = failures.failed(compare(records), (), language(code))
    lines = [line for block in section.blocks if isinstance(block, Items) for line in block.items]
    what = {"en": "curve on cpu, images of {} px", "ru": "кривая на cpu, изображения {} пикс."}[code]
    for sizes, status in (("96", "oom"), ("128, 192", "unsupported"), ("160", "skipped")):
        assert f"{names}: {what.format(sizes)}: {status_word(status, language(code))}: because" in lines


@pytest.mark.parametrize("code", ["en", "ru"])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_single_point_of_a_curve_is_drawn_with_its_value(narrow: bool, code: str) -> None:
    """As with --sizes 160, for which no table has the latency; beside curves of several points, too."""
    shown = {"en": ("SE-ResNet-50, 50.0 ms", "SE-ResNet-50, 20.0 images/s"), "ru": ("50,0 мс", "20,0 изобр./с")}[code]
    alone = of_sizes("se_resnet50", sized("160"), sized("320", "oom"))
    several = of_sizes("alexnet", sized("64"), sized("160", rate=10.0))
    batches = Curves(batch=(point(1, 20.0),))
    for records, name, value in (
        ([alone], "latency_over_size", shown[0]),
        ([alone, several], "latency_over_size", shown[0]),
        ([alone.model_copy(update={"curves": batches})], "throughput_over_batch", shown[1]),
    ):
        chart = CHARTS[name]
        draw = chart.narrow if narrow else chart.draw
        assert draw
        svg = vega.draw(draw(compare(records), language(code)), language(code))
        assert "NaN" not in svg
        assert value in svg


@pytest.mark.parametrize(("count", "height", "left_out"), [(20, 380, 0), (36, 504, 0), (41, 560, 1), (70, 560, 30)])
def test_names_of_very_many_lines_stay_in_the_chart(count: int, height: int, left_out: int) -> None:
    """As with the lecture's architectures in two modes: all are named as long as there is room."""
    of = samples.record(samples.ROWS[0])
    rates = [100.0 * 1.05**number for number in range(count)]
    records = [
        of.model_copy(
            update={"architecture": f"net{number}", "curves": Curves(batch=(point(1, rate), point(2, 1.5 * rate)))}
        )
        for number, rate in enumerate(rates)
    ]
    chart, comparison = CHARTS["throughput_over_batch"], compare(records)
    for draw in (chart.draw, chart.narrow):
        assert draw
        spec = draw(comparison, language("en"))
        assert spec
        (panel,) = spec["vconcat"]
        *_, names = panel["layer"]
        assert panel["height"] == height
        ys = [row["y"] for row in names["data"]["values"]]
        low, high = (math.log(end) for end in panel["encoding"]["y"]["scale"]["domain"])
        pixels = sorted(height * (math.log(y) - low) / (high - low) for y in ys)
        assert len(pixels) == count - left_out
        assert min(after - before for before, after in pairwise(pixels)) > 13.5
        assert pixels[0] >= -7
        assert pixels[-1] <= height + 7
    assert chart.remark
    remark = chart.remark(comparison, language("en"))
    assert remark.startswith(f"{left_out} line") if left_out else remark == ""


@pytest.mark.parametrize("axis", ["batch", "size"])
def test_a_line_is_interrupted_at_a_point_that_was_not_measured(axis: str) -> None:
    """A failed one between two measured ones; one at the end only ends the line."""
    names = ("throughput_over_batch", "latency_over_size")
    chart = CHARTS[names[axis == "size"]]
    sizes = ("16", "32", "64", "96", "128")
    stati = ("ok", "ok", "failed", "ok", "oom")
    if axis == "batch":
        points = [point(2**place, 2.0 if status == "ok" else None, status) for place, status in enumerate(stati)]
        curves = Curves(batch=tuple(points))
    else:
        curves = Curves(size=tuple(sized(size, status) for size, status in zip(sizes, stati, strict=True)))
    record = samples.record(samples.ROWS[0]).model_copy(update={"curves": curves})
    spec = chart.draw(compare([record]), language("en"))
    assert spec
    line, _, *texts = spec["vconcat"][0]["layer"]
    rows = line["data"]["values"]
    detail = line["encoding"]["detail"]
    fields = detail if isinstance(detail, list) else [detail]
    parts = [[row[field["field"]] for field in fields] for row in rows]
    assert parts[0] == parts[1] != parts[2]
    assert [[row["label"] for row in each["data"]["values"]] for each in texts] == [["AlexNet"]] * 2
    assert "A line is interrupted at " in chart.caption
    assert "not asked for" not in chart.caption


@pytest.mark.parametrize("code", ["en", "ru"])
@pytest.mark.parametrize(("error", "mark"), [(0.001, ""), (0.5, " (wrong)"), (None, "?")])
def test_charts_of_curves_mark_modes_whose_output_is_wrong_or_unchecked(
    error: float | None, mark: str, code: str
) -> None:
    name = "bf16+channels_last"
    record = with_curves(samples.record(samples.ROWS[0]), ("cpu",))
    mode = mode_samples.mode(record, name, error=error or 0.0)
    if error is None:
        fields = {"samples": (), "status": "unsupported", "reason": "the scores hardly vary"}
        reading = mode.readings["output_error"].model_copy(update=fields)
        mode = mode.model_copy(update={"readings": mode.readings | {"output_error": reading}})
    comparison = compare([record, mode])
    shown = mark if code == "en" else mark.replace("wrong", "неверно")
    for chart in (CHARTS["throughput_over_batch"], CHARTS["latency_over_size"]):
        spec = chart.draw(comparison, language(code))
        assert spec
        line, *_, texts = spec["vconcat"][0]["layer"]
        assert {row["label"] for row in texts["data"]["values"]} == {"AlexNet", f"AlexNet ({name}){shown}"}
        why = mode_words.wrong_output(mode, comparison, language(code))
        assert bool(why) == bool(mark)
        rows = [row["about"] for row in line["data"]["values"] if row["mode"] == name]
        assert all((why in json.loads(about)["text"]) == bool(why) or not why for about in rows)
        assert chart.remark
        assert bool(chart.remark(comparison, language(code))) == bool(mark)


@pytest.mark.parametrize(("error", "mark"), [(0.001, ""), (0.5, " (wrong)"), (None, "?")])
def test_the_table_marks_modes_whose_output_is_wrong_or_unchecked(error: float | None, mark: str) -> None:
    name = "bf16+channels_last"
    eager = [with_curves(each, ("cpu",)) for each in samples.few()]
    modes = []
    for each in eager:
        mode = mode_samples.mode(each, name, error=error or 0.0)
        if error is None:
            fields = {"samples": (), "status": "unsupported", "reason": "the scores hardly vary"}
            reading = mode.readings["output_error"].model_copy(update=fields)
            mode = mode.model_copy(update={"readings": mode.readings | {"output_error": reading}})
        modes.append(mode)
    table = batch_fits.make(compare([*eager, *modes]), language("en"))
    assert table is not None
    column = [each.key for each in table.columns].index("mode")
    timed = {each.architecture for each in modes if each.readings.get("latency_cpu")}
    cells = {row[0].text: row[column] for row in table.rows if row[column].text != "eager"}
    assert timed
    assert {cells[each].text for each in timed & set(cells)} == {name + mark}
    assert {row[column].value for row in table.rows} == {"eager", name}


def test_summary_json_has_points_and_fits() -> None:
    record = with_curves(samples.record(samples.ROWS[0]), ("cpu",))
    content = Summary.model_validate(summary(compare([record]))).model_dump(mode="json")
    curves = content["records"][0]["curves"]
    assert [row["batch"] for row in curves["batch"] if row["mode"] == "eager"] == [1, 2, 4, 8, 16]
    assert [row["size"] for row in curves["size"] if row["mode"] == "eager"] == [64, "128x96"]
    fits = {row["mode"]: row for row in curves["fits"]}
    assert fits["eager"]["overhead"]["value"] == pytest.approx(0.005)
    assert fits["bf16+channels_last"]["time_per_image"]["value"] == pytest.approx(0.001)


def test_comparisons_ignore_curves() -> None:
    """Except for the best throughput, which is a reading."""
    record = samples.record(samples.ROWS[0])
    assert folders.compare([with_curves(record)], [record]) == folders.compare([record], [record])
