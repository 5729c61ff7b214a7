"""Times and memory peaks of an accelerator, on simulated devices; each seeded fault must give a wrong number there."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import networks
import pytest
import torch
from networks import CONDITIONS, LargeHead
from simulated_device import BLOCK, LAUNCH, Accelerator, Machine, SimulatedEvent
from torch import Tensor, nn

from reporter.host.job import Job
from reporter.metrics import latency, memory_measured, training_throughput
from reporter.metrics.ceilings import NO_INT8
from reporter.model import Architecture, Metric, Reading
from reporter.registry.catalog import collect
from reporter.report.language import language
from reporter.worker import device
from reporter.worker import entry as main
from reporter.worker.device import Device, TorchRuntime
from reporter.worker.latency import timing
from reporter.worker.learning.finetuning import step_of
from reporter.worker.learning.training_steps import exercise
from reporter.worker.precision import WANTED
from reporter.worker.subject import Subject

pytestmark = pytest.mark.usefixtures("brief_collections")
SECONDS = 1e-2
"""What the measured device takes for one operator; the other one takes a third of it."""
KERNELS = 5
"""Of one inference: convolution, batch norm, ReLU, pooling, linear layer."""
CATALOG = collect("reporter.metrics", Metric)
TIMES = ("latency", "throughput", "train_step")
SIZE = 32


class Remembering(nn.Module):
    """A small network that keeps a tensor of its first call, as some keep position tables; in inference mode that
    tensor is of no use for training.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body, self.ones = networks.small(classes), None

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.body(images)
        if self.ones is None:
            self.ones = torch.ones_like(scores[:1])
        return scores * self.ones


def small(classes: int) -> nn.Module:
    return networks.small(classes)


ENTRY = Architecture("small", "Test", 2026, "none", small, input_size=SIZE)
REMEMBERING = Architecture("remembering", "Test", 2026, "none", Remembering, input_size=SIZE)


def in_turns(
    call: timing.Call, timer: timing.Timer, *, seconds: float, goal: float, min_samples: int
) -> tuple[float, ...]:
    """As `ab` samples: warm, then single calls."""
    timing.warm_up(call, timer, seconds)
    return tuple(timer(call, 1)[0] for _ in range(6))


DECLARED = {
    name: inspect.signature(function) for name, function in vars(torch.accelerator).items() if callable(function)
}


def simulated_torch(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the simulated devices under torch's own functions, each called as torch declares it."""
    functions: dict[str, Callable[..., Any]] = {
        "set_device_index": machine.set_device,
        "synchronize": lambda index=None: machine.synchronize(machine.current if index is None else index),
        "reset_peak_memory_stats": machine.reset_peaks,
        "empty_cache": lambda: machine.release(machine.current),
        "max_memory_allocated": lambda index: machine.peaks(index).allocated,
        "max_memory_reserved": lambda index: machine.peaks(index).reserved,
    }

    def declared(name: str) -> Callable[..., Any]:
        return lambda *args: functions[name](*DECLARED[name].bind(*args).args)

    for name in functions:
        monkeypatch.setattr(torch.accelerator, name, declared(name))
    monkeypatch.setattr(torch, "Event", lambda *, enable_timing: SimulatedEvent(machine))
    monkeypatch.setattr(TorchRuntime, "identity", lambda self, index: machine.identity(index))


class Bench:
    """Measures in a worker's own way on cuda:1 of a machine with two devices."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, through_torch: bool = False, kind: str = "cuda") -> None:
        self.kind = kind
        self.machine = Machine([Accelerator(SECONDS / 3), Accelerator(SECONDS)], kind=kind)
        self.named: main.Named = device.named if through_torch else self.machine.device
        if through_torch:
            simulated_torch(self.machine, monkeypatch)
        monkeypatch.setattr(main, "limit_memory", lambda name: None)
        self.monkeypatch = monkeypatch

    def readings(
        self, *metrics: str, entry: Architecture = ENTRY, sample: timing.Sampler = timing.sample
    ) -> dict[str, Reading]:
        self.monkeypatch.setattr(main, "find", lambda name: entry)
        conditions = CONDITIONS.model_copy(update={"seconds": 0.1, "image_size": SIZE})
        job = Job(architecture="small", metrics=metrics, device=f"{self.kind}:1", conditions=conditions, process="test")
        messages: list[dict[str, Any]] = []
        with self.machine:
            main.run(job, messages.append, sample, self.named)
        found = [Reading.model_validate(message["reading"]) for message in messages if "reading" in message]
        assert {reading.reason for reading in found} <= {None, NO_INT8}
        return {reading.quantity.key: reading for reading in found}

    def check_times(self) -> None:
        """Every time is that of cuda:1 from an empty queue to an empty one, in `ab` as in the main job."""
        for sample in (timing.sample, in_turns):
            measured = self.readings(*(f"{each}_{self.kind}" for each in TIMES), sample=sample)
            found = {key.removesuffix(f"_{self.kind}"): reading for key, reading in measured.items()}
            call, step = LAUNCH + KERNELS * SECONDS, LAUNCH + self.kernels_of_a_step() * SECONDS
            row = LAUNCH + timing.ROW * KERNELS * SECONDS
            assert found["latency"].samples == pytest.approx([call] * len(found["latency"].samples), 1e-4)
            assert found["throughput"].value == pytest.approx(timing.ROW * CONDITIONS.throughput_batch / row, 1e-4)
            assert found["train_step"].value == pytest.approx(step, 1e-4)
        self.check_other_device()

    def check_queue(self) -> None:
        """What was queued before is not part of a time."""
        with self.machine:
            place = self.named(f"{self.kind}:1")
            place.select()
            images = torch.ones(2).to(f"{self.kind}:1")
            for rows in (False, True):
                for _ in range(50):
                    images.add_(1)
                samples = timing.timer(place, rows)(lambda: images + 1, 3)
                assert samples == pytest.approx([SECONDS + LAUNCH / (timing.ROW if rows else 1)] * 3, 1e-4)

    def check_memory(self) -> None:
        """The peaks are what the allocator of cuda:1 holds: weights, images, activations, gradients, moments."""
        with self.machine:
            torch.ones(10_000_000).to(f"{self.kind}:1")  # and freed: an earlier peak, which does not count
        for entry in (ENTRY, REMEMBERING):
            found = self.readings(f"memory_{self.kind}", entry=entry)
            inference, training = (found[f"{self.kind}_{work}_bytes"] for work in ("inference", "training"))
            assert inference.value == pytest.approx(self.counted("memory_inference", entry), abs=5000)
            assert training.value == pytest.approx(self.counted("memory_training", entry), abs=5000)
            for reading in (inference, training):
                assert 0 <= reading.detail["reserved"] - reading.value < BLOCK
        self.check_other_device()

    def check_other_device(self) -> None:
        other = self.machine.devices[0]
        assert not other.opened, "a second context was opened on cuda:0"
        assert other.operators == 0

    def counted(self, metric: str, entry: Architecture = ENTRY) -> int:
        """What the exact tracker on meta counts for the same, with weights and input."""
        subject = Subject(entry, "cpu", CONDITIONS.model_copy(update={"image_size": SIZE}))
        (reading,) = main.measure(CATALOG[metric], subject)
        assert reading.value is not None
        if metric == "memory_training":
            return int(reading.value)
        return int(reading.value) + reading.detail["weights"] + 3 * SIZE * SIZE * 4

    def kernels_of_a_step(self) -> int:
        """How many operators one training step queues, counted apart from all timing."""
        machine = Machine([Accelerator(0.0)], kind=self.kind)
        with machine:
            subject = Subject(
                ENTRY, machine.device(f"{self.kind}:0"), CONDITIONS.model_copy(update={"image_size": SIZE})
            )
            network, batch, recipe, _ = exercise(subject, subject.device)
            step = step_of(network, recipe)
            step(*batch)
            before = machine.devices[0].operators
            step(*batch)
        return machine.devices[0].operators - before


KINDS = [(False, "cuda"), (True, "cuda"), pytest.param((True, "xpu"), marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS, ids=["runtime", "torch", "xpu"])
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Once with the simulated runtime in place of torch's; with torch's own functions simulated, of two types."""
    return Bench(monkeypatch, *request.param)


def test_times_are_those_of_the_device(bench: Bench) -> None:
    bench.check_times()


def test_another_type_of_accelerator_is_measured_by_the_same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, through_torch=True, kind="xpu")
    found = bench.readings("latency_xpu", "throughput_xpu")
    assert found["latency_xpu"].value == pytest.approx(LAUNCH + KERNELS * SECONDS, 1e-4)
    assert found["latency_xpu"].settings["device"] == "xpu:1"
    bench.check_memory()


def test_what_was_queued_before_is_no_part_of_a_time(bench: Bench) -> None:
    bench.check_queue()


def test_memory_is_that_of_the_device(bench: Bench) -> None:
    bench.check_memory()


class Pair(nn.Module):
    """Returns features and class scores, as networks do that are trained with a loss of both."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.network = networks.small(classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network[1](self.network[0](images))
        return features, self.network[2](features)


def test_the_memory_of_training_is_that_of_the_class_scores(bench: Bench) -> None:
    """With a loss of the first tensor that is returned, the head would have neither gradients nor moments."""
    entry = Architecture("pair", "Test", 2026, "none", Pair, input_size=SIZE)
    training = bench.readings(f"memory_{bench.kind}", entry=entry)[f"{bench.kind}_training_bytes"]
    assert training.value == pytest.approx(bench.counted("memory_training", entry), abs=5000)


def test_training_without_auxiliary_heads_is_noted(bench: Bench) -> None:
    """In memory and throughput; images of the training are too small for the head."""
    entry = Architecture("large", "Test", 2026, "none", partial(LargeHead, kernel=SIZE + 1), input_size=SIZE)
    bench.monkeypatch.setattr(training_throughput, "LARGEST_BATCH", CONDITIONS.batch_size)
    bench.monkeypatch.setattr(torch.random, "fork_rng", lambda **_: nullcontext())
    found = bench.readings(f"memory_{bench.kind}", f"train_throughput_{bench.kind}", entry=entry)
    noted = {key for key, reading in found.items() if "auxiliary_dropped" in reading.detail}
    assert noted == {f"{bench.kind}_training_bytes", f"train_throughput_{bench.kind}"}


def test_the_batch_of_a_training_is_doubled_until_throughput_stops_rising(bench: Bench) -> None:
    """Operators take as long for any batch here, so that only the largest batch ends it; then the time of an image."""
    most = CONDITIONS.batch_size * 8
    bench.monkeypatch.setattr(training_throughput, "LARGEST_BATCH", most)
    (reading,) = bench.readings(f"train_throughput_{bench.kind}").values()
    step = LAUNCH + bench.kernels_of_a_step() * SECONDS
    assert reading.detail["batch"] == most
    assert reading.value == pytest.approx(most / step, 1e-3)
    bench.check_other_device()


def test_a_training_sweep_ends_where_throughput_no_longer_rises(bench: Bench) -> None:
    """On a device that takes twice as long for a batch twice as large, the first batch is as good as the second."""
    steps: list[int] = []
    bench.monkeypatch.setattr(training_throughput, "_rates", lambda *given: steps.append(given[4]) or (100.0, 100.0))
    (reading,) = bench.readings(f"train_throughput_{bench.kind}").values()
    assert (steps, reading.value, reading.detail["batch"]) == ([1, 2], 100.0, CONDITIONS.batch_size)


def test_the_training_sweep_ends_with_memory(bench: Bench) -> None:
    """The largest batch that fits counts; without one, the reading is out of memory."""

    def rates(*given: Any) -> tuple[float, ...]:
        if given[4] > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return (100.0 * given[4],) * 3

    fits = 4
    bench.monkeypatch.setattr(training_throughput, "_rates", rates)
    (reading,) = bench.readings(f"train_throughput_{bench.kind}").values()
    assert (reading.value, reading.detail["batch"]) == (400.0, 4 * CONDITIONS.batch_size)
    fits = 0
    subject = Subject(ENTRY, "cpu", CONDITIONS.model_copy(update={"image_size": SIZE}))
    (reading,) = training_throughput.measure(training_throughput.TRAINING["cuda"], subject)
    assert reading.status == "oom"


@pytest.mark.parametrize("error", [ValueError("too many images"), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_training_sweep_that_ends_with_another_failure_than_memory_has_the_reason(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The throughput may rise further: the network refuses the next batch, which memory has nothing to do with."""

    def rates(count: int, *given: Any) -> tuple[float, ...]:
        if given[4] > 2:
            raise error
        return (100.0 * given[4],) * count

    subject = Subject(ENTRY, "cpu", CONDITIONS.model_copy(update={"image_size": SIZE}))
    size = CONDITIONS.batch_size
    refused = f"a batch of {4 * size} could not be measured: ValueError: too many images"
    for count, status in ((100, "ok"), (3, "noisy")):
        monkeypatch.setattr(training_throughput, "_rates", partial(rates, count))
        (reading,) = training_throughput.measure(training_throughput.TRAINING["cuda"], subject)
        assert (reading.status, reading.value, reading.detail["batch"]) == ("ok", 200.0, 2 * size)
        assert reading.verdict.status == status
        assert (refused in reading.notes) == isinstance(error, ValueError)
    assert language("ru").translate(refused) == f"батч из {4 * size} не измерен: ValueError: too many images"


def test_a_larger_batch_has_the_memory_format_of_the_network() -> None:
    entry = Architecture("last", "Test", 2026, "none", channels_last, input_size=SIZE)
    subject, batches = Subject(entry, "cpu", CONDITIONS.model_copy(update={"seconds": 0.01})), []
    images = subject.form(torch.zeros(2, 3, SIZE, SIZE))
    training_throughput._rates(subject, lambda images, _: batches.append(images), images, torch.zeros(2), 2)
    assert batches[0].shape == (4, 3, SIZE, SIZE)
    assert batches[0].is_contiguous(memory_format=torch.channels_last)


def channels_last(classes: int) -> nn.Module:
    return networks.small(classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def test_a_reading_names_its_device_and_its_precision(bench: Bench) -> None:
    (reading,) = bench.readings(f"latency_{bench.kind}").values()
    assert reading.settings["device"] == f"{bench.kind}:1"
    assert reading.detail["device"] == {"name": "simulated", "uuid": "GPU-1"}
    assert reading.detail["precision"] == WANTED
    assert {value for name, value in WANTED.items() if "fp32_precision" in name} == {"ieee"}


CHECKS = (Bench.check_queue, Bench.check_memory, Bench.check_times)
CALL = "        call()\n        device.synchronize()\n"
TIMER = "row_timer if rows else waiting_timer"
FAULTS: dict[str, tuple[Any, str, str, str]] = {
    "latency not synchronized": (timing, "waiting_timer", CALL, "        call()\n"),
    "queue not empty at first": (timing, "waiting_timer", "    device.synchronize()\n    for", "    for"),
    "latency in rows": (timing, "timer", TIMER, "row_timer"),
    "throughput call by call": (timing, "timer", TIMER, "waiting_timer"),
    "rows not divided": (timing, "row_timer", " / ROW for", " for"),
    "CPU timer": (latency, "_timed", "timing.timer(subject.place, rows)", "timing.cpu_timer"),
    "device 0 for all": (Device, "index", "int(", "0 * int("),
    "device 0 synchronized": (Device, "synchronize", "self.index", "0"),
    "nothing synchronized": (Device, "synchronize", "if self.runtime:", "if not self:"),
    "no current device": (Device, "select", "if self.runtime:", "if not self:"),
    "device not selected": (main, "_subject", "place.select()", "pass"),
    "events not synchronized": (Device, "elapsed", "self.synchronize()", "pass"),
    "events on device 0": (Device, "elapsed", "start.record()", "self.runtime.set_device(0); start.record()"),
    "end before the work": (Device, "elapsed", "work()\n    end.record()", "end.record()\n    work()"),
    "counter of device 0": (Device, "peaks", "runtime.peaks(self.index)", "runtime.peaks(0)"),
    "peaks of device 0 reset": (Device, "peaks", "reset_peaks(self.index)", "reset_peaks(0)"),
    "peaks not reset": (Device, "peaks", "self.runtime.reset_peaks(self.index)", "pass"),
    "cache not released": (Device, "peaks", "self.runtime.release(self.index)", "pass"),
    "built in inference mode": (Subject, "fresh", "inference_mode(False)", "inference_mode(True)"),
    "moved in inference mode": (Subject, "_made", "inference_mode(False)", "inference_mode(True)"),
    "trained after inference": (
        Subject,
        "take",
        "return self._made(device, like=used if copies else None)",
        "return vars(self).setdefault('used', self._made(device))",
    ),
    "image kept": (
        memory_measured,
        "_inference",
        "subject.input(1)",
        "vars(subject).setdefault('kept', subject.input(1))",
    ),
    "torch: device 0": (TorchRuntime, "set_device", "set_device_index(index)", "set_device_index(0)"),
    "torch: no wait": (TorchRuntime, "synchronize", "torch.accelerator.synchronize(index)", "pass"),
    "torch: counter of device 0": (TorchRuntime, "peaks", "max_memory_allocated(index)", "max_memory_allocated(0)"),
    "torch: reserved by device 0": (TorchRuntime, "peaks", "max_memory_reserved(index)", "max_memory_reserved(0)"),
    "torch: peaks not reset": (TorchRuntime, "reset_peaks", "torch.accelerator.reset_peak_memory_stats(index)", "pass"),
    "torch: cache not released": (TorchRuntime, "release", "torch.accelerator.empty_cache()", "pass"),
}
"""A function of the product, and what is replaced in its source by what."""


ONE_OF_EACH_KIND = (
    "latency not synchronized", "throughput call by call", "device 0 for all", "events not synchronized",
    "peaks not reset", "trained after inference", "torch: no wait",
)  # fmt: skip
"""Of times, rows, devices, events, peaks, modules and torch's functions; the checks themselves are all default."""


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=[] if name in ONE_OF_EACH_KIND else [pytest.mark.slow]) for name in FAULTS]
)
def test_a_seeded_fault_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same checks, passed without the fault, fail with it."""
    seed(monkeypatch, *FAULTS[fault])
    assert any(fails(check, Bench(monkeypatch, through_torch=True)) for check in CHECKS)


def fails(check: Callable[[Bench], None], bench: Bench) -> bool:
    try:
        check(bench)
    except (AssertionError, RuntimeError):
        return True
    return False


def seed(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, old: str, new: str) -> None:
    """Replaces a function of the product by one made of a changed copy of its source."""
    found = inspect.getattr_static(owner, name)
    function = found.fget if isinstance(found, property) else found
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{name} has no single {old!r}"
    made: dict[str, Any] = {}
    changed = compile(f"from __future__ import annotations\n{source.replace(old, new)}", "<seeded>", "exec")
    exec(changed, function.__globals__, made)
    monkeypatch.setattr(owner, name, made[name])
