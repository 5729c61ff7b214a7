"""Networks as people name them: what they take, what they return, and what is reported before the first measurement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import QUICK, call
from networks import CONDITIONS, own, subject
from simulated import METRICS, Simulated, readings, slot
from torch import nn

from reporter.cli.progress import Lines
from reporter.host.job import Job
from reporter.host.questions import ListGpus
from reporter.model import ReporterError, Verdict
from reporter.model.fields import AS_SET
from reporter.model.settings import settings
from reporter.run import experiment, roster, trials
from reporter.run.executors.local import LocalExecutor
from reporter.run.preparation import PATIENCE, TIMEOUTS, prepare
from reporter.run.request import Request
from reporter.run.slots import Event, Executor, Message
from reporter.store import record_files
from reporter.worker import references
from reporter.worker.entry import measure
from reporter.worker.learning.training_steps import learner
from reporter.worker.trial import _other_images, trial

CRASHED, TIMEOUT = Verdict("failed", "the worker crashed (SIGABRT)"), Verdict("timeout", "not done after 5 s")
FIELD = Path(__file__).parent / "data" / "field_cases"
NETS = """
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from reporter.model import Architecture


class Net(nn.Module):
    def __init__(self, channels=3, classes=4, pixels=None, forward=None):
        super().__init__()
        self.stem, self.head = nn.Conv2d(channels, 4, 5), nn.Linear(4, classes)
        self.fixed = nn.Linear(4 * (pixels - 4) ** 2, classes) if pixels else None

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.fixed(x.flatten(1)) if self.fixed else self.head(x.mean((2, 3)))


class NoArguments(Net):
    def __init__(self):
        super().__init__()


class Flattening(nn.Module):
    def __init__(self, channels, pixels):
        super().__init__()
        self.width = channels * pixels * pixels
        self.head = nn.Linear(self.width, 5)

    def forward(self, x):
        return self.head(x.view(-1, self.width))


class TwoInputs(Net):
    def forward(self, image, mask):
        return super().forward(image) + mask


class Keyword(Net):
    def forward(self, image, *, scale):
        return super().forward(image) * scale


class Reading(Net):
    def forward(self, x):
        return super().forward(x if float(x.max()) < 9 else x / 255)


@dataclass
class Features:
    maps: object
    pooled: object


class Backbone(Net):
    def forward(self, x):
        x = self.stem(x)
        return Features(x, x.mean((2, 3)))


class Nothing(Net):
    def forward(self, x):
        super().forward(x)


class Broken(Net):
    def forward(self, x):
        raise KeyError("width")


class Slow(Net):
    def forward(self, x):
        time.sleep(60)


model = Net()
infrared = lambda classes: Net(4, classes)
gray = lambda: Net(1)
thumbnail = lambda: Net(pixels=48)
both = lambda: Flattening(1, 28)
viewing = lambda: Flattening(3, 96)
two = lambda: TwoInputs()
keyword = lambda: Keyword()
reading = lambda: Reading()
backbone = lambda classes: Backbone(classes=classes)
broken = lambda: Broken()
nothing = lambda: Nothing()
ENTRY = Architecture("thumb", "Own", None, "", lambda classes: Net(classes=classes, pixels=48), input_size=48)
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "mine_nets.py"
    path.write_text(NETS)
    return path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gray", "it takes 1 channel, the images have 3"),
        ("infrared", "it takes 4 channels, the images have 3"),
        ("thumbnail", "tried with 224 px it fails, with 48 px it runs; name an Architecture with input_size=48"),
        ("viewing", "tried with 224 px it fails, with 96 px it runs; name an Architecture with input_size=96"),
        ("both", "it takes 1 channel and 28 px, the images have 3 channels"),
        ("two", "its forward takes image, mask; a network is called with a batch of images alone"),
        ("keyword", "its forward takes image, scale; a network is called with a batch of images alone"),
    ],
)
def test_what_a_network_does_not_take(nets: Path, name: str, words: str) -> None:
    assert trial(f"{nets}:{name}") == {"error": words}


@pytest.mark.parametrize("name", ["model", "Net", "NoArguments", "reading", "broken", "ENTRY", "missing"])
def test_what_runs_or_fails_otherwise_is_measured(nets: Path, name: str) -> None:
    assert trial(f"{nets}:{name}") == {}


def test_nothing_returned_is_noticed(nets: Path) -> None:
    assert trial(f"{nets}:nothing") == {
        "notice": "the network returns a NoneType without a tensor; none is N x classes: return the class scores; "
        "it is not trained"
    }


def test_features_alone_are_noticed(nets: Path) -> None:
    assert trial(f"{nets}:backbone") == {
        "notice": "the network returns a Features with the keys maps (3 x 4 x 220 x 220), pooled (3 x 4); none is "
        "N x 1000: return the class scores; it is not trained"
    }


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("forms.py:grey", "it takes 1 channel, the images have 3"),
        ("forms.py:LeNet32", "tried with 224 px it fails, with 32 px it runs"),
        ("forms.py:two_inputs", "its forward takes x, position"),
        ("forms.py:instance", ""),
        ("forms.py:gives_dict", ""),
        ("meta.py:normalise_in_forward", ""),
        ("counts.py:autograd_function", ""),
        ("counts.py:data_parallel", ""),
        ("forms.py:scripted", ""),
        ("forms.py:half", ""),
        ("forms.py:lazy", ""),
    ],
)
def test_field_cases_are_tried(reference: str, words: str) -> None:
    found = trial(f"{FIELD}/{reference}")
    assert words in found.get("error", "")
    assert bool(words) == ("error" in found)


def test_a_network_that_is_built_already_is_copied(nets: Path) -> None:
    entry = references.load(f"{nets}:model")
    assert (entry.name, entry.classes, entry.variant) == ("model", 0, references.AS_BUILT)
    first, second = entry.build(0), entry.build(0)
    assert isinstance(first, nn.Module)
    assert torch.equal(first.head.weight, second.head.weight)
    assert first.head.weight is not second.head.weight
    assert (entry.build(7).head.out_features, entry.build(0).head.out_features) == (7, 4)


def test_a_network_that_is_built_already_has_the_weights_that_its_code_sets(nets: Path) -> None:
    """They are not random, and how long a copy takes is not how long it takes to build the network."""
    copies = subject(references.load(f"{nets}:model"), image_size=32, steps=1, seeds=1, weights="auto")
    found = {
        name: {r.quantity.key: r for r in measure(METRICS[name], copies)}
        for name in ("finetune", "scratch", "cold_start", "gradients")
    }
    detail = found["finetune"]["finetune_top1"].detail
    assert (detail["weights"], detail["weights_reason"]) == (AS_SET, None)
    assert [each.detail.get("weights") for each in found["gradients"].values()] == [AS_SET, AS_SET]
    refused = found["scratch"]["scratch_top1"], found["cold_start"]["build_seconds"]
    assert [each.status for each in refused] == ["unsupported"] * 2
    assert all(str(each.reason).startswith("a module instance ") for each in refused)
    assert found["cold_start"]["first_call_seconds"].measured
    of_class = subject(references.load(f"{nets}:NoArguments"), image_size=32, steps=1, seeds=1)
    assert learner(of_class, 10, 0)[1]["weights"] == "random"
    assert all("weights" not in reading.detail for reading in measure(METRICS["gradients"], of_class))
    assert all(reading.measured for reading in measure(METRICS["cold_start"], of_class))


def test_a_class_without_arguments_is_taken(nets: Path) -> None:
    entry = references.load(f"{nets}:NoArguments")
    assert (entry.classes, entry.build(0).head.out_features, entry.build(7).head.out_features) == (0, 4, 7)


def test_it_is_reported_before_the_first_measurement(nets: Path, tmp_path: Path) -> None:
    done = call("--out", tmp_path / "new", "--architecture", f"{nets}:model", "--architecture", f"{nets}:gray")
    assert done.returncode == 2, done.stderr
    assert done.stderr == f"reporter: --architecture {nets}:gray: it takes 1 channel, the images have 3\n"
    assert not (tmp_path / "new").exists()


def test_features_alone_are_measured_but_not_trained(nets: Path, tmp_path: Path) -> None:
    done = call("--out", tmp_path / "new", "--architecture", f"{nets}:backbone", "--preset", "quick", "--metrics",
               "parameters,finetune_top1,gradient_ratio", report=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("note: backbone: the network returns a Features with the keys maps")
    (record,) = record_files.load_all(tmp_path / "new")[0]
    assert record.value("parameters")
    for key in ("finetune_top1", "gradient_ratio"):
        reading = record.readings[key]
        assert (reading.status, str(reading.reason)[:46]) == (
            "unsupported",
            "the network returns a Features with the keys m",
        )


def test_the_timeout_limits_a_trial_too_and_one_that_takes_long_is_left_to_the_measurement(nets: Path) -> None:
    nets.write_text(NETS + "\nslow = lambda: Slow()\n")
    reference = f"{nets}:slow"
    entry = roster.described(reference, references.described(reference))
    executor = LocalExecutor()
    executor.ask(ListGpus(), timeout=1e7)  # loads torch
    start = time.monotonic()
    assert trials.check_networks([entry], executor, timeout=1.0) == []
    assert time.monotonic() - start < trials.LONGEST / 2


def test_the_timeout_limits_how_long_a_network_is_built(tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    path.write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(ReporterError, match=f"--architecture {path}:build: not done after 1 s"):
        roster.chosen((), [f"{path}:build"], LocalExecutor(), 1.0)


def test_the_timeout_of_a_run_is_that_of_its_trials(tmp_path: Path) -> None:
    """Building a network has more time than a very short one."""
    limits: list[float] = []

    def choose(words: Sequence[str], references: Sequence[str], executor: Executor, timeout: float) -> Any:
        limits.append(timeout)
        return (own(),)

    def check(architectures: Any, executor: Executor, input_size: str, timeout: float) -> list[str]:
        limits.append(timeout)
        return []

    for given in ({"timeout": 7.0}, {"preset": "quick"}):
        prepare(
            tmp_path / "out", settings({"device": "cpu", "metrics": "size"} | given), LocalExecutor(), choose, check
        )
    assert limits == [PATIENCE, 7.0, TIMEOUTS["quick"], TIMEOUTS["quick"]]


ABORTS = """
import os

from torch import nn


class Network(nn.Linear):
    def forward(self, images):
        os.abort()


def build(classes):
    return Network(7, classes)
"""


@pytest.mark.slow
def test_what_needs_no_forward_pass_is_measured_of_a_network_that_ends_its_process(tmp_path: Path) -> None:
    path = tmp_path / "ends.py"
    path.write_text(ABORTS)
    done = call("--out", tmp_path / "out", "--architecture", f"{path}:build", "--metrics", "size,compute", *QUICK)
    assert done.returncode == 3, done.stderr
    (record,) = record_files.load_all(tmp_path / "out")[0]
    assert (record.value("parameters"), record.value("weights_bytes")) == (8000, 32000)
    assert (
        record.readings["macs"].reason
        == record.readings["parameters_auxiliary"].reason
        == "the worker crashed (SIGABRT)"
    )
    assert record.readings["imagenet_top1"].status == "unsupported"
    text = (tmp_path / "out" / "report.md").read_text()
    assert "8,000" in text


class Ending(Simulated):
    """Its workers end in a metric, or take too long for it."""

    metric, verdict = "", Verdict("ok", None)

    def listen(self) -> Event:
        if not self._to_say:
            super().listen()
            job = self.done[-1].job
            found: list[Message | Verdict] = []
            for name in job.metrics:
                found += [{"fallback": each["reading"]} for each in readings_of(job, name) if METRICS[name].fallback]
            for name in job.metrics:
                found.append({"measuring": name})
                if name == self.metric:
                    break
                found += readings_of(job, name)
            ends = self.verdict if self.metric in job.metrics else Verdict("ok", None)
            self._to_say = [(self.done[-1].slot, each) for each in (*found, ends)]
        return self._to_say.pop(0)


def readings_of(job: Job, name: str) -> list[Message]:
    return readings(job.model_copy(update={"metrics": (name,)}))


@pytest.mark.parametrize(
    ("metric", "verdict", "jobs", "lost"),
    [
        ("compute", CRASHED, 2, {"compute"}),
        ("memory_inference", CRASHED, 2, {"memory_inference"}),
        ("size", CRASHED, 1, set()),
        ("compute", TIMEOUT, 1, {"compute", "memory_inference"}),
    ],
)
def test_a_worker_that_ends_in_a_metric_loses_that_metric_alone(
    metric: str, verdict: Verdict, jobs: int, lost: set[str], tmp_path: Path
) -> None:
    """Unless time is over; what has a fallback is not lost."""
    names = ("compute", "memory_inference", "size")
    executor = Ending([slot("here")])
    executor.metric, executor.verdict = metric, verdict
    devices = {"cpu": "cpu", "any": "cpu"}
    request = Request(tmp_path, [own()], {name: METRICS[name] for name in names}, devices, CONDITIONS)
    experiment.run(request, executor, Lines(StringIO()))
    (record,) = record_files.load_all(tmp_path)[0]
    found = {name: {record.readings[each.key].status for each in METRICS[name].quantities} for name in names}
    assert found == {name: {verdict.status} if name in lost else {"ok"} for name in names}
    assert len(executor.done) == jobs


@pytest.mark.parametrize("channels", [5, 13])
def test_images_of_several_bands_are_named(channels: int) -> None:
    network = nn.Sequential(nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    assert _other_images(network.eval(), 32) == f"it takes {channels} channels, the images have 3"
