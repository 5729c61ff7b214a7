"""The fine-tuning recipe: its parts by hand, and that it learns."""

from __future__ import annotations

import math
from hashlib import sha256

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import CONDITIONS, own, small, subject
from torch import nn

from reporter.metrics import finetune, gradients
from reporter.worker.finetuning import Recipe, batches, fine_tune, loss_of, lr_factor, recalibrate, step_of, top1
from reporter.worker.relative_gradients import curves, early_over_late, relative, stacked
from reporter.worker.training_steps import exercise, initial_gradients, learner, load_images, ratio_of_ends

RECIPE = Recipe(learning_rate=1e-2, label_smoothing=0.0, auxiliary_loss=0.3, steps=60, batch_size=16)


@given(st.integers(1, 500))
def test_pace_rises_to_one_and_falls(steps: int) -> None:
    paces = [lr_factor(step, steps) for step in range(steps + 1)]
    assert all(0 < share <= 1 for share in paces)
    assert max(paces) == 1
    peak = paces.index(1)
    assert paces[: peak + 1] == sorted(paces[: peak + 1])
    assert paces[peak:] == sorted(paces[peak:], reverse=True)


def test_loss_with_heads_and_smoothing_by_hand() -> None:
    """Two classes, logits (2, 0), label 0, smoothing 0.2: 0.9 log(1 + e^-2) + 0.1 (2 + log(1 + e^-2))."""
    logits, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    plain = math.log(1 + math.exp(-2))
    recipe = Recipe(learning_rate=0.1, label_smoothing=0.2, auxiliary_loss=0.3, steps=1, batch_size=1)
    smooth = 0.9 * plain + 0.1 * (2 + plain)
    assert float(loss_of(logits, labels, recipe)) == pytest.approx(smooth, rel=1e-6)
    assert float(loss_of((logits, logits, None, logits), labels, recipe)) == pytest.approx(1.6 * smooth, rel=1e-6)


def test_batches_are_the_same_for_every_network_and_cover_an_epoch() -> None:
    data = torch.arange(10.0).reshape(10, 1), torch.arange(10)
    first = [labels.tolist() for _, labels in batches(data, 5, 4, seed=3)]
    torch.randn(100)  # another network would have drawn other random numbers
    assert first == [labels.tolist() for _, labels in batches(data, 5, 4, seed=3)]
    assert first != [labels.tolist() for _, labels in batches(data, 5, 4, seed=4)]
    assert sorted(first[0] + first[1]) == list(range(10))


def test_images_stay_with_their_labels() -> None:
    data = torch.arange(10.0).reshape(10, 1), torch.arange(10)
    for images, labels in batches(data, 3, 7, seed=0):
        assert images.flatten().tolist() == labels.tolist()


def test_recalibration_finds_the_statistics_of_the_images() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(3))
    images = torch.randn(64, 3, 4, 4) * 5 + 7
    recalibrate(network, (images, torch.zeros(64)), 32, seed=0)
    assert network[0].running_mean.tolist() == pytest.approx(images.mean((0, 2, 3)).tolist(), abs=0.3)
    assert network[0].running_var.tolist() == pytest.approx(images.var((0, 2, 3)).tolist(), rel=0.1)


def test_top1_by_hand() -> None:
    images = torch.eye(4)[:, :, None, None].expand(4, 4, 1, 1)
    assert top1(nn.Flatten(), (images, torch.tensor([0, 1, 2, 0]))) == 0.75


def test_a_small_network_learns_synthetic_images() -> None:
    """Ten classes: chance is 0.1."""
    torch.manual_seed(0)
    conditions = CONDITIONS.model_copy(update={"dataset": "synthetic", "image_size": 32, "test_images": 100})
    train, test, classes = load_images(conditions, torch.device("cpu"))
    course = fine_tune(small(classes), train, test, RECIPE)
    assert course.curve[-1]["loss"] < course.curve[0]["loss"]
    assert course.top1 > 0.25
    assert set(course.evaluations[-1]) == {"step", "top1", "top1_uncalibrated"}


def test_finetune_reading_tells_recipe_and_curve() -> None:
    entry = own(learning_rate=0.02, label_smoothing=0.1)
    made = subject(entry, image_size=32, steps=3, seeds=2, test_images=20)
    top, seconds, ratio = finetune.measure(made)
    assert len(top.samples) == len(seconds.samples) == len(ratio.samples) == 2
    assert min(ratio.samples) > 0
    assert [point["step"] for point in top.detail["curve"]] == [1, 2, 3]
    assert top.detail["recipe"]["learning_rate"] == 0.02
    assert top.detail["recipe"]["label_smoothing"] == 0.1
    assert top.detail["recipe"]["batch_norm_recalibrated"]
    assert top.detail["weights"] == "random"


def test_heads_that_do_not_fit_are_dropped_and_others_kept() -> None:
    network, told = learner(subject("inception_v3", image_size=80), 10, seed=0)
    assert network.AuxLogits is None
    assert "too small" in told["auxiliary_dropped"]
    network, told = learner(subject("googlenet", image_size=80), 10, seed=0)
    assert None not in (network.aux1, network.aux2)
    assert told["auxiliary_dropped"] is None


def test_gradient_ratio_by_hand() -> None:
    """Two linear maps without bias on one-hot classes: the ratio follows from the chain rule."""
    torch.manual_seed(0)

    class Chain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(images.mean((2, 3))))

    made = subject(own(build=lambda classes: Chain()), batch_size=4)
    train = torch.rand(4, 3, 2, 2), torch.tensor([0, 1, 0, 1])
    ratio = ratio_of_ends(initial_gradients(made, train, 2, seed=5))

    torch.manual_seed(5)
    chain = Chain()
    means = train[0].mean((2, 3))
    hidden = means @ chain.first.weight.T
    error = (torch.softmax(hidden @ chain.last.weight.T, 1) - nn.functional.one_hot(train[1], 2)) / 4
    last, first = error.T @ hidden, (error @ chain.last.weight).T @ means
    assert ratio == pytest.approx((first.norm() / last.norm()).item(), rel=1e-4)


def test_weights_that_are_there_are_loaded_but_for_the_head(tmp_path, monkeypatch) -> None:
    """A checkpoint in torch hub's folder, named as torchvision names it: by the beginning of its hash."""
    from torchvision.models import ResNet18_Weights, resnet18

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(7)
    checkpoint = resnet18().state_dict()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(checkpoint, folder / "new.pth")
    published = ResNet18_Weights.IMAGENET1K_V1.value
    url = published.url.replace("f37072fd", sha256((folder / "new.pth").read_bytes()).hexdigest()[:8])
    monkeypatch.setattr(published, "url", url)
    (folder / "new.pth").rename(folder / url.rsplit("/", 1)[-1])
    network, told = learner(subject("resnet18", weights="auto"), 10, seed=0)
    assert told["weights"] == "IMAGENET1K_V1"
    assert torch.equal(network.conv1.weight, checkpoint["conv1.weight"])
    assert network.fc.weight.shape == (10, 512)


def test_a_training_step_trains() -> None:
    network, batch, recipe = exercise(subject(own()), "cpu")
    before = [weight.clone() for weight in network.parameters()]
    step_of(network, recipe)(*batch)
    assert all(not torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True))


def test_relative_gradients_by_hand() -> None:
    """Of a chain of two linear maps; a layer without a gradient is left out."""
    first, last, apart = nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False), nn.Linear(2, 2)
    images = torch.rand(5, 3)
    last(first(images)).square().sum().backward()
    error = 2 * images @ first.weight.T @ last.weight.T
    expected = ((error @ last.weight).T @ images).norm() / first.weight.norm()
    found = relative([("first", first.weight), ("last", last.weight), ("apart", apart.weight)])
    assert list(found) == ["first", "last"]
    assert found["first"] == pytest.approx(expected.item(), rel=1e-4)
    assert early_over_late([8.0, 4.0, 4.0, 4.0, 2.0, 2.0, 1.0, 3.0]) == 3.0
    assert early_over_late([1.0]) is None
    assert early_over_late([1.0, 0.0]) is None


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_relative_gradients_distinguish_plain_residual_and_dense_networks(seed: int) -> None:
    """Of one depth, with batch norm: in the deep plain one the layers differ most, and more than in a shallow one."""
    flows = {
        depth: {kind: early_over_late(curve) or 0.0 for kind, curve in curves(depth, seed).items()}
        for depth in (20, 56)
    }
    assert all(len(curve) == 20 for curve in curves(20, seed).values())
    deep = flows[56]
    assert deep["plain_norm"] > 10 * flows[20]["plain_norm"]
    assert deep["plain_norm"] > 10 * max(deep["residual_norm"], deep["dense_norm"], deep["plain"])
    assert min(deep["residual_norm"], deep["dense_norm"]) > 1


def test_the_record_has_the_gradients_of_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One per weighted layer in the order of their use; the ratio of the ends keeps its meaning."""
    images = torch.rand(8, 3, 16, 16), torch.arange(8)
    monkeypatch.setattr("reporter.worker.training_steps.load_images", lambda *_: (images, images, 10))
    made = subject(own(build=lambda classes: stacked(20, skip=True, norm=True)), batch_size=4, seeds=2)
    ratio, flow = gradients.measure(made)
    assert flow.detail["layers"][0] == "0"
    assert len(flow.detail["layers"]) == len(flow.detail["relative_gradients"]) == 20
    assert len(flow.samples) == len(ratio.samples) == 2
    assert ratio.samples[0] == ratio_of_ends(initial_gradients(made, images, 10, 0))
