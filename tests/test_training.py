"""The training recipe: its parts by hand, that it learns, and that the documents have its numbers."""

from __future__ import annotations

import json
import math
import weakref
from dataclasses import replace
from hashlib import sha256

import pytest
import torch
import training
from commands import ROOT
from hypothesis import given
from hypothesis import strategies as st
from networks import CONDITIONS, own, small, subject
from torch import nn

from reporter.metrics import finetune, gradients
from reporter.model import Dataset, UnsupportedError
from reporter.model.settings import PRESETS, Conditions, Settings
from reporter.registry.selection import dataset
from reporter.report.training.held_out_accuracy import FEWEST_IMAGES, FEWEST_STEPS
from reporter.worker.counts import building
from reporter.worker.learning.finetuning import (
    CALIBRATION_BATCHES,
    PROBE_RATE,
    WARM_UP_SHARE,
    Recipe,
    batches,
    fine_tune,
    loss_of,
    lr_factor,
    recalibrate,
    step_of,
    top1,
    train_for,
)
from reporter.worker.learning.relative_gradients import curves, early_over_late, relative, stacked
from reporter.worker.learning.training_steps import (
    SIDE_STEP,
    exercise,
    initial_gradients,
    learner,
    load_images,
    ratio_of_ends,
    split_of_seed,
    training_side,
)
from reporter.worker.subject import Subject

pytestmark = pytest.mark.usefixtures("digits_once")
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


def test_batches_are_drawn_as_they_are_needed() -> None:
    """A billion of them take no time, and no memory, before the first step."""
    data = torch.arange(10.0).reshape(10, 1), torch.arange(10)
    images, labels = next(batches(data, 3, 1_000_000_000, seed=0))
    assert images.flatten().tolist() == labels.tolist()


def test_training_holds_one_batch_at_a_time() -> None:
    """No batch is left when the next one is drawn, however many steps there are."""
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    class Watching(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            nonlocal most
            alive.append(weakref.ref(images))
            most = max(most, sum(each() is not None for each in alive))
            return super().forward(images)

    data = torch.randn(40, 3, 8, 8), torch.arange(40) % 4
    recipe = Recipe(learning_rate=1e-2, label_smoothing=0.0, auxiliary_loss=0.0, steps=30, batch_size=4)
    train_for(Watching(*small(4)), data, recipe, 4)
    assert len(alive) == 30
    assert most <= 2


def test_curves_show_the_plain_cross_entropy() -> None:
    """With the same weights, images and seed, label smoothing and auxiliary losses do not raise the first point."""
    data = torch.randn(16, 3, 8, 8), torch.arange(16) % 4

    class Heads(nn.Sequential):
        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            scores = super().forward(images)
            return scores, 3 * scores

    first = []
    for smoothing, auxiliary in ((0.0, 0.0), (0.3, 0.0), (0.0, 0.5)):
        torch.manual_seed(0)
        recipe = Recipe(1e-2, label_smoothing=smoothing, auxiliary_loss=auxiliary, steps=1, batch_size=4)
        first.append(train_for(Heads(*small(4)), data, recipe, 4).curve[0]["loss"])
    assert first[1:] == pytest.approx([first[0]] * 2)


def test_every_seed_holds_out_other_images() -> None:
    parts = (torch.arange(8.0), torch.arange(8)), (torch.arange(8.0, 12.0), torch.arange(8, 12))
    held_out = set()
    for seed in (0, 1):
        train, test = split_of_seed(parts, True, 100, seed)
        assert sorted([*train[1].tolist(), *test[1].tolist()]) == list(range(12)), "a fifth is held out, at most"
        assert (len(test[1]), test[0].tolist()) == (2, test[1].tolist())
        held_out.add(tuple(test[1].tolist()))
    assert len(held_out) == 2
    train, test = split_of_seed(parts, False, 2, 0)
    assert train is parts[0]
    assert set(test[1].tolist()) < set(range(8, 12))


@pytest.mark.parametrize("pooled", [True, False])
def test_a_data_set_without_held_out_images_is_named(pooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooled one of fewer than 5 images, and one whose second part is empty; a step can be timed all the same."""
    images = torch.rand(4, 3, 16, 16), torch.arange(4)
    parts = {True: images, False: tuple(part[4:] for part in images)}
    few = Dataset("few", "Few", lambda _, __, train: parts[train], "made here", classes=4, pooled=pooled)
    for module in ("reporter.registry.selection", "reporter.worker.learning.training_steps"):
        monkeypatch.setattr(f"{module}.dataset", lambda _: few)
    settings = {"image_size": 16, "batch_size": 4, "test_images": 8, "seeds": 1}
    reason = finetune.NONE_OF_A_FIFTH if pooled else finetune.NONE_HELD_OUT
    with pytest.raises(UnsupportedError, match=reason):
        list(finetune.measure(subject(own(), steps=1, **settings)))
    assert [reading.status for reading in finetune.measure(subject(own(), steps=0, **settings))][-1] == "ok"
    with pytest.raises(UnsupportedError, match="no training images"):
        next(batches(parts[False], 2, 1, 0))


def test_seeds_are_consecutive_and_repeat() -> None:
    """Seeds 3 and 4 alone give what they give among others, and the same command twice gives the same values."""
    settings = {"image_size": 32, "steps": 3, "test_images": 40}
    every, again, part = (
        next(iter(finetune.measure(subject(own(build=dropping), **settings, first_seed=first, seeds=seeds)))).samples
        for first, seeds in ((2, 3), (2, 3), (3, 2))
    )
    assert every == again
    assert every[1:] == part
    assert len(set(every)) > 1


def dropping(classes: int) -> nn.Module:
    return nn.Sequential(small(64), nn.Dropout(0.5), nn.Linear(64, classes))


def test_a_network_that_stays_at_chance_is_not_trained_with_more_seeds() -> None:
    """Its second seed is trained only where the seeds were asked for."""
    settings = {"image_size": 32, "steps": 1, "seeds": 3, "test_images": 100}
    stuck = own(learning_rate=0.0)
    (alone, *_), (every, *_) = (
        tuple(finetune.measure(subject(stuck, **settings, every_seed=asked))) for asked in (False, True)
    )
    assert (len(alone.samples), len(every.samples)) == (1, 3)
    assert (alone.status, alone.detail["seeds_left_out"]) == ("ok", 2)
    assert alone.reason.endswith("the accuracy with the first is close to that of guessing")
    assert (Settings().conditions().every_seed, Settings(seeds=3).conditions().every_seed) == (False, True)


def test_a_preset_that_resolves_nothing_measures_the_time_of_a_step() -> None:
    """No share at all without --steps; with it, a share."""
    quick = Settings(preset="quick", weights="random")
    by_key = {each.quantity.key: each for each in finetune.measure(Subject(own(), "cpu", quick.conditions()))}
    assert {key for key, each in by_key.items() if each.measured} == {"finetune_step_seconds"}
    assert by_key["finetune_top1"].status == "skipped"
    assert "--steps N" in str(by_key["finetune_top1"].reason)
    asked = Settings(preset="quick", weights="random", steps=2)
    assert next(iter(finetune.measure(Subject(own(), "cpu", asked.conditions())))).measured


def test_images_are_as_large_as_the_data_set_or_as_the_network_needs() -> None:
    """Digits are 8 x 8: enlarging them to more than a network needs shows nothing more."""

    def deep(classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 40), small(classes)[0][1:], nn.Flatten(), nn.Linear(8, classes))

    assert training_side(subject(own())) == 32
    assert training_side(subject(replace(own(build=deep), input_size=64))) == 48
    assert training_side(subject(own(), image_size=24)) == 24
    assert training_side(subject(own(), dataset="synthetic")) == CONDITIONS.image_size


def test_top1_by_hand() -> None:
    images = torch.eye(4)[:, :, None, None].expand(4, 4, 1, 1)
    assert top1(nn.Flatten(), (images, torch.tensor([0, 1, 2, 0]))) == 0.75


def test_scores_with_nan_have_no_accuracy() -> None:
    """The loss of the last step is finite, its update is not; argmax took the first NaN for the largest score."""
    torch.manual_seed(0)
    network, recipe = small(4), Recipe(math.inf, 0.0, 0.0, steps=1, batch_size=4)
    images = torch.randn(8, 3, 16, 16), torch.arange(8) % 4
    with pytest.raises(ValueError, match=r"^class scores of held-out images are nan after the training$"):
        fine_tune(network, images, images, recipe, 4)
    half = nn.Flatten(), (torch.full((2, 4, 1, 1), math.nan, dtype=torch.float16), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"nan after the training; it trains in float16$"):
        top1(*half)


def test_a_small_network_learns_synthetic_images() -> None:
    """Ten classes: chance is 0.1."""
    torch.manual_seed(0)
    conditions = CONDITIONS.model_copy(update={"dataset": "synthetic", "image_size": 32, "test_images": 100})
    train, test, classes = load_images(conditions, torch.device("cpu"))
    course = fine_tune(small(classes), train, test, RECIPE)
    assert course.curve[-1]["loss"] < course.curve[0]["loss"]
    assert course.top1 > 0.25
    assert set(course.evaluations[-1]) == {"step", "top1"}
    assert course.recalibrated


def test_finetune_reading_tells_recipe_and_curve() -> None:
    entry = own(learning_rate=0.02, label_smoothing=0.1)
    made = subject(entry, image_size=32, steps=3, seeds=2, test_images=20)
    top, seconds, ratio, step = finetune.measure(made)
    assert len(top.samples) == len(seconds.samples) == len(ratio.samples) == len(step.samples) == 2
    assert min(ratio.samples) > 0
    assert [point["step"] for point in top.detail["curve"]] == [1, 2, 3]
    assert top.detail["recipe"]["learning_rate"] == 0.02
    assert top.detail["recipe"]["label_smoothing"] == 0.1
    assert top.detail["recipe"]["batch_norm_recalibrated"]
    assert top.detail["weights"] == "random"
    assert top.detail["held_out_pool"] == 1797 == top.detail["train_images"] + top.detail["test_images"]
    other = subject(entry, dataset="synthetic", image_size=16, steps=1, seeds=1, test_images=20)
    assert next(iter(finetune.measure(other))).detail["held_out_pool"] == 500


def test_heads_that_do_not_fit_are_dropped_and_others_kept() -> None:
    """The values of weights do not matter here: filling those of Inception takes a second."""
    with building.without_initialisation():
        network, detail = learner(subject("inception_v3", image_size=80), 10, seed=0)
    assert network.AuxLogits is None
    assert "too small" in detail["auxiliary_dropped"]
    with building.without_initialisation():
        network, detail = learner(subject("googlenet", image_size=80), 10, seed=0)
    assert None not in (network.aux1, network.aux2)
    assert detail["auxiliary_dropped"] is None


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


def test_gradient_ratios_before_and_after_training_are_of_the_same_batch() -> None:
    """At a learning rate of 0 training changes no weight; it takes digits of 32 px, the gradient ratio those of 48."""
    made = subject(own(learning_rate=0.0), image_size=48, steps=1, seeds=2, every_seed=True, test_images=20)
    before = next(iter(gradients.measure(made)))
    top, _, after, _ = finetune.measure(made)
    assert top.detail["recipe"]["image_size"] == 32
    assert after.samples == pytest.approx(before.samples, rel=1e-4)
    assert after.detail == {"batch_of": "gradient_ratio", "image_size": 48}


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
    network, detail = learner(subject("resnet18", weights="auto"), 10, seed=0)
    assert detail["weights"] == "IMAGENET1K_V1"
    assert torch.equal(network.conv1.weight, checkpoint["conv1.weight"])
    assert network.fc.weight.shape == (10, 512)


def test_a_training_step_trains() -> None:
    network, batch, recipe, _ = exercise(subject(own()), "cpu")
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
    found = {depth: curves(depth, seed) for depth in (20, 56)}
    flows = {
        depth: {kind: early_over_late(curve) or 0.0 for kind, curve in each.items()} for depth, each in found.items()
    }
    assert all(len(curve) == 20 for curve in found[20].values())
    deep = flows[56]
    assert deep["plain_norm"] > 10 * flows[20]["plain_norm"]
    assert deep["plain_norm"] > 10 * max(deep["residual_norm"], deep["dense_norm"], deep["plain"])
    assert min(deep["residual_norm"], deep["dense_norm"]) > 1


def test_the_record_has_the_gradients_of_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One per weighted layer in the order of their use; the ratio of the ends keeps its meaning."""
    images = torch.rand(8, 3, 16, 16), torch.arange(8)
    monkeypatch.setattr("reporter.worker.learning.training_steps.load_images", lambda *_: (images, images, 10))
    made = subject(own(build=lambda classes: stacked(20, skip=True, norm=True)), batch_size=4, seeds=2)
    ratio, flow = gradients.measure(made)
    assert flow.detail["layers"][0] == "0"
    assert len(flow.detail["layers"]) == len(flow.detail["relative_gradients"]) == 20
    assert len(flow.samples) == len(ratio.samples) == 2
    assert ratio.samples[0] == ratio_of_ends(initial_gradients(made, images, 10, 0))


def reference_recipes() -> dict[str, dict[str, int]]:
    """The recipes in the committed reference run, with the number of images that are held out and trained on."""
    found = {}
    for path in (ROOT / "results" / "reference" / "records").glob("*/*.json"):
        if not path.name.endswith(".kernels.json"):
            record = json.loads(path.read_text(encoding="utf-8"))
            detail = record["readings"]["finetune_top1"]["detail"]
            images = {key: detail[key] for key in ("test_images", "train_images")}
            found[record["architecture"]] = detail["recipe"] | images
    return found


def test_the_protocol_in_the_docs_is_that_of_the_code() -> None:
    """Each number of docs/finetuning.md, as the code has it."""
    text = " ".join((ROOT / "docs" / "finetuning.md").read_text(encoding="utf-8").split())
    usual = Conditions(**PRESETS["standard"])
    thorough = Conditions(**PRESETS["thorough"])
    side = dataset("digits").side
    (digits,) = {int(recipe["test_images"] + recipe["train_images"]) for recipe in reference_recipes().values()}
    assert digits // 5 < thorough.test_images
    assert WARM_UP_SHARE == 1 / 5
    for sentence in (
        f"{usual.steps} batches of {usual.batch_size} images in a standard run, {thorough.steps} in a thorough one",
        f"seeds from `--first-seed` ({usual.first_seed}): {usual.seeds} in a standard run, {thorough.seeds} in a",
        f"digits at {side} pixels, which have 8 x 8 to begin with, other data sets at {usual.image_size}",
        f"does not take {side} pixels gets the next multiple of {SIDE_STEP} that it takes",
        f"for each seed {usual.test_images} in a standard run, {thorough.test_images} in a thorough one",
        f"every seed splits all {digits:,}, and a fifth at most is held out: {digits // 5} in a thorough run",
        "linear warm-up over a fifth of the steps",
        f"estimated again on {CALIBRATION_BATCHES * usual.batch_size} training images",
        f"Fewer than {FEWEST_STEPS} steps or {FEWEST_IMAGES} held-out images are marked",
        f"in {usual.steps} steps, the architectures without batch norm",
        f"at a learning rate of {PROBE_RATE} for every architecture",
        f"measured on a batch of images of {usual.image_size} pixels",
    ):
        assert sentence in text
    assert PRESETS["quick"]["steps"] == 0, "`--preset quick` measures no accuracy"


def test_committed_runs_follow_the_protocol_in_the_docs() -> None:
    usual = PRESETS["standard"]
    recipes = reference_recipes()
    assert {(r["steps"], r["seeds"], r["batch_size"], r["test_images"]) for r in recipes.values()} == {
        (usual["steps"], usual["seeds"], Conditions(**usual).batch_size, usual["test_images"])
    }
    runs = training.rows()
    assert {(row["recipe"]["steps"], row["test_images"]) for row in runs} == {(usual["steps"], usual["test_images"])}
    larger = {name: recipe["image_size"] for name, recipe in recipes.items() if recipe["image_size"] > 32}
    assert larger == {row["architecture"]: size for row in runs if (size := row["recipe"]["image_size"]) > 32}
    assert larger == {"alexnet": 64, "inception_v2": 80, "inception_v3": 80}
    text = " ".join((ROOT / "docs" / "finetuning.md").read_text(encoding="utf-8").split())
    assert "(AlexNet 64, Inception v2 and v3 80)" in text
