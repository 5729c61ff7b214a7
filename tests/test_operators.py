"""Operators, kernels and the ledger: checked against hooks, profiles of their own, and fresh processes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, NamedTuple

import profiling
import pytest
import torch
import yardstick
from forked import execute
from networks import subject
from torch import Tensor, nn
from torchvision.models import get_model

from reporter.compare.kernel_changes import changed_calls
from reporter.metrics import stages
from reporter.metrics.operators import COVERAGE, KERNELS, ON_GPU
from reporter.model import ReporterError, UnsupportedError
from reporter.model.profiles import GEMM, NATIVE, LayerKernel, digest
from reporter.report.units import is_doubtful
from reporter.report.why import operator_names
from reporter.worker import device
from reporter.worker.counts.counting import count
from reporter.worker.latency.alternation import Alternation, Effort
from reporter.worker.profiling import device_kernels, kernel_names, operator_events, operator_pass, operator_times
from reporter.worker.profiling.device_kernels import launched
from reporter.worker.profiling.instruction_sets import NEEDED, instruction_sets
from reporter.worker.profiling.kernel_calls import recorded
from reporter.worker.profiling.kernel_names import Primitive, primitives
from reporter.worker.profiling.layer_times import LISTED, layer_times
from reporter.worker.profiling.observation import ProfilerOverhead, observe
from reporter.worker.profiling.operator_events import OperatorEvent, Timed, events, operators, timed
from reporter.worker.profiling.operator_times import aligned, profiled
from reporter.worker.profiling.stage_times import StageProfile
from reporter.worker.torch_state import threads

LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.ReLU)


class Mixed(nn.Module):
    """A convolution of each kind, of which torch sends some to oneDNN and some to a BLAS library."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
        self.plain = nn.Conv2d(32, 32, 3, padding=1)
        self.grouped = nn.Conv2d(32, 64, 3, padding=1, groups=8)
        self.pointwise = nn.Conv2d(64, 64, 1)
        self.pool = nn.MaxPool2d(2)
        self.norm = nn.BatchNorm2d(128)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(128, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.pool(self.grouped(self.plain(self.stem(images))))
        features = self.norm(torch.cat([features, self.pointwise(features)], 1))
        result: Tensor = self.head(self.dropout(self.average(features).flatten(1)))
        return result


IMAGES = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return Mixed().eval()


@pytest.fixture(scope="module")
def rows(network: nn.Module) -> list[LayerKernel]:
    """On one thread, as in the tests; a fixture of a module is set up before that of a test."""
    with threads(1), torch.inference_mode():
        return recorded(network, partial(network, IMAGES))


def test_every_layer_that_runs_has_as_many_rows_as_calls(network: nn.Module, rows: list[LayerKernel]) -> None:
    called: Counter[str] = Counter()
    handles = [
        module.register_forward_hook(lambda *_, name=name: called.update([name]))
        for name, module in network.named_modules()
        if isinstance(module, LAYERS)
    ]
    with torch.inference_mode():
        network(IMAGES)
    for handle in handles:
        handle.remove()
    layers = Counter(row.layer for row in rows if row.layer)
    assert layers == called
    assert len(called) == 10
    assert [row.operator for row in rows if not row.layer] == ["aten::cat"]


def test_the_ledger_has_all_macs_and_names_what_computes_them(network: nn.Module, rows: list[LayerKernel]) -> None:
    by_layer = {row.layer: row for row in rows}
    assert sum(row.macs for row in rows) == count(network, IMAGES).macs
    assert sum(row.macs for row in rows if row.kernel != NATIVE) >= 0.95 * sum(row.macs for row in rows)
    assert by_layer["head"].kernel == GEMM
    assert by_layer["head"].operator == "aten::addmm"
    assert by_layer["grouped"].macs == 32 * 32 * 64 * 9 * 4
    assert by_layer["grouped"].shapes == "1x32x32x32, 64x4x3x3 -> 1x64x32x32"
    assert (by_layer["grouped"].dtype, by_layer["grouped"].layout) == ("float32", "contiguous")
    assert by_layer["pool"].operator == "aten::max_pool2d_with_indices"
    assert by_layer["pool"].kernel == NATIVE


def test_without_onednn_the_ledger_has_all_macs(network: nn.Module) -> None:
    """As of torch on macOS: a grouped convolution is one product of each group."""
    torch._C._set_mkldnn_enabled(False)
    try:
        with torch.inference_mode():
            found = recorded(network, partial(network, IMAGES))
    finally:
        torch._C._set_mkldnn_enabled(True)
    assert sum(row.macs for row in found) == count(network, IMAGES).macs
    grouped = [row for row in found if row.layer == "grouped" and row.macs]
    assert [(row.kernel, row.macs) for row in grouped] == [(GEMM, 32 * 32 * 64 * 9 * 4 // 8)] * 8


def test_a_torch_without_kineto_has_no_operators(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_events, "kineto_available", lambda: False)
    found = operator_pass.Profiler(partial(network, IMAGES), network, Effort(0.01, 1))
    for name in ("rows", "observation"):
        with pytest.raises(UnsupportedError, match="without Kineto"):
            getattr(found, name)


@pytest.mark.parametrize("lost", [ReporterError("what oneDNN printed was not captured"), OSError("no space left")])
def test_a_ledger_whose_capture_is_lost_is_not_replaced_by_another(
    lost: Exception, network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> list[LayerKernel]:
        raise lost

    monkeypatch.setattr(operator_pass, "recorded", fail)
    with pytest.raises(type(lost), match=str(lost)):
        _ = operator_pass.Profiler(partial(network, IMAGES), network, Effort(0.01, 1)).rows


def test_the_reason_why_layers_are_not_named_is_kept(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> list[LayerKernel]:
        raise RuntimeError("no dispatch to Python")

    monkeypatch.setattr(operator_pass, "recorded", fail)
    found = operator_pass.Profiler(partial(network, IMAGES), network, Effort(0.01, 1))
    reading = operator_pass.read_kernels(KERNELS, "cpu_1thread", found)
    assert reading.detail["layers_unnamed"] == "RuntimeError: no dispatch to Python"
    assert {row.layer for row in found.rows} == {""}


def test_views_in_several_parts_are_followed() -> None:
    """As in ShuffleNet: `chunk` is made of `split`, which cannot be taken apart any further."""

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            first, second = images.chunk(2, dim=1)
            return torch.cat([self.conv(first), second.unflatten(1, (2, 2)).flatten(1, 2)[..., 1:-1, 1:-1]], 1)

    halves, images = Halves().eval(), torch.randn(1, 8, 16, 16)
    with torch.inference_mode():
        found = recorded(halves, lambda: halves(images))
    assert sum(row.macs for row in found) == 4 * 4 * 9 * 14 * 14
    assert [row.layer for row in found if row.macs] == ["conv"]


def test_the_ledger_has_the_operators_that_run_without_it(network: nn.Module, rows: list[LayerKernel]) -> None:
    with torch.inference_mode(), torch.autograd.profiler.profile() as found:
        network(IMAGES)
    roots = list(operators(events(found.kineto_results)))
    plain = [part.event.name for root in roots for part in timed(root) if part.computes]
    assert plain == [row.operator for row in rows]


def test_a_range_of_the_network_is_no_operator() -> None:
    """Not even with the colons of one: the layers in it are found."""
    convolution, act = OperatorEvent("aten::conv2d", 1, 5), OperatorEvent("aten::relu_", 6, 8)
    for name in ("block::one", "block::name", "my block::one", "a::b::c", "block"):
        assert list(operators([OperatorEvent(name, 0, 9, children=[convolution, act])])) == [convolution, act]
    known = [OperatorEvent(name, 0, 9) for name in ("cpp_fused_relu_0", "torchvision::nms", "quantized::conv2d")]
    assert list(operators(known)) == known


@pytest.mark.parametrize("name", ["block::one", "block"])
def test_a_range_of_the_network_leaves_the_ledger_as_it_is(name: str) -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()

    def ranged() -> None:
        with torch.profiler.record_function(name):
            layers(IMAGES)

    with torch.inference_mode():
        assert recorded(layers, ranged) == recorded(layers, partial(layers, IMAGES))


def test_the_parts_of_an_operator_take_as_long_as_it(network: nn.Module) -> None:
    with torch.inference_mode(), torch.autograd.profiler.profile() as found:
        network(IMAGES)
    roots = list(operators(events(found.kineto_results)))
    whole = sum(root.end - root.start for root in roots) / 1e9
    assert sum(part.seconds for root in roots for part in timed(root)) == pytest.approx(whole)
    listed = found.function_events
    assert listed is not None
    outermost = [each for each in listed if each.cpu_parent is None]
    assert whole * 1e6 == pytest.approx(sum(each.cpu_time_total for each in outermost), rel=0.01)


def test_channels_last_and_bf16_run_other_kernels(network: nn.Module, rows: list[LayerKernel]) -> None:
    with torch.inference_mode():
        other = Mixed().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        last = recorded(other, partial(other, IMAGES.contiguous(memory_format=torch.channels_last)))
        low = Mixed().eval().bfloat16()
        half = recorded(low, partial(low, IMAGES.bfloat16()))
    assert {row.layout for row in last if row.layer == "grouped"} == {"channels_last"}
    assert {row.dtype for row in half if row.layer == "grouped"} == {"bfloat16"}
    assert len({digest(each) for each in (rows, last, half)}) == 3


@pytest.fixture(scope="module")
def observed(network: nn.Module) -> Alternation[OperatorEvent]:
    """Calls on one thread, for tests that only look at them: the profiler takes a third of a second."""
    with threads(1), torch.inference_mode():
        return observe(partial(network, IMAGES), Effort(0.3))


def test_operators_sum_to_the_latency(observed: Alternation[OperatorEvent], rows: list[LayerKernel]) -> None:
    found = profiled(observed, rows)
    assert sum(row.seconds for row in found.operators) == pytest.approx(found.latency)
    assert sum(row.share for row in found.operators) == pytest.approx(1)
    kernels = Counter((row.operator, row.kernel) for row in rows)
    listed = {(row.operator, row.kernel): row.calls for row in found.operators}
    assert {key: listed.get(key) for key in kernels} == kernels


@pytest.mark.parametrize(("coverage", "doubtful"), [(0.95, False), (1.05, False), (0.949, True), (1.06, True)])
def test_parts_that_do_not_sum_to_the_latency_are_marked(
    coverage: float,
    doubtful: bool,
    network: nn.Module,
    observed: Alternation[OperatorEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator_pass, "observe", lambda *_: observed)
    monkeypatch.setattr(operator_pass, "profiled", lambda *_: operator_times.OperatorProfile((), 0.01, coverage))
    found = operator_pass.Profiler(partial(network, IMAGES), network, Effort(0.01, 1))
    reading = operator_pass.read(COVERAGE["cpu"], "cpu", found)
    note = f"the parts sum to {coverage:.3f} of the latency: calls were disturbed, or parts are missing"
    assert [*reading.notes] == [note] * doubtful
    assert is_doubtful(reading) == doubtful
    assert (reading.verdict.status, reading.reason) == ("ok", None)
    summed = operator_pass._stages_reading(stages.COVERAGE["cpu_1thread"], StageProfile((), 0.01, coverage))
    assert summed.notes == reading.notes
    on_gpu = reading.model_copy(update={"quantity": ON_GPU})
    assert not on_gpu.notes
    assert not is_doubtful(on_gpu)


def call_of(*names: str) -> OperatorEvent:
    """A call whose operators take 100 ns each, 10 ns apart; one without a name is not recorded."""
    found, start = [], 10
    for name in names:
        found += [OperatorEvent(name, start, start + 100)] if name else []
        start += 110
    return OperatorEvent("call", 0, start, children=found)


def test_an_operator_that_is_missed_lowers_the_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Usual gaps between operators are the interpreter's; a longer one counts as three of them at most."""
    monkeypatch.setattr(operator_times, "profiler_overhead", lambda: ProfilerOverhead(0, 0))
    names = ["aten::relu"] * 9
    for missed, covered in ((None, 1000), (0, 1000 - 120 + 30), (4, 1000 - 120 + 30)):
        event = call_of(*("" if place == missed else name for place, name in enumerate(names)))
        assert event.end == 1000
        observation = Alternation((event,), (1000e-9,), (1000e-9,))
        assert profiled(observation, []).coverage == pytest.approx(covered / 1000)


def test_the_layers_that_take_most_are_those_of_the_ledger(
    observed: Alternation[OperatorEvent], rows: list[LayerKernel]
) -> None:
    found = profiled(observed, rows)
    known = {(row.layer, row.operator, row.kernel, row.library) for row in rows}
    assert {(each.layer, each.operator, each.kernel, each.library) for each in found.layers} <= known
    assert len(found.layers) == LISTED < len(known)
    python = sum(row.share for row in found.operators if row.operator == "python")
    assert sum(each.share for each in found.layers) < 1 - python
    assert [each.seconds for each in found.layers] == sorted((each.seconds for each in found.layers), reverse=True)


def test_seconds_of_a_layer_are_those_of_its_calls() -> None:
    """The first operator runs twice in one layer; a call that ran others is left out."""
    named = [("aten::mkldnn_convolution", "a"), ("aten::relu_", "b"), ("aten::mkldnn_convolution", "a")]
    rows = [
        LayerKernel(layer=layer, operator=name, kernel="k", shapes="", dtype="", layout="") for name, layer in named
    ]
    call = [
        Timed(OperatorEvent(name, 0, 1), seconds) for (name, _), seconds in zip(named, (1.0, 2.0, 5.0), strict=True)
    ]
    view = Timed(OperatorEvent("aten::view", 0, 1), 2.0, computes=False)
    found = layer_times([[*call, view], call[:2]], rows, 0.8, 1.0)
    assert [(each.layer, each.seconds, each.share) for each in found] == [
        ("a", pytest.approx(0.8 * 6 / 10), pytest.approx(0.48)),
        ("b", pytest.approx(0.8 * 2 / 10), pytest.approx(0.16)),
    ]


def test_operators_shorter_than_what_the_profiler_adds_have_no_seconds() -> None:
    """As in a network that takes 40 µs: less what the profiler adds, the seconds of an operator may be below 0."""
    row = LayerKernel(layer="a", operator="aten::relu", kernel="k", shapes="", dtype="", layout="")
    rows = [row, row.model_copy(update={"layer": "b"})]

    def layers(*seconds: float) -> dict[str, float]:
        call = [Timed(OperatorEvent("aten::relu", 0, 1), each) for each in seconds]
        return {each.layer: each.seconds for each in layer_times([call], rows, 4e-5, 5e-5)}

    assert layers(-2e-6, 1e-6) == {"a": 0.0, "b": pytest.approx(4e-5)}
    assert layers(-2e-6, -1e-6) == {}


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("name", ["alexnet", "resnet18", "googlenet"])
@pytest.mark.parametrize("missed", ["aten::conv2d", "aten::max_pool2d"])
def test_the_coverage_is_that_of_the_operators(name: str, missed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near 1, and less by the share of an operator of which no call is listed."""
    options = {"init_weights": False} if name == "googlenet" else {}
    model = get_model(name, weights=None, **options).eval()
    call = partial(model, torch.randn(1, 3, 224, 224))
    with torch.inference_mode(), threads(1):
        listed = recorded(model, call)
        found = observe(call, Effort(2.0))
    whole = profiled(found, listed)
    roots = {"aten::conv2d": ("mkldnn_convolution", "_slow_conv2d_forward"), "aten::max_pool2d": ("max_pool2d_with",)}
    share = sum(row.share for row in whole.operators if any(each in row.operator for each in roots[missed]))
    every = operator_times.operators
    monkeypatch.setattr(operator_times, "operators", lambda found: (e for e in every(found) if e.name != missed))
    assert 0.95 < whole.coverage < 1.05
    assert profiled(found, listed).coverage < whole.coverage - 0.8 * share


@pytest.mark.slow
@pytest.mark.timing
def test_the_ledger_of_a_deep_architecture_is_taken_in_time() -> None:
    """With the building of its model, and by the seconds of a quiet machine."""
    longest = profiling.LONGEST_LEDGER * max(1.0, yardstick.milliseconds() / 8)
    deep = subject("densenet201")
    start = perf_counter()
    with operator_pass.setting(deep, one_thread=True):
        rows = operator_pass.Profilers(deep).of("cpu_1thread").rows
    assert perf_counter() - start <= longest
    assert sum("conv" in row.operator for row in rows) == 200


def test_an_operator_that_ran_more_often_than_in_the_ledger_gets_no_kernel_by_chance() -> None:
    ran = [
        Timed(OperatorEvent(f"aten::{name}", 0, 1), 1e-9) for name in ("mkldnn_convolution", "addmm", "addmm", "relu_")
    ]
    row = LayerKernel(layer="", operator="aten::mkldnn_convolution", kernel="jit", shapes="", dtype="", layout="")
    other = row.model_copy(update={"kernel": "jit_1x1"})
    unknown = [(GEMM, ""), (GEMM, ""), (NATIVE, "")]
    assert aligned(ran, [row, other]) == [(NATIVE, ""), *unknown]
    assert aligned(ran, [row, row]) == [("jit", ""), *unknown]
    assert aligned([ran[0], ran[0]], [row, other]) == [("jit", ""), ("jit_1x1", "")]
    product = row.model_copy(update={"operator": "aten::addmm", "kernel": GEMM, "library": "MKL"})
    assert aligned(ran[1:3], [product, product]) == [(GEMM, "MKL")] * 2


FRESH = """
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from functools import partial
from test_operators import IMAGES, Mixed
from reporter.worker.profiling.kernel_calls import recorded
torch.manual_seed(0)
network = Mixed().eval()
torch.set_num_threads(1)
with torch.inference_mode():
    print(json.dumps([row.model_dump() for row in recorded(network, partial(network, IMAGES))]))
"""


def fresh(**variables: str) -> list[dict[str, Any]]:
    """The ledger of a fresh process, which prints nothing else."""
    done = execute(FRESH, str(Path(__file__).parent), **variables)
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_fresh_processes_run_the_same_kernels(rows: list[LayerKernel]) -> None:
    assert fresh() == fresh() == [row.model_dump() for row in rows]


@pytest.mark.slow
def test_five_fresh_processes_run_the_same_kernels() -> None:
    first, *others = (fresh() for _ in range(5))
    assert all(other == first for other in others)


def in_channels_last(images: Tensor, *others: Any) -> Tensor:
    """A convolution in channels_last, whose result is contiguous again."""
    return CONVOLUTION(images.contiguous(memory_format=torch.channels_last), *others).contiguous()


def without_onednn(*given: Any) -> Tensor:
    """A convolution that oneDNN does not get."""
    torch._C._set_mkldnn_enabled(False)
    try:
        return CONVOLUTION(*given)
    finally:
        torch._C._set_mkldnn_enabled(True)


def in_onednn(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer that oneDNN gets, with its weight as it is; a BLAS library gets it transposed."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(images, weight, bias, "none", [], "")
    return found


def in_onednn_format(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer whose tensors are in oneDNN's own format, as after `torch.utils.mkldnn.to_mkldnn`."""
    return LINEAR(images.to_mkldnn(), weight.to_mkldnn(), bias.to_mkldnn()).to_dense()


def convolved_in_onednn_format(images: Tensor, weight: Tensor, bias: Tensor, *settings: Any) -> Tensor:
    """A convolution whose tensors are in that format, which calls the operator of oneDNN itself."""
    stride, padding, *others = settings
    given = (each.to_mkldnn() for each in (images, weight, bias))
    found: Tensor = torch.mkldnn_convolution(*given, padding, stride, *others)
    return found.to_dense()


def in_mkl(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer of a compiled model, whose weight MKL has packed."""
    packed = torch.ops.mkl._mkl_reorder_linear_weight(weight, len(images))
    found: Tensor = torch.ops.mkl._mkl_linear(images, packed, weight, bias, len(images))
    return found


CONVOLUTION, LINEAR = nn.functional.conv2d, nn.functional.linear
CONVOLVED = (in_channels_last, without_onednn, convolved_in_onednn_format)
NEEDS_MKL = pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="torch is built without MKL")


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        *((path, layer) for path in CONVOLVED for layer in ("plain", "grouped")),
        (in_onednn, "head"),
        (in_onednn_format, "head"),
        pytest.param(in_mkl, "head", marks=NEEDS_MKL),
    ],
)
def test_a_torch_that_sends_one_layer_down_another_path_is_found_by_name(
    path: Callable[..., Tensor],
    layer: str,
    network: nn.Module,
    rows: list[LayerKernel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = "linear" if layer == "head" else "conv2d"
    weight, usual = network.get_submodule(layer).weight, getattr(nn.functional, function)
    monkeypatch.setattr(nn.functional, function, lambda *given: path(*given) if given[1] is weight else usual(*given))
    with torch.inference_mode():
        found = recorded(network, partial(network, IMAGES))
    swaps, compared, _ = changed_calls(rows, found)
    assert {name for swap in swaps for name in swap.layers} == {layer}
    assert all(swap.base != swap.new for swap in swaps)
    assert compared == len(rows)
    assert sum(row.macs for row in found) == sum(row.macs for row in rows)


class CallsOnednn(nn.Module):
    """A convolution that calls the operator of oneDNN itself."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(12, 1, 3, 3))

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = torch.mkldnn_convolution(images, self.weight, None, (1, 1), (2, 2), (1, 1), 3)
        return found.mean((2, 3))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch is built without oneDNN")
def test_a_convolution_by_the_operator_of_onednn_is_counted() -> None:
    """12 filters in 3 groups, of 1 x 3 x 3, at 16 x 16 places."""
    found = count(CallsOnednn().eval(), IMAGES)
    assert (found.macs, found.activations, found.depth) == (12 * 9 * 16 * 16, 12 * 16 * 16, 1)


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="has no larger set")
def test_capped_instructions_change_the_names_and_nothing_else(rows: list[LayerKernel]) -> None:
    capped = fresh(ONEDNN_MAX_CPU_ISA="SSE41")
    assert [{**row, "kernel": ""} for row in capped] == [{**row.model_dump(), "kernel": ""} for row in rows]
    names = {row["kernel"] for row in capped if row["kernel"] not in (GEMM, NATIVE)}
    assert any("sse41" in name for name in names)
    assert not any("avx" in name for name in names)
    assert any("avx" in row.kernel for row in rows)


CAPTURED = """
import os, sys, torch
from reporter.worker.profiling.kernel_names import primitives, verbose
layer = torch.nn.Conv2d(64, 64, 3)
with verbose() as capture:
    print("from Python")
    os.system("echo from a child")
    for _ in range(int(sys.argv[1])):
        os.write(1, b".")
        layer(torch.zeros(1, 64, 20, 20))
    if len(sys.argv) > 2:
        os.abort()
    text = capture.text()
print("after", len(primitives(text)))
"""


def test_capturing_prints_nothing_of_onednn_and_keeps_the_rest() -> None:
    done = execute(CAPTURED, "2")
    assert done.stdout.splitlines() == ["from Python", "from a child", "..after 2"]


def test_more_than_a_pipe_takes_is_captured_whole() -> None:
    """No one reads while it is captured: a pipe of 64 KiB would have blocked the process."""
    done = execute(CAPTURED, "400")
    assert done.stdout.splitlines()[-1] == f"{'.' * 400}after 400"


def test_a_crash_prints_nothing_of_onednn() -> None:
    done = execute(CAPTURED, "2", "crash", check=False)
    assert done.returncode < 0
    assert done.stdout == "from Python\n"


def test_an_error_restores_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), kernel_names.verbose():
        raise ValueError("inside")
    print("after")
    assert capfd.readouterr().out == "after\n"


def test_primitives_are_read_in_every_form_of_the_output() -> None:
    text = b"""onednn_verbose,v1,info,cpu,isa:Intel AVX2
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src,attr,,1x3,0.1
onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx512_core,forward_inference,src,attr,alg,shape,0.1
onednn_verbose,v1,1717.5,primitive,exec,cpu,matmul,brg_matmul:avx10_1_512,undef,src,attr,,1x2,0.1
onednn_verbose,exec,cpu,inner_product,gemm:jit,forward_inference,src,,,shape,0.1
another line
..onednn_verbose,v1,primitive,exec,cpu,convolution,jit_1x1:avx2,forward_inference,src,attr,alg,shape,0.1
onednn_verbose,v1,primitive,exec,cpu,conv"""
    assert primitives(text) == [
        Primitive("convolution", "jit:avx512_core"),
        Primitive("matmul", "brg_matmul:avx10_1_512"),
        Primitive("inner_product", "gemm:jit"),
        Primitive("convolution", "jit_1x1:avx2"),
    ]
    assert [each.instructions for each in primitives(text)] == ["avx512_core", "avx10_1_512", "", "avx2"]


def test_instruction_sets_that_were_not_exercised_are_listed() -> None:
    flags = frozenset(["sse4_1", "avx", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16"])
    found = instruction_sets(["jit:avx512_core", "gemm", "native", "jit:sse41+jit_1x1:avx2"], flags)
    assert found["exercised"] == ["avx2", "avx512_core", "sse41"]
    assert found["not_exercised"] == ["avx", "avx512_core_bf16"]
    assert set(found["exercised"]) | set(found["not_exercised"]) | set(found["not_available"]) == set(NEEDED)


class Launch(NamedTuple):
    """An event of torch.profiler as far as kernels of a device are read from it."""

    name: str
    kernels: list[SimpleNamespace]


def test_kernels_of_a_device_are_listed_with_the_operators_that_launched_them() -> None:
    convolution = [SimpleNamespace(name="sm90_gemm", duration=30.0), SimpleNamespace(name="bias", duration=10.0)]
    found = launched([Launch("aten::conv2d", []), Launch("aten::cudnn_convolution", convolution)])
    assert found == [
        ("", "aten::cudnn_convolution", "sm90_gemm", pytest.approx(30e-6)),
        ("", "aten::cudnn_convolution", "bias", pytest.approx(10e-6)),
    ]


def kernels_of(seconds: dict[str, float]) -> list[tuple[str, str, str, float]]:
    """The kernels of a call by their names."""
    return [("", "aten::cudnn_convolution", kernel, each) for kernel, each in seconds.items()]


def test_the_time_in_which_a_gpu_is_idle_is_a_row_of_its_own() -> None:
    """One image of a call that is bound by kernel launches: kernels keep their seconds, 1 ms of 4."""
    calls = [kernels_of({"sm90_gemm": 0.9e-3, "bias": 0.1e-3})] * 5
    found, rows = operator_times.from_lists(calls, 4e-3, rest=operator_times.GPU_IDLE)
    seconds = {row.kernel: row.seconds for row in found.operators}
    assert seconds == pytest.approx({"idle": 3e-3, "sm90_gemm": 0.9e-3, "bias": 0.1e-3})
    assert [row.share for row in found.operators] == pytest.approx([0.75, 0.225, 0.025])
    assert (found.coverage, found.latency) == (pytest.approx(0.25), 4e-3)
    assert [row.kernel for row in rows] == ["sm90_gemm", "bias"]
    assert operator_names.label(found.operators[0].operator) == "GPU idle time"


def test_kernels_that_sum_to_more_than_the_latency_are_scaled_to_it() -> None:
    """As those of several streams; an engine that lists its operators leaves no rest."""
    calls = [kernels_of({"one": 3e-3, "other": 2e-3})]
    for latency, rest in ((4e-3, operator_times.GPU_IDLE), (4e-3, None), (10e-3, None)):
        found, _ = operator_times.from_lists(calls, latency, rest)
        assert {row.kernel: row.seconds for row in found.operators} == pytest.approx(
            {"one": 0.6 * latency, "other": 0.4 * latency}
        )


def test_parts_that_do_not_sum_to_the_latency_of_a_gpu_are_not_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is idle between kernels, and it is waited for between stages."""
    calls = [kernels_of({"sm90_gemm": 1e-3})]
    profile = operator_times.from_lists(calls, 4e-3, rest=operator_times.GPU_IDLE)
    monkeypatch.setattr(device_kernels, "device_profile", lambda *_: profile)
    found = operator_pass.read_device(ON_GPU, "cuda", tuple, device.named("cpu"))
    assert (found.value, found.notes) == (pytest.approx(0.25), ())
    waited = operator_pass._stages_reading(stages.ON_GPU, StageProfile((), 4e-3, 1.6))
    assert (waited.value, waited.notes) == (1.6, ())
    assert operator_pass._stages_reading(stages.COVERAGE["cpu"], StageProfile((), 4e-3, 1.6)).notes
