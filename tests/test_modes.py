"""Execution modes: what they are called, how they are timed, and what a failing one does to the others."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked
import pytest
import samples
import torch
from commands import QUICK, ROOT, TINY, run
from hypothesis import given
from hypothesis import strategies as st
from networks import own, small, subject
from simulated import Simulated, Slot
from simulated import readings as answers
from test_output_check import Described
from torch import nn

from reporter.cli import main
from reporter.cli.progress import Lines
from reporter.engines._onnx_file import digest_of
from reporter.host.job import Job
from reporter.host.job import wanted as all_wanted
from reporter.model import Architecture, Engine, Metric, Reading, Record, ReporterError, Verdict, absent
from reporter.model.modes import (
    CHANNELS_LAST,
    CHECK_FAILED,
    ONCE,
    OUTPUT_ERROR,
    PRECISIONS,
    Mode,
    output_decision,
    parse,
    speedup,
    unchecked,
)
from reporter.model.settings import Settings
from reporter.registry import execution_modes
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import (
    Kind,
    checked,
    description,
    emulated,
    engines,
    engines_of,
    in_set,
    obstacle,
    resolve,
)
from reporter.run import allocation, experiment, mode_plan
from reporter.run.costs import Costs
from reporter.run.executors.ray import Place, RayExecutor
from reporter.run.executors.ray_node import NodeWorker
from reporter.run.joined_rounds import joined
from reporter.run.ledger import Ledger
from reporter.run.measurement import Measurement
from reporter.run.paired import reference_run
from reporter.run.request import Outcome, Request
from reporter.store import record_files
from reporter.worker import entry, references
from reporter.worker.latency import rotation
from reporter.worker.subject import Subject
from reporter.worker.torch_state import threads
from reporter.worker.variants import (
    mode_checks,
    mode_preparation,
    mode_readings,
    mode_timing,
    mode_training,
    output_check,
    varied_inputs,
)
from reporter.worker.variants.mode_preparation import ModePreparation
from reporter.worker.variants.mode_training import ModeTraining
from reporter.worker.variants.mode_variants import Variant, eager

METRICS = collect("reporter.metrics", Metric)
KEYS = ("latency_cpu_1thread", "latency_cpu")
ENGINES = {
    "swift": Engine("swift", "Swift", print, precisions=("bf16",), memory_formats=(CHANNELS_LAST,)),
    "exact": Engine("exact", "Exact", print, devices=("cuda",)),
    "absent": Engine("absent", "Absent", print, modules=("no_such_package",), extra="absent"),
}
CPU = Kind("cpu", ("bf16",))


def sent(job: Job, measured: Subject, **more: object) -> dict[tuple[str, str], Reading]:
    """The readings that a job sends, by mode and key."""
    found: dict[tuple[str, str], Reading] = {}

    def send(message: dict) -> None:
        if "reading" in message:
            reading = Reading.model_validate(message["reading"])
            found[message["mode"], reading.quantity.key] = reading

    mode_timing.measure_modes(job, METRICS, measured, send, **more)
    return found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("eager", "eager"),
        ("channels_last+bf16", "bf16+channels_last"),
        ("swift+channels_last+bf16", "bf16+channels_last+swift"),
        ("eager+swift", "swift"),
        (" bf16 + bf16 ", "bf16"),
    ],
)
def test_the_parts_of_a_mode_are_joined_in_alphabetical_order(text: str, name: str) -> None:
    assert parse(text, ENGINES).name == name


@given(st.permutations([CHANNELS_LAST, "bf16", "swift"]), st.integers(0, 3))
def test_the_order_of_parts_does_not_matter(parts: list[str], count: int) -> None:
    assert parse("+".join(parts[:count]) or "eager", ENGINES).name == ("+".join(sorted(parts[:count])) or "eager")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("int8", "int8 needs an engine"),
        ("bf16+fp16", "the precisions bf16 and fp16; name one"),
        ("swift+absent", "the engines swift and absent; name one"),
        ("fp16+swift", "swift can be joined with bf16, channels_last"),
        ("absent+channels_last", "absent can be joined with nothing"),
        ("chanels_last", "did you mean 'channels_last'?"),
        ("", "unknown mode ''"),
        (
            "bf16+default+channels_last",
            "default is a set of modes, which cannot be joined; write default,bf16+channels_last",
        ),
    ],
)
def test_a_bad_combination_says_what_can_be_joined(text: str, words: str) -> None:
    with pytest.raises(ReporterError, match=r"^--modes: ") as error:
        parse(text, ENGINES)
    assert words in str(error.value)


def test_the_default_on_a_cpu_depends_on_its_instructions() -> None:
    assert in_set("default", CPU) == (CHANNELS_LAST, f"bf16+{CHANNELS_LAST}")
    assert in_set("default", Kind("cpu")) == (CHANNELS_LAST,)
    assert "tf32" in in_set("default", Kind("cuda", ("bf16", "tf32")))
    assert resolve(["eager", "default", "bf16", CHANNELS_LAST], CPU) == (CHANNELS_LAST, f"bf16+{CHANNELS_LAST}", "bf16")


def test_all_has_what_can_be_used_and_nothing_emulated() -> None:
    modes = in_set("all", CPU)
    assert {CHANNELS_LAST, "bf16", "amp", "torchscript", "bf16+torchscript"} <= set(modes)
    assert not [mode for mode in modes if "fp16" in mode.split("+") or "tf32" in mode]
    assert len(modes) == len(set(modes))


def test_what_stands_in_the_way_of_a_mode() -> None:
    assert "GPU" in obstacle(parse("tf32", ENGINES), CPU, ENGINES)
    assert obstacle(parse("exact", ENGINES), CPU, ENGINES) == "Exact runs on cuda"
    assert ".[absent]" in obstacle(parse("absent", ENGINES), CPU, ENGINES)
    assert not obstacle(parse("swift", ENGINES), CPU, ENGINES)
    assert emulated(parse("fp16", ENGINES), CPU).startswith("emulated")
    assert not emulated(parse("bf16", ENGINES), CPU)
    for mode in ("bf16", "amp", "bf16+swift"):
        assert emulated(parse(mode, ENGINES), Kind("cpu")) == "emulated: this processor has no bf16 instructions"
    assert not emulated(parse("fp16", ENGINES), Kind("cuda", PRECISIONS))


def test_every_mode_of_every_engine_has_a_canonical_name() -> None:
    for engine in engines().values():
        for part in ("", *engine.precisions, *engine.memory_formats):
            assert checked([f"{engine.name}+{part}" if part else engine.name])


class Clock:
    """A timer whose calls take the seconds that they say, and the log of calls."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def call(self, name: str, seconds: float, first: float = 0.0) -> object:
        def work() -> float:
            own = self.calls[-1:] != [name]
            self.calls.append(name)
            return seconds + (first if own else 0.0)

        return work

    def timer(self, call: object, count: int) -> list[float]:
        seconds = [call() for _ in range(count)]
        self.now += sum(seconds)
        return seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in ("rotation", "timing"):
        monkeypatch.setattr(f"reporter.worker.latency.{module}.perf_counter", lambda: made.now)
    return made


def test_a_blocks_first_call_is_not_counted(clock: Clock) -> None:
    """It pays for the caches that the others filled: here a tenth of a second."""
    calls = {"eager": clock.call("eager", 0.02, first=0.1), "fast": clock.call("fast", 0.01, first=0.1)}
    found = rotation.rotate(calls, clock.timer, seconds=1.0, goal=-1, announce=lambda name: None)
    assert set(found["eager"]) == {0.02}
    assert set(found["fast"]) == {0.01}


def test_every_long_call_but_the_warm_up_is_counted(clock: Clock) -> None:
    """What other calls leave in the caches hardly matters to one of 0.2 s."""
    calls = {"eager": clock.call("eager", 0.3), "other": clock.call("other", 0.2)}
    found = rotation.rotate(calls, clock.timer, seconds=0.2, goal=-1, announce=lambda name: None)
    assert len(found["eager"]) == clock.calls.count("eager") - 1 == rotation.FEWEST_PASSES
    assert len(found["other"]) == clock.calls.count("other") - 1 == rotation.FEWEST_PASSES


def test_a_long_call_in_turns_with_a_short_one_is_warmed_like_it(clock: Clock) -> None:
    """Otherwise the ratio would be that of a time with cold caches to one with warm caches."""
    calls = {"eager": clock.call("eager", 0.3, first=0.02), "fast": clock.call("fast", 0.05, first=0.02)}
    found = rotation.rotate(calls, clock.timer, seconds=0.2, goal=-1, announce=lambda name: None)
    assert set(found["eager"]) == {0.3}
    assert set(found["fast"]) == {0.05}


def test_a_mode_is_called_before_it_is_timed_once_for_each_batch(tmp_path: Path) -> None:
    class Counted(nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 10, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            Counted.calls += 1
            result: torch.Tensor = self.layer(images).mean((2, 3))
            return result

    architecture = Architecture("counted", "Counted", 2026, "", lambda classes: Counted(), input_size=32, classes=10)
    conditions = Settings(preset="quick").conditions()
    preparation = ModePreparation(Subject(architecture, "cpu", conditions), tmp_path)
    mode, before = parse("channels_last", ENGINES), Counted.calls
    variants = [preparation.ready(mode, batch) for batch in (1, 1, 4, 1, 4)]
    assert Counted.calls == before + 2
    assert all(each is variants[0] for each in variants)


def test_variants_take_turns_in_blocks(clock: Clock) -> None:
    calls = {name: clock.call(name, 0.02) for name in ("eager", "one", "two")}
    heard: list[str] = []
    found = rotation.rotate(calls, clock.timer, seconds=0.5, goal=-1, announce=heard.append)
    assert heard[:3] == ["eager", "one", "two"]
    counts = [len(samples) for samples in found.values()]
    assert max(counts) - min(counts) <= rotation.MOST_CALLS
    blocks = [name for number, name in enumerate(clock.calls) if clock.calls[number - 1 : number] != [name]]
    assert len(blocks) > 9
    assert heard == blocks, "each block is announced"
    assert heard[3:12] == ["eager", "one", "two", "one", "two", "eager", "two", "eager", "one"], "each is first once"
    assert 1.5 <= clock.now < 2.5


def test_a_ratio_is_of_the_fast_calls_of_one_round() -> None:
    quantity = METRICS["throughput_cpu"].quantities[0]
    base = [0.4, 0.2, 0.4, 0.4, 0.9]
    time, ratio = mode_readings.pair(quantity, base, [0.1, 0.1, 0.3], 8, 0.25)
    assert time.samples == (80, 80, 8 / 0.3)
    assert ratio.samples == pytest.approx((4.0,)), "the lower quartiles are 0.4 and 0.1 s"
    assert ratio.detail == {"base": [base], "foreign_load": [0.25]}
    assert ratio.timed
    assert ratio.quantity.key == "speedup_throughput_cpu"


def test_a_slowed_mode_and_a_constant_one_in_one_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Real calls of a real network: twice the work takes twice the time, and a constant output is wrong."""

    def twice(model, example, **_):
        def call(images):
            model(images)
            return model(images)

        return call

    def constant(model, example, **_):
        found = model(example)
        return lambda images: found

    def cut(model, example, **_):
        return lambda images: model(images)[:, :-1]

    def late(model, example, **_):
        left = [20]

        def call(images):
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("no more calls")
            return model(images)

        return call

    def loose(model, example, **_):
        def call(images):
            torch.backends.mkldnn.conv.fp32_precision = "bf16"
            return model(images)

        return call

    prepared = {"twice": twice, "constant": constant, "cut": cut, "loose": loose, "late": late}
    made = {name: Engine(name, name, prepare) for name, prepare in prepared.items()}
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)
    found: dict[tuple[str, str], dict] = {}

    def send(message: dict) -> None:
        if "reading" in message:
            found[message["mode"], message["reading"]["quantity"]["key"]] = message["reading"]

    job = Job(
        architecture="small", metrics=("latency_cpu_1thread",), device="cpu", process="modes cpu",
        conditions=subject(own()).conditions, modes=(*prepared, CHANNELS_LAST), cache=str(tmp_path),
    )  # fmt: skip
    spent = mode_timing.measure_modes(job, METRICS, subject(own(), seconds=0.3), send)
    assert spent["checking"] > 0
    assert 0.4 < found["twice", "speedup_latency_cpu_1thread"]["samples"][0] < 0.6
    for key in ("latency_cpu_1thread", "output_error"):
        assert found["loose", key]["status"] == "failed"
        assert "mkldnn.conv.fp32_precision" in found["loose", key]["reason"]
    cut_error = Reading.model_validate(found["cut", "output_error"])
    assert cut_error.status == "failed"
    assert "shape" in str(cut_error.reason) or "scores" in str(cut_error.reason)
    whole = samples.record(samples.ROWS[0])
    cut = whole.model_copy(update={"mode": "cut", "readings": whole.readings | {"output_error": cut_error}})
    assert output_decision(cut).verdict == "wrong"
    assert output_decision(cut.model_copy(update={"readings": {"output_error": cut_error}})).verdict == "within"
    late = found["late", "latency_cpu_1thread"]
    assert (late["status"], late["reason"]) == ("failed", "RuntimeError: no more calls")
    assert found[CHANNELS_LAST, "latency_cpu_1thread"]["status"] == "ok"
    limits = {mode: found[mode, "output_error"] for mode in ("eager", "twice", "constant", CHANNELS_LAST)}
    wrong = {mode for mode, each in limits.items() if each["samples"][0] > each["detail"]["limit"]}
    assert wrong == {"constant"}
    assert found["constant", "output_error"]["reason"]


@pytest.mark.parametrize("native", [(), ("bf16",)], ids=["without", "with"])
def test_a_mode_that_the_processor_emulates_is_marked(
    native: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bf16 it is measured on every processor; where that lacks the instructions, its times have the reason."""
    monkeypatch.setattr("reporter.host.machine.native_precisions", lambda: list(native))
    found: dict[tuple[str, str], dict] = {}

    def send(message: dict) -> None:
        if "reading" in message:
            found[message["mode"], message["reading"]["quantity"]["key"]] = message["reading"]

    job = Job(
        architecture="small", metrics=("latency_cpu_1thread",), device="cpu", process="modes cpu",
        conditions=subject(own()).conditions, modes=("bf16", CHANNELS_LAST), cache=str(tmp_path),
    )  # fmt: skip
    mode_timing.measure_modes(job, METRICS, subject(own(), seconds=0.01), send)
    for key in ("latency_cpu_1thread", "speedup_latency_cpu_1thread"):
        assert {found[mode, key]["status"] for mode in ("bf16", CHANNELS_LAST)} == {"ok"}
        note = None if native else "emulated: this processor has no bf16 instructions"
        assert (found["bf16", key]["reason"], found[CHANNELS_LAST, key]["reason"]) == (note, None)
    error = found["bf16", "output_error"]
    assert 0 < error["samples"][0] <= error["detail"]["limit"]


def test_an_engine_is_also_timed_alone(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is slower after calls of eager takes longer in alternation; modes of torch are not timed alone."""
    calls: list[str] = []

    def steady(model, example, **_):
        def call(images):
            calls.append("steady")
            clock.now += 0.01
            return model.scores

        return call

    def disturbed(model, example, **_):
        calls.clear()

        def call(images):
            calls.append("disturbed")
            clock.now += 0.04 if "eager" in calls[-30:] else 0.01
            return model.scores

        return call

    class Noted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.scores = nn.Conv2d(3, 10, 3), torch.zeros(1, 10)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            calls.append("eager")
            clock.now += 0.002
            result: torch.Tensor = self.layer(images).mean((2, 3))
            return result

    made = {each.__name__: Engine(each.__name__, "", each) for each in (steady, disturbed)}
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)

    def found(mode: str, **more: object) -> dict[tuple[str, str], Reading]:
        measured = subject(own(lambda classes: Noted()), seconds=0.1)
        job = Job(
            architecture="small", metrics=("latency_cpu_1thread",), device="cpu", process="modes cpu", round=1,
            conditions=measured.conditions, modes=(mode,), cache=str(tmp_path),
        )  # fmt: skip
        calls[:] = []
        return sent(job, measured, **more)

    key = "alternation_latency_cpu_1thread"
    every = found("disturbed")
    longer = every["disturbed", key]
    assert longer.samples == (pytest.approx(4),)
    assert longer.settings == every["disturbed", "latency_cpu_1thread"].settings
    (alone,) = longer.detail["alone"]  # type: ignore[misc]
    assert len(alone) >= 2 * rotation.FEWEST_CALLS  # type: ignore[arg-type]
    same = found("steady")["steady", key]
    assert same.value == pytest.approx(1)
    both = joined(same, longer)
    assert (both.rounds, len(both.detail["alone"])) == ((1, 1), 2)  # type: ignore[arg-type]
    assert (CHANNELS_LAST, key) not in found(CHANNELS_LAST)

    def elsewhere(calls, timer, **_):
        return dict.fromkeys(calls, (0.01, 0.01))

    assert ("steady", key) not in found("steady", rotation=elsewhere)
    assert calls.count("steady") == 1, "another process decides when to call; only the preparation did here"


def test_an_engine_that_takes_no_batch_has_its_operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in a batch fails there only; what fails in single images is not tried in what follows."""

    def single(model, example, **_):
        if len(example) > 1:
            raise RuntimeError("no batches")
        return model

    def none(model, example, **_):
        raise RuntimeError("no images")

    made = {each.__name__: Engine(each.__name__, "", each) for each in (single, none)}
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)
    job = Job(
        architecture="small", metrics=("latency_cpu", "throughput_cpu", "operators"), device="cpu",
        process="modes cpu", conditions=subject(own()).conditions, modes=tuple(made), cache=str(tmp_path),
    )  # fmt: skip
    found = sent(job, subject(own(), seconds=0.01))
    assert found["single", "latency_cpu"].measured
    assert "no batches" in str(found["single", "throughput_cpu"].reason)
    assert found["single", "operators"].measured, found["single", "operators"].reason
    for key in ("latency_cpu", "throughput_cpu", "operators"):
        assert "no images" in str(found["none", key].reason)


def trained(modes: Sequence[str], folder: Path) -> dict[tuple[str, str], Reading]:
    """The readings of a job that times training steps of a small network in modes."""
    job = Job(
        architecture="small", metrics=("train_step_cpu",), device="cpu", process="modes cpu",
        conditions=subject(own()).conditions, modes=tuple(modes), cache=str(folder),
    )  # fmt: skip
    return sent(job, subject(own(), seconds=0.02))


def test_training_steps_in_modes_that_can_train(tmp_path: Path) -> None:
    able = ("amp+channels_last", "bf16")
    found = trained((*able, "fp16"), tmp_path)
    for mode in able:
        time, ratio = found[mode, "train_step_cpu"], found[mode, "speedup_train_step_cpu"]
        assert (time.timed, ratio.timed) == (True, True), time.reason
        assert len(ratio.detail["base"][0]) >= rotation.FEWEST_PASSES
        assert found[mode, "output_error"].measured, "the output is checked although no inference is timed"
    refused = found["fp16", "train_step_cpu"]
    assert refused.status == "unsupported"
    assert "amp trains with weights in fp32" in str(refused.reason)
    reasons = {name: mode_training.obstacle(parse(name, engines())) for name in engines()}
    assert [name for name, reason in reasons.items() if "inference only" not in reason] == ["compile"]
    assert found["fp16", "prepare_seconds"].measured


def test_a_training_step_runs_in_its_mode_and_changes_weights_of_its_own() -> None:
    """What the layers see: the form and precision of the mode, and in no mode the weights of the measured network."""
    measured = subject(own())
    training = ModeTraining(measured, Path("unused"))
    seen: list[tuple[torch.dtype, bool]] = []

    def note(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        seen.append((output.dtype, given[0].is_contiguous(memory_format=torch.channels_last)))

    next(layer for layer in training.network.modules() if isinstance(layer, nn.Conv2d)).register_forward_hook(note)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    for name in ("eager", "bf16", "amp", "bf16+channels_last"):
        step = training.step(parse(name, ENGINES))
        first, second = float(step()), float(step())  # type: ignore[arg-type]
        assert first != second, "the weights are updated"
    kinds = list(dict.fromkeys(seen))
    assert kinds == [(torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)]
    assert all(torch.equal(value, before[name]) for name, value in training.network.state_dict().items())


def test_all_of_a_training_step_in_tf32_is_in_tf32() -> None:
    """The backward pass too, and the first step."""
    seen: list[str] = []

    class Noting(torch.autograd.Function):
        @staticmethod
        def forward(_: object, scores: torch.Tensor) -> torch.Tensor:
            seen.append(torch.backends.cuda.matmul.fp32_precision)
            return scores.clone()

        @staticmethod
        def backward(_: object, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            seen.append(torch.backends.cuda.matmul.fp32_precision)
            return gradient

    class Noted(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.body = small(classes)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = Noting.apply(self.body(images))
            return scores

    training = ModeTraining(subject(own(Noted)), Path("unused"))
    for mode, wanted in (("tf32", "tf32"), ("channels_last", "ieee")):
        seen.clear()
        training.step(parse(mode, ENGINES))()
        assert seen == [wanted] * 4
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"


def test_preparation_of_training_steps_and_the_calibration_have_their_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that only they and the calls of the engine advance: its first call, and 8 in the check."""
    seconds = [0.0]
    calibrate = varied_inputs.calibrate

    def prepare(model, example, **_):
        seconds[0] += 1

        def call(images):
            seconds[0] += 0.25
            return model(images)

        return call

    def train(model, **_):
        seconds[0] += 5
        return model, nullcontext()

    def calibrated(*given):
        seconds[0] += 3
        return calibrate(*given)

    monkeypatch.setattr(varied_inputs, "calibrate", calibrated)
    made = {"slow": Engine("slow", "Slow", prepare, train=train)}
    variants = ("worker.variants.mode_timing", "worker.variants.mode_preparation", "worker.variants.mode_training")
    for module in ("registry.execution_modes", *variants):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)
    monkeypatch.setattr("reporter.worker.variants.mode_checks.perf_counter", lambda: seconds[0])
    measured = subject(own(), seconds=0.02)
    job = Job(
        architecture="small", metrics=("train_step_cpu",), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=("slow",), cache=str(tmp_path),
    )  # fmt: skip
    spent = mode_timing.measure_modes(job, METRICS, measured, lambda _: None)
    assert spent == {"preparing": 1 + 0.25 + 5, "checking": 3 + 8 * 0.25}


@pytest.mark.slow
def test_compiled_training_steps(tmp_path: Path) -> None:
    found = trained(("compile",), tmp_path)
    assert found["compile", "speedup_train_step_cpu"].timed, found["compile", "train_step_cpu"].reason
    assert any((tmp_path / "compile" / "training").rglob("*"))


def test_engines_are_prepared_on_all_processors_and_timed_on_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO counts the processors once for all: prepared on one of them, it would never use another."""
    prepared, timed = [], []

    def prepare(model, example, **_):
        prepared.append(os.sched_getaffinity(0))

        def call(images):
            timed.append(os.sched_getaffinity(0))
            return model(images)

        return call

    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: {"seen": Engine("seen", "seen", prepare)})
    job = Job(
        architecture="small", metrics=("latency_cpu_1thread",), device="cpu", process="modes cpu", round=1,
        conditions=subject(own()).conditions, modes=("seen",), cache=str(tmp_path),
    )  # fmt: skip
    mode_timing.measure_modes(job, METRICS, subject(own(), seconds=0.01), lambda _: None)
    assert prepared == [os.sched_getaffinity(0)]
    assert len(timed[-1]) == 1


@pytest.mark.parametrize("name", ["seen", "channels_last+seen"])
def test_images_of_the_check_are_made_as_those_that_are_timed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside inference mode, in which calls are made; torch.compile distinguishes such images."""
    found: list[tuple[bool, bool]] = []

    def prepare(model, example, **_):
        def call(images):
            found.append((images.is_inference(), torch.is_inference_mode_enabled()))
            return model(images)

        call(example)
        return call

    made = {"seen": Engine("seen", "seen", prepare, memory_formats=("channels_last",))}
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)
    job = Job(
        architecture="small", metrics=("latency_cpu",), device="cpu", process="modes cpu",
        conditions=subject(own()).conditions, modes=(name,), cache=str(tmp_path),
    )  # fmt: skip
    assert sent(job, subject(own(), seconds=0.01))[name, "output_error"].measured
    assert set(found[1:]) == {(False, True)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compile", "channels_last+compile"])
def test_nothing_is_compiled_after_the_preparation(name: str, tmp_path: Path) -> None:
    """Neither by the first call, nor by the check, nor by calls that are timed: all run the same code."""
    from torch._dynamo.utils import counters

    made, mode = subject(own()), parse(name, engines())
    preparation = mode_preparation.ModePreparation(made, tmp_path)
    preparation.calibrate()
    before = counters["stats"]["unique_graphs"]
    variant = preparation.variant(mode, made.input(1))
    compiled = counters["stats"]["unique_graphs"]
    assert compiled == before + 1
    preparation.first_call(variant, made.input(1))
    assert preparation.checked(variant, mode).measured
    ready = [variant.form(each) for each in made.input(2).split(1)]
    with torch.inference_mode():
        variant.run(ready[1])
    assert counters["stats"]["unique_graphs"] == compiled


def test_trained_weights_are_not_calibrated_if_the_scores_depend_on_the_input(tmp_path: Path) -> None:
    """Scores that hardly do are calibrated: without them no error could be recognized."""
    for dull in (False, True):
        made = subject(own(), image_size=32)
        if dull:
            made.network[-1].weight.data.mul_(1e-9)
        before = {name: tensor.clone() for name, tensor in made.network.state_dict().items()}
        mode_preparation.ModePreparation(made, tmp_path / f"trained {dull}", trained=True).calibrate()
        after = made.network.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before) != dull
        mode_preparation.ModePreparation(made, tmp_path).calibrate()
        assert not all(torch.equal(before[name], after[name]) for name in before)


def simulated_run(
    folder: Path,
    modes: Sequence[str],
    rounds: int = 3,
    metrics: Sequence[str] = KEYS,
    seconds: Callable[[Job], float] = lambda job: 1.0,
) -> list[Job]:
    """The jobs of a run whose workers answer at once; `seconds` is called when a job runs."""
    conditions = subject(own()).conditions.model_copy(update={"rounds": rounds})
    slot = Slot("", "", {"machine": "here", "machine_facts": {"native_precisions": ["bf16"]}, "environment": {}})
    asked = Request(
        folder, [own()], {name: METRICS[name] for name in metrics}, {"cpu": "cpu", "any": "cpu"}, conditions,
        about=slot.about, modes=modes,
    )  # fmt: skip
    executor = Simulated([slot], seconds)
    folder.mkdir(exist_ok=True)
    experiment.run(asked, executor, Lines(StringIO()))
    return [done.job for done in executor.done]


def test_what_a_killed_run_prepared_is_not_used_by_the_next(tmp_path: Path) -> None:
    """`prepare_seconds` is the time with an empty cache."""
    found: list[bool] = []

    def seconds(job: Job) -> float:
        if job.modes:
            found.append(Path(job.cache, "model.onnx").exists() or left.exists())
            Path(job.cache).mkdir(parents=True, exist_ok=True)
            Path(job.cache, "model.onnx").touch()
        return 1.0

    killed = SimpleNamespace(folder=tmp_path, about={"machine": "here"}, run="killed")
    left = mode_plan.cache(killed, "small")  # type: ignore[arg-type]
    left.mkdir(parents=True)
    (left / "model.onnx").touch()
    simulated_run(tmp_path, [CHANNELS_LAST], seconds=seconds)
    assert found == [False, True, True], "it is kept between the rounds of a run"


def test_the_jobs_of_modes_follow_those_of_eager_round_by_round(tmp_path: Path) -> None:
    jobs = simulated_run(tmp_path, ["default", "torchscript", "tf32"])
    eager = [job for job in jobs if not job.modes]
    assert jobs[: len(eager)] == eager
    both = ((CHANNELS_LAST, f"bf16+{CHANNELS_LAST}"), ("torchscript",))
    assert [(job.round, job.modes) for job in jobs[len(eager) :]] == [(n, modes) for n in range(3) for modes in both]
    [path] = tmp_path.glob("records/*/*.json")
    records = {record.mode: record for record in record_files.load_modes(path)}
    assert set(records) == {"eager", "tf32", "torchscript", *both[0]}
    assert len(records["torchscript"].readings["speedup_latency_cpu"].rounds) == 3
    assert {reading.status for reading in records["tf32"].readings.values()} == {"unsupported"}


def test_what_is_measured_in_a_mode_is_reused_and_eager_stays_as_it_is(tmp_path: Path) -> None:
    assert len(simulated_run(tmp_path, ["eager"])) == 3
    [path] = tmp_path.glob("records/*/*.json")
    before = json.loads(path.read_text())
    assert "modes" not in before
    assert [job.modes for job in simulated_run(tmp_path, [CHANNELS_LAST], rounds=1)] == [(CHANNELS_LAST,)]
    after = json.loads(path.read_text())
    assert after["readings"] == before["readings"]
    assert simulated_run(tmp_path, [CHANNELS_LAST], rounds=1) == []
    assert [job.round for job in simulated_run(tmp_path, [CHANNELS_LAST])] == [1, 2]
    assert [job.modes for job in simulated_run(tmp_path, [CHANNELS_LAST, "bf16"], rounds=1)] == [("bf16",)]


def test_a_mode_keeps_its_rounds_when_another_one_is_added(tmp_path: Path) -> None:
    """What it lacks, its operators, is measured in a job of its own."""
    simulated_run(tmp_path, [CHANNELS_LAST], metrics=("latency_cpu",))
    jobs = simulated_run(tmp_path, [CHANNELS_LAST, "bf16"], metrics=("latency_cpu", "operators"))
    asked = [(job.round, job.modes, job.metrics) for job in jobs if job.modes]
    assert (0, (CHANNELS_LAST,), ("operators",)) in asked
    assert {modes for number, modes, _ in asked if number} == {("bf16",)}
    assert {job.process for job in jobs if job.modes} == {"modes cpu"}, "its rounds are of one series"
    assert len({allocation.identity(job) for job in jobs}) == len(jobs)
    [path] = tmp_path.glob("records/*/*.json")
    for record in record_files.load_modes(path):
        if record.mode != "eager":
            assert len(record.readings["latency_cpu"].rounds) == 3
    assert simulated_run(tmp_path, [CHANNELS_LAST, "bf16"], metrics=("latency_cpu", "operators")) == []


def test_an_engine_of_an_older_folder_is_also_timed_alone(tmp_path: Path) -> None:
    """All its rounds are measured again, once; modes of torch are not timed alone, and stay as they are."""
    modes = ["torchscript", "bf16"]
    assert len(simulated_run(tmp_path, modes)) == 9
    assert simulated_run(tmp_path, modes) == []
    [path] = tmp_path.glob("records/*/*.json")
    content = json.loads(path.read_text())
    readings = content["modes"]["torchscript"]["readings"]
    assert readings.pop("alternation_latency_cpu")
    path.write_text(json.dumps(content))
    again = simulated_run(tmp_path, modes)
    assert [(job.round, job.modes, job.metrics) for job in again] == [
        (number, ("torchscript",), ("latency_cpu",)) for number in range(3)
    ]
    records = {record.mode: record for record in record_files.load_modes(path)}
    for key in ("latency_cpu", "speedup_latency_cpu", "alternation_latency_cpu"):
        assert len(records["torchscript"].readings[key].rounds) == 3
    assert simulated_run(tmp_path, modes) == []


def test_sets_take_single_images_and_named_modes_all_times(tmp_path: Path) -> None:
    keys = (*KEYS, "throughput_cpu", "train_step_cpu")
    found = [simulated_run(tmp_path / name, [name], 1, keys)[-1].metrics for name in ("default", "bf16")]
    assert found == [KEYS, keys]


@pytest.mark.parametrize("named", ["torchscript", "bf16"])
def test_modes_that_only_a_set_contains_take_single_images_beside_named_ones(named: str, tmp_path: Path) -> None:
    """In jobs of their own; without other times than the set takes, torch's modes share a rotation."""
    keys, of_set = (*KEYS, "throughput_cpu", "train_step_cpu"), (CHANNELS_LAST, f"bf16+{CHANNELS_LAST}")
    jobs = [job for job in simulated_run(tmp_path, ["default", named], 1, keys) if job.modes]
    assert {job.modes: job.metrics for job in jobs} == {of_set: KEYS, (named,): keys}
    assert len({job.process for job in jobs}) == 2, "an architecture, a process and a round identify a job"
    assert simulated_run(tmp_path, ["default", named], 1, keys) == []
    [path] = tmp_path.glob("records/*/*.json")
    records = {record.mode: record for record in record_files.load_modes(path)}
    assert records[named].readings.keys() - records[CHANNELS_LAST].readings.keys() >= {"throughput_cpu"}
    together = [job.modes for job in simulated_run(tmp_path / "times", ["default", named], 1) if job.modes]
    assert together == [of_set, (named,)] if named == "torchscript" else [(*of_set, named)]


def test_against_an_environment_a_set_takes_single_images_too(tmp_path: Path) -> None:
    metrics = {key: METRICS[key] for key in (*KEYS, "throughput_cpu")}
    about: dict[str, object] = {"machine": "here", "machine_facts": {}, "environment": {}}
    conditions = subject(own()).conditions
    asked = Request(
        tmp_path, [own()], metrics, {"cpu": "cpu"}, conditions, about=about, modes=["default", "torchscript"]
    )
    work = SimpleNamespace(request=asked, times=metrics, modes=True)
    jobs = reference_run._jobs(work)  # type: ignore[arg-type]
    of_batches = [job.modes for job in jobs if job.metrics == ("throughput_cpu",)]
    assert of_batches == [(), ("torchscript",)]


def test_sets_are_resolved_for_each_kind_of_machine(tmp_path: Path) -> None:
    """Of several machines, each gets the modes that its own processor has instructions for."""
    kinds = {"old": [], "new": ["bf16"]}
    slots = [
        Slot(name, "", {"machine": name, "machine_facts": {"native_precisions": native}, "environment": {}})
        for name, native in kinds.items()
    ]
    for name in ("default", "all"):
        conditions = subject(own()).conditions.model_copy(update={"rounds": 1})
        metrics = {key: METRICS[key] for key in KEYS}
        folder = tmp_path / name
        folder.mkdir()
        devices = {"cpu": "cpu", "any": "cpu"}
        asked = Request(folder, [own()], metrics, devices, conditions, about=slots[0].about, modes=[name])
        experiment.run(asked, Simulated(slots), Lines(StringIO()))
        found: dict[str, set[str]] = {}
        for machine in kinds:
            [path] = folder.glob(f"records/{machine}/*.json")
            found[machine] = {record.mode for record in record_files.load_modes(path)}
        added = {f"bf16+{CHANNELS_LAST}"} if name == "default" else {"amp", "bf16", f"bf16+{CHANNELS_LAST}"}
        assert added <= found["new"] - found["old"]
        assert {"eager", CHANNELS_LAST} <= found["old"] <= found["new"]
        if name == "default":
            assert found["new"] == {"eager", CHANNELS_LAST, *added}


def described(version: str = "") -> dict[str, dict[str, dict[str, object]]]:
    """The engines of a machine that has this version of OpenVINO; without a version it lacks the package."""
    found = {name: {part: dict(each) for part, each in parts.items()} for name, parts in description().items()}
    for about in found["openvino"].values():
        about |= {"lacks": "" if version else "openvino not installed", "version": {"openvino": version or "none"}}
    return found


@pytest.mark.parametrize("here", [True, False], ids=["on the driver", "not on the driver"])
def test_engines_are_those_of_each_kind_of_machine(here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine has installed decides which modes it measures; what the driver has does not matter."""
    on_driver = engines_of(described("1" if here else ""))
    monkeypatch.setattr(execution_modes, "engines", lambda: on_driver)
    about: dict[str, object] = {"machine_facts": {"native_precisions": []}, "environment": {}}
    slots = [
        Slot("bare", "", {"machine": "bare", **about}, engines=described()),
        Slot("rich", "", {"machine": "rich", **about}, engines=described("2026.4")),
    ]
    slots[0].engines.pop("torchscript")  # type: ignore[union-attr, attr-defined]  # an engine of another package

    def measured(name: str) -> dict[str, dict[str, Record]]:
        conditions = subject(own()).conditions.model_copy(update={"rounds": 1})
        metrics, devices = {key: METRICS[key] for key in KEYS}, {"cpu": "cpu", "any": "cpu"}
        asked = Request(tmp_path, [own()], metrics, devices, conditions, about=slots[1].about, modes=[name])
        executor = Simulated(slots)
        experiment.run(asked, executor, Lines(StringIO()))
        jobs.append(len(executor.done))
        found = {}
        for machine in ("bare", "rich"):
            [path] = tmp_path.glob(f"records/{machine}/*.json")
            found[machine] = {record.mode: record for record in record_files.load_modes(path)}
        return found

    jobs: list[int] = []
    both = measured("all")
    assert both["rich"].keys() - both["bare"].keys() >= {"openvino", "torchscript"}
    named = measured("openvino")
    reasons = {reading.reason for reading in named["bare"]["openvino"].readings.values()}
    assert reasons == {"openvino not installed"}
    latency = named["rich"]["openvino"].readings["latency_cpu"]
    assert latency.settings["engine"] == {"openvino": "2026.4"}
    assert jobs[1:] == [0], "what has another version than the driver is not measured again"
    absent = measured("torchscript")["bare"]["torchscript"].readings["latency_cpu"]
    assert absent.reason == "the package with the engine 'torchscript' is not installed"


def test_a_node_of_a_cluster_describes_its_engines() -> None:
    about = json.loads(json.dumps(NodeWorker.about(NodeWorker.__new__(NodeWorker))))
    executor = RayExecutor.__new__(RayExecutor)
    executor._awaited, executor._places, executor.slots = {"answer": Place("node", "", None)}, {}, []
    executor._ray = SimpleNamespace(get=lambda answer: about, exceptions=SimpleNamespace(RayError=OSError))
    executor._add_slot("answer")
    (found,) = executor.slots
    assert found.engines == about["engines"]
    for name, engine in engines_of(found.engines).items():
        for part in ("", *engine.precisions):
            mine = engines()[name]
            assert (engine.lacks(part), engine.version(part)) == (mine.lacks(part), mine.version(part))


def test_preparation_and_checks_have_shares_of_their_own() -> None:
    outcome = Outcome(jobs=4, seconds=200.0, busy=100.0, preparing=50.0, checking=20.0)
    line = main._spent(outcome, "200 s")
    assert line == (
        "measured for 200 s, 50% of it inside measured calls, 25% preparing modes, 10% checking their outputs"
    )
    assert "preparing" not in main._spent(Outcome(jobs=4, seconds=200.0, busy=100.0), "200 s")


@pytest.mark.slow
def test_modes_are_added_to_a_finished_folder(tmp_path: Path) -> None:
    options = ("--out", tmp_path / "r", *TINY, *QUICK, "--metrics", "latency_cpu_1thread,parameters")
    assert run(*options).returncode == 0
    [path] = (tmp_path / "r" / "records").glob("*/tiny.json")
    before = json.loads(path.read_text())
    assert "modes" not in before
    assert run(*options, "--modes", f"{CHANNELS_LAST},bf16").returncode == 0
    after = json.loads(path.read_text())
    assert set(after["modes"]) == {CHANNELS_LAST, "bf16"}
    assert set(after["readings"]) - set(before["readings"]) == {"output_error"}
    assert {key: after["readings"][key] for key in before["readings"]} == before["readings"]
    base = after["modes"]["bf16"]["readings"]["speedup_latency_cpu_1thread"]["detail"]["base"]
    assert len(base) == 1
    assert len(base[0]) > 1
    again = run(*options, "--modes", f"bf16,{CHANNELS_LAST}")
    assert "nothing to do" in again.stderr
    shutil.rmtree(tmp_path / "r")


KILLED_IN_A_ROTATION = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from networks import own, subject
from reporter.host.job import Job
from reporter.model import Engine, Metric
from reporter.registry import execution_modes
from reporter.registry.catalog import collect
from reporter.worker.variants import mode_preparation, mode_timing

job, called = Job.model_validate_json(sys.argv[2]), []

def ends(model, example, **_):
    def call(images):
        if len(called) > 1:  # prepared, and warm
            os.kill(os.getpid(), signal.SIGKILL)
        return model(images)
    return call

def lasting(model, example, **_):
    def call(images):
        called.append("lasting")
        return model(images)
    return call

made = {each.__name__: Engine(each.__name__, "", each) for each in (ends, lasting)}
for module in (execution_modes, mode_timing, mode_preparation):
    module.engines = lambda: made
mode_timing.ModeTiming._alone = lambda *_: {}

def send(message):
    print(json.dumps(message), flush=True)

mode_timing.measure_modes(job, collect("reporter.metrics", Metric), subject(own(), seconds=0.01), send)
"""


def test_the_mode_in_which_a_worker_is_killed_is_left_out(tmp_path: Path) -> None:
    """A real kill in a block of the first of two modes, after the warm-up of the second."""
    simulated_run(tmp_path, ["eager"], rounds=1)
    conditions = subject(own()).conditions
    metrics = {"latency_cpu_1thread": METRICS["latency_cpu_1thread"]}
    asked = Request(tmp_path, [own()], metrics, {"cpu": "cpu"}, conditions, modes=["eager"])
    job = Job(
        architecture="small", metrics=tuple(metrics), device="cpu", process="modes cpu", conditions=conditions,
        modes=("ends", "lasting"), cache=str(tmp_path / "prepared"), round=1,
    )  # fmt: skip
    done = forked.execute(KILLED_IN_A_ROTATION, str(Path(__file__).parent), job.model_dump_json(), check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    ledger = Ledger(own(), asked)
    ok = Reading(quantity=METRICS["latency_cpu_1thread"].quantities[0], samples=(1,), rounds=(1,))
    for mode in job.modes:
        for each in (ok, ok.model_copy(update={"quantity": speedup(ok.quantity)})):
            ledger.keep(each, job.model_copy(update={"round": 0}), Lines(StringIO()), "", mode)
    measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    for line in done.stdout.splitlines():
        measurement.receive(json.loads(line))
    assert measurement.drop_crashed(Verdict("oom", "the worker was killed"))
    left = measurement.remaining
    assert left is not None
    assert left.modes == ("lasting",)


def test_a_lost_round_is_reported_with_its_mode(tmp_path: Path) -> None:
    """A kill loses that round of that mode and nothing else."""
    simulated_run(tmp_path, [CHANNELS_LAST, "bf16"], rounds=1)
    [path] = tmp_path.glob("records/*/*.json")
    lines = StringIO()
    slot = Slot("", "", {"machine": "here", "machine_facts": {"native_precisions": ["bf16"]}, "environment": {}})
    conditions = subject(own()).conditions.model_copy(update={"rounds": 2})
    metrics = {name: METRICS[name] for name in KEYS}
    asked = Request(
        tmp_path, [own()], metrics, {"cpu": "cpu"}, conditions, about=slot.about, modes=[CHANNELS_LAST, "bf16"]
    )
    ledger = Ledger(own(), asked)
    job = Job(
        architecture="small", metrics=KEYS, device="cpu", conditions=conditions, process="modes cpu", round=1,
        modes=(CHANNELS_LAST, "bf16"),
    )  # fmt: skip
    measurement = Measurement(job, ledger, Lines(lines), Outcome())
    measurement.start()
    measurement.receive({"running": "bf16"})
    assert measurement.drop_crashed(Verdict("oom", "the worker was killed"))
    left = measurement.remaining
    assert left is not None
    assert left.modes == (CHANNELS_LAST,)
    assert not measurement.drop_crashed(Verdict("oom", "the worker was killed"))
    assert "small (bf16) latency_cpu: round 2 was lost (oom: the worker was killed)" in lines.getvalue()
    records = {record.mode: record for record in record_files.load_modes(path)}
    kept = records["bf16"].readings["latency_cpu"]
    assert (len(kept.rounds), len(kept.lost)) == (1, 1)
    assert records[CHANNELS_LAST].readings["latency_cpu"].lost == ()


@pytest.mark.parametrize("running", ["bf16", "eager"])
def test_a_crash_in_the_first_round_loses_only_that_round(running: str, tmp_path: Path) -> None:
    """Later rounds measure the mode, the first of them also what is measured once; after two crashes none does."""
    simulated_run(tmp_path, ["eager"], rounds=1)
    conditions = subject(own()).conditions.model_copy(update={"rounds": 3})
    metrics, modes = {name: METRICS[name] for name in KEYS}, (CHANNELS_LAST, "bf16")
    ledger = Ledger(own(), Request(tmp_path, [own()], metrics, {"cpu": "cpu"}, conditions, modes=modes))
    jobs = [
        Job(
            architecture="small", metrics=KEYS, device="cpu", conditions=conditions, process="modes cpu", round=number,
            modes=modes,
        )
        for number in range(3)
    ]  # fmt: skip
    killed = Verdict("oom", "the worker was killed")

    def begun(job: Job) -> tuple[Measurement, Job]:
        measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
        measurement.start()
        assert measurement.remaining
        return measurement, measurement.remaining

    def measured(measurement: Measurement, job: Job) -> None:
        for message in answers(job):
            measurement.receive(message)
        assert measurement.remaining is None

    def crashed(measurement: Measurement) -> None:
        measurement.receive({"running": running})
        if measurement.drop_crashed(killed):
            assert measurement.remaining
            measured(measurement, measurement.remaining)
        measurement.finish(killed, Costs({}, 1.0, lambda _: ledger.record))

    crashed(begun(jobs[0])[0])
    lost = modes if running == "eager" else ("bf16",)
    assert all(ledger.records[mode].readings["latency_cpu"].status == "oom" for mode in lost)
    second, job = begun(jobs[1])
    assert (job.modes, job.prepared_again) == (modes, lost)
    measured(second, job)
    third, job = begun(jobs[2])
    assert (job.modes, job.prepared_again) == (modes, ())
    crashed(third)
    for mode in lost:
        found = ledger.records[mode].readings
        times = found["latency_cpu"]
        assert (times.status, len(times.rounds), [each.number for each in times.lost]) == ("ok", 1, [0, 2])
        assert found["output_error"].measured
        assert not found["output_error"].lost
    again = Measurement(jobs[1], ledger, Lines(StringIO()), Outcome()).remaining
    assert again is None or "bf16" not in again.modes, "two rounds were lost"


def test_what_is_measured_once_is_measured_in_the_round_after_a_crash(tmp_path: Path) -> None:
    """With an empty cache."""
    found: list[tuple[str, str]] = []

    def send(message: dict) -> None:
        if "reading" in message:
            found.append((message["mode"], message["reading"]["quantity"]["key"]))

    modes = ("bf16", CHANNELS_LAST)
    (tmp_path / "bf16").mkdir()
    (tmp_path / "bf16" / "model.onnx").touch()
    job = Job(
        architecture="small", metrics=("latency_cpu_1thread",), device="cpu", process="modes cpu", round=1, modes=modes,
        conditions=subject(own()).conditions, cache=str(tmp_path), prepared_again=("bf16",),
    )  # fmt: skip
    mode_timing.measure_modes(job, METRICS, subject(own(), seconds=0.01), send)
    times = [(mode, key) for mode in modes for key in ("latency_cpu_1thread", "speedup_latency_cpu_1thread")]
    once = [("bf16", key) for key in ("prepare_seconds", "first_call_seconds", "output_error")]
    assert found == [("eager", "output_error"), *once, *times]
    assert not (tmp_path / "bf16").exists()


def test_a_metric_is_left_out_in_a_mode() -> None:
    """With its speedup; the other modes and metrics are measured."""
    measured, keys = subject(own(), seconds=0.01), ("latency_cpu_1thread", "latency_cpu", "train_step_cpu")
    without = (("bf16", "latency_cpu_1thread"), (CHANNELS_LAST, "train_step_cpu"))
    job = Job(
        architecture="small", metrics=keys, device="cpu", process="modes cpu", round=1, modes=("bf16", CHANNELS_LAST),
        conditions=measured.conditions, without=without,
    )  # fmt: skip
    pairs = [(mode, key) for mode in job.modes for key in keys if (mode, key) not in without]
    found = set(sent(job, measured))
    assert found == {(mode, each) for mode, key in pairs for each in (key, f"speedup_{key}")}
    assert found == {(mode, quantity.key) for mode, _, quantity in all_wanted(job, METRICS)}


def test_a_job_that_checks_times_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outputs of an engine are checked in all settings."""
    settings: list[tuple[int, int]] = []

    def prepare(model, example, **_):
        settings.append((torch.get_num_threads(), len(example)))
        return model

    made = {"seen": Engine("seen", "seen", prepare)}
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)
    measured = subject(own(), seconds=0.01, threads=2, throughput_batch=3)
    job = Job(
        architecture="small", metrics=(*KEYS, "throughput_cpu", "train_step_cpu"), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=("bf16", "seen"), cache=str(tmp_path), only_checks=True,
    )  # fmt: skip
    with threads(2):
        found = sent(job, measured)
    assert set(found) == {(mode, each.key) for mode in job.modes for each in ONCE} | {("eager", OUTPUT_ERROR.key)}
    assert set(settings) == {(2, 1), (1, 1), (2, 3)}


def test_all_rounds_time_the_weights_that_were_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first calibration is repeated without a run of the network, and made again where it is missing."""
    made: list[str] = []
    calibrations: list[object] = []
    calibrate = varied_inputs.calibrate

    def prepare(model, example, **_):
        made.append(digest_of(model, example))
        return model

    def noted(*given):
        calibrations.append(given)
        return calibrate(*given)

    monkeypatch.setattr(varied_inputs, "calibrate", noted)
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: {"seen": Engine("seen", "seen", prepare)})
    job = Job(
        architecture="small", metrics=("latency_cpu_1thread",), device="cpu", process="modes cpu",
        conditions=subject(own()).conditions, modes=("seen",), cache=str(tmp_path / "kept"),
    )  # fmt: skip

    def measured(number: int, **changed: object) -> set[str]:
        made.clear()
        mode_timing.measure_modes(
            job.model_copy(update={"round": number, **changed}), METRICS, subject(own(), seconds=0.01), lambda _: None
        )
        return set(made)

    first = measured(0)
    assert len(calibrations) == 1
    assert first == measured(1) == measured(2)
    assert len(first) == len(calibrations) == 1
    shutil.rmtree(tmp_path / "kept")
    assert measured(1, cache=str(tmp_path / "elsewhere" / ".prepared" / "small")) == first
    assert len(calibrations) == 2
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "calibration.pt").write_bytes(b"torn")
    assert measured(2) == first
    assert len(calibrations) == 3


def checked_in_all_settings(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    network: object = small,
    *,
    batch: int = 3,
    number: int = 0,
    **prepares: object,
) -> tuple[dict[str, list[Reading]], list[object]]:
    """The output errors that a job sends of engines that prepare single images and batches, on one and two threads."""
    made = {name: Engine(name, name, prepare) for name, prepare in prepares.items()}  # type: ignore[arg-type]
    for module in ("registry.execution_modes", "worker.variants.mode_timing", "worker.variants.mode_preparation"):
        monkeypatch.setattr(f"reporter.{module}.engines", lambda: made)
    found: dict[str, list[Reading]] = {name: [] for name in (*prepares, "eager")}
    replaced: list[object] = []

    def send(message: dict) -> None:
        if "reading" in message and message["reading"]["quantity"]["key"] == "output_error":
            found[message["mode"]].append(Reading.model_validate(message["reading"]))
            replaced.append(message["replaces"])

    measured = subject(own(network), seconds=0.01, threads=2, throughput_batch=batch)
    job = Job(
        architecture="small", metrics=(*KEYS, "throughput_cpu"), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=tuple(prepares), cache=str(folder), round=number,
    )  # fmt: skip
    with threads(2):
        mode_timing.measure_modes(job, METRICS, measured, send)
    return found, replaced


def test_what_is_timed_in_each_setting_is_what_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each engine is right where it is checked first, single images on all threads, and one is right everywhere."""
    settings: list[tuple[int, int]] = []

    def right(model, example, **_):
        settings.append((torch.get_num_threads(), len(example)))
        return model

    def wrong_on_one_thread(model, example, **_):
        return model if torch.get_num_threads() > 1 else lambda images: model(images).flip(1)

    def wrong_in_batches(model, example, **_):
        return lambda images: model(images) if len(images) == 1 else model(images.flip(0))

    def fails_in_batches(model, example, **_):
        return lambda images: model(images) / float(len(images) == 1)

    every = (right, wrong_on_one_thread, wrong_in_batches, fails_in_batches)
    found, replaced = checked_in_all_settings(monkeypatch, tmp_path, **{each.__name__: each for each in every})
    assert settings == [(2, 1), (1, 1), (2, 3)], "nothing is prepared twice"
    for name, errors in found.items():
        limit = errors[0].detail["limit"]
        assert errors[0].samples[0] <= limit, name  # type: ignore[operator]
        if name in ("right", "eager"):
            assert all(each.measured and each.reason is None for each in errors)
        elif name == "fails_in_batches":
            assert (errors[-1].status, errors[-1].reason) == ("failed", "the outputs contain infinity")
        else:
            assert errors[-1].samples[0] > limit  # type: ignore[operator]
            assert str(errors[-1].reason).startswith("the output error is above its limit")
    assert replaced.count(False) == len(found)


def test_later_rounds_check_what_they_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is right in the first round, and in a later one wrong in one of the settings, or nowhere."""
    number = 0

    def right(model, example, **_):
        return model

    def wrong_on_one_thread(model, example, **_):
        return model if torch.get_num_threads() > 1 or not number else lambda images: model(images).flip(1)

    def wrong_in_batches(model, example, **_):
        return model if len(example) == 1 or not number else lambda images: model(images) * 1.1

    def infinite(model, example, **_):
        return lambda images: model(images) / float(len(images) == 1 or not number)

    every = {each.__name__: each for each in (right, wrong_on_one_thread, wrong_in_batches, infinite)}
    first, _ = checked_in_all_settings(monkeypatch, tmp_path, **every)
    assert all(each.measured and each.reason is None for errors in first.values() for each in errors)
    for number in (1, 2):
        later, _ = checked_in_all_settings(monkeypatch, tmp_path, number=number, **every)
        assert (later["right"], later["eager"]) == ([], [])
        for name in ("wrong_on_one_thread", "wrong_in_batches"):
            [wrong] = later[name]
            assert str(wrong.reason).startswith("the output error is above its limit")
            assert wrong.samples[0] > wrong.detail["limit"]  # type: ignore[operator]
        assert [(each.status, each.reason) for each in later["infinite"]] == [
            ("failed", "the outputs contain infinity")
        ]


def test_a_later_round_checks_modes_of_torch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the float64 scores of the first round: without these there is nothing to compare with."""
    job = Job(
        architecture="small", metrics=KEYS, device="cpu", process="modes cpu", conditions=subject(own()).conditions,
        modes=(CHANNELS_LAST, "bf16"), cache=str(tmp_path / "kept"),
    )  # fmt: skip
    checked: list[tuple[str, int | None]] = []
    exact: list[object] = []
    measure, count = output_check.Reference.check, output_check.Reference._exact

    def check(reference, call, precision, *given):
        checked.append((precision, given[-1]))
        return measure(reference, call, precision, *given)

    def counted(reference, copy):
        exact.append(copy)
        return count(reference, copy)

    monkeypatch.setattr(output_check.Reference, "check", check)
    monkeypatch.setattr(output_check.Reference, "_exact", counted)

    def errors(number: int) -> list[tuple[str, Reading]]:
        checked.clear()
        sent: list[dict] = []
        measured = job.model_copy(update={"round": number})
        mode_timing.measure_modes(measured, METRICS, subject(own(), seconds=0.01), sent.append)
        return [(each["mode"], Reading.model_validate(each["reading"])) for each in sent
                if each.get("reading", {}).get("quantity", {}).get("key") == "output_error"]  # fmt: skip

    assert [mode for mode, _ in errors(0)] == ["eager", CHANNELS_LAST, "bf16"]
    assert errors(1) == []
    assert checked == [("fp32", 1), ("bf16", 1)]
    assert len(exact) == 1, "the scores of the first round are used again"
    monkeypatch.setattr("reporter.worker.variants.mode_preparation._run", lambda variant, images: -variant.run(images))
    found = errors(1)
    assert found == [], "nor are the scores of eager those of the first round"
    monkeypatch.setattr(
        "reporter.worker.variants.mode_preparation._run",
        lambda variant, images: (
            variant.run(images) * (1 if images.is_contiguous() and images.dtype == torch.float else -1)
        ),
    )
    found = errors(1)
    assert [mode for mode, _ in found] == [CHANNELS_LAST, "bf16"]
    assert all(str(error.reason).startswith("the output error is above its limit") for _, error in found)
    shutil.rmtree(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    assert errors(1) == []


@pytest.mark.parametrize(
    ("outcomes", "kept"),
    [
        ((1.0, "busy", 1.0), "busy"),
        ((9.0, "busy", 1.0), 9.0),
        ((1.0, "busy", 9.0), 9.0),
        (("busy", 9.0, 1.0), 9.0),
        (("busy", 1.0, "NaN"), "NaN"),
        (("busy", "lost", 1.0), "busy"),
        ((9.0, "memory", 1.0), 9.0),
        ((1.0, "memory", 9.0), "memory"),
    ],
    ids=str,
)
def test_a_check_that_failed_in_one_setting_hides_no_wrong_output_in_another(
    outcomes: tuple[object, ...], kept: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The limit is 2; later settings are not checked after one without enough memory."""
    checks = mode_checks.ModeChecks(ModePreparation(subject(own()), tmp_path), keeps=False)
    found = iter(outcomes)

    def checked(*_: object) -> Reading:
        outcome = next(found)
        if outcome in ("busy", "lost"):
            raise RuntimeError(f"the device is {outcome}")
        if outcome == "memory":
            raise MemoryError("too little memory")
        if outcome == "NaN":
            raise ReporterError("the outputs contain NaN")
        assert isinstance(outcome, float)
        reason = "above its limit" if outcome > 2 else None
        return Reading(quantity=OUTPUT_ERROR, samples=(outcome,), detail={"limit": 2.0}, reason=reason)

    monkeypatch.setattr(checks.preparation, "checked", checked)
    mode, variant = Mode(engine="swift"), eager(small(4), lambda images: images)
    monkeypatch.setattr(checks.preparation, "variant", lambda *_: variant)
    monkeypatch.setattr(checks.preparation, "first_call", lambda *_: None)
    last = checks.prepared(mode)[-1]
    for _ in outcomes[1:]:
        last = next(iter(checks.worse(variant, mode, 1)), last)
    assert last.value == kept if isinstance(kept, float) else str(kept) in str(last.reason)


def test_scores_that_depend_on_the_batch_are_checked_in_single_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Centered(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.body = small(classes)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.body(images)
            return scores - 0.5 * scores.mean(0)

    found, _ = checked_in_all_settings(monkeypatch, tmp_path, Centered, again=lambda model, example, **_: model)
    assert [each.reason for each in found["again"]] == [None]


def test_a_larger_output_error_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Also one that could not be measured, in whatever round; what a repeated worker sends again does not."""
    conditions = subject(own()).conditions
    metrics = {"latency_cpu_1thread": METRICS["latency_cpu_1thread"]}
    for number in (0, 1):
        folder = tmp_path / str(number)
        simulated_run(folder, ["eager"], rounds=1)
        ledger = Ledger(own(), Request(folder, [own()], metrics, {"cpu": "cpu"}, conditions, modes=["bf16"]))
        job = Job(
            architecture="small", metrics=tuple(metrics), device="cpu", process="modes cpu", conditions=conditions,
            modes=("bf16",), round=number,
        )  # fmt: skip
        measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())

        def receive(reading: Reading, replaces: bool) -> Reading:
            message = {"reading": reading.model_dump(mode="json"), "mode": "bf16", "replaces": replaces}
            measurement.receive(message)  # noqa: B023
            return ledger.records["bf16"].readings["output_error"]  # noqa: B023

        error = Reading(quantity=OUTPUT_ERROR, samples=(0.1,))
        (failed,) = absent([OUTPUT_ERROR], "failed", "the outputs contain NaN")
        assert receive(error, False).value == 0.1
        assert receive(error.model_copy(update={"samples": (0.2,)}), True).value == 0.2
        assert receive(error, False).value == 0.2
        assert receive(failed, True).status == "failed"
        assert not receive(failed, True).lost


@pytest.mark.parametrize(("first", "kept"), [(0.1, 0.3), (0.5, 0.5)])
def test_of_the_errors_of_several_rounds_the_largest_stays(first: float, kept: float, tmp_path: Path) -> None:
    simulated_run(tmp_path, ["eager"], rounds=1)
    conditions = subject(own()).conditions
    metrics = {"latency_cpu_1thread": METRICS["latency_cpu_1thread"]}
    ledger = Ledger(own(), Request(tmp_path, [own()], metrics, {"cpu": "cpu"}, conditions, modes=["bf16"]))
    for number, error in enumerate((first, 0.3)):
        job = Job(
            architecture="small", metrics=tuple(metrics), device="cpu", process="modes cpu", conditions=conditions,
            modes=("bf16",), round=number,
        )  # fmt: skip
        sent = Reading(quantity=OUTPUT_ERROR, samples=(error,), detail={"limit": 0.2})
        message = {"reading": sent.model_dump(mode="json"), "mode": "bf16", "replaces": False}
        Measurement(job, ledger, Lines(StringIO()), Outcome()).receive(message)
    assert ledger.records["bf16"].readings["output_error"].value == kept


def test_a_later_round_that_checks_eager_again_takes_what_it_finds(tmp_path: Path) -> None:
    simulated_run(tmp_path, ["eager"], rounds=1)
    conditions = subject(own()).conditions
    metrics = {"latency_cpu_1thread": METRICS["latency_cpu_1thread"]}
    ledger = Ledger(own(), Request(tmp_path, [own()], metrics, {"cpu": "cpu"}, conditions, modes=["bf16"]))
    found = [
        unchecked(Verdict("oom", "too little memory")),
        Reading(quantity=OUTPUT_ERROR, samples=(1e-6,), detail={"limit": 1e-5}),
    ]
    for number, error in enumerate(found):
        job = Job(
            architecture="small", metrics=tuple(metrics), device="cpu", process="modes cpu", conditions=conditions,
            modes=("bf16",), round=number,
        )  # fmt: skip
        measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
        measurement.job = job.model_copy(update={"prepared_again": ("bf16",) if number else ()})
        measurement.receive({"reading": error.model_dump(mode="json"), "mode": "eager", "replaces": False})
    assert ledger.records["eager"].readings["output_error"].value == 1e-6


@pytest.mark.parametrize("of", ["eager", CHANNELS_LAST])
@pytest.mark.parametrize(
    ("changes", "is_repeated"),
    [
        ({"status": "failed", "reason": "RuntimeError: the device is busy", "detail": {CHECK_FAILED: True}}, True),
        ({"status": "oom", "reason": "it does not fit"}, True),
        ({"status": "timeout", "reason": "not done after 5 s"}, True),
        ({"status": "failed", "reason": "the outputs contain NaN"}, False),
        ({"status": "unsupported", "reason": "the scores hardly vary"}, False),
    ],
    ids=["busy", "oom", "timeout", "NaN", "unsupported"],
)
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_check_that_failed_is_repeated_by_the_same_command(
    rounds: int, changes: dict, is_repeated: bool, of: str, tmp_path: Path
) -> None:
    """It alone: the times of the mode stay."""
    simulated_run(tmp_path, [CHANNELS_LAST], rounds)
    [path] = tmp_path.glob("records/*/*.json")
    records = record_files.load_modes(path)
    lost = Reading(quantity=OUTPUT_ERROR, **changes)
    record_files.save_all(
        tmp_path,
        [each.model_copy(update={"readings": each.readings | {OUTPUT_ERROR.key: lost}}) if each.mode == of else each
         for each in records],
    )  # fmt: skip
    jobs = simulated_run(tmp_path, [CHANNELS_LAST], rounds)
    assert [(job.round, job.modes, job.only_checks) for job in jobs] == [(0, (CHANNELS_LAST,), True)] * is_repeated
    found = {each.mode: each.readings for each in record_files.load_modes(path)}
    assert found[CHANNELS_LAST]["output_error"].measured == (is_repeated or of == "eager")
    assert len(found[CHANNELS_LAST]["latency_cpu"].rounds) == rounds


def test_the_check_of_eager_may_fail_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no reason to doubt the limit of the modes."""
    checked = ModePreparation.checked

    def busy(preparation: ModePreparation, variant: Variant, mode: Mode, *more: Any) -> Reading:
        if mode.name == "eager":
            raise RuntimeError("the device is busy")
        return checked(preparation, variant, mode, *more)

    monkeypatch.setattr(ModePreparation, "checked", busy)
    measured = subject(own(), seconds=0.01)
    job = Job(
        architecture="small", metrics=("latency_cpu",), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=(CHANNELS_LAST,), cache=str(tmp_path),
    )  # fmt: skip
    found = sent(job, measured)
    error = found["eager", "output_error"]
    assert (error.status, error.reason) == ("failed", "RuntimeError: the device is busy")
    assert error.detail[CHECK_FAILED]
    assert found[CHANNELS_LAST, "output_error"].measured
    assert found[CHANNELS_LAST, "latency_cpu"].measured


def test_modes_are_checked_although_eager_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that is timed returns infinity, and no copy of it does: neither that in float64 nor those of modes.

    Training steps, which are those of copies, are timed.
    """

    class Infinite(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.body, self.broken = small(classes), 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.body(images)
            return scores + float("inf") if id(self) == self.broken else scores

    calibrate = ModePreparation.calibrate

    def broken(preparation: ModePreparation) -> None:
        calibrate(preparation)
        preparation.subject.network.broken = id(preparation.subject.network)  # type: ignore[assignment]

    monkeypatch.setattr(ModePreparation, "calibrate", broken)
    measured = subject(own(Infinite), seconds=0.01)
    job = Job(
        architecture="small", metrics=("latency_cpu", "train_step_cpu"), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=(CHANNELS_LAST, "bf16"), cache=str(tmp_path),
    )  # fmt: skip
    found = sent(job, measured)
    own_error = found["eager", "output_error"]
    assert (own_error.status, own_error.reason) == ("failed", "the outputs contain infinity")
    for mode in job.modes:
        error = found[mode, "output_error"]
        assert error.measured, error.reason
        assert error.reason is None, "it is within its limit"
        for key in ("latency_cpu", "train_step_cpu"):
            assert found[mode, key].measured, found[mode, key].reason


def described_head(classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Described(8, classes))


@pytest.mark.parametrize("reference", ["", f"{ROOT}/tests/data/field_cases/more.py:quantised"], ids=["extra", "packed"])
def test_a_network_whose_state_has_more_than_tensors_is_timed(reference: str, tmp_path: Path) -> None:
    """A dictionary of a layer, or the data type and the packed weights of a quantized one."""
    entry = references.load(reference) if reference else own(described_head)
    measured = subject(entry, seconds=0.01, input_size="32")
    job = Job(
        architecture="small", metrics=("latency_cpu",), device="cpu", process="modes cpu", reference=reference,
        conditions=measured.conditions, modes=(CHANNELS_LAST,), cache=str(tmp_path),
    )  # fmt: skip
    found = sent(job, measured)
    for key in ("latency_cpu", "speedup_latency_cpu"):
        assert found[CHANNELS_LAST, key].measured, found[CHANNELS_LAST, key].reason
    sampled = mode_preparation._sampled(measured.network)
    assert len(sampled) == (16 + 2 if reference else 3 * 16 + 8), "of all tensors but the packed ones"


def test_a_network_that_does_not_fit_into_memory_is_the_reason_for_all_of_its_modes(tmp_path: Path) -> None:
    def too_large(classes: int) -> nn.Module:
        raise MemoryError("too little memory")

    measured = subject(own(too_large), seconds=0.01)
    job = Job(
        architecture="small", metrics=("latency_cpu", "operators", "train_step_cpu"), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=(CHANNELS_LAST, "bf16"), cache=str(tmp_path),
    )  # fmt: skip
    found = sent(job, measured)
    assert found.keys() == {(mode, quantity.key) for mode, _, quantity in all_wanted(job, METRICS)}
    assert {(each.status, each.reason) for each in found.values()} == {("oom", "too little memory")}
    assert found["bf16", "latency_cpu"].settings["device"] == "cpu"


def test_where_eager_has_no_training_step_the_modes_have_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = ModeTraining.step

    def without_eager(training: ModeTraining, mode: Mode) -> Callable[[], object]:
        if mode.name == "eager":
            raise MemoryError("it does not fit")
        return step(training, mode)

    monkeypatch.setattr(ModeTraining, "step", without_eager)
    for modes in ((CHANNELS_LAST,), (CHANNELS_LAST, "bf16")):
        found = trained(modes, tmp_path)
        for mode in modes:
            reading = found[mode, "train_step_cpu"]
            assert (reading.status, reading.reason) == ("oom", "it does not fit")


def test_a_network_of_one_size_has_no_training_step_in_any_mode(tmp_path: Path) -> None:
    """As in eager, it is unsupported: that is no failure of a run over all architectures."""

    def fixed(classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 30 * 30, classes))

    measured = subject(own(fixed, classes=10), seconds=0.01)
    (alone,) = entry.measure(METRICS["train_step_cpu"], measured)
    job = Job(
        architecture="small", metrics=("latency_cpu", "train_step_cpu"), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=(CHANNELS_LAST, "bf16"), cache=str(tmp_path),
    )  # fmt: skip
    found = sent(job, measured)
    for mode in job.modes:
        assert found[mode, "latency_cpu"].measured
        for key in ("train_step_cpu", "speedup_train_step_cpu"):
            reading = found[mode, key]
            assert (reading.status, reading.reason) == ("unsupported", alone.reason)
    assert str(alone.reason).startswith("takes images of 32 pixels, not the ")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_network_in_a_lower_precision_is_checked_in_it(precision: str, tmp_path: Path) -> None:
    """Eager and the modes that name no precision compute in that of the network."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    found: dict[str, Reading] = {}

    def send(message: dict) -> None:
        if "reading" in message and message["reading"]["quantity"]["key"] == "output_error":
            found[message["mode"]] = Reading.model_validate(message["reading"])

    measured = subject(own(lambda classes: small(classes).to(dtype), classes=10), seconds=0.01)
    job = Job(
        architecture="small", metrics=("latency_cpu",), device="cpu", process="modes cpu",
        conditions=measured.conditions, modes=(CHANNELS_LAST, "bf16", "fp16"), cache=str(tmp_path),
    )  # fmt: skip
    mode_timing.measure_modes(job, METRICS, measured, send)
    limits = {mode: each.detail["limit"] for mode, each in found.items()}
    assert all(0 < each.samples[0] <= limits[mode] for mode, each in found.items())  # type: ignore[operator]
    assert limits["eager"] == limits[CHANNELS_LAST] == limits[precision]
    assert limits["bf16"] > limits["fp16"]  # type: ignore[operator]
    preparation = ModePreparation(measured, tmp_path)
    assert [preparation._precision(parse(mode, ENGINES)) for mode in ("tf32", "amp")] == [precision, "amp"]
