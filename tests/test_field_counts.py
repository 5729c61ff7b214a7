"""Counts of networks as people write them, each held against a number derived by hand.

Stem Conv2d(3, 8, 3, stride 4, padding 1, no bias) on 224 px: 216 weights, 56 x 56 x 216 = 677,376 multiply-adds. Head
Linear(8, 1000): 9,000 weights, 8,000 multiply-adds. `mix`, 3 x 3 and 8 -> 8 on 56 x 56: 576 and 1,806,336.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from commands import QUICK, call
from networks import CONDITIONS
from networks import own as small_entry
from torch import Tensor, nn
from torch.nn import functional

from reporter.model import Metric, Reading
from reporter.registry.catalog import collect
from reporter.worker import references
from reporter.worker.counts.packed_weights import unlisted
from reporter.worker.entry import measure
from reporter.worker.input_format import form
from reporter.worker.subject import Subject

CASES = Path(__file__).parent / "data" / "field_cases"
METRICS = collect("reporter.metrics", Metric)
STATIC = ("size", "compute", "memory_inference", "memory_training", "structure", "fvcore_macs")
STEM, HEAD, MIX = (216, 677_376), (9_000, 8_000), (576, 1_806_336)
BASE = (STEM[0] + HEAD[0], STEM[1] + HEAD[1])


def case(reference: str) -> Subject:
    return Subject(references.load(f"{CASES}/{reference}"), "cpu", CONDITIONS.model_copy(update={"image_size": 224}))


def built(build: Any, **more: Any) -> Subject:
    return Subject(small_entry(build, **more), "cpu", CONDITIONS.model_copy(update={"image_size": 32}))


def readings(made: Subject, *metrics: str) -> dict[str, Reading]:
    return {r.quantity.key: r for name in metrics or STATIC for r in measure(METRICS[name], made)}


COUNTS = {
    "counts.py:plain": (*BASE, 2),
    "counts.py:tied_drawn": (BASE[0] + MIX[0], BASE[1] + 2 * MIX[1], 4),
    "counts.py:tied_read": (BASE[0] + MIX[0], BASE[1] + 2 * MIX[1], 4),
    "counts.py:tied_plain": (BASE[0] + MIX[0], BASE[1] + 2 * MIX[1], 4),
    "counts.py:shared_inside": (BASE[0] + MIX[0], BASE[1] + 2 * MIX[1], 4),
    "counts.py:bilinear": (216 + 65_000, 677_376 + 1000 * (8 * 8 + 8), 2),
    "counts.py:deform": (BASE[0] + 8 * 18 * 9 + 18 + MIX[0], BASE[1] + 56 * 56 * 8 * 18 * 9 + MIX[1], 4),
    "counts.py:matrix_vector": (216 + 8_000, BASE[1], 2),
    "counts.py:lstm": (216 + 4 * 16 * (8 + 16 + 2) + 17_000, 677_376 + 56 * 4 * 16 * (8 + 16) + 16_000, 58),
    "counts.py:einsum": (BASE[0] + 64, BASE[1] + 2 * 56 * 56 * 64, 3),
    "counts.py:aux_in_use": (BASE[0] + MIX[0], BASE[1] + MIX[1], 3),
    "counts.py:autograd_function": (*BASE, 2),
    "counts.py:data_parallel": (*BASE, 2),
    "meta.py:normalise_in_forward": (*BASE, 2),
    "meta.py:plain_attribute": (*BASE, 2),
    "meta.py:zeros_in_forward": (*BASE, 2),
    "meta.py:branch_on_data": (*BASE, 2),
    "meta.py:boolean_index": (*BASE, 2),
    "meta.py:arange_in_forward": (BASE[0] + 56 * 8, BASE[1], 2),
    "forms.py:gives_dict": (*BASE, 2),
    "forms.py:gives_list": (*BASE, 2),
    "forms.py:gives_pair": (*BASE, 2),
    "forms.py:lazy": (*BASE, 2),
    "forms.py:weight_norm": (BASE[0] + 8, BASE[1], 2),
    "forms.py:old_weight_norm": (BASE[0] + 8, BASE[1], 2),
    "forms.py:spectral_norm": (*BASE, 2),
    "forms.py:half": (*BASE, 2),
    "forms.py:bfloat16": (*BASE, 2),
    "forms.py:double": (*BASE, 2),
    "forms.py:complex_weights": (BASE[0] + 8 * 56 * 29, BASE[1], 2),
    "forms.py:scripted": (*BASE, 2),
    "forms.py:functional": (*BASE, 2),
    "more.py:pruned": (*BASE, 2),
    "more.py:aux_first": (*BASE, 2),
    "more.py:aux_head_named": (*BASE, 2),
    "late.py:deep_supervision": (*BASE, 2),
}
"""Parameters, multiply-adds and depth. Weight norm has a length for each of the 8 filters; LSTM runs 56 steps."""


@pytest.mark.parametrize("reference", COUNTS)
def test_counts_are_those_by_hand(reference: str) -> None:
    found = readings(case(reference), "size", "compute", "structure")
    assert tuple(found[key].value for key in ("parameters", "macs", "depth")) == COUNTS[reference]
    stages = found["layers"].detail["stages"]
    assert min(min(stage["parameters"], stage["macs"]) for stage in stages) >= 0
    assert sum(stage["macs"] for stage in stages) == found["macs"].value
    assert sum(stage["parameters"] for stage in stages) == found["parameters"].value
    assert found["block_parameters"].value is None or found["block_parameters"].value <= found["parameters"].value


@pytest.mark.parametrize(("reference", "more"), [("forms.py:instance_weight_norm", 8), ("more.py:instance_pruned", 0)])
def test_an_instance_with_computed_weights_is_measured_as_a_function_that_builds_it(reference: str, more: int) -> None:
    found = readings(case(reference), "size", "compute", "train_step_cpu")
    assert (found["parameters"].value, found["macs"].value) == (STEM[0] + more + 90, STEM[1] + 80)
    assert found["train_step_cpu"].measured


@pytest.mark.parametrize(
    ("reference", "size"),
    [("counts.py:tied_drawn", 4), ("counts.py:tied_read", 4), ("forms.py:half", 2), ("forms.py:bfloat16", 2),
     ("forms.py:double", 8), ("forms.py:lazy", 4)],
)  # fmt: skip
def test_bytes_are_those_of_the_data_type(reference: str, size: int) -> None:
    """The peak is the stem's output and what ReLU makes of it; where two 3 x 3 layers follow, three are alive."""
    made = case(reference)
    found = readings(made, "size", "memory_inference", "memory_training", "latency_cpu_1thread")
    assert found["weights_bytes"].value == size * COUNTS[reference][0]
    assert found["peak_activation_bytes"].value == size * (3 if "tied" in reference else 2) * 8 * 56 * 56
    assert found["peak_activation_bytes"].detail["image"] == size * 3 * 224 * 224
    assert found["peak_training_bytes"].detail["batch"] == size * 4 * 3 * 224 * 224 + 4 * 8
    assert found["latency_cpu_1thread"].measured


def test_only_what_learns_has_gradients_and_moments() -> None:
    found = readings(case("forms.py:frozen"), "size", "memory_training")
    assert found["parameters"].value == 18_648 + 2_570
    assert found["parameters"].detail["trainable"] == 2_570
    detail = found["peak_training_bytes"].detail
    assert (detail["optimizer"], detail["gradients"]) == (20_560, 10_280)


@pytest.mark.parametrize("name", ["normalise_in_forward", "plain_attribute", "zeros_in_forward", "branch_on_data",
                                  "boolean_index"])  # fmt: skip
def test_a_pass_on_the_cpu_is_marked(name: str) -> None:
    found = readings(case(f"meta.py:{name}"))
    for key in ("macs", "activations", "depth", "peak_activation_bytes", "peak_training_bytes", "layers"):
        assert found[key].measured
        assert found[key].detail["counted_on"] == "cpu"
        assert str(found[key].verdict.reason).startswith("counted by a forward pass on the CPU, because meta tensors")
    assert found["macs_fvcore"].value == BASE[1]
    assert found["macs_fvcore"].detail["verdict"] == "agree"
    assert found["parameters"].reason is None


class Body(nn.Module):
    """A 1 x 1 convolution on 32 px, 8 channels; then `middle`, the mean and a linear layer."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, classes)

    def middle(self, maps: Tensor) -> Any:
        return maps

    def forward(self, images: Tensor) -> Any:
        return self.head(self.middle(self.stem(images)).mean((2, 3)))


MACS = 32 * 32 * 24 + 8_000


class Item(Body):
    def middle(self, maps: Tensor) -> Tensor:
        return maps / maps.abs().max().item()


class Lists(Body):
    def middle(self, maps: Tensor) -> Tensor:
        return maps[maps.amax((1, 2, 3)).tolist().index(float(maps.amax())) :][:1].expand_as(maps)


class Numpy(Body):
    def middle(self, maps: Tensor) -> Tensor:
        return maps + torch.from_numpy(maps.detach().numpy().copy())


class Nonzero(Body):
    def middle(self, maps: Tensor) -> Tensor:
        return maps * len(torch.nonzero(maps))


class Sorted(Body):
    def middle(self, maps: Tensor) -> Tensor:
        return maps * len(torch.unique(maps > 0))


@pytest.mark.parametrize("build", [Item, Lists, Numpy, Nonzero, Sorted])
def test_a_forward_pass_that_needs_values_is_counted_on_the_cpu(build: type[nn.Module]) -> None:
    found = readings(built(build), "size", "compute", "structure", "memory_inference")
    assert found["parameters"].value == 32 + 9_000
    assert (found["macs"].value, found["depth"].value) == (MACS, 2)
    assert found["macs"].detail["counted_on"] == "cpu"
    assert found["layers"].measured


def test_attention_and_recurrent_layers_are_counted_on_the_cpu_as_on_meta() -> None:
    """Fused by torch on the CPU; a query, a key and a value of 1,024 places by 8, in 2 heads, and 32 steps."""

    class Mixed(Body):
        def __init__(self, classes: int) -> None:
            super().__init__(classes)
            self.rows = nn.GRU(8, 8, batch_first=True)

        def middle(self, maps: Tensor) -> Tensor:
            places = maps.flatten(2).mT.unflatten(2, (2, 4)).transpose(1, 2)
            maps = functional.scaled_dot_product_attention(places, places, places).transpose(1, 2).flatten(2)
            return self.rows(maps[:, :32])[0].mT[..., None]

    class Reading(Mixed):
        def middle(self, maps: Tensor) -> Tensor:
            return super().middle(maps * float(maps.isfinite().all()))

    meta, cpu = (readings(built(build), "compute", "memory_inference") for build in (Mixed, Reading))
    assert cpu["macs"].detail["counted_on"] == "cpu"
    assert meta["macs"].value == cpu["macs"].value == MACS + 2 * 1024 * 1024 * 8 + 32 * 24 * 16
    assert meta["depth"].value == cpu["depth"].value


class ListTied(Body):
    """One parameter in every convolution of a list."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.layers = nn.ModuleList(nn.Conv2d(8, 8, 1, bias=False) for _ in range(3))
        shared = nn.Parameter(torch.randn(8, 8, 1, 1))
        for layer in self.layers:
            layer.weight = shared

    def middle(self, maps: Tensor) -> Tensor:
        for layer in self.layers:
            maps = layer(maps)
        return maps


class ViewTied(Body):
    """The head's weight is a view of a parameter that a function reads; both are parameters of one memory."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.table = nn.Parameter(torch.rand(8, classes))
        self.head.weight = nn.Parameter(self.table.detach().T)

    def middle(self, maps: Tensor) -> Tensor:
        return maps + self.table.mean()


class Recurrent(Body):
    """Two recurrent layers with one weight: what is shared has to stay shared in their lists of flat weights too."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.one, self.two = nn.RNN(8, 8, batch_first=True), nn.RNN(8, 8, batch_first=True)
        self.two.weight_hh_l0 = self.one.weight_hh_l0
        self.one.weight_ih_l0 = nn.Parameter(torch.randn(8, 8))
        self.two.weight_ih_l0 = self.one.weight_ih_l0

    def middle(self, maps: Tensor) -> Tensor:
        return self.two(self.one(maps.mean(2).mT)[0])[0].mT[..., None]


@pytest.mark.parametrize(
    ("build", "parameters", "weights"),
    [(ListTied, 9_032 + 64, 9_032 + 64), (ViewTied, 9_032 + 8_000, 9_032), (Recurrent, 9_032 + 128 + 32, 9_032 + 160)],
)
def test_what_is_shared_is_counted_once(build: type[nn.Module], parameters: int, weights: int) -> None:
    """Parameters are those that `parameters()` lists; bytes are those of the memory under them."""
    made = built(build)
    assert sum(weight.numel() for weight in made.real.parameters()) == parameters
    found = readings(made, "size", "memory_inference")
    assert (found["parameters"].value, found["weights_bytes"].value) == (parameters, 4 * weights)
    assert found["peak_activation_bytes"].value < 4 * 3 * 8 * 32 * 32


class Function(Body):
    """What an operator makes of maps N x 8 x 32 x 32 and a weight 8 x 8 or 8 x 8 x 8."""

    def __init__(self, classes: int, function: Any, dimensions: int) -> None:
        super().__init__(classes)
        self.function, self.weight = function, nn.Parameter(torch.randn(*[8] * dimensions))

    def middle(self, maps: Tensor) -> Tensor:
        made = self.function(maps, self.weight)
        return made if made.dim() == 4 else made.reshape(len(maps), 8, -1, 1)


PLACES = 32 * 32
OPERATORS = {
    "bilinear": (lambda maps, w: functional.bilinear(maps.mean((2, 3)), maps.amax((2, 3)), w), 3, 8 * (64 + 8)),
    "mv": (lambda maps, w: torch.stack([torch.mv(w, row) for row in maps.mean((2, 3))]), 2, 64),
    "addmv": (lambda maps, w: torch.stack([torch.addmv(row, w, row) for row in maps.mean((2, 3))]), 2, 64),
    "dot": (lambda maps, w: maps * torch.dot(maps[0].flatten(), maps[0].flatten()), 2, 8 * PLACES),
    "vector_matrix": (lambda maps, w: torch.stack([row @ w for row in maps.mean((2, 3))]), 2, 64),
    "bmm": (lambda maps, w: torch.bmm(w.expand(len(maps), 8, 8), maps.flatten(2)), 2, PLACES * 64),
    "baddbmm": (
        lambda maps, w: torch.baddbmm(maps.flatten(2), w.expand(len(maps), 8, 8), maps.flatten(2)), 2, PLACES * 64),
    "addbmm": (lambda maps, w: torch.addbmm(w, maps.flatten(2), maps.flatten(2).mT).expand(len(maps), 8, 8), 2,
               PLACES * 64),
    "einsum": (lambda maps, w: torch.einsum("nchw,dc->ndhw", maps, w), 2, PLACES * 64),
    "tensordot": (lambda maps, w: torch.tensordot(w, maps, ([1], [1])).movedim(1, 0), 2, PLACES * 64),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_products_of_any_operator_are_counted(name: str) -> None:
    function, dimensions, macs = OPERATORS[name]
    found = readings(built(lambda classes: Function(classes, function, dimensions)), "compute", "fvcore_macs")
    assert found["macs"].value == MACS + macs
    assert found["depth"].value == 3
    counted = found["macs_fvcore"]
    assert counted.measured, counted.reason
    if counted.detail["verdict"] == "agree":
        assert counted.value == MACS + macs


UNCOUNTED = {
    "aten::_fft_r2c": lambda maps, w: torch.fft.rfft(maps).real,
    "aten::grid_sampler_2d": lambda maps, w: functional.grid_sample(maps, maps[:, :2].movedim(1, 3)),
    "torchvision::roi_align": lambda maps, w: _regions(maps),
}


def _regions(maps: Tensor) -> Tensor:
    from torchvision.ops import roi_align

    return roi_align(maps, [maps.new_tensor([[0, 0, 9, 9]]) for _ in maps], 4)


@pytest.mark.parametrize("name", UNCOUNTED)
@pytest.mark.filterwarnings("ignore:Default grid_sample")
def test_what_has_no_formula_is_named_and_no_counter_agrees(name: str) -> None:
    found = readings(built(lambda classes: Function(classes, UNCOUNTED[name], 2)), "compute", "fvcore_macs")
    assert found["macs"].value == MACS
    assert found["macs"].detail["uncounted"] == {name: 1}
    assert name in str(found["macs"].verdict.reason)
    assert found["macs_fvcore"].detail["verdict"] != "agree"


def test_work_on_weights_alone_is_not_that_of_an_image() -> None:
    """Spectral norm multiplies its weight by two vectors in each pass; deployed, the result is folded in."""
    found = readings(case("forms.py:spectral_norm"), "compute", "fvcore_macs")
    assert found["macs"].value == found["macs_fvcore"].value == BASE[1]


class LowRank(nn.Module):
    """Adds a product of two matrices to a weight of 1000 x 8."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Parameter(torch.zeros(1000, 4)), nn.Parameter(torch.randn(4, 8))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.wide @ self.narrow


PARAMETRIZED = {
    "orthogonal stem": lambda body: nn.utils.parametrizations.orthogonal(body.stem),
    "orthogonal head": lambda body: nn.utils.parametrizations.orthogonal(body.head),
    "weight norm": lambda body: nn.utils.parametrizations.weight_norm(body.stem),
    "low rank": lambda body: nn.utils.parametrize.register_parametrization(body.head, "weight", LowRank()),
}


@pytest.mark.parametrize("name", PARAMETRIZED)
def test_work_of_a_parametrization_is_not_that_of_an_image(name: str) -> None:
    """An orthogonal weight is a product of matrices in each pass; the layer is one like any other."""

    def build(classes: int) -> nn.Module:
        network = Body(classes)
        PARAMETRIZED[name](network)
        return network

    plain, computed = (readings(built(made), "size", "compute", "structure") for made in (Body, build))
    for key in ("macs", "activations", "depth", "layers"):
        assert computed[key].value == plain[key].value
    assert "uncounted" not in computed["macs"].detail
    assert shown(computed["layers"]) == shown(plain["layers"])
    stages = computed["layers"].detail["stages"]
    for key in ("macs", "parameters"):
        assert sum(stage[key] for stage in stages) == computed[key].value


def shown(layers: Reading) -> list[list[object]]:
    """The names, kinds, outputs and MACs of layers and stages, without their parameters."""
    rows = [line.split("; ") for line in layers.detail["layers"]]
    stages = [[stage[key] for key in ("name", "kind", "level", "output", "macs")] for stage in layers.detail["stages"]]
    return [[*row[:3], row[4]] for row in rows] + stages


def test_repeated_blocks_of_weight_normed_layers_are_drawn() -> None:
    """Two of them, each with two convolutions of 576 weights and the lengths of 8 filters."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (
                nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 3, padding=1, bias=False)) for _ in range(2)
            )

        def forward(self, maps: Tensor) -> Tensor:
            return maps + self.second(functional.relu(self.first(maps)))

    class Stacked(Body):
        def __init__(self, classes: int) -> None:
            super().__init__(classes)
            self.blocks = nn.Sequential(Residual(), Residual())

        def middle(self, maps: Tensor) -> Any:
            return self.blocks(maps)

    block = readings(built(Stacked), "structure")["block_parameters"]
    assert (block.value, block.detail["kind"], block.detail["repeats"]) == (2 * (576 + 8), "Residual", 2)
    assert [row["op"] for row in block.detail["graph"]] == ["input", "Conv2d", "relu", "Conv2d", "add"]


class Training(Body):
    """Heads of all kinds: in use or only in training or never, at the top, nested or in a list, by any name."""

    def __init__(self, classes: int, used: str = "", training: str = "", idle: str = "") -> None:
        super().__init__(classes)
        self.used, self.training_only = used, training
        for path in filter(None, (used, training, idle)):
            *parents, name = path.split(".")
            owner: Any = self
            for parent in parents:
                owner.add_module(parent, nn.Module())
                owner = getattr(owner, parent)
            owner.add_module(name, nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)))

    def forward(self, images: Tensor) -> Any:
        features = self.stem(images).mean((2, 3))
        if self.used:
            features = self.get_submodule(self.used)(features)
        scores = self.head(features)
        if self.training and self.training_only:
            return scores, self.head(self.get_submodule(self.training_only)(features))
        return scores


SIDE = 8 * 8 + 8 + 16


@pytest.mark.parametrize(
    ("heads", "auxiliary"),
    [
        ({"used": "AuxLogits"}, False),
        ({"used": "aux_stem"}, False),
        ({"used": "feats.aux_head"}, False),
        ({"training": "aux1"}, True),
        ({"training": "aux_head"}, True),
        ({"training": "side"}, True),
        ({"training": "feats.deep.side"}, True),
        ({"idle": "aux2"}, True),
        ({"idle": "feats.aux_head"}, True),
        ({"idle": "spare"}, False),
    ],
    ids=str,
)
def test_an_auxiliary_head_is_what_evaluation_does_not_run(heads: dict[str, str], auxiliary: bool) -> None:
    found = readings(built(lambda classes: Training(classes, **heads)), "size", "structure")
    assert found["parameters"].value == 9_032 + SIDE * (not auxiliary)
    assert found["parameters_auxiliary"].value == SIDE * auxiliary
    buffers = 4 * 16 + 8
    assert found["weights_bytes"].value == 4 * 9_032 + (4 * SIDE + buffers) * (not auxiliary)
    assert sum(stage["parameters"] for stage in found["layers"].detail["stages"]) == found["parameters"].value


class Routed(Body):
    """Each image runs through one of two layers, by its mean."""

    def __init__(self, classes: int, threshold: float) -> None:
        super().__init__(classes)
        self.experts, self.threshold = nn.ModuleList(nn.Linear(8, 8) for _ in range(2)), threshold

    def forward(self, images: Tensor) -> Any:
        features = self.stem(images).mean((2, 3))
        chosen = [int(image.mean() > self.threshold) for image in images]
        return self.head(torch.stack([self.experts[place](row) for place, row in zip(chosen, features, strict=True)]))


def test_a_branch_that_the_image_decides_on_is_no_auxiliary_head() -> None:
    """Of the two images that a training pass takes, each runs through another layer."""
    threshold = float(built(Body).input(2, "cpu").mean((1, 2, 3)).mean())
    found = readings(built(lambda classes: Routed(classes, threshold)), "size")
    assert found["parameters"].value == 9_032 + 2 * 72
    assert found["parameters_auxiliary"].value == 0


def test_a_branch_that_is_chosen_after_batch_norm_is_no_auxiliary_head() -> None:
    """In training it centers the two images, so that they run through different layers; in evaluation it does not."""

    class Gated(Routed):
        def __init__(self, classes: int) -> None:
            super().__init__(classes, 0.0)
            self.norm = nn.BatchNorm1d(1, affine=False)

        def forward(self, images: Tensor) -> Any:
            return super().forward(images * 0 + self.norm(images.abs().mean((1, 2, 3))[:, None])[:, :, None, None])

    found = readings(built(Gated), "size")
    assert found["parameters"].value == 9_032 + 2 * 72
    assert found["parameters_auxiliary"].value == 0


def test_a_weight_of_two_auxiliary_heads_is_counted_once() -> None:
    class Supervised(Body):
        def __init__(self, classes: int) -> None:
            super().__init__(classes)
            self.side, self.deep = nn.Linear(8, classes), nn.Linear(8, classes)
            self.deep.weight = self.side.weight

        def forward(self, images: Tensor) -> Any:
            scores, features = super().forward(images), self.stem(images).mean((2, 3))
            return (scores, self.side(features), self.deep(features)) if self.training else scores

    found = readings(built(Supervised), "size")
    assert found["parameters"].value == 9_032
    assert found["parameters_auxiliary"].value == 8_000 + 2 * 1_000


def test_packed_weights_are_named_not_dropped() -> None:
    found = readings(case("more.py:quantised"))
    for key in ("parameters", "weights_bytes", "peak_training_bytes"):
        assert (found[key].status, found[key].reason) == ("unsupported", "packed weights are not counted: head")
    assert found["macs"].value == 677_376 + 80
    assert found["macs_fvcore"].status == "unsupported"


FROZEN = "weights that are constants of a frozen graph are not counted: "


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("forms.py:frozen_graph", f"{FROZEN}the whole network"),
        ("forms.py:frozen_half", f"{FROZEN}the whole network"),
        ("forms.py:frozen_backbone", f"{FROZEN}0"),
        ("forms.py:scripted_quantised", "packed weights are not counted: head"),
    ],
)
def test_weights_that_torchscript_stores_outside_parameters_are_named_not_dropped(reference: str, reason: str) -> None:
    found = readings(case(reference), "size", "memory_inference", "memory_training", "latency_cpu_1thread")
    for key in ("parameters", "weights_bytes", "peak_training_bytes"):
        assert (found[key].status, found[key].reason) == ("unsupported", reason)
    assert "weights" not in found["peak_activation_bytes"].detail
    assert found["latency_cpu_1thread"].measured


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("forms.py:onednn", "weights in the layout of oneDNN are not counted: 0, 3"),
        ("forms.py:onednn_stem", "weights in the layout of oneDNN are not counted: stem"),
        ("forms.py:onednn_graph", f"{FROZEN}the whole network"),
    ],
)
def test_weights_in_the_layout_of_onednn_are_named_and_nothing_of_them_is_counted(reference: str, reason: str) -> None:
    assert references.described(f"{CASES}/{reference}")["caution"] == reason
    found = readings(case(reference), *STATIC, "latency_cpu_1thread")
    for key in ("parameters", "weights_bytes", "peak_training_bytes", "peak_activation_bytes"):
        assert (found[key].status, found[key].reason) == ("unsupported", reason), key
    for key in ("macs", "activations", "depth", "layers", "block_parameters"):
        layout = "tensors in the layout torch._mkldnn cannot be counted"
        assert (found[key].status, found[key].reason) == ("unsupported", layout), key
    field = measure(METRICS["receptive_field"], case(reference))
    assert [each.reason for each in field] == ["windows are not followed through tensors in the layout torch._mkldnn"]
    assert not [key for key, each in found.items() if each.status == "failed"]
    assert found["latency_cpu_1thread"].measured


def test_operators_in_the_layout_of_onednn_are_not_counted() -> None:
    found = readings(case("forms.py:onednn_inside"), "size", "compute", "memory_inference", "latency_cpu_1thread")
    assert found["parameters"].value == BASE[0]
    for key in ("macs", "activations", "depth", "peak_activation_bytes"):
        layout = "tensors in the layout torch._mkldnn cannot be counted"
        assert (found[key].status, found[key].reason) == ("unsupported", layout), key
    assert found["latency_cpu_1thread"].measured


def test_views_of_constants_are_no_activations() -> None:
    """Of packed weights there are none: their peak is that of the network that was quantized."""
    peaks = {}
    for name in ("plain", "frozen_graph", "scripted_quantised"):
        reference = f"counts.py:{name}" if name == "plain" else f"forms.py:{name}"
        peaks[name] = readings(case(reference), "memory_inference")["peak_activation_bytes"]
    assert peaks["frozen_graph"].reason == f"{FROZEN}the whole network"
    assert peaks["scripted_quantised"].value == peaks["plain"].value


def test_a_saved_frozen_network_is_one_when_it_is_loaded(tmp_path: Path) -> None:
    network = torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()))
    torch.jit.save(network, tmp_path / "frozen.pt")
    (layer,), reason, _ = unlisted(torch.jit.load(tmp_path / "frozen.pt"))
    assert (layer, reason) == ("the whole network", f"{FROZEN}the whole network")


@pytest.mark.parametrize("reference", ["forms.py:scripted", "forms.py:frozen_without_weights"])
def test_a_scripted_network_with_all_its_parameters_is_counted(reference: str) -> None:
    found = readings(case(reference), "size")
    assert (found["parameters"].value, found["weights_bytes"].value) == (BASE[0], 4 * BASE[0])


def test_images_have_the_data_type_of_a_network_without_parameters() -> None:
    assert form(references.load(f"{CASES}/forms.py:frozen_half").build(0)).dtype == torch.float16
    buffers = nn.Module()
    buffers.register_buffer("steps", torch.zeros(2, dtype=torch.int64))
    assert form(buffers).dtype == torch.float32
    buffers.register_buffer("kernel", torch.zeros(8, 3, 3, 3, dtype=torch.bfloat16))
    assert form(buffers).dtype == torch.bfloat16


def test_scores_in_an_object_have_their_depth() -> None:
    class Answering(Body):
        def forward(self, images: Tensor) -> Any:
            return SimpleNamespace(label="cat", scores=super().forward(images))

    assert readings(built(Answering), "compute")["depth"].value == readings(built(Body), "compute")["depth"].value == 2


def test_lazy_modules_get_their_shape_everywhere() -> None:
    def lazy(classes: int) -> nn.Module:
        return nn.Sequential(
            nn.LazyConv2d(8, 1), nn.LazyBatchNorm2d(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.LazyLinear(classes),
        )  # fmt: skip

    found = readings(built(lazy), *STATIC, "latency_cpu_1thread", "train_step_cpu", "memory_resident")
    assert all(reading.measured for reading in found.values())
    assert found["parameters"].value == found["block_parameters"].value == 32 + 16 + 9_000


@pytest.mark.parametrize("last", [True, False])
def test_images_have_the_memory_format_of_the_network(last: bool) -> None:
    met: list[bool] = []

    class Noting(Body):
        def forward(self, images: Tensor) -> Any:
            met.append(images.is_contiguous(memory_format=torch.channels_last))
            return super().forward(images)

    def build(classes: int) -> nn.Module:
        network = Noting(classes)
        network.stem = nn.Conv2d(3, 8, 3, padding=1)
        return network.to(memory_format=torch.channels_last) if last else network

    found = readings(built(build), "compute", "latency_cpu_1thread", "train_step_cpu")
    assert all(reading.measured for reading in found.values())
    assert set(met) == {last}


@dataclass
class Answer:
    logits: Any
    hidden: tuple[Any, ...] = ()


NAN_IN = {
    "pair": lambda scores, nan: (scores, nan),
    "dict": lambda scores, nan: {"logits": scores, "features": {"deep": nan}},
    "list": lambda scores, nan: [scores, [nan]],
    "dataclass": lambda scores, nan: Answer(scores, (None, nan)),
}


@pytest.mark.parametrize("form", NAN_IN)
def test_nan_anywhere_in_the_output_is_no_time(form: str) -> None:
    class Returning(Body):
        def __init__(self, classes: int, factor: float) -> None:
            super().__init__(classes)
            self.factor = factor

        def forward(self, images: Tensor) -> Any:
            scores = super().forward(images)
            return NAN_IN[form](scores, scores * self.factor)

    keys = ("compute", "structure", "fvcore_macs", "latency_cpu_1thread", "throughput_cpu")
    sound = readings(built(lambda classes: Returning(classes, 1.0)), *keys)
    assert all(sound[key].measured for key in ("macs", "depth", "layers", "macs_fvcore", "latency_cpu_1thread"))
    assert (sound["macs"].value, sound["depth"].value) == (MACS, 2)
    broken = readings(built(lambda classes: Returning(classes, float("nan"))), *keys)
    for key in ("latency_cpu_1thread", "throughput_cpu"):
        assert (broken[key].status, broken[key].reason) == ("failed", "the output contains NaN")
    assert broken["macs"].value == MACS


def test_no_real_pass_reads_memory_that_was_never_written() -> None:
    """Whatever runs on the CPU has initialized weights: from their values a network may compute where it reads."""
    met: list[float] = []

    class Indexing(Body):
        def middle(self, maps: Tensor) -> Tensor:
            if not maps.is_meta:
                met.append(float(self.stem.bias.detach().abs().max()))
            return maps[..., [int(self.stem.bias.sum() * 0)]]

    def build(classes: int) -> nn.Module:
        network = Indexing(classes)
        nn.init.constant_(network.stem.bias, 0.25)
        network(torch.randn(1, 3, 32, 32))  # as people do to see a shape
        return network

    assert readings(built(build), "compute", "fvcore_macs")["macs_fvcore"].measured
    assert set(met) == {0.25}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[1mtwo options\x1b[0m\nmore", "two options"),
        ("\n  \nthe third line", "the third line"),
        ("Traceback (most recent call last):\n  File x\nKeyError: 'logits'", "KeyError: 'logits'"),
        ("a\x07bell\r\nb", "abell"),
        ("", "no message"),
    ],
)
def test_a_reason_is_one_plain_line(text: str, line: str) -> None:
    def forward(classes: int) -> nn.Module:
        raise RuntimeError(text)

    assert {reading.reason for reading in readings(built(forward)).values()} == {f"RuntimeError: {line}"}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Gives back the number of threads that a network of the cases sets."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_packed_weights_are_announced_before_the_first_measurement(tmp_path: Path) -> None:
    options = ("--architecture", CASES / "more.py:quantised", "--metrics", "parameters", *QUICK)
    done = call("--out", tmp_path, *options, report=False)
    lines = done.stderr.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("["))
    assert any("quantised: packed weights are not counted: head" in line for line in lines[:first])


def test_the_report_names_what_was_counted_on_the_cpu_and_what_is_left_out(tmp_path: Path) -> None:
    cases = ("meta.py:branch_on_data", "forms.py:complex_weights")
    options = [part for case in cases for part in ("--architecture", CASES / case)]
    call("--out", tmp_path, *options, "--metrics", "macs", *QUICK, "--lang", "en,ru")
    text = (tmp_path / "report.md").read_text().replace("\\", "")
    assert (
        "Counted by a forward pass on the CPU, because meta tensors do not support the model: `branch_on_data`." in text
    )
    assert "MACs leave out operators that have no formula: `complex_weights` (aten::_fft_c2r, aten::_fft_r2c)." in text
    assert "Посчитаны прямым проходом на процессоре" in (tmp_path / "report.ru.md").read_text()
