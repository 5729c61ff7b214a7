"""The contract of the metrics' catalogue, and what is planned on which device."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, run
from forked import execute
from networks import CONDITIONS, LargeHead, own, small, subject
from torch import Tensor, nn

from reporter.host import machine
from reporter.host.job import Job
from reporter.metrics import size
from reporter.metrics.ceilings import MACS
from reporter.model import GROUPS, Metric, Quantity, Reading, exact
from reporter.model.devices import ACCELERATORS, DEVICE_TYPES
from reporter.model.fields import DEFAULT_MALLOC, FRACTIONS
from reporter.model.settings import Conditions
from reporter.registry.catalog import collect
from reporter.run.experiment import plan
from reporter.run.ledger import Ledger
from reporter.run.request import Request
from reporter.store import record_files
from reporter.worker import entry, loaded_libraries, references
from reporter.worker.entry import measure
from reporter.worker.subject import Subject

pytestmark = pytest.mark.usefixtures("brief_collections", "digits_once")
METRICS = collect("reporter.metrics", Metric)
UNSUPPORTED = {"published"} | (set() if platform.libc_ver()[0] == "glibc" else set(DEFAULT_MALLOC))
"""Nobody has published the accuracy of a network of these tests; only glibc can be asked for its default settings."""
FIELDS = set(Conditions.model_fields)


def is_available(metric: Metric, quantity: Quantity) -> bool:
    """Whether a quantity is measured on this machine: the peak in bf16 only if the processor has bf16 instructions."""
    in_bf16 = {MACS[prefix, setting].key for prefix, setting in MACS if prefix}
    lacks_instructions = quantity.key in in_bf16 and "bf16" not in machine.native_precisions()
    return metric.name not in UNSUPPORTED and not lacks_instructions


def test_every_key_is_taken_by_one_metric() -> None:
    keys = [quantity.key for metric in METRICS.values() for quantity in metric.quantities]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_says_what_it_means(metric: Metric) -> None:
    assert metric.quantities
    assert set(metric.depends) <= FIELDS
    for quantity in metric.quantities:
        assert quantity.group in GROUPS
        assert quantity.title
        assert quantity.definition.endswith(".")
        assert "FLOPS" not in quantity.title + quantity.definition
        assert quantity.key.startswith("latency") <= (quantity.unit == "s")


def test_accuracies_in_percent_are_refused() -> None:
    quantities = [quantity for metric in METRICS.values() for quantity in metric.quantities]
    accuracies = {each.key: each for each in quantities if each.key.endswith(("_top1", "_top5"))}
    assert set(accuracies) == set(FRACTIONS)
    for quantity in accuracies.values():
        assert Reading(quantity=quantity, samples=(0.57,)).value == 0.57
        with pytest.raises(ValueError, match="a share is more than 1"):
            Reading(quantity=quantity, samples=(57.0,))


@pytest.mark.usefixtures("brief_ceilings")
@pytest.mark.parametrize(
    "metric", [m for m in METRICS.values() if m.device not in ACCELERATORS], ids=lambda metric: metric.name
)
def test_a_metric_measures_what_it_promises(metric: Metric) -> None:
    """A small network of one's own: every quantity once, with the conditions it depends on."""
    readings = measure(metric, subject(own(), image_size=32, steps=2, test_images=10))
    assert [reading.quantity for reading in readings] == list(metric.quantities)
    for reading in readings:
        available = is_available(metric, reading.quantity)
        assert reading.status == ("ok" if available else "unsupported"), reading.reason
        assert reading.measured == available, reading.reason
        assert set(metric.depends) - {"checkpoint", "input_size"} <= set(
            reading.settings
        )  # both only where they are set
        assert (reading.rounds == (len(reading.samples),)) == (metric.timed or metric.curve)
        assert Reading.model_validate_json(reading.model_dump_json()) == reading


def test_a_network_that_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(classes: int) -> None:
        raise MemoryError("400 GiB\nmore")

    (reading,) = measure(METRICS["fvcore_macs"], subject(own(build=refuse)))
    assert (reading.status, reading.reason, reading.value) == ("oom", "400 GiB", None)


class Unusable(LargeHead):
    """Its forward pass fails where it evaluates."""

    def forward(self, images: Tensor) -> Any:
        if not self.training:
            raise KeyError("width")
        return super().forward(images)


def test_auxiliary_heads_are_unknown_where_no_inference_can_be_run() -> None:
    """They are counted as parts of the network, and that is noted."""
    made = subject(own(Unusable))
    found = {reading.quantity.key: reading for reading in measure(METRICS["size"], made)}
    assert sorted(found) == ["parameters", "parameters_auxiliary", "weights_bytes"]
    auxiliary = found.pop("parameters_auxiliary")
    assert (auxiliary.status, auxiliary.reason) == ("failed", "KeyError: 'width'")
    assert {reading.reason for reading in found.values()} == {size.WITH_HEADS}
    assert found["parameters"].value == sum(weight.numel() for weight in made.meta.parameters())
    assert {reading.reason for reading in measure(METRICS["size"], subject(own(LargeHead)))} == {None}


def request(folder: Path, **devices: str) -> Request:
    return Request(folder, [own()], METRICS, {**devices, "any": [*devices.values()][-1]}, CONDITIONS, "no GPU here")


def test_what_a_metric_yields_before_it_fails_is_kept() -> None:
    """Such as the memory of an inference on a GPU where a training step does not fit."""
    first, second = METRICS["size"].quantities[:2]

    def measured(_: Subject) -> Iterator[Reading]:
        yield exact(first, 7)
        raise MemoryError("too little memory")

    found = measure(Metric("several", (first, second), measured, process="several"), subject(own()))
    assert [(each.quantity, each.status, each.value) for each in found] == [(first, "ok", 7), (second, "oom", None)]


def test_a_network_of_one_size_cannot_be_trained_at_another() -> None:
    """A vision transformer takes images of its native size only: that is no failure of a run over all networks."""

    def fixed(classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 30 * 30, classes))

    trained = [
        metric for metric in METRICS.values() if "image_size" in metric.depends and metric.device not in ACCELERATORS
    ]
    assert {"memory_training", "finetune", "gradients"} <= {metric.name for metric in trained}
    for metric in (*trained, METRICS["size"], METRICS["memory_inference"]):
        for reading in measure(metric, subject(own(fixed), steps=1, seeds=1)):
            if metric.finetuning:
                assert reading.measured, "digits are trained at 32 pixels"
                if reading.quantity.key == "gradient_ratio_trained":
                    assert reading.detail == {"image_size": 32}, "it is not on the batch of the other one"
            elif metric in trained:
                assert reading.status == "unsupported", (metric.name, reading)
                other = CONDITIONS.image_size
                start = f"takes images of 32 pixels, not the {other} of the training images (RuntimeError: "
                assert str(reading.reason).startswith(start)
            else:
                assert reading.measured
    (same,) = measure(METRICS["memory_training"], subject(own(fixed), image_size=32))
    assert same.measured

    def broken(classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, classes))

    (failed,) = measure(METRICS["memory_training"], subject(own(broken)))
    assert failed.status == "failed", "it takes images of no size"


@pytest.mark.parametrize("steps", [0, 1])
def test_a_training_that_fails_at_a_size_that_the_network_takes_has_its_own_reason(steps: int) -> None:
    """Digits are trained at 32 pixels; the reason was that the network does not take 80, and hid the failure."""

    class Broken(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.convolution, self.linear = nn.Conv2d(3, 8, 3), nn.Linear(8 * 30 * 30, classes)

        def forward(self, images: Tensor) -> Tensor:
            if self.training and len(images) == CONDITIONS.batch_size:
                raise RuntimeError("a bug")
            return self.linear(self.convolution(images).flatten(1))

    for reading in measure(METRICS["finetune"], subject(own(Broken), steps=steps, seeds=1)):
        assert (reading.status, reading.reason) == ("failed", "RuntimeError: a bug")


def test_a_gpu_gets_its_own_processes(tmp_path: Path) -> None:
    """With a GPU the same metrics run there too, training on it; without one they are unsupported, and say why."""
    both = request(tmp_path, cpu="cpu", cuda="cuda:1")
    jobs = {job.process: job.device for job in plan(both, {"small": Ledger(own(), both)})}
    assert jobs["timing cpu"] == jobs["resident"] == "cpu"
    assert jobs["timing cuda"] == jobs["cuda memory"] == jobs["training"] == "cuda:1"

    alone = request(tmp_path, cpu="cpu")
    ledger = Ledger(own(), alone)
    assert not {"timing cuda", "cuda memory"} & {job.process for job in plan(alone, {"small": ledger})}
    reading = ledger.record.readings["latency_cuda"]
    assert (reading.status, reading.reason) == ("unsupported", "no GPU here")


def test_rounds_go_over_all_networks_in_turn(tmp_path: Path) -> None:
    names = ("alexnet", "resnet18")
    wanted = request(tmp_path, cpu="cpu")
    ledgers = {name: Ledger(subject(name).architecture, wanted) for name in names}
    longer = Request(**{**vars(wanted), "conditions": CONDITIONS.model_copy(update={"rounds": 3})})
    jobs = [job for job in plan(longer, ledgers) if job.process == "timing cpu"]
    assert [(job.round, job.architecture) for job in jobs] == [(number, name) for number in range(3) for name in names]


@pytest.mark.parametrize("order", [DEVICE_TYPES, DEVICE_TYPES[::-1]], ids=["cpu first", "cpu last"])
def test_modes_are_measured_device_by_device_in_the_order_of_the_request(order: Sequence[str], tmp_path: Path) -> None:
    """Also the reasons of modes that a device does not have are stored in this order."""
    timed = {key: METRICS[key] for key in (f"latency_{device}" for device in DEVICE_TYPES)}
    asked = replace(request(tmp_path, **{each: each for each in order}), metrics=timed, modes=("channels_last", "tf32"))
    ledger = Ledger(own(), asked)
    first = [job for job in plan(asked, {"small": ledger}) if job.modes and not job.round]
    assert [job.device for job in first] == list(order)
    refused = [key for key in ledger.records["tf32"].readings if key.startswith("latency_")]
    assert refused == [f"latency_{device}" for device in order if device != "cuda"]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="resident peaks are read from /proc")
def test_process_memory_is_that_of_the_libraries_and_the_growth() -> None:
    growth, whole = METRICS["memory_resident"].measure(subject(own(), image_size=32))
    assert (growth.quantity.key, whole.quantity.key) == ("rss_inference_bytes", "rss_process_bytes")
    assert whole.value == growth.value + whole.detail["libraries"]
    assert whole.detail["libraries"] > 100 * 2**20, "torch alone takes more"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="resident peaks are read from /proc")
def test_process_memory_includes_what_the_file_of_an_own_network_loads(tmp_path: Path) -> None:
    """But not the weights of a module instance, because those of its copy are measured."""
    path = tmp_path / "heavy_file.py"
    more, weights = "LIBRARY = bytearray(range(256)) * 2**17\n", "instance = nn.Linear(2**12, 2**11)\n"
    path.write_text(f"from torch import nn\n{more}{weights}heavy_net = lambda classes: nn.Linear(3, classes)\n")
    for name in ("heavy_net", "instance"):
        grown = int(execute(OF_FILE, f"{path}:{name}").stdout)
        assert grown == pytest.approx(2**25 + 2**25 * (name == "heavy_net"), abs=2**24)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per:UserWarning")
def test_the_weights_of_a_module_instance_are_counted_once_each(tmp_path: Path) -> None:
    """Also where a state_dict has more than tensors, as that of quantized layers or one with an extra state."""
    path = tmp_path / "instances.py"
    path.write_text(INSTANCES)
    sizes = {"tied": 4 * 64 + 2 * 4 * 8, "quantized": 64 + 4 * 8 + 4 + 8, "noted": 4 * (64 + 8)}
    for name, expected in sizes.items():
        made = references.instance(loaded_libraries.load_own(f"{path}:{name}"))
        assert made is not None
        assert loaded_libraries.weight_bytes(made) == expected, name


INSTANCES = """
import torch
from torch import nn

class Noted(nn.Linear):
    def get_extra_state(self):
        return {"epoch": 3}

tied = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
tied[1].weight = tied[0].weight
plain = nn.Sequential(nn.Linear(8, 8)).eval()
quantized = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
noted = Noted(8, 8)
"""
OF_FILE = """
import sys
from reporter.host.job import Job
from reporter.model.settings import PRESETS, Conditions
from reporter.worker import entry, loaded_libraries
from reporter.worker.device import named
conditions = Conditions(**PRESETS["quick"])
job = Job(architecture="own", metrics=(), device="cpu", conditions=conditions, process="x", reference=sys.argv[1])
found = entry._subject(job, entry.timing.sample, named)
print(loaded_libraries.resident(found.architecture.name) - loaded_libraries.BASE)
"""
FRESH = """
import sys
import torch, torchvision
from reporter.host.process_memory import status_bytes
network = torchvision.models.get_model(sys.argv[1], weights=None).eval()
with torch.inference_mode():
    network(torch.zeros(1, 3, 224, 224))
print(status_bytes("VmHWM"))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="resident peaks are read from /proc")
@pytest.mark.parametrize("name", ["mobilenet_v3_large", "resnet50"])
def test_process_memory_is_that_of_a_process_of_the_user(name: str, tmp_path: Path) -> None:
    """A script that imports torchvision, builds the network and answers one image needs as much, within 5 %."""
    done = subprocess.run([sys.executable, "-c", FRESH, name], capture_output=True, text=True, check=True, cwd=ROOT)
    run("--out", tmp_path, "--architectures", name, "--metrics", "rss_process_bytes", "--device", "cpu")
    (record,) = record_files.load_all(tmp_path)[0]
    assert record.value("rss_process_bytes") == pytest.approx(int(done.stdout), rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="resident peaks are read from /proc")
def test_process_memory_of_an_own_network_includes_the_library_that_its_file_imports(tmp_path: Path) -> None:
    (tmp_path / "own_net.py").write_text(
        "import timm\nfrom torchvision.models import mobilenet_v3_large\n\nTABLE = bytearray(range(256)) * 2**19\n\n\n"
        "def build(classes):\n    return mobilenet_v3_large(num_classes=classes)\n"
    )
    builds = "torchvision.models.get_model(sys.argv[1], weights=None)"
    script = f"import own_net\n{FRESH.replace(builds, 'own_net.build(1000)')}"
    paths = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=paths)
    metrics = ("--metrics", "rss_process_bytes", "--device", "cpu")
    run("--out", tmp_path / "out", "--architecture", f"{tmp_path}/own_net.py:build", *metrics)
    (record,) = record_files.load_all(tmp_path / "out")[0]
    assert record.value("rss_process_bytes") == pytest.approx(int(done.stdout), rel=0.05)


class Waiting(nn.Module):
    """Takes a tenth of a second to be built, and two more for its first call."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.inner, self.waits = small(classes), True
        time.sleep(0.1)

    def forward(self, images: Tensor) -> Tensor:
        if self.waits:
            self.waits = False
            time.sleep(0.2)
        return self.inner(images)


def test_a_cold_start_is_that_of_the_first_call() -> None:
    """And the network is the one that the other times of the process use."""
    found = subject(own(Waiting))
    build, first = measure(METRICS["cold_start"], found)
    assert build.samples[0] >= 0.1
    assert first.samples[0] >= 0.2
    [latency] = measure(METRICS["latency_cpu"], found)
    assert min(latency.samples) < 0.2, "it was called before"


def test_a_cold_start_fails_where_the_output_is_nan() -> None:
    readings = measure(METRICS["cold_start"], subject(own(lambda classes: nn.Sequential(small(classes), NotANumber()))))
    assert {(each.status, each.reason) for each in readings} == {("failed", "the output contains NaN")}


class NotANumber(nn.Module):
    def forward(self, scores: Tensor) -> Tensor:
        return scores * float("nan")


def broken_at_once(_: Subject) -> Iterator[Reading]:
    raise RuntimeError("no fallback")


def broken_later(_: Subject) -> Iterator[Reading]:
    yield from measure(METRICS["size"], subject(own()))
    raise RuntimeError("no fallback")


def not_readings(_: Subject) -> Iterator[Any]:
    yield 5


@pytest.mark.parametrize("fallback", [broken_at_once, broken_later, not_readings, lambda _: None])
def test_a_fallback_that_fails_costs_that_of_its_metric_only(fallback: Callable[[Subject], Iterator[Reading]]) -> None:
    """That of a plug-in, for example: before, the worker ended and measured nothing."""
    catalogue = {**METRICS, "broken": replace(METRICS["compute"], fallback=fallback)}
    job = Job(architecture="small", metrics=("broken", "size"), device="cpu", conditions=CONDITIONS, process="counting")
    found = list(entry._fallbacks(job, catalogue, subject(own())))
    assert [reading.quantity.key for reading in found] == ["parameters", "weights_bytes"]
    assert found[0].value == 3 * 8 * 9 + 16 + 9000
