"""Engines: outputs, threads, caches and reasons, on real small networks; and `reporter list --modes`."""

from __future__ import annotations

import copy
import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from commands import ROOT, call, run
from test_plugins import install, path
from torch import Tensor, nn

from reporter.engines import _onnx_file, onnxruntime, openvino
from reporter.engines import compile as inductor
from reporter.engines._failures import step
from reporter.engines._onnx_file import batches, digest_of
from reporter.host import machine
from reporter.model import Engine, extensions
from reporter.model.attempts import attempt, one_line
from reporter.model.modes import parse
from reporter.model.readings import UnsupportedError
from reporter.registry import execution_modes
from reporter.report.language import language

ENGINES = execution_modes.engines()
CONVERTED = ("torchscript", "onnxruntime", "openvino")
"""Engines that record the whole network; compile leaves to Python what it cannot."""
OWN_THREADS = {"onnxruntime": onnxruntime, "openvino": openvino}
SHARED = TemporaryDirectory(prefix="engines-")
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
LARGE = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(2))
"""Images of the wide model."""


class Tiny(nn.Module):
    """Its output varies with the input: batch norm has the statistics of such images, and the scores are scaled."""

    def __init__(self, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 32, 3, 2))
        self.head = nn.Linear(32, 10)
        with torch.no_grad():
            self.body[1].momentum = None
            self.train()(IMAGES)
            self.head.weight.mul_(20)
        self.eval()

    def forward(self, images: Tensor) -> Any:
        return self.head(self.body(images).relu().amax((2, 3)))


class Several(Tiny):
    """Returns a dictionary with tuples, one tensor twice, and None."""

    def forward(self, images: Tensor) -> Any:
        features = self.body(images).relu().amax((2, 3))
        scores = self.head(features)
        return {"scores": scores, "more": (features, [scores, None]), "best": scores.argmax(1)}


@cache
def wide() -> Several:
    """Large enough to keep several threads busy; one model for most tests: exporting another takes almost a second."""
    return Several(width=64)


class DataDependent(Tiny):
    def forward(self, images: Tensor) -> Any:
        scores = self.head(self.body(images).amax((2, 3)))
        return scores if scores[0, 0] > 0 else -2 * scores


class ShapeDependent(Tiny):
    def forward(self, images: Tensor) -> Any:
        if images.shape[2] != 32:
            raise ValueError(images.shape)
        return super().forward(images) * int(images.shape[3] / 2)


class Harmless(Tiny):
    """Its check of a shape makes the tracer warn; after it follows what meta tensors do not support."""

    what = ""
    scale = torch.linspace(1, 2, 10)
    """A plain attribute and no buffer."""

    def forward(self, images: Tensor) -> Any:
        assert images.shape[2] == 32
        scores = super().forward(images)
        if self.what == "attribute":
            return scores * self.scale
        if self.what == "range":
            return scores + torch.arange(10)
        return scores + images[images > 0].mean()


class Opaque(Tiny):
    def forward(self, images: Tensor) -> Any:
        return object()


def eager(model: nn.Module, images: Tensor) -> Any:
    with torch.inference_mode():
        return model(images)


def prepared(name: str, model: nn.Module, images: Tensor = IMAGES, **more: Any) -> Callable[[Tensor], Any]:
    """Prepared by an engine, in a folder that is kept between tests, so that each model is exported once."""
    return ENGINES[name].prepare(model, images, **{"cache": SHARED.name} | more)


def error(found: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the range of the expected scores."""
    return float((found.float() - expected).abs().max() / (expected.max() - expected.min()))


def written(folder: Path) -> dict[Path, int]:
    """The files of a folder with the times at which they were written."""
    return {each: each.stat().st_mtime_ns for each in folder.rglob("*") if each.is_file() and "lock" not in each.name}


@pytest.mark.parametrize("name", [*CONVERTED, pytest.param("compile", marks=pytest.mark.slow)])
def test_an_engine_returns_what_the_model_returns(name: str) -> None:
    """For other images, too; later calls leave earlier results as they are, and the model is not changed."""
    model = wide()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    text, modules = str(model), [(key, module.training) for key, module in model.named_modules()]
    call_it = prepared(name, model, LARGE)
    found, kept = call_it(LARGE), None
    kept = found["scores"].clone()
    for images in (LARGE, LARGE.flip(3) * 2, LARGE[[1, 0, 3, 2]] + 1):
        expected, answer = eager(model, images), call_it(images)
        assert list(answer) == list(expected)
        assert isinstance(answer["more"], tuple)
        assert answer["more"][1][1] is None
        assert error(answer["scores"], expected["scores"]) < 1e-5
        assert error(answer["more"][0], expected["more"][0]) < 1e-5
        assert torch.equal(answer["more"][1][0], answer["scores"])
        assert torch.equal(answer["best"], expected["best"])
    assert error(call_it(LARGE + 1)["scores"], kept) > 0.01
    assert torch.equal(found["scores"], kept)
    assert (str(model), [(key, module.training) for key, module in model.named_modules()]) == (text, modules)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert not any(tensor.is_inference() for tensor in model.state_dict().values())
    assert list(Path(SHARED.name).iterdir()) or name == "torchscript"


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERTED)
def test_models_of_one_class_do_not_share_weights(name: str, tmp_path: Path) -> None:
    first, second = Tiny(seed=1), Tiny(seed=2)
    calls = [prepared(name, model, cache=str(tmp_path)) for model in (first, second)]
    for model, call_it in zip((first, second), calls, strict=True):
        assert error(call_it(IMAGES), eager(model, IMAGES)) < 1e-5


@pytest.mark.slow
def test_more_models_of_one_class_are_compiled_than_torch_allows_by_default() -> None:
    """Beyond 8 for one function it runs them in eager mode without an error."""
    from torch._dynamo.utils import counters

    models = [Tiny(seed=seed) for seed in range(11)]
    before = counters["stats"]["unique_graphs"]
    calls = [prepared("compile", model) for model in models]
    assert counters["stats"]["unique_graphs"] == before + len(models)
    for model, call_it in zip(models, calls, strict=True):
        assert error(call_it(IMAGES), eager(model, IMAGES)) < 1e-5
        with torch.no_grad():
            call_it(IMAGES)
    assert counters["stats"]["unique_graphs"] == before + len(models), "no call compiles"


def test_a_second_preparation_uses_the_files_of_the_first() -> None:
    """One exported file serves both engines; other weights are exported again."""

    def check_scores() -> None:
        expected = eager(model, LARGE)["scores"]
        assert max(error(prepared(name, model, LARGE)(LARGE)["scores"], expected) for name in OWN_THREADS) < 1e-5

    def kept() -> dict[Path, int]:
        files = written(Path(SHARED.name))
        return {file: when for file, when in files.items() if file.suffix in (".onnx", ".data", ".blob")}

    model = copy.deepcopy(wide())
    check_scores()
    before = kept()
    check_scores()
    assert kept() == before
    with torch.no_grad():
        model.head.bias.add_(1)
    check_scores()
    after = kept()
    assert [file.suffix for file in after.keys() - before.keys()].count(".onnx") == 1
    assert {file: after[file] for file in before} == before
    assert not [folder for folder in Path(SHARED.name).iterdir() if not list(folder.iterdir())]


@pytest.mark.slow
def test_a_second_compilation_in_another_process_uses_the_cache(tmp_path: Path) -> None:
    code = "from test_engines import *; prepared('compile', Tiny(), cache=sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    found = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment, cwd=ROOT)
        found.append({file: when for file, when in written(tmp_path).items() if file.suffix == ".so"})
    assert found[0]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "name", ["torchscript", *(pytest.param(name, marks=pytest.mark.slow) for name in ("onnxruntime", "openvino"))]
)
def test_control_flow_that_depends_on_values_is_a_reason_in_one_line(name: str) -> None:
    found, verdict = attempt(lambda: prepared(name, DataDependent()))
    assert found is None
    assert verdict.status == "unsupported"
    assert verdict.reason
    assert "Traceback" not in verdict.reason
    assert len(verdict.reason.splitlines()) == 1
    assert "failed: " in verdict.reason


def test_a_failure_of_the_exporter_is_a_reason_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause, without the exporter's own message, which is advice on how to report bugs."""

    def export(*_: object, **__: object) -> None:
        try:
            raise ValueError("it depends\non data")
        except ValueError as cause:
            raise torch.onnx.OnnxExporterError("please report this\nas a bug") from cause

    monkeypatch.setattr(torch.onnx, "export", export)
    found, verdict = attempt(lambda: prepared("onnxruntime", Tiny(width=15)))
    assert found is None
    assert verdict.status == "unsupported"
    assert str(verdict.reason).startswith("export to ONNX failed: ValueError: ")
    assert "\n" not in str(verdict.reason)
    assert "bug" not in str(verdict.reason)


def test_a_step_that_runs_out_of_memory_is_not_unsupported() -> None:
    """The errors of ONNX Runtime have no base class but Exception; the message is that of its arena."""
    error = type("RuntimeException", (Exception,), {})("6 : RUNTIME_EXCEPTION : Failed to allocate memory for 9 bytes")

    def run() -> None:
        raise error

    with pytest.raises(MemoryError, match=r"^the first call failed: RuntimeException: 6 : .+Failed to allocate memory"):
        step("the first call", run)


@pytest.mark.parametrize(
    ("check", "cause", "expected"),
    [
        ("Exception from src/core/src/runtime/allocator.cpp:79:", "std::bad_alloc", MemoryError),
        ("Check 'ptr' failed at src/cpu_memory.cpp:257:", "Failed to allocate 51380224 bytes of memory", MemoryError),
        ("Check 'all(a, b)' failed at src/core/node.cpp:9:", "the shapes differ:\n2 and 3", UnsupportedError),
        ("", "Resource temporarily unavailable", UnsupportedError),
    ],
)
def test_the_reason_of_openvino_is_the_cause_and_not_where_it_was_raised(
    check: str, cause: str, expected: type[Exception]
) -> None:
    """The first two messages, and the last one, are those of OpenVINO 2026.4 under a limit of the memory."""
    raised_at = (
        "Exception from src/inference/src/cpp/core.cpp:132:\nException from src/inference/src/dev/plugin.cpp:59:"
    )

    def run() -> None:
        raise RuntimeError(f"{raised_at}\n{check}\n{cause}\n\n\n")

    with pytest.raises(expected) as raised:
        step("compilation", run)
    assert str(raised.value) == f"compilation failed: RuntimeError: {cause}".replace("\n", " ")


def test_an_error_of_openvino_without_a_cause_has_where_it_was_raised() -> None:
    assert one_line("Exception from a.cpp:1:\nException from b.cpp:2:\n\n") == "Exception from b.cpp:2:"


@pytest.mark.parametrize("what", ["attribute", "range", "mask"])
def test_what_only_meta_tensors_do_not_support_is_traced(what: str) -> None:
    model = Harmless()
    model.what = what
    assert error(prepared("torchscript", model)(IMAGES + 1), eager(model, IMAGES + 1)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERTED)
def test_control_flow_that_depends_on_shapes_is_recorded(name: str) -> None:
    model = ShapeDependent()
    assert error(prepared(name, model)(IMAGES + 1), eager(model, IMAGES + 1)) < 1e-5


@pytest.mark.slow
def test_compile_leaves_control_flow_that_depends_on_values_to_python() -> None:
    model = DataDependent()
    call_it = prepared("compile", model)
    several = [IMAGES * scale + shift for scale in (-1, 1) for shift in (-3, 0, 3)]
    for images in several:
        assert error(call_it(images), eager(model, images)) < 1e-5
    raw = [model.head(model.body(images).amax((2, 3)))[0, 0] > 0 for images in several]
    assert len({bool(each) for each in raw}) == 2, "both branches are taken"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per:UserWarning")
def test_the_file_of_an_export_depends_on_all_of_the_state() -> None:
    """Also on what is no tensor, on tensors in it, on packed weights, and on buffers that are not persistent."""

    class Described(nn.Linear):
        extra: object = None

        def get_extra_state(self) -> object:
            return self.extra

        def set_extra_state(self, state: object) -> None:
            self.extra = state

    torch.manual_seed(0)
    plain = nn.Sequential(nn.Flatten(), Described(12, 12), nn.Linear(12, 12))
    plain.register_buffer("table", torch.zeros(2000), persistent=False)
    inputs = torch.zeros(1, 3, 2, 2)
    digests = [digest_of(plain, inputs), digest_of(copy.deepcopy(plain), inputs)]
    assert digests[0] == digests[1]
    large = torch.zeros(2000)
    large[1000] = 1
    for extra in (torch.float16, {"table": torch.zeros(2000)}, {"table": large}):
        plain[1].extra = extra
        digests.append(digest_of(plain, inputs))
    plain.table[1000] = 1
    digests.append(digest_of(plain, inputs))
    for change in (0, 1):
        plain[2].weight.data[5, 5] += change
        quantized = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
        digests.append(digest_of(quantized, inputs))
    assert len(set(digests)) == len(digests) - 1


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERTED)
def test_an_output_without_tensors_is_a_reason(name: str) -> None:
    with pytest.raises(UnsupportedError, match="the model returns object"):
        prepared(name, Opaque())


def test_gpus_are_hidden_while_a_model_on_the_cpu_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch would start their driver; a model on another device needs them."""
    seen: list[str] = []

    def see(*_: object, **__: object) -> None:
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(torch, "compile", lambda *_, **__: see)
    monkeypatch.setattr(torch.onnx, "export", see)
    for model, visible in ((Tiny(), "-1"), (Tiny().to("meta"), "0")):
        seen.clear()
        inductor.prepare(model, IMAGES)
        step, compiling = inductor.train(model)
        with compiling:
            step(IMAGES)
        _onnx_file._export(model, IMAGES, tmp_path)
        assert seen == [visible] * 4
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.slow
def test_a_failure_of_the_compiler_is_a_reason_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'error: no space left' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    found, verdict = attempt(lambda: prepared("compile", Tiny(width=17), cache=str(tmp_path / "cache")))
    assert found is None
    assert verdict.reason
    assert verdict.reason.startswith("torch.compile failed: ")
    assert len(verdict.reason.splitlines()) == 1


def test_without_a_compiler_or_the_headers_of_python_compile_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inductor.unavailable() == ""
    monkeypatch.setattr(inductor.sysconfig, "get_path", lambda name: "/nowhere")
    assert "python3-dev" in ENGINES["compile"].missing
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CXX", "nothing")
    assert "install g++ or clang++" in ENGINES["compile"].missing


@pytest.mark.parametrize("name", ["TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE"])
def test_compile_is_not_available_where_a_variable_disables_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch would run the model in eager mode, without an error."""
    monkeypatch.setenv(name, "0")
    assert ENGINES["compile"].missing == ""
    monkeypatch.setenv(name, "1")
    reason = ENGINES["compile"].missing
    assert reason == f"torch.compile is disabled by {name}=1; unset this variable"
    assert language("ru").translate(reason).startswith("torch.compile отключён")


@pytest.mark.parametrize("command", [" ", '"g++', "nothing g++", ""])
def test_an_unusable_cxx_is_ignored(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inductor.shutil, "which", lambda name: name if name in ("g++", "ccache") else None)
    monkeypatch.setenv("CXX", command)
    assert inductor.compiler() == "g++"
    monkeypatch.setenv("CXX", "ccache g++")
    assert inductor.compiler() == "ccache g++"


@pytest.mark.parametrize(
    ("flags", "narrow"),
    [
        ("sse4_2 avx2", True),
        ("avx2 avx512f", True),
        ("avx2 avx_vnni", False),
        ("avx2 avx512f avx512_vnni", False),
        ("avx2 avx512f amx_tile amx_int8", False),
        ("asimd sve", False),
    ],
)
def test_weights_have_seven_bits_only_on_x86_without_vnni(
    flags: str, narrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: {"flags": flags})
    monkeypatch.setattr(machine, "facts", machine.facts.__wrapped__)
    assert onnxruntime.saturates() is narrow


def bound_by_threads(name: str, threads: int) -> Callable[[], Any]:
    torch.set_num_threads(threads)
    call_it = prepared(name, wide(), LARGE)
    return lambda: call_it(LARGE)


def cpu_while_idle(work: Callable[[], Any]) -> Iterator[float]:
    """Processor seconds of this process in 0.3 s after calls, five times.

    In a few of them, other threads may end, or those that spin may have no processor.
    """
    for _ in range(5):
        for _ in range(5):
            work()
        before = time.process_time()
        time.sleep(0.3)
        yield time.process_time() - before


def cpu_per_second(work: Callable[[], Any], seconds: float = 0.1) -> float:
    """Processor seconds of this process for each second of calls."""
    before, start = time.process_time(), time.perf_counter()
    while time.perf_counter() < start + seconds:
        work()
    return (time.process_time() - before) / (time.perf_counter() - start)


def busy_threads(work: Callable[[], Any], least: float, seconds: float = 0.12) -> int:
    """How many threads of this process take at least a share of its processor time in calls that take `seconds` of it.

    Not of wall time, in which a thread may have had less than the hundredth of a second that is counted.
    """

    def ticks() -> dict[str, int]:
        stats = {task.name: (task / "stat").read_text().rpartition(")")[2].split() for task in tasks.iterdir()}
        return {task: int(fields[11]) + int(fields[12]) for task, fields in stats.items()}

    tasks, start = Path("/proc/self/task"), time.process_time()
    before = ticks()
    while time.process_time() < start + seconds:
        work()
    spent = {task: count - before.get(task, 0) for task, count in ticks().items()}
    return sum(count >= max(1, least * sum(spent.values())) for count in spent.values())


def test_openvino_sends_no_usage_statistics() -> None:
    """Its package does when it is imported, unless a variable is set; the first import in a process counts."""
    prepared("openvino", wide(), LARGE)
    from openvino_telemetry import Telemetry

    assert Telemetry().consent is False


@pytest.mark.parametrize("name", CONVERTED)
def test_an_engine_has_as_many_threads_as_torch(name: str) -> None:
    """Those of torch for TorchScript; with one thread, what runs is the caller's, which may be bound to a processor."""
    work = bound_by_threads(name, 1)
    assert cpu_per_second(work) < 1.15
    assert busy_threads(work, 0.1) == 1
    work = bound_by_threads(name, 2)
    longer = (0.12 * 2**number for number in range(8))
    assert any(busy_threads(work, 0.01, seconds) == 2 for seconds in longer), "one may do nearly all on a busy machine"


class SignalStack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))

    @property
    def is_mapped(self) -> bool:
        lines = Path("/proc/self/maps").read_text().splitlines()
        spans = ([int(each, 16) for each in line.split()[0].split("-")] for line in lines)
        return any(start <= self.start < end for start, end in spans)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_signals_have_a_stack_after_models_of_openvino_are_gone() -> None:
    """Those that end in the order in which they began would leave one that is unmapped."""
    works = [prepared("openvino", wide(), LARGE) for _ in range(2)]
    while works:
        works.pop(0)
        gc.collect()
    found = SignalStack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
    assert found.start is None or found.is_mapped


@pytest.mark.parametrize("name", OWN_THREADS)
def test_threads_do_not_spin_after_a_call(name: str) -> None:
    assert median(cpu_while_idle(bound_by_threads(name, 2))) < 0.01


def test_threads_that_are_allowed_to_spin_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    options = onnxruntime._options

    def spinning() -> Any:
        made = options()
        made.add_session_config_entry("session.intra_op.allow_spinning", "1")
        return made

    monkeypatch.setattr(onnxruntime, "_options", spinning)
    assert median(cpu_while_idle(bound_by_threads("onnxruntime", 2))) > 0.015


def precisions(call_it: Any) -> set[str]:
    """The precisions in which OpenVINO computed the convolutions, by the names of their implementations."""
    (operators,) = call_it.operators(LARGE, 1)
    return {each.kernel.rpartition("_")[2].lower() for each in operators if each.operator == "Convolution"}


def test_openvino_computes_in_the_precision_of_the_mode() -> None:
    """By default it takes the lowest one that the processor has instructions for; bf16 is emulated with AVX-512."""
    model = wide()
    full = prepared("openvino", model, LARGE)
    expected = eager(model, LARGE)["scores"]
    assert error(full(LARGE)["scores"], expected) < 1e-5
    assert precisions(full) == {"f32"}
    if reason := openvino.refuses("bf16"):
        assert reason == ENGINES["openvino"].lacks("bf16")
        with pytest.raises(UnsupportedError, match="instead of bf16"):
            prepared("openvino", model, LARGE, precision="bf16")
    else:
        low = prepared("openvino", model, LARGE, precision="bf16")
        assert 1e-4 < error(low(LARGE)["scores"], expected) < 0.05
        assert precisions(low) == {"bf16"}


@pytest.mark.slow
@pytest.mark.skipif("avx2" not in machine.facts()["features"], reason="oneDNN is limited to AVX2")
def test_openvino_without_avx512_does_not_compute_in_bf16(tmp_path: Path) -> None:
    """A variable limits oneDNN, in OpenVINO too: the mode is not available then, rather than fp32 under its name."""
    code = "from test_engines import *; prepared('openvino', Tiny(), precision='bf16', cache=sys.argv[1])"
    variables = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables, cwd=ROOT)
    assert done.returncode == 1
    assert "OpenVINO computes in f32 instead of bf16 on this processor" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("architecture", "features", "native", "able"),
    [
        ("x86_64", ["avx2", "avx512f", "amx_tile"], ["bf16"], True),
        ("x86_64", ["avx2", "avx512f"], [], True),
        ("x86_64", ["avx2"], ["bf16"], True),
        ("x86_64", ["avx2"], [], False),
        ("AMD64", [], [], True),
        ("aarch64", ["asimd"], ["bf16"], False),
    ],
)
def test_bf16_in_openvino_is_available_where_the_processor_has_or_emulates_it(
    architecture: str, features: list[str], native: list[str], able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere it would compute in fp32: the mode is a row with the reason, and not called emulated."""
    facts = machine.facts() | {"architecture": architecture, "features": features}
    monkeypatch.setattr(machine, "facts", lambda: facts)
    monkeypatch.setattr(machine, "native_precisions", lambda: native)
    mode, here = parse("bf16+openvino", ENGINES), execution_modes.kind("cpu", native)
    assert execution_modes.obstacle(mode, here, ENGINES) == ("" if able else openvino.NO_BF16)
    assert bool(execution_modes.emulated(mode, here)) == (not native)
    assert not openvino.refuses("int8")
    assert ("bf16+openvino" in execution_modes.in_set("all", here)) == (able and bool(native))


def test_torchscript_keeps_no_files_as_the_documentation_states(tmp_path: Path) -> None:
    prepared("torchscript", Tiny(), cache=str(tmp_path))
    assert not [*tmp_path.iterdir()]
    prose = " ".join((ROOT / "docs" / "modes.md").read_text(encoding="utf-8").split())
    assert "`torchscript` and the modes without an engine keep no files: each round prepares them again" in prose


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sign"), [("onnxruntime", b"QuantizeLinear"), ("openvino", b"FakeQuantize")])
def test_int8_is_made_by_the_quantizer_of_the_engine(name: str, sign: bytes, tmp_path: Path) -> None:
    """With the images that are given, or with the example; the ranges of other images give another file."""
    if lacking := ENGINES[name].lacks("int8"):
        pytest.skip(lacking)
    model = Tiny()
    for given in (None, torch.cat([IMAGES, IMAGES.flip(2), IMAGES * 0.5])):
        folder = tmp_path / str(given is None)
        call_it = prepared(name, model, precision="int8", cache=str(folder), calibration=given)
        assert 1e-4 < error(call_it(IMAGES), eager(model, IMAGES)) < 0.1
        assert error(call_it(IMAGES + 1), call_it(IMAGES)) > 0.01
        (made,) = folder.glob("*int8*/model.[ox]*")
        assert sign in made.read_bytes()
    before = written(tmp_path)
    prepared(name, model, precision="int8", cache=str(tmp_path / "True"))
    assert [file for file in written(tmp_path) if "int8" in str(file)] == [
        file for file in before if "int8" in str(file)
    ]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_calibration_images_come_in_batches_like_the_example(count: int) -> None:
    example, given = torch.zeros(count, 3, 32, 40), torch.randn(32, 3, 32, 40)
    several = batches(example, given)
    assert {each.shape for each in several} == {example.shape}
    assert torch.equal(torch.cat(several), given[: 32 // count * count])
    [alone] = batches(example)
    assert torch.equal(alone, example)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "channels_last"),
    [("torchscript", False), ("torchscript", True), pytest.param("compile", True, marks=pytest.mark.slow)],
)
def test_torch_engines_take_bf16_and_channels_last(name: str, channels_last: bool) -> None:
    model, layout = Tiny(), torch.channels_last if channels_last else torch.contiguous_format
    expected = eager(model, IMAGES)
    images = IMAGES.bfloat16().to(memory_format=layout)
    found = prepared(name, model.bfloat16().to(memory_format=layout), images, precision="bf16")(images)
    assert found.dtype == torch.bfloat16
    assert 1e-4 < error(found, expected) < 0.05


def test_the_version_of_an_engine_is_that_of_its_packages() -> None:
    assert ENGINES["onnxruntime"].version()["onnxruntime"] == version("onnxruntime")
    assert ENGINES["openvino"].version()["openvino"] == version("openvino")
    assert ENGINES["torchscript"].version() == {"torch": version("torch")}
    assert "nncf" in ENGINES["openvino"].version("int8")
    assert "nncf" not in ENGINES["openvino"].version()
    odd = Engine("odd", "Odd", print, modules=("yaml", "no_such_module"))
    assert odd.version() == {"yaml": version("PyYAML"), "no_such_module": "not installed"}


def test_versions_of_engines_are_no_part_of_the_environment() -> None:
    """Installing an engine leaves all that was measured valid: its version belongs to the readings of its modes."""
    before = machine.versions()
    packages = {name for engine in ENGINES.values() for name in engine.modules}
    assert {"openvino", "onnxruntime"} <= packages
    assert not packages & before.keys()
    for engine in ENGINES.values():
        for part in ("", *engine.precisions):
            name = f"{engine.name}+{part}" if part else engine.name
            assert execution_modes.conditions_of(name) == {"engine": engine.version(part)}
    assert execution_modes.conditions_of("eager") == execution_modes.conditions_of("bf16+channels_last") == {}


def test_a_missing_package_is_a_reason_with_the_extra() -> None:
    odd = Engine("odd", "Odd", print, modules=("json",), precision_modules={"int8": ("no_such",)}, extra="some")
    assert odd.missing == ""
    assert odd.lacks("int8") == "no_such not installed; install the extra 'some', in a checkout pip install '.[some]'"
    kind = execution_modes.Kind("cpu")
    assert execution_modes.obstacle(parse("odd", {"odd": odd}), kind, {"odd": odd}) == ""


def modes_of(*arguments: str) -> dict[str, dict[str, Any]]:
    return {each["mode"]: each for each in json.loads(call("list", *arguments, "--json").stdout)["modes"]}


def test_the_list_of_modes() -> None:
    found = modes_of("--modes")
    assert found == modes_of()
    assert {"eager", "channels_last", "amp", "bf16", "fp16", "tf32", "bf16+channels_last"} <= set(found)
    assert {"compile", "torchscript", "int8+onnxruntime", "bf16+openvino"} <= set(found)
    assert found["eager"] | {"title": ""} == {
        "mode": "eager", "title": "", "available": True, "reason": None, "extra": None
    }  # fmt: skip
    assert found["bf16+openvino"]["extra"] == "openvino"
    for name in found:
        assert parse(name, ENGINES).name == name
    here = execution_modes.Kind("cpu", tuple(machine.native_precisions()))
    if not machine.gpus():
        assert not found["tf32"]["available"]
        assert "GPU" in found["tf32"]["reason"]
        native = {name for name, each in found.items() if each["available"] and not each["reason"]}
        assert native == {"eager", *execution_modes.in_set("all", here)}
    table = call("list", "--modes").stdout
    assert table.splitlines()[0] == "modes"
    assert len(table.splitlines()) == len(found) + 1
    assert "parameters" not in table


def test_modes_that_need_what_is_not_installed_are_listed_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "find_spec", lambda name: None if name in ("openvino", "nncf") else find_spec(name))
    found = modes_of("--modes")
    assert not found["openvino"]["available"]
    assert found["bf16+openvino"]["reason"].startswith("openvino not installed; install the extra 'openvino'")
    assert found["int8+openvino"]["reason"].startswith("openvino, nncf not installed")
    assert found["onnxruntime"]["available"]
    assert "not available: openvino not installed" in call("list", "--modes").stdout


def test_no_engine_is_imported_by_reporter_or_by_the_list_of_modes() -> None:
    code = """
import sys, reporter
assert not [name for name in sys.modules if name.startswith("reporter.engines")]
from reporter.cli.main import main
try:
    main(["list", "--modes"])
except SystemExit as end:
    assert not end.code
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "onnxruntime", "openvino", "onnx", "nncf"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


DOUBLED = """
from reporter.model import Engine, extensions


def prepare(model, example, *, precision="fp32", cache=None, calibration=None):
    return model


ENTRIES = (
    Engine("plain", "Plain calls", prepare, precisions=("bf16",)),
    Engine("absent", "Absent", prepare, modules=("no_such_module",)),
    Engine("openvino", "A name that is taken", prepare),
)
"""


def test_an_installed_package_adds_an_engine(tmp_path: Path) -> None:
    points = "[reporter.engines]\nmine = my_engine.engine\n"
    site = install(tmp_path, "my_engine", points, __init__="", engine=DOUBLED)
    done = run("list", "--modes", "--json", variables=path(site))
    found = {each["mode"]: each for each in json.loads(done.stdout)["modes"]}
    assert found["bf16+plain"]["title"] == "Plain calls, bfloat16"
    assert found["plain"]["available"]
    assert found["absent"]["reason"] == "no_such_module not installed; install it"
    assert found["openvino"]["title"] == "OpenVINO"
    assert "the name 'openvino' is taken" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("network", ["resnet18", "googlenet", "densenet121"])
def test_networks_of_the_lecture_run_in_each_engine(name: str, network: str, tmp_path: Path) -> None:
    import torchvision

    torch.manual_seed(0)
    options = {"init_weights": True, "aux_logits": False} if network == "googlenet" else {}
    model = getattr(torchvision.models, network)(weights=None, **options)
    images = torch.randn(4, 3, 224, 224) + torch.randn(4, 3, 1, 1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(images)
    model.eval()
    call_it = prepared(name, model, images[:1], cache=str(tmp_path))
    exact = torch.cat([eager(model, each[None]) for each in images])
    found = torch.cat([call_it(each[None]) for each in images])
    assert float(exact.std(0).mean() / exact.std()) > 0.001, "the output varies with the input"
    assert float((found - exact).abs().max() / exact.std(0).max()) < 0.01
