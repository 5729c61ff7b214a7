"""Operators and stages of execution modes and engines, on a small network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from test_operators import IMAGES, Mixed

from reporter.host.job import Job, wanted
from reporter.metrics.operators import ENTRIES as OPERATORS
from reporter.metrics.stages import ENTRIES as STAGES
from reporter.model import Architecture, Reading
from reporter.model.modes import parse
from reporter.model.settings import PRESETS, Conditions
from reporter.registry.execution_modes import engines
from reporter.worker.input_format import Form
from reporter.worker.profiling import operator_pass
from reporter.worker.profiling.operator_times import OperatorProfile, from_engine
from reporter.worker.subject import Subject
from reporter.worker.torch_state import threads
from reporter.worker.variants import mode_timing
from reporter.worker.variants.mode_preparation import ModePreparation
from reporter.worker.variants.mode_variants import in_engine

MIXED = Architecture(
    name="mixed", family="Own", year=None, paper="", input_size=32, classes=10, build=lambda _: Mixed()
)
METRICS = {metric.name: metric for metric in (*OPERATORS, *STAGES) if metric.profile and metric.device == "cpu"}
QUICK = Conditions(**PRESETS["quick"]).model_copy(update={"seconds": 0.02})


def measured(folder: Path, *modes: str, metrics: Sequence[str] = tuple(METRICS)) -> Iterator[tuple[str, Reading]]:
    job = Job(architecture="mixed", metrics=tuple(metrics), device="cpu", conditions=QUICK, process="modes cpu",
              modes=modes, cache=str(folder))  # fmt: skip
    sent: list[dict] = []  # type: ignore[type-arg]
    mode_timing.measure_modes(job, METRICS, Subject(MIXED, "cpu", QUICK), sent.append)
    found = [(each["mode"], Reading.model_validate(each["reading"])) for each in sent if "reading" in each]
    places = {(mode, quantity.key) for mode, _, quantity in wanted(job, METRICS)}
    assert places <= {(mode, reading.quantity.key) for mode, reading in found}
    yield from found


@pytest.mark.usefixtures("brief_profiles")
def test_each_mode_has_its_own_operators_and_stages(tmp_path: Path) -> None:
    found = {(mode, each.quantity.key): each for mode, each in measured(tmp_path, "bf16+channels_last", "torchscript")}
    for setting in ("cpu_1thread", "cpu"):
        low = found["bf16+channels_last", f"operators_coverage_{setting}"].detail
        rows = low["calls"][setting]  # type: ignore[index, call-overload]
        grouped = next(row for row in rows if row["layer"] == "grouped")  # type: ignore[index, union-attr, call-overload]
        assert (grouped["dtype"], grouped["layout"]) == ("bfloat16", "channels_last")  # type: ignore[index, call-overload]
        assert low["operators"]
        assert found["bf16+channels_last", f"stages_coverage_{setting}"].detail["stages"]
        assert found["torchscript", f"operators_coverage_{setting}"].detail["operators"]
        assert found["torchscript", f"stages_coverage_{setting}"].status == "unsupported"
    ledger = found["bf16+channels_last", "kernels_cpu_1thread"]
    operators = found["bf16+channels_last", "operators_coverage_cpu_1thread"]
    assert ledger.detail["kernels"] == operators.detail["kernels"]
    assert ledger.detail["calls"] == operators.detail["calls"]
    assert ledger.value == len(operators.detail["calls"]["cpu_1thread"])  # type: ignore[arg-type, index, call-overload]
    assert found["bf16+channels_last", "operators"].status == "ok"
    assert found["torchscript", "stages"].reason
    once = {"output_error", "prepare_seconds", "first_call_seconds"}
    assert not once & {key for _, key in found}, "outputs are checked with the times, not again with the operators"


def test_kernels_alone_need_no_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would take most of the time of a run with --against and --modes."""
    monkeypatch.setattr(ModePreparation, "calibrate", lambda _: pytest.fail("calibrated"))
    [(mode, reading)] = measured(tmp_path, "channels_last", metrics=["kernels"])
    assert (mode, reading.quantity.key, reading.status) == ("channels_last", "kernels_cpu_1thread", "ok")
    assert "layer" in str(reading.detail["calls"])


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_an_engine_lists_its_operators(tmp_path: Path, name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    engine, mode, form = engines()[name], parse(name, engines()), Form(torch.float32, torch.contiguous_format)
    with threads(1):
        variant = in_engine(Mixed().eval(), mode, engine, form, IMAGES, cache=tmp_path, calibration=None)
        found, rows = from_engine(partial(variant.run, IMAGES), partial(variant.run.operators, IMAGES))  # type: ignore[attr-defined]
    # ONNX Runtime runs the batch norm after the concatenation as a convolution, too
    convolutions = [row for row in rows if "conv" in row.operator.lower() and "_bn_" not in row.layer]
    assert len(convolutions) == 4
    assert all(row.kernel for row in rows)
    assert sum(row.seconds for row in found.operators) == pytest.approx(found.latency)
    assert 0.7 < found.coverage < 1.3


@pytest.mark.slow
def test_compiled_code_lists_its_kernels(tmp_path: Path) -> None:
    """Those that were generated, by their names, and those of the libraries that it calls."""
    if reason := engines()["compile"].unavailable():
        pytest.skip(reason)
    found = {each.quantity.key: each for _, each in measured(tmp_path, "compile", metrics=["operators"])}
    for setting in ("cpu_1thread", "cpu"):
        reading = found[f"operators_coverage_{setting}"]
        assert reading.measured, reading.reason
        rows: Any = reading.detail["operators"]
        calls = {(row["operator"], row["kernel"]): row["calls"] for row in rows}
        convolutions = {kernel: count for (name, kernel), count in calls.items() if "convolution" in name}
        assert sum(convolutions.values()) == 4
        assert all(kernel not in ("native", "inductor") for kernel in convolutions)
        generated = [name for name, kernel in calls if kernel == "inductor"]
        assert any("max_pool2d" in name for name in generated)
        assert all(name.startswith("cpp_") for name in generated)
        assert any(kernel == "gemm" for _, kernel in calls), "the linear layer"
    assert found["operators"].value


def test_the_operators_of_an_engine_are_grouped_and_scaled() -> None:
    calls = [[("a", "Conv", "jit", 3e-3), ("b", "Conv", "jit", 1e-3), ("c", "Pool", "ref", 4e-3)]] * 6
    found, rows = from_engine(lambda: None, lambda count: calls[:count])
    assert [(row.operator, row.kernel, row.calls, row.share) for row in found.operators] == [
        ("Conv", "jit", 2, pytest.approx(0.5)),
        ("Pool", "ref", 1, pytest.approx(0.5)),
    ]
    assert [row.layer for row in rows] == ["a", "b", "c"]
    assert found.coverage == pytest.approx(8e-3 / found.latency)


def test_the_ledger_alone_is_that_of_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """--metrics kernels takes the kernels of one thread, and no times, which are not observed here."""
    monkeypatch.setattr(operator_pass, "observe", lambda *_: None)
    monkeypatch.setattr(operator_pass, "profiled", lambda *_: OperatorProfile((), 0.01, 1.0))
    entries = {metric.name: metric for metric in OPERATORS}
    whole = {each.quantity.key: each for each in entries["operators"].measure(Subject(MIXED, "cpu", QUICK))}
    [alone] = entries["kernels"].measure(Subject(MIXED, "cpu", QUICK))
    assert alone.detail["kernels"] == whole["operators_coverage_cpu_1thread"].detail["kernels"]
    assert alone.samples == whole["operators"].samples
    assert "operators" not in alone.detail
