"""Networks as people write them, trained: what they return, how their weights are made, and what is not defined."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import own, small, subject
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from reporter.model import Metric, Reading, ReporterError
from reporter.model.attempts import one_line
from reporter.registry.catalog import collect
from reporter.worker import outputs
from reporter.worker.entry import measure
from reporter.worker.learning.finetuning import Recipe, fine_tune, loss_of, optimizer_of, recalibrate, step_of, top1
from reporter.worker.learning.training_steps import gradient_ratio, learner
from reporter.worker.references import load
from reporter.worker.trial import trial
from reporter.worker.variants.mode_preparation import ModePreparation
from reporter.worker.weights.classifier_heads import with_classes

pytestmark = pytest.mark.usefixtures("digits_once")
FIELD = Path(__file__).parent / "data" / "field_cases"
METRICS = collect("reporter.metrics", Metric)
RECIPE = Recipe(learning_rate=1e-2, label_smoothing=0.0, auxiliary_loss=0.0, steps=2, batch_size=4)
SHORT = {"image_size": 32, "steps": 2, "seeds": 1, "test_images": 8, "seconds": 0.02, "goal": 0.5}
DATA = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 4


def field(reference: str, metric: str) -> dict[str, Reading]:
    """The readings of a metric for one of the field cases, taken as a worker takes them."""
    readings = measure(METRICS[metric], subject(load(f"{FIELD}/{reference}"), **SHORT))
    return {reading.quantity.key: reading for reading in readings}


# What a network returns

Named = namedtuple("Named", "features logits")
SCORES, FEATURES, OTHER = torch.randn(5, 4), torch.randn(5, 7), torch.randn(5, 4)


@dataclass
class Output:
    features: Any = None
    scores: Any = None


class Plain:
    def __init__(self) -> None:
        self.features, self.label = FEATURES, "cat"
        self.anything = SCORES


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        (SCORES, FEATURES),
        [FEATURES, SCORES],
        (SCORES, OTHER),
        {"features": FEATURES, "whatever": SCORES},
        {"aux": OTHER, "out": SCORES},
        {"x": OTHER, "logits": SCORES, "features": FEATURES},
        {"pred": {"class": SCORES}, "n": 3},
        {"aux_1": OTHER, "main_1": SCORES},
        Named(OTHER, SCORES),
        Output(OTHER, SCORES),
        Output(None, SCORES),
        (Output(FEATURES, SCORES), None),
        Plain(),
        SCORES[:, :, None, None],
    ],
)
def test_the_scores_are_recognized(output: Any) -> None:
    assert torch.equal(outputs.scores(output, 4), SCORES)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"embedding": FEATURES, "map": FEATURES[..., None].expand(5, 7, 4)},
         r"returns a dict with the keys embedding \(5 x 7\), map \(5 x 7 x 4\); none is N x 4"),
        (FEATURES, "returns a tensor of 5 x 7; none is N x 4"),
        ([FEATURES], r"returns a list with the items 0 \(5 x 7\); none is N x 4"),
        (Output(FEATURES), r"returns an Output with the keys features \(5 x 7\); none is N x 4"),
        (None, "returns a NoneType without a tensor"),
        ({"left": SCORES, "right": OTHER}, "'left', 'right' are all N x 4: name the class scores 'logits'"),
    ],
)  # fmt: skip
def test_what_is_not_recognized_is_described(output: Any, words: str) -> None:
    with pytest.raises(ReporterError, match=words):
        outputs.scores(output, 4)


def test_candidates_of_several_widths_are_not_said_to_have_one() -> None:
    """Without a number of classes: of a tuple, neither the first nor the last is taken without a reason."""
    for output in ({"probabilities": SCORES, "embedding": FEATURES}, (FEATURES, SCORES)):
        first, second = ("'probabilities'", "'embedding'") if isinstance(output, dict) else ("'0'", "'1'")
        words = f"; each of {first}, {second} may be the class scores: name the class scores 'logits'"
        with pytest.raises(ReporterError, match=words):
            outputs.scores(output)
    assert outputs.scores((SCORES, OTHER)) is SCORES


class Fixed(nn.Module):
    """A network with 7 classes, whose features come from a linear layer or not, and what it returns of them."""

    def __init__(self, linear: bool, pack: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.stem, self.neck = nn.Conv2d(3, 8, 1), nn.Linear(8, 16) if linear else nn.Hardswish()
        self.head, self.side, self.pack = nn.Linear(16 if linear else 8, 7), nn.Linear(8, 5), pack

    def forward(self, images: Tensor) -> Any:
        pooled = self.stem(images).mean((2, 3))
        features = self.neck(pooled)
        return self.pack(features, self.head(features))


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(
    "pack",
    [
        lambda features, scores: (features, scores),
        lambda features, scores: (scores, features),
        lambda features, scores: {"features": features, "classes": scores},
    ],
    ids=["features first", "scores first", "dict"],
)
def test_the_scores_of_a_network_without_a_number_of_classes_are_what_its_last_linear_layer_makes(
    linear: bool, pack: Callable[[Tensor, Tensor], Any]
) -> None:
    network: Any = Fixed(linear, pack)
    made = subject(own(build=lambda classes: Fixed(linear, pack), classes=0), image_size=32)
    assert made.classes == 7
    assert with_classes(network, 4, 32).head.out_features == 4
    assert getattr(network.neck, "out_features", 16) == 16


def test_outputs_of_modes_are_checked_by_the_scores_of_a_network_without_a_number_of_classes(tmp_path: Path) -> None:
    entry = own(build=lambda _: Fixed(False, lambda features, scores: (features, scores)), classes=0)
    preparation = ModePreparation(subject(entry, image_size=32), tmp_path)
    with torch.inference_mode():
        assert preparation._reference.scores.shape[1] == 7


def test_two_linear_layers_that_may_make_the_scores_are_a_reason() -> None:
    class Projecting(Fixed):
        def forward(self, images: Tensor) -> Any:
            features = self.stem(images).mean((2, 3))
            return self.head(features), self.side(features)

    with pytest.raises(ReporterError, match=r"tuple with the items 0 \(1 x 7\), 1 \(1 x 5\); each of '0', '1' may be"):
        with_classes(Projecting(False, dict), 4, 32)


@pytest.mark.parametrize(
    ("order", "notice"), [("features, self.head(features)", False), ("features, features[:, :5]", True)]
)
def test_the_first_pass_reports_scores_that_cannot_be_recognized(tmp_path: Path, order: str, notice: bool) -> None:
    path = tmp_path / "fixed.py"
    path.write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 7)\n    def forward(self, images):\n"
        f"        features = self.stem(images).mean((2, 3))\n        return {order}\ndef build():\n    return Net()\n"
    )
    words = "each of '0', '1' may be the class scores: name the class scores 'logits'; it is not trained"
    assert (words in trial(f"{path}:build").get("notice", "")) == notice


def test_an_object_that_contains_itself_ends() -> None:
    output: dict[str, Any] = {}
    output["self"] = output
    assert list(outputs.tensors(output)) == []


def test_other_scores_are_weighted_only_where_the_architecture_says_so() -> None:
    labels = torch.arange(5) % 4
    alone = loss_of(SCORES, labels, RECIPE, 4)
    heads = Recipe(**{**vars(RECIPE), "auxiliary_loss": 0.5})
    for more in ((FEATURES,), (OTHER,), (OTHER, FEATURES)):
        assert torch.equal(loss_of((SCORES, *more), labels, RECIPE, 4), alone)
        expected = alone + (0.5 * loss_of(OTHER, labels, RECIPE, 4) if OTHER is more[0] else 0)
        assert torch.equal(loss_of((SCORES, *more), labels, heads, 4), expected)


class Wrapped(nn.Module):
    """A network whose scores come in some packing."""

    def __init__(self, classes: int, pack: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.net, self.pack = small(classes), pack

    def forward(self, images: Tensor) -> Any:
        return self.pack(self.net(images), self.net[0](images).flatten(1))


PACKINGS = {
    "dict": lambda scores, features: {"features": features, "scores": scores},
    "pair": lambda scores, features: (scores, features),
    "turned": lambda scores, features: [features, scores],
    "dataclass": lambda scores, features: Output(features, scores),
    "named": lambda scores, features: Named(features, scores),
}


@pytest.mark.parametrize("name", PACKINGS)
def test_a_packing_trains_as_the_scores_alone_do(name: str) -> None:
    courses = []
    for pack in (lambda scores, _: scores, PACKINGS[name]):
        torch.manual_seed(0)
        network = Wrapped(4, pack)
        courses.append(fine_tune(network, DATA, DATA, RECIPE, 4))
    assert courses[0] == courses[1]
    assert top1(network, DATA, classes=4) == courses[0].top1


def test_a_new_head_replaces_the_layer_that_makes_the_scores() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.side = nn.Linear(3, 7), nn.Linear(3, 7)

        def forward(self, images: Tensor) -> Any:
            features = images.mean((2, 3))
            return {"logits": self.head(features), "more": self.side(features)}

    network: Any = with_classes(Two(), 4, 32)
    assert (network.head.out_features, network.side.out_features) == (4, 7)


# The field cases

TRAINED = [
    "forms.py:weight_norm", "forms.py:old_weight_norm", "forms.py:spectral_norm", "forms.py:gives_pair",
    "forms.py:gives_dict", "forms.py:gives_list", "forms.py:bn_without_statistics", "forms.py:complex_weights",
    "forms.py:half", "forms.py:bfloat16", "forms.py:double", "more.py:pruned", "more.py:conv1d_only",
    "more.py:aux_head_named", "more.py:momentum_none", "more.py:aux_first", "late.py:deep_supervision",
]  # fmt: skip
UNDEFINED = {
    "forms.py:frozen": "the weights of the first layer, stem, are frozen, so they have no gradient",
    "forms.py:functional": "no convolution or linear layer holds its weights, so there is no ratio of gradients",
}


@pytest.mark.parametrize("reference", [*TRAINED, *UNDEFINED])
def test_a_field_case_is_fine_tuned(reference: str) -> None:
    """With its gradient ratio, or with the reason why that alone is not defined."""
    readings = field(reference, "finetune")
    assert readings["finetune_top1"].status == "ok"
    ratio = readings["gradient_ratio_trained"]
    expected = ("unsupported", UNDEFINED[reference]) if reference in UNDEFINED else ("ok", None)
    assert (ratio.status, ratio.reason) == expected
    initial = field(reference, "gradients")["gradient_ratio"]
    assert (initial.status, initial.reason) == expected


def test_the_gradient_flow_needs_no_gradient_in_the_first_layer() -> None:
    def build(classes: int) -> nn.Module:
        stem, body = nn.Conv2d(3, 8, 3).requires_grad_(False), nn.Conv2d(8, 8, 3)
        return nn.Sequential(stem, nn.ReLU(), body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))

    ratio, flow = measure(METRICS["gradients"], subject(own(build=build), **SHORT))
    assert (ratio.status, ratio.reason) == (
        "unsupported",
        "the weights of the first layer, 0, are frozen, so they have no gradient",
    )
    assert flow.measured
    assert flow.detail["layers"] == ["2", "5"]


@pytest.mark.parametrize("reference", ["more.py:momentum_none", "more.py:normalise_no_classes", "forms.py:gives_dict"])
def test_a_field_case_has_a_training_step_and_its_memory(reference: str) -> None:
    (step,) = field(reference, "train_step_cpu").values()
    (memory,) = field(reference, "memory_training").values()
    assert step.measured, step.reason
    assert memory.measured, memory.reason
    assert ("counted_on" in memory.detail) == (reference != "forms.py:gives_dict")


def test_memory_on_the_cpu_is_that_on_meta() -> None:
    class Reading(nn.Sequential):
        """Reads a value of its input, which meta tensors do not have."""

        def forward(self, images: Tensor) -> Tensor:
            assert float(images.detach()[0, 0, 0, 0]) < 1e9
            return super().forward(images)

    plain, reads = (
        measure(METRICS["memory_training"], subject(own(build=build), image_size=32))[0]
        for build in (small, lambda classes: Reading(*small(classes)))
    )
    assert ("counted_on" in plain.detail, "counted_on" in reads.detail) == (False, True)
    assert reads.value == pytest.approx(plain.value, rel=0.02)


@pytest.mark.parametrize(("kernel", "fits"), [(3, True), (24, False)])
def test_an_auxiliary_head_is_dropped_only_where_images_are_too_small_for_it(kernel: int, fits: bool) -> None:
    """In a network that meta tensors do not support too; for 16 px, the head has no place for a kernel of 24."""

    class Side(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, classes)
            self.aux = nn.Sequential(nn.Conv2d(8, classes, kernel), nn.AdaptiveAvgPool2d(1), nn.Flatten())

        def forward(self, images: Tensor) -> Any:
            maps = self.stem(images * float(images.isfinite().all()))
            scores = self.head(maps.mean((2, 3)))
            return (scores, self.aux(maps)) if self.training else scores

    made, numbers = subject(own(build=Side), weights="random", image_size=16), []
    assert made.heads == ("aux",)
    for seed in (0, 1):
        _, about = learner(made, 4, seed)
        numbers.append(torch.rand(1))
        assert (about["auxiliary_dropped"] is None) == fits
    assert numbers[0] != numbers[1]  # each seed has its own dropout


def test_what_does_not_learn_has_neither_gradients_nor_moments() -> None:
    (memory,) = field("forms.py:frozen", "memory_training").values()
    assert (memory.detail["optimizer"], memory.detail["gradients"]) == (20_560, 10_280)


@pytest.mark.parametrize("reference", ["more.py:nan_in_pair", "more.py:nan_in_dict"])
def test_nan_inside_a_container_is_found(reference: str) -> None:
    (latency,) = field(reference, "latency_cpu").values()
    assert (latency.status, latency.reason) == ("failed", "the output contains NaN")


def test_the_record_says_which_adamw_trained() -> None:
    for reference, words in (("forms.py:complex_weights", "AdamW, not fused (complex64 weights)"),
                             ("forms.py:gives_list", "AdamW")):  # fmt: skip
        assert field(reference, "finetune")["finetune_top1"].detail["recipe"]["optimizer"] == words
        assert field(reference, "train_step_cpu")["train_step_cpu"].detail["optimizer"] == words


def test_all_frozen_is_a_reason() -> None:
    with pytest.raises(ValueError, match="no weight requires a gradient"):
        optimizer_of(small(4).requires_grad_(False), RECIPE)


# The parts


def test_the_gradient_ratio_of_a_computed_weight_is_that_of_the_weight_itself() -> None:
    torch.manual_seed(0)
    plain = small(4)
    expected = gradient_ratio(plain, DATA, 4, 0, 4)
    for change in (parametrizations.weight_norm, nn.utils.weight_norm):
        torch.manual_seed(0)
        network = small(4)
        change(network[0][0])
        assert gradient_ratio(network, DATA, 4, 0, 4) == pytest.approx(expected, rel=1e-4)
    assert parametrize.is_parametrized(network[0][0]) is False


def test_the_gradient_ratio_is_the_same_with_activation_checkpointing() -> None:
    """The layers of its blocks run once more in the backward pass, the last of them those of the first block."""
    ratios = []
    for name in ("kept", "checkpointed"):
        torch.manual_seed(0)
        network = load(f"{FIELD}/forms.py:{name}").build(4)
        ratios.append(gradient_ratio(network, DATA, 4, 0, 4))
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-4)


def test_recalibration_where_batch_norm_accumulates_or_keeps_nothing() -> None:
    images = torch.randn(64, 3, 4, 4) * 5 + 7
    network = nn.Sequential(nn.BatchNorm2d(3, momentum=None), nn.BatchNorm2d(3, track_running_stats=False))
    recalibrate(network, (images, torch.zeros(64)), 32, seed=0)
    assert network[0].running_mean.tolist() == pytest.approx(images.mean((0, 2, 3)).tolist(), abs=0.3)
    assert network[0].running_var.tolist() == pytest.approx(images.var((0, 2, 3)).tolist(), rel=0.1)
    assert network[0].momentum is None


class Kept(nn.BatchNorm2d):
    """Batch norm that stays as it was loaded while its network trains."""

    def train(self, mode: bool = True) -> Kept:
        super().train(False)
        return self


def test_recalibration_leaves_statistics_that_stay_in_evaluation_mode() -> None:
    data = torch.randn(64, 3, 4, 4), torch.zeros(64)
    network = nn.Sequential(Kept(3), nn.BatchNorm2d(3))
    network[0].running_mean.fill_(7.0)
    assert recalibrate(network, data, 32, seed=0)
    assert network[0].running_mean.tolist() == [7.0] * 3
    assert network[1].running_mean.tolist() == pytest.approx([-7.0] * 3, abs=0.2)
    assert network[1].momentum == 0.1
    assert not recalibrate(nn.Sequential(Kept(3)), data, 32, seed=0)


def test_recalibration_leaves_statistics_that_no_image_reaches() -> None:
    class Chosen(nn.Module):
        """Two experts, of which the second is for images that are not among these."""

        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ModuleList(nn.BatchNorm2d(3) for _ in range(2))

        def forward(self, images: Tensor) -> Any:
            return self.experts[int(images.mean() > 100)](images)

    network = Chosen()
    for expert in network.experts:
        expert.running_mean.fill_(7.0)
        expert.num_batches_tracked.fill_(5)
    assert recalibrate(network, (torch.randn(64, 3, 4, 4), torch.zeros(64)), 32, seed=0)
    assert network.experts[0].running_mean.tolist() == pytest.approx([0.0] * 3, abs=0.2)
    assert network.experts[1].running_mean.tolist() == [7.0] * 3
    assert int(network.experts[1].num_batches_tracked) == 5


def test_half_precision_trains() -> None:
    torch.manual_seed(0)
    network = small(4).half()
    before = network[2].weight.clone()
    loss = step_of(network, RECIPE, 4)(DATA[0].half(), DATA[1])
    assert loss.isfinite()
    assert not torch.equal(network[2].weight, before)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("", "no message"),
        ("\n first\nsecond", "first"),
        ("two options, \x1b[1mdo those steps\x1b[0m only\nmore", "two options, do those steps only"),
        ("\x1b]0;title\x07named", "named"),
        ("Errors in loading:\n\t missing a.weight", "Errors in loading: missing a.weight"),
        (
            "failed\nTraceback of TorchScript (most recent call last):\n  File x\nRuntimeError: bad shape\n",
            "RuntimeError: bad shape",
        ),
        ("a\x00b\u202ec", r"ab\u202ec"),
        ("x" * 900, "x" * 300),
    ],
)
def test_a_reason_is_one_line_without_control_characters(text: str, line: str) -> None:
    assert one_line(text) == line


class Squeezed(nn.Module):
    """Returns N x classes for a batch, and a tensor of one dimension for one image."""

    def __init__(self, classes: int, named: bool = False) -> None:
        super().__init__()
        self.stem, self.fc, self.named = nn.Conv2d(3, 8, 1), nn.Linear(8, classes), named

    def forward(self, images: Tensor) -> Any:
        pooled = self.stem(images).relu().mean((2, 3), keepdim=True).squeeze()
        return {"features": pooled, "logits": self.fc(pooled)} if self.named else self.fc(pooled)


@pytest.mark.parametrize("named", [True, False])
def test_squeezed_scores_of_one_image_are_recognized(tmp_path: Path, named: bool) -> None:
    """Where the number of classes is known, where it is to be found, and where a mode is checked."""
    assert outputs.scores(torch.randn(7), 7).shape == (1, 7)
    assert outputs.scores((torch.randn(5), SCORES), 4).shape == (5, 4)
    for output in (torch.randn(1), torch.randn(()), torch.arange(7), torch.randn(6)):
        with pytest.raises(ReporterError, match="none is N x 7"):
            outputs.scores(output, 7)
    entry = own(build=lambda _: Squeezed(7, named), classes=0)
    assert subject(entry, image_size=32).classes == 7
    network: Any = with_classes(Squeezed(7, named), 4, 32)
    assert network.fc.out_features == 4
    preparation = ModePreparation(subject(entry, image_size=32), tmp_path)
    with torch.inference_mode():
        assert preparation._reference.scores.shape[1] == 7
    trained = measure(METRICS["finetune"], subject(own(build=lambda classes: Squeezed(classes, named)),
                                                   **{**SHORT, "test_images": 33}))  # fmt: skip
    assert trained[0].status == "ok"
