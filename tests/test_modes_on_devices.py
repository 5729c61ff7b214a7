"""Execution modes and batch sizes on simulated accelerators: times, identity, precision, and the end of memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpu_samples
import pytest
import torch
from gpu_samples import form
from networks import CONDITIONS
from simulated_device import LAUNCH, Accelerator, Machine
from simulated_nvml import SimulatedGpu, SimulatedNvml
from test_device import ENTRY, SECONDS, SIZE, Bench
from torch import Tensor, nn

from reporter.host.job import CurveJob, Job
from reporter.metrics.training_throughput import TRAINING, measure
from reporter.model import Architecture, Metric, Reading
from reporter.model.attempts import LONGEST_REASON, attempt
from reporter.model.device_states import STATES
from reporter.model.modes import Mode, parse
from reporter.model.profiles import LayerKernel
from reporter.model.records import EAGER
from reporter.model.scaling_curves import BEST, best
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import engines
from reporter.worker import entry
from reporter.worker.device import Device
from reporter.worker.latency import timing
from reporter.worker.latency.curve_points import CurveTiming
from reporter.worker.latency.fitting_batch import largest, with_fitting_batch
from reporter.worker.profiling import device_kernels, operator_times, stage_times
from reporter.worker.profiling.operator_times import OperatorProfile
from reporter.worker.subject import Subject
from reporter.worker.variants.mode_preparation import ModePreparation
from reporter.worker.variants.mode_readings import gpu_precisions
from reporter.worker.variants.mode_variants import eager, in_torch

pytestmark = pytest.mark.usefixtures("brief_collections")
METRICS = collect("reporter.metrics", Metric)
BATCH = 8


def in_modes(
    bench: Bench,
    *modes: str,
    architecture: Architecture = ENTRY,
    batch: int = CONDITIONS.throughput_batch,
    trains: bool = False,
    profiles: Sequence[str] = (),
) -> dict[tuple[str, str], Reading]:
    """The readings of a job that times single images and batches in modes on cuda:1, and training steps of an image.

    With `profiles`, those of these metrics instead.
    """
    bench.monkeypatch.setattr(entry, "find", lambda name: architecture)
    keys = (f"latency_{bench.kind}", f"throughput_{bench.kind}", *([f"train_step_{bench.kind}"] if trains else ()))
    keys = (*profiles,) or keys
    update = {"throughput_batch": batch} | ({"batch_size": 1, "image_size": SIZE // 2} if trains else {})
    conditions = CONDITIONS.model_copy(update=update)
    job = Job(
        architecture="small", metrics=keys, device=f"{bench.kind}:1", conditions=conditions, process="test",
        modes=modes,
    )  # fmt: skip
    messages: list[dict[str, Any]] = []
    with bench.machine:
        entry.run(job, messages.append, named=bench.named)
    found = [(each["mode"], Reading.model_validate(each["reading"])) for each in messages if "reading" in each]
    return {(mode, reading.quantity.key): reading for mode, reading in found}


def kernels(mode: str) -> int:
    """How many operators one inference queues in a mode, counted apart from all timing."""
    machine = Machine([Accelerator(0.0)])
    with machine, torch.inference_mode():
        subject = Subject(ENTRY, machine.device("cuda:0"), CONDITIONS)
        variant = in_torch(subject.network, parse(mode, engines()), subject.form, "cuda:0")
        image = variant.form(subject.input(1))
        variant.run(image)
        before = machine.devices[0].operators
        variant.run(image)
    return machine.devices[0].operators - before


@pytest.mark.parametrize("through_torch", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["runtime", "torch"])
def test_the_times_of_modes_are_those_of_the_device(monkeypatch: pytest.MonkeyPatch, through_torch: bool) -> None:
    """Each from an empty queue to an empty one, on the device that was asked for."""
    bench = Bench(monkeypatch, through_torch)
    found = in_modes(bench, "channels_last", "bf16")
    eager = LAUNCH + kernels("eager") * SECONDS
    for mode in ("channels_last", "bf16"):
        time, ratio = found[mode, "latency_cuda"], found[mode, "speedup_latency_cuda"]
        call = LAUNCH + kernels(mode) * SECONDS
        assert time.samples == pytest.approx([call] * len(time.samples), 1e-3), time.reason
        assert ratio.samples == pytest.approx((eager / call,), 1e-3)
        (base,) = ratio.detail["base"]  # type: ignore[misc]
        assert base == pytest.approx([eager] * len(base), 1e-3)  # type: ignore[arg-type]
        row = LAUNCH + timing.ROW * kernels(mode) * SECONDS
        rate = timing.ROW * CONDITIONS.throughput_batch / row
        assert found[mode, "throughput_cuda"].value == pytest.approx(rate, 1e-3), "batches in a row, as in eager"
        assert found[mode, "output_error"].measured
    bench.check_other_device()


def test_a_mode_has_the_operators_and_stages_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are those of the mode's calls; a stage lasts until the device is done with it."""
    called: list[int] = []
    types: list[torch.dtype] = []

    def device_profile(call: Callable[[], Tensor], device: Device) -> tuple[OperatorProfile, list[LayerKernel]]:
        before = bench.machine.devices[1].operators
        types.append(call().dtype)
        called.append(bench.machine.devices[1].operators - before)
        return operator_times.from_lists([[("", "aten::conv2d", "sm90_gemm", SECONDS)]], 2 * SECONDS)

    bench = Bench(monkeypatch)
    monkeypatch.setattr(device_kernels, "device_profile", device_profile)
    monkeypatch.setattr(stage_times, "perf_counter", bench.machine.look)
    found = in_modes(bench, "channels_last", "bf16", profiles=["operators_cuda", "stages_cuda"])
    assert found.keys() == {
        (mode, key) for mode in ("channels_last", "bf16") for key in ("operators_coverage_cuda", "stages_coverage_cuda")
    }
    assert called == [kernels("channels_last"), kernels("bf16")]
    assert types == [torch.float32, torch.bfloat16]
    for mode, count in zip(("channels_last", "bf16"), called, strict=True):
        assert found[mode, "operators_coverage_cuda"].detail["operators"]
        stages = found[mode, "stages_coverage_cuda"]
        rows = stages.detail["stages"]
        assert isinstance(rows, list)
        assert sum(round(count * row["share"]) for row in rows) == count  # type: ignore[index, call-overload]
        assert stages.value == pytest.approx(count * (LAUNCH + SECONDS) / (LAUNCH + count * SECONDS), 0.01)


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_operators_that_the_profiler_does_not_list_have_a_reason_in_each_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated device runs on the processor, where there are no kernels of a GPU."""
    found = in_modes(Bench(monkeypatch), "channels_last", profiles=["operators_cuda"])
    reading = found["channels_last", "operators_coverage_cuda"]
    assert (reading.status, reading.reason) == ("unsupported", "torch.profiler lists no kernels of the device")


def test_the_readings_of_a_mode_have_the_device_and_its_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 is on in the calls of the mode `tf32`, and off in those of all others."""
    seen: set[tuple[str, str]] = set()

    class Noting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = ENTRY.build(10)

        def forward(self, images: Tensor) -> Tensor:
            backends: Any = torch.backends
            seen.add((backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision))
            return self.body(images)  # type: ignore[no-any-return]

    noting = Architecture("noting", "Test", 2026, "none", lambda classes: Noting(), input_size=SIZE, classes=10)
    found = in_modes(Bench(monkeypatch), "channels_last", "tf32", architecture=noting)
    assert seen == {("ieee", "ieee"), ("tf32", "tf32")}
    for (mode, _), reading in found.items():
        precision = reading.detail["precision"]
        wanted = "tf32" if mode == "tf32" else "ieee"
        assert (precision["cuda.matmul.fp32_precision"], precision["cudnn.conv.fp32_precision"]) == (wanted, wanted)  # type: ignore[index, call-overload]
        assert precision == (gpu_samples.TF32 if mode == "tf32" else gpu_samples.WANTED), "as in the samples of reports"
        assert reading.detail["device"] == {"name": "simulated", "uuid": "GPU-1"}


@pytest.mark.parametrize(("about", "emulates"), [({"capability": "7.0"}, True), ({"capability": "8.0"}, False)])
def test_a_mode_that_a_gpu_emulates_is_marked(
    about: dict[str, str], emulates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A V100 has instructions for float16 and none for bfloat16; of a GPU of ROCm the capability says nothing."""
    bench = Bench(monkeypatch)
    monkeypatch.setattr(Machine, "identity", lambda self, index: {"name": "simulated", "uuid": "GPU-1", **about})
    found = in_modes(bench, "bf16", "fp16")
    wanted = "emulated: this GPU has no bf16 instructions" if emulates else None
    assert found["bf16", "latency_cuda"].reason == found["bf16", "throughput_cuda"].reason == wanted
    assert found["fp16", "latency_cuda"].reason is None
    place = SimpleNamespace(identity=lambda: {"capability": "7.0", "hip_runtime": "6.4"})
    assert gpu_precisions(place) is None  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_a_training_step_in_amp_is_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a V100 emulates; inferences in amp are in float16."""
    about = {"name": "simulated", "uuid": "GPU-1", "capability": "7.0"}
    monkeypatch.setattr(Machine, "identity", lambda self, index: about)
    found = in_modes(Bench(monkeypatch), "amp", trains=True)
    for key in ("train_step_cuda", "speedup_train_step_cuda"):
        assert found["amp", key].measured
        assert found["amp", key].reason == "emulated: this GPU has no bf16 instructions"
    assert found["amp", "latency_cuda"].reason is None


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_autocast_of_accelerators_has_the_limit_of_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 8 times as fine as bfloat16, in which autocast computes on a CPU."""
    found = in_modes(Bench(monkeypatch), "amp", "bf16", "fp16")
    limits = {mode: found[mode, "output_error"].detail["limit"] for mode in ("amp", "bf16", "fp16")}
    assert limits["amp"] == limits["fp16"]
    assert limits["bf16"] > 4 * limits["fp16"]  # type: ignore[operator]
    assert ModePreparation(Subject(ENTRY, "cpu", CONDITIONS), Path())._precision(parse("amp", engines())) == "amp"


def test_the_state_of_the_device_is_noted_in_the_times_of_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, own = Bench(monkeypatch), os.getpid()
    shared = SimulatedGpu("GPU-1", bits=0x4, compute={own: 600 << 20, own + 1: 1200 << 20})
    bench.machine.nvml = SimulatedNvml(bench.machine, SimulatedGpu("GPU-0"), shared)
    found = in_modes(bench, "channels_last")
    for key in ("latency_cuda", "speedup_latency_cuda", "throughput_cuda"):
        (state,) = found["channels_last", key].detail[STATES]  # type: ignore[misc]
        assert (state["clock_mhz"], state["settled"], state["other_processes"]) == (1755, True, 1)  # type: ignore[index, call-overload]
    notes = found["channels_last", "latency_cuda"].notes
    assert {"1 other process used the device (1200 MiB)", "its clock was limited by its power limit"} <= set(notes)
    alike = {key: each for (mode, key), each in found.items() if mode != EAGER and "throughput" not in key}
    assert alike.keys() == gpu_samples.measured()[1].readings.keys()
    assert {key: form(each) for key, each in alike.items()} == {
        key: form(gpu_samples.reading(key, "channels_last")) for key in alike
    }, "as in the samples of reports"


def test_outputs_on_mps_are_compared_with_a_float64_run_on_the_cpu(tmp_path: Path) -> None:
    """MPS has no float64: tensors are moved to the CPU before their data type changes."""
    machine = Machine([Accelerator(0.0)], kind="mps")
    with machine:
        on_device = torch.ones(2).to("mps:0")
        for refused in (Tensor.double, partial(Tensor.to, device="cpu", dtype=torch.float64)):
            with pytest.raises(TypeError, match="MPS Tensor to float64"):
                refused(on_device)
        assert on_device.cpu().double().dtype == torch.float64
        for _ in range(2):  # the second time from the cache
            subject = Subject(ENTRY, machine.device("mps:0"), CONDITIONS)
            preparation = ModePreparation(subject, tmp_path)
            preparation.calibrate()
            found = preparation.checked(eager(subject.network, subject.form), Mode())
            assert found.measured
            assert found.reason is None
            assert {each.dtype for each in subject.network.parameters()} == {torch.float32}


# The end of memory


def used(size: int, memory: int = 1 << 40) -> int:
    """The bytes of memory that one inference of a batch takes; OutOfMemoryError if there are fewer."""
    machine = Machine([Accelerator(0.0)], memory=memory)
    with machine, torch.inference_mode():
        subject = Subject(ENTRY, machine.device("cuda:0"), CONDITIONS)
        subject.network(next(subject.inputs(size)))
    return machine.devices[0].peak


@pytest.mark.parametrize("fits", [1, 3, 6])
def test_the_reason_of_a_batch_that_does_not_fit_has_the_largest_that_does(
    fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(monkeypatch)
    bench.machine.memory = used(fits)
    monkeypatch.setattr(entry, "find", lambda name: ENTRY)
    conditions = CONDITIONS.model_copy(update={"throughput_batch": BATCH})
    job = Job(
        architecture="small", metrics=("throughput_cuda",), device="cuda:1", conditions=conditions, process="test"
    )
    messages: list[dict[str, Any]] = []
    with bench.machine:
        entry.run(job, messages.append, named=bench.named)
    reading = Reading.model_validate(next(each["reading"] for each in messages if "reading" in each))
    assert reading.status == "oom"
    assert str(reading.reason).startswith("CUDA out of memory. Tried to allocate")
    assert str(reading.reason).endswith(f"; the largest batch that fits: {fits}")


def test_a_mode_whose_batch_does_not_fit_has_the_largest_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside eager's weights it has its own. A training step of one small image does fit."""
    few = Architecture("few", "Test", 2026, "none", ENTRY.build, input_size=SIZE, classes=10)
    machine = Machine([Accelerator(0.0)])
    with machine, torch.inference_mode():
        subject = Subject(few, machine.device("cuda:0"), CONDITIONS)
        variant = in_torch(subject.network, parse("channels_last", engines()), subject.form, "cuda:0")
        images = subject.input(3)
        variant.run(variant.form(images))
    bench = Bench(monkeypatch)
    bench.machine.memory = machine.devices[0].peak + 4096  # for the check for NaN
    found = in_modes(bench, "channels_last", architecture=few, batch=BATCH, trains=True)
    assert found["channels_last", "latency_cuda"].status == "ok"
    lost = found["channels_last", "throughput_cuda"]
    assert (lost.status, str(lost.reason)[:19]) == ("oom", "CUDA out of memory.")
    assert str(lost.reason).endswith("; the largest batch that fits: 3")
    assert found["channels_last", "train_step_cuda"].measured, found["channels_last", "train_step_cuda"].reason


def trained(bench: Bench, *modes: str) -> dict[str, Reading]:
    """The time of a training step of an image in modes on cuda:1."""
    bench.monkeypatch.setattr(entry, "find", lambda name: ENTRY)
    conditions = CONDITIONS.model_copy(update={"batch_size": 1, "image_size": SIZE // 2})
    job = Job(
        architecture="small", metrics=("train_step_cuda",), device="cuda:1", conditions=conditions, process="test",
        modes=modes, round=1,
    )  # fmt: skip
    messages: list[dict[str, Any]] = []
    with bench.machine:
        entry.run(job, messages.append, named=bench.named)
    found = [(each["mode"], Reading.model_validate(each["reading"])) for each in messages if "reading" in each]
    times = [(mode, reading) for mode, reading in found if reading.quantity.key == "train_step_cuda"]
    assert len(times) == len(modes), "each is measured once"
    return dict(times)


def test_a_mode_that_does_not_fit_beside_the_others_is_trained_with_eager_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modes, peaks = ("channels_last", "tf32", "channels_last+tf32"), []
    for some in (*((each,) for each in modes), modes):
        free = Bench(monkeypatch)
        trained(free, *some)
        peaks.append(free.machine.devices[1].peak)
    bench = Bench(monkeypatch)
    *alone, together = peaks
    bench.machine.memory = max(alone) + (16 << 10)
    assert bench.machine.memory < together
    found = trained(bench, *modes)
    assert {mode: reading.reason for mode, reading in found.items()} == dict.fromkeys(modes)
    bench.machine.memory = min(alone) // 2
    assert {reading.status for reading in trained(bench, *modes).values()} == {"oom"}


def test_without_a_batch_that_fits_the_reason_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.machine.memory = used(1) - 1
    monkeypatch.setattr(entry, "find", lambda name: ENTRY)
    job = Job(
        architecture="small", metrics=("throughput_cuda", "train_step_cuda"), device="cuda:1", conditions=CONDITIONS,
        process="test",
    )  # fmt: skip
    messages: list[dict[str, Any]] = []
    with bench.machine:
        entry.run(job, messages.append, named=bench.named)
    readings = [Reading.model_validate(each["reading"]) for each in messages if "reading" in each]
    for reading in readings[:2]:
        assert (reading.status, "fits" in str(reading.reason)) == ("oom", False)


@pytest.mark.parametrize("key", ["train_step_cuda", "train_throughput_cuda"])
def test_a_training_step_that_does_not_fit_has_the_largest_batch(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def peak(size: int) -> int:
        machine = Machine([Accelerator(0.0)])
        with machine:
            subject = Subject(ENTRY, machine.device("cuda:0"), conditions)
            network, (images, labels), recipe, _ = exercise(subject, subject.device)
            step = step_of(network, recipe, subject.classes)
            for _ in range(2):
                step(images[:size], labels[:size])
        return machine.devices[0].peak

    from reporter.worker.learning.finetuning import step_of
    from reporter.worker.learning.training_steps import exercise

    conditions = CONDITIONS.model_copy(update={"image_size": SIZE, "batch_size": BATCH})
    bench = Bench(monkeypatch)
    bench.machine.memory = peak(5)
    monkeypatch.setattr(entry, "find", lambda name: ENTRY)
    job = Job(architecture="small", metrics=(key,), device="cuda:1", conditions=conditions, process="test")
    messages: list[dict[str, Any]] = []
    with bench.machine:
        entry.run(job, messages.append, named=bench.named)
    reading = Reading.model_validate(next(each["reading"] for each in messages if "reading" in each))
    assert reading.status == "oom", reading
    assert str(reading.reason).endswith("; the largest batch that fits: 5")


def test_the_largest_batch_is_found_by_halving() -> None:
    tried: list[int] = []

    def call(size: int) -> None:
        tried.append(size)
        if size > 37:
            raise MemoryError

    assert largest(call, 64) == 37
    assert len(tried) == 6
    with pytest.raises(ValueError, match="another"):
        with_fitting_batch(lambda: int("another"), call, 64)
    assert with_fitting_batch(lambda: 7, call, 64) == 7


@pytest.mark.parametrize(
    ("batch", "limit", "multiple", "found"),
    [(100, 50, 8, 48), (100, 50, 3, 48), (36, 30, 3, 30), (64, 8, 8, 8), (64, 63, 64, 0), (2048, 2047, 2048, 0)],
)
def test_the_largest_batch_of_a_network_that_refuses_some(batch: int, limit: int, multiple: int, found: int) -> None:
    """What it refuses for another reason fits no worse than others; of too many that it refuses nothing is known."""
    tried: list[int] = []

    def call(size: int) -> None:
        tried.append(size)
        if size % multiple:
            raise RuntimeError(f"shape '[{multiple}, -1]' is invalid for input of size {size}")
        if size > limit:
            raise MemoryError

    assert largest(call, batch) == found
    assert len(tried) == len(set(tried)) < 80


OF_CUDA = (
    "CUDA out of memory. Tried to allocate 48.00 MiB. GPU 0 has a total capacity of 39.38 GiB of which 27.38 MiB is "
    "free. Including non-PyTorch memory, this process has 39.35 GiB memory in use. Of the allocated memory 36.43 GiB "
    "is allocated by PyTorch, and 2.41 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
    "is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation "
    "for Memory Management  (https://docs.pytorch.org/docs/stable/notes/cuda.html"
    "#optimizing-memory-usage-with-pytorch-cuda-alloc-conf)"
)
"""As torch 2.14 reports it."""


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB.", "CUDA out of memory. Tried to allocate 2.00 GiB"),
        (OF_CUDA, OF_CUDA[: OF_CUDA.index(". Of the allocated")]),
        ("HIP out of memory" + "!" * 400, "HIP out of memory" + "!" * 250),
    ],
    ids=["short", "of-cuda", "one-sentence"],
)
def test_the_largest_batch_is_in_the_reason_of_a_long_error(error: str, kept: str) -> None:
    """The reason is cut off after 300 characters, and the error of CUDA's allocator has 579."""

    def call(size: int) -> None:
        if size > 37:
            raise torch.OutOfMemoryError(error)

    _, verdict = attempt(lambda: with_fitting_batch(lambda: call(64), call, 64))
    assert verdict == ("oom", f"{kept}; the largest batch that fits: 37")
    assert len(verdict.reason or "") <= LONGEST_REASON


def test_the_largest_batch_is_in_the_reason_whatever_class_the_error_has() -> None:
    def call(size: int) -> None:
        if size > 37:
            raise Exception("Failed to allocate memory")

    _, verdict = attempt(lambda: with_fitting_batch(lambda: call(64), call, 64))
    assert verdict == ("oom", "Failed to allocate memory; the largest batch that fits: 37")


# Sweeps on a device that takes longer for a larger batch


def swept(machine: Machine) -> Subject:
    conditions = CONDITIONS.model_copy(update={"seconds": 0.01, "image_size": SIZE})
    return Subject(ENTRY, machine.device("cuda:0"), conditions)


def test_a_sweep_over_batch_sizes_ends_where_throughput_no_longer_rises() -> None:
    machine = Machine([Accelerator(1e-4, per_byte=1e-8)])
    with machine:
        timing = CurveTiming(swept(machine), METRICS["best_throughput_cuda"], CurveJob(mode="eager", sweep=True))
        points = [point for _, point in timing.run()]
    rates = [point.throughput or 0.0 for point in points]
    gains = [after / before for before, after in pairwise(rates)]
    assert {point.status for point in points} == {"ok"}
    assert [point.batch for point in points] == [2**power for power in range(len(points))]
    assert len(points) > 3
    assert min(gains[:-1]) >= 1.05 > gains[-1]


def test_the_best_throughput_has_the_device_with_its_precision_and_state() -> None:
    machine = Machine([Accelerator(1e-3)])
    machine.nvml = SimulatedNvml(machine, SimulatedGpu("GPU-0"))
    with machine:
        timing = CurveTiming(swept(machine), METRICS["best_throughput_cuda"], CurveJob(mode="tf32", batches=(1, 2)))
        points = [point for _, point in timing.run()]
    for point in points:
        assert point.detail["device"] == {"name": "simulated", "uuid": "GPU-0"}
        assert point.detail["precision"] == gpu_samples.TF32
        (state,) = point.detail[STATES]  # type: ignore[misc]
        assert (state["clock_mhz"], state["settled"]) == (1755, True)  # type: ignore[index, call-overload]
    found = best(points, BEST["cuda"], {})
    assert found
    assert found.detail.items() >= {**points[1].detail, "batch": 2}.items()
    assert form(found)[2] == form(gpu_samples.reading("best_throughput_cuda"))[2], "as in the samples of reports"


def test_a_sweep_of_training_steps_ends_where_throughput_no_longer_rises() -> None:
    machine = Machine([Accelerator(1e-4, per_byte=3e-8)])
    with machine:
        (reading,) = measure(TRAINING["cuda"], swept(machine))
    assert reading.status == "ok"
    batch = int(str(reading.detail["batch"]))
    assert batch > CONDITIONS.batch_size
    longer = Machine([Accelerator(1e-4, per_byte=1e-5)])
    with longer:
        (other,) = measure(TRAINING["cuda"], swept(longer))
    assert int(str(other.detail["batch"])) < batch
    assert (other.value or 0) < (reading.value or 0)
