"""--input-size and --threads: what is measured with them, what is reused, and what a record contains."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from commands import call
from networks import CONDITIONS, own, small, subject
from simulated import Simulated, slot
from torch import nn

from reporter.cli.progress import Lines
from reporter.host.job import Job
from reporter.host.machine import usable_threads
from reporter.metrics.imagenet_accuracy import measure as looked_up
from reporter.model import Architecture, Metric, Reading, Record, ReporterError
from reporter.model.image_sizes import ImageSize, image_size, square
from reporter.model.modes import ONCE, alternation, speedup
from reporter.model.settings import settings
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import conditions_of
from reporter.run import experiment
from reporter.run.input_sizes import fields, usable, valid
from reporter.run.ledger import Ledger
from reporter.run.request import Request
from reporter.store import record_files
from reporter.worker import entry, references, torch_state, trial
from reporter.worker.counts.stage_costs import level
from reporter.worker.entry import measure

METRICS = collect("reporter.metrics", Metric)
NETWORKS = """
from torch import nn

from reporter.model import Architecture


def pooled(classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))


def flat(classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.Flatten(), nn.Linear(8 * 30 * 30, classes))


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3, 3), nn.Flatten(), nn.Linear(4 * 10 * 10, 9), nn.ReLU(), nn.Linear(9, 10))


POOLED, FLAT = (
    Architecture(build.__name__, "Test", 2026, "none", build, input_size=32, classes=10) for build in (pooled, flat)
)
"""


def flat(classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 30 * 30, classes))


@pytest.mark.parametrize(
    ("text", "size"),
    [("224", (224, 224)), (320, (320, 320)), ("320x256", (320, 256)), (" 8×16 ", (8, 16)), ("32x32", (32, 32))],
)
def test_a_size_is_a_side_or_height_and_width(text: object, size: tuple[int, int]) -> None:
    assert image_size(text) == size
    assert image_size(str(image_size(text))) == size


@pytest.mark.parametrize("text", ["0", "-3", "12x", "x12", "1x2x3", "3.5", "big", "", True, None, "32x0", 2**21, "²"])
def test_any_other_text_is_one_line(text: object) -> None:
    with pytest.raises(ValueError, match="it should be N or HxW in pixels"):
        image_size(text)


def test_options_and_config_files_take_them(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("input-size = 48\nthreads = 1\n")
    found = settings({}, tmp_path / "a.toml")
    assert (found.input_size, found.threads) == ("48", 1)
    assert settings({"input_size": "48x48"}, tmp_path / "a.toml").conditions().input_size == "48"
    with pytest.raises(ReporterError, match=r"--input-size: invalid value 'wide'; it should be N or HxW"):
        settings({"input_size": "wide"})


def test_more_threads_than_cores_are_one_line(tmp_path: Path) -> None:
    most = usable_threads()
    done = call("--out", tmp_path / "out", "--architectures", "resnet18", "--threads", most + 1)
    assert done.returncode == 2
    assert f"--threads: {most + 1} is too many; this machine has {most} usable core" in done.stderr
    assert not (tmp_path / "out").exists()
    assert usable(CONDITIONS.model_copy(update={"threads": most})) == CONDITIONS, "as many as without the option"
    assert usable(CONDITIONS.model_copy(update={"threads": 1}), 4).threads == 1


@pytest.mark.parametrize("name", METRICS)
def test_conditions_are_stored_only_where_they_are_set(name: str) -> None:
    """So that records of earlier versions stay valid."""
    metric, device = METRICS[name], "cpu"
    assert not {"input_size", "threads"} & CONDITIONS.of(metric, device).keys()
    found = CONDITIONS.model_copy(update={"input_size": "48", "threads": 1}).of(metric, device)
    assert ("threads" in found) == (metric.device != "none" and name != "latency_cpu_1thread")
    with_training = ("memory_cuda", "memory_xpu", "memory_mps")
    independent = name == "size" or (
        bool({"image_size", "dataset"} & set(metric.depends)) and name not in with_training
    )
    assert ("input_size" in found) == (not independent)


def test_what_depends_on_the_image_is_of_that_size() -> None:
    """3 x 8 x 9 multiply-adds per output of the convolution, and one per weight of the linear layer."""
    entry = own()
    for size, outputs in ((None, 30 * 30), ("48", 46 * 46), ("20x40", 18 * 38)):
        (macs, activations, _) = measure(METRICS["compute"], subject(entry, input_size=size))
        assert macs.value == 216 * outputs + 8_000
        assert activations.value == 8 * outputs + 1_000
        (fvcore,) = measure(METRICS["fvcore_macs"], subject(entry, input_size=size))
        assert fvcore.value == pytest.approx(macs.value, rel=0.2)
    shapes = []

    def watching(classes: int) -> nn.Module:
        network = small(classes)
        network.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
        return network

    for name in ("latency_cpu_1thread", "latency_cpu", "throughput_cpu", "memory_inference", "memory_resident"):
        reading, *_ = measure(METRICS[name], subject(own(watching), input_size="20x40", seconds=0.01))
        assert reading.settings["input_size"] == "20x40"
    assert {shape[1:] for shape in shapes} == {(3, 20, 40)}


def test_the_training_step_keeps_the_size_of_the_fine_tuning() -> None:
    (reading,) = measure(METRICS["memory_training"], subject(own(), input_size="48"))
    (other,) = measure(METRICS["memory_training"], subject(own()))
    assert reading.value == other.value
    assert reading.settings == other.settings


def test_a_network_of_one_size_has_one_reason_and_its_parameters() -> None:
    reasons = set()
    chosen = subject(own(flat), input_size="48", seconds=0.01)
    for name in ("compute", "structure", "memory_inference", "latency_cpu_1thread", "throughput_cpu"):
        for reading in measure(METRICS[name], chosen):
            assert reading.status == "unsupported"
            reasons.add(reading.reason)
    (reason,) = reasons
    assert reason.startswith("takes images of 32 pixels, not of 48 (")
    parameters, auxiliary, _ = measure(METRICS["size"], chosen)
    assert (parameters.value, auxiliary.value) == (216 + 8 + (7200 + 1) * 1000, 0)


def test_a_mode_of_a_refused_size_has_the_settings_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the same call does not try it again, and keeps what is measured once, which has those of the mode."""
    for name in ("find", "limit_memory"):
        monkeypatch.setattr(entry, name, lambda *_: own(flat))
    conditions = CONDITIONS.model_copy(update={"input_size": "48", "threads": 1})
    job = Job(architecture="small", metrics=("latency_cpu",), device="cpu", conditions=conditions, process="modes cpu",
              modes=("torchscript",))  # fmt: skip
    sent: list[dict[str, Any]] = []
    entry.run(job, sent.append)
    found = {each["reading"]["quantity"]["key"]: each["reading"] for each in sent}
    assert {reading["status"] for reading in found.values()} == {"unsupported"}
    settings = conditions.of(METRICS["latency_cpu"], "cpu") | conditions_of("torchscript")
    assert found["latency_cpu"]["settings"] == json.loads(json.dumps(settings))
    about = {"architecture": "small", "family": "T", "year": None, "paper": "", "variant": "", "input_size": 32}
    readings = {key: Reading.model_validate(each) for key, each in found.items()}
    made = Record(**about, machine="m", started="2026-01-01", readings=readings, mode="torchscript")
    assert {each.key for each in ONCE} < readings.keys() == valid(made, conditions).readings.keys()


@pytest.mark.parametrize(
    ("name", "size", "best", "side"),
    [
        ("vit_b_16", "", "IMAGENET1K_SWAG_LINEAR_V1", 224),
        ("vit_b_16", "384", "IMAGENET1K_SWAG_E2E_V1", 384),
        ("regnet_y_16gf", "", "IMAGENET1K_SWAG_LINEAR_V1", 224),
        ("regnet_y_16gf", "224", "IMAGENET1K_SWAG_LINEAR_V1", 224),
        ("inception_v3", "", "IMAGENET1K_V1", 299),
    ],
)
def test_the_best_weights_are_of_the_measured_size(name: str, size: str, best: str, side: int) -> None:
    """As in timm's table; with another size the named weights have no accuracy."""
    found = {each.quantity.key: each for each in looked_up(subject(name, input_size=size or None))}
    top1, named = found["imagenet_best_top1"], found["imagenet_top1"]
    assert (top1.detail["weights"], top1.detail["test_size"]) == (best, side)
    if size == "384":
        assert named.reason == "published for images of 224 pixels, not of 384"
    else:
        assert (named.detail["test_size"], named.measured) == (side, True)
    refused = {each.quantity.key: each for each in looked_up(subject(name, input_size="160"))}
    sizes = {"vit_b_16": "224, 384", "regnet_y_16gf": "224, 384", "inception_v3": "299"}
    reason = f"published for images of {sizes[name]} pixels, not of 160"
    assert refused["imagenet_best_top1"].reason == reason


def test_published_accuracy_is_of_one_size() -> None:
    top1, *_ = measure(METRICS["published"], subject("resnet18", input_size="320"))
    assert (top1.status, top1.reason) == ("unsupported", "published for images of 224 pixels, not of 320")
    top1, *_ = measure(METRICS["published"], subject("resnet18"))
    assert top1.status == "ok"
    entry = Architecture("a", "A", None, "", small, published={"torchvision_ops_gmacs": 1.0, "params_counted": 5})
    conditions = CONDITIONS.model_copy(update={"input_size": "320x256"})
    assert fields(entry, conditions) == {
        "input_size": 320, "input_width": 256, "own_input_size": 224, "published": {"params_counted": 5}
    }  # fmt: skip
    assert fields(entry, CONDITIONS)["published"] == entry.published


def test_an_own_network_may_take_the_asked_size_alone(tmp_path: Path) -> None:
    """A function without a size is taken to be one of 224 pixels."""
    file = tmp_path / "mine.py"
    file.write_text(NETWORKS)
    assert "error" in trial.trial(f"{file}:flat")
    assert trial.trial(f"{file}:flat", "32") == {}
    assert trial.trial(f"{file}:FLAT", "48") == {}, "the reason is in its row"


def test_it_is_not_trained_at_sizes_that_it_does_not_take() -> None:
    """That is no failure, as of an architecture whose own size is the asked one."""
    chosen = subject(replace(own(flat, classes=10), input_size=224), input_size="32")
    (reading,) = measure(METRICS["memory_training"], chosen)
    assert reading.status == "unsupported", reading
    start = f"takes images of 32 pixels, not the {CONDITIONS.image_size} of the training images ("
    assert str(reading.reason).startswith(start)
    assert chosen.refused_size is None
    neither = subject(replace(own(flat, classes=10), input_size=224), input_size="48")
    (failed,) = measure(METRICS["memory_training"], neither)
    assert (failed.status, neither.refused_size) == ("failed", None), "which size it takes is not known"


def test_the_head_is_found_with_images_of_a_size_that_the_network_takes(tmp_path: Path) -> None:
    """Of 32 pixels: it is a class without any parameter, as in the tutorial of torch for CIFAR-10."""
    file = tmp_path / "mine.py"
    file.write_text(NETWORKS)
    network = references.load(f"{file}:Net").build(4)
    assert [layer.out_features for layer in network if isinstance(layer, nn.Linear)] == [9, 4]


def test_stages_of_a_rectangular_image() -> None:
    assert level((8, 16, 32), ImageSize(64, 128)) == 2
    assert level((16, 32, 8), ImageSize(64, 128)) == 2
    assert level((5, 16, 16), ImageSize(64, 128)) is None
    assert [level(shape, square(64)) for shape in ((8, 16, 16), (16, 16, 8), (8, 1, 1), (8,))] == [2, 2, None, None]


def test_threads_are_those_asked_for() -> None:
    import torch

    seen = []

    def watching(classes: int) -> nn.Module:
        network = small(classes)
        network.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
        return network

    for count in (1, 2):
        seen.clear()
        measure(METRICS["latency_cpu"], subject(own(watching), threads=count, seconds=0.01))
        assert set(seen) == {count}
    before = torch.get_num_threads()
    torch_state.settle(threads=3)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def values(folder: Path) -> dict[str, dict[str, object]]:
    records = json.loads((folder / "summary.json").read_text())["records"]
    return {record["architecture"]: {k: r["value"] for k, r in record["readings"].items()} for record in records}


def record(folder: Path, name: str) -> Record:
    (path,) = folder.glob(f"records/*/{name}.json")
    return record_files.load(path)


@pytest.mark.usefixtures("blank_charts")
def test_a_run_with_another_size(tmp_path: Path) -> None:
    """Readings of another size are replaced, those of none are kept, and the own size is the default."""
    file, out = tmp_path / "networks.py", tmp_path / "out"
    file.write_text(NETWORKS)
    options = ["--out", out, "--architecture", f"{file}:POOLED", "--modes", "eager", "--preset", "quick",
               "--weights", "random"]  # fmt: skip
    flat = ["--architecture", f"{file}:FLAT"]
    counts = ("--metrics", "size,macs,activations,depth")
    assert call(*options, *flat, *counts, report=False).returncode == 0
    first = record(out, "pooled")
    assert first.readings["macs"].value == 216 * 30 * 30 + 80
    assert "own_input_size" not in json.loads(next(out.glob("records/*/pooled.json")).read_text())
    done = call(*options, *counts, "--input-size", "32", report=False)
    assert done.returncode == 0
    assert record(out, "pooled").own_input_size is None
    assert record(out, "pooled").readings == first.readings

    done = call(*options, "--metrics", "parameters", "--input-size", "20x40", report=False)
    assert done.returncode == 0
    assert "macs" not in record(out, "pooled").readings, "that of another size"
    assert record(out, "pooled").readings["parameters"] == first.readings["parameters"]

    done = call(*options, *flat, *counts, "--input-size", "20x40")
    assert done.returncode == 0, "a network that does not take the size is no failure"
    found = record(out, "pooled")
    assert found.readings["macs"].value == 216 * 18 * 38 + 80
    assert (found.image_size, found.own_input_size) == ((20, 40), 32)
    refused = record(out, "flat").readings
    assert {refused[key].status for key in ("macs", "activations", "depth")} == {"unsupported"}
    assert len({refused[key].reason for key in ("macs", "activations", "depth")}) == 1
    summary = json.loads((out / "summary.json").read_text())
    assert {each["input_size"] for each in summary["records"]} == {"20x40"}
    assert summary["settings"]["input_size"] == "20x40"
    assert "20x40*" in (out / "report.md").read_text().replace("\\*", "*")
    assert "Input, pixels" in (out / "report.md").read_text()


def test_a_record_of_another_size_is_of_the_run_that_measured_it(tmp_path: Path) -> None:
    """What has no date of its own, such as a count, has that of the record."""

    def begun(size: str | None) -> Record:
        conditions = CONDITIONS.model_copy(update={"input_size": size})
        return Ledger(own(), Request(tmp_path, [own()], {}, {"cpu": "cpu", "any": "cpu"}, conditions)).record

    record_files.save(tmp_path, begun(None).model_copy(update={"started": "2026-01-01T00:00:00+00:00"}))
    assert begun(None).started == "2026-01-01T00:00:00+00:00"
    assert begun("48").started > "2026-01-02"


def test_a_run_prints_what_another_size_drops_before_it_measures(tmp_path: Path) -> None:
    """Also readings of metrics that it does not measure."""

    def printed(size: str | None, *keys: str) -> str:
        conditions, output = CONDITIONS.model_copy(update={"input_size": size}), StringIO()
        metrics = {key: METRICS[key] for key in keys}
        request = Request(tmp_path, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, conditions)
        experiment.run(request, Simulated([slot("here")]), Lines(output))
        return output.getvalue()

    assert "dropped" not in printed(None, "size", "latency_cpu", "latency_cpu_1thread")
    assert "dropped" not in printed("48", "size"), "nothing is measured"
    found = printed("48", "latency_cpu")
    assert found.startswith("note: 2 values of 1 architecture in this folder will be dropped, because"), found
    assert "dropped" not in printed("48", "latency_cpu")


def test_readings_with_another_number_of_threads_are_dropped() -> None:
    readings = {
        reading.quantity.key: reading
        for name in ("latency_cpu_1thread", "latency_cpu", "size")
        for reading in measure(METRICS[name], subject(own(), seconds=0.01))
    }
    for key in ("latency_cpu_1thread", "latency_cpu"):
        for ratio in (speedup(readings[key].quantity), alternation(readings[key].quantity)):
            readings[ratio.key] = readings[key].model_copy(update={"quantity": ratio})
    about = {"architecture": "small", "family": "T", "year": None, "paper": "", "variant": "", "input_size": 32}
    made = Record(**about, machine="m", started="2026-01-01", readings=readings)
    assert valid(made, CONDITIONS) == made
    one = CONDITIONS.model_copy(update={"threads": 1})
    dropped = {"latency_cpu", "speedup_latency_cpu", "alternation_latency_cpu"}
    assert readings.keys() - valid(made, one).readings.keys() == dropped


@pytest.mark.parametrize("stored", [{}, {"threads": 2}], ids=["present", "of an earlier record"])
def test_profiles_with_one_thread_and_counts_do_not_depend_on_the_threads(stored: dict[str, int]) -> None:
    metrics = [METRICS[name] for name in ("operators", "stages", "ceilings", "kernels")]
    quantities = [quantity for metric in metrics for quantity in metric.quantities]
    readings = {
        each.key: Reading(quantity=each, samples=(1.0,), settings={"device": "cpu", **stored}) for each in quantities
    }
    about = {"architecture": "small", "family": "T", "year": None, "paper": "", "variant": "", "input_size": 32}
    made = Record(**about, machine="m", started="2026-01-01", readings=readings)
    one = CONDITIONS.model_copy(update={"threads": 1})
    dropped = {key for key in readings if key.endswith("_cpu")}
    assert readings.keys() - valid(made, one).readings.keys() == dropped
    for key, reading in readings.items():
        assert ("threads" in reading.conditions) == (bool(stored) and key in dropped)


def test_counts_are_stored_without_the_threads() -> None:
    asked = subject(own(), threads=1)
    found = {reading.quantity.key: reading.settings for reading in measure(METRICS["kernels"], asked)}
    assert found == {"kernels_cpu_1thread": {"device": "cpu"}}
