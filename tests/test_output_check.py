"""The check of the outputs of execution modes: it must pass for real modes and fail for faulty ones."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
from commands import ROOT
from hypothesis import given
from hypothesis import strategies as st
from networks import small
from torch import Tensor, nn
from torch.nn import functional

from reporter.model import ReporterError, UnsupportedError
from reporter.model.attempts import attempt
from reporter.model.modes import Mode
from reporter.registry.selection import sets
from reporter.worker.copies import convert
from reporter.worker.input_format import Form
from reporter.worker.lookup import find
from reporter.worker.variants import output_check, rounding
from reporter.worker.variants.mode_variants import converted
from reporter.worker.variants.output_check import Reference, constant_error, error
from reporter.worker.variants.rounding import PRECISIONS, Rounded, affine, round_weights, symmetric, ten_bits
from reporter.worker.variants.varied_inputs import (
    LEAST_VARIATION,
    SHIFT,
    calibrate,
    images,
    repeat_calibration,
    variation,
)

LECTURE = [
    "alexnet", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "googlenet", "inception_v2", "bn_inception", "inception_v3",
    "densenet121", "densenet201", "resnet18", "resnet50", "resnet101", "se_resnet50", "se_resnet101", "resnext50_32x4d",
    "se_resnext50_32x4d",
]  # fmt: skip
SIDE = 32
CHANNELS_LAST = Form(memory_format=torch.channels_last)
BF16 = Form(torch.bfloat16)


class Residual(nn.Module):
    """Two equal convolutions whose branch ends in a scale of zero, as many residual networks are initialized."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16),
        )  # fmt: skip
        nn.init.zeros_(self.branch[-1].weight)

    def forward(self, images: Tensor) -> Tensor:
        added: Tensor = self.branch(images) + images
        return added.relu()


class Named(nn.Module):
    """Returns its scores in a dict, with features beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = plain()[:-1], nn.Linear(16, 10)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.body(images)
        return {"features": features[:, :4], "logits": self.head(features)}


class ClassToken(nn.Module):
    """A learned token attends to the image; its query, computed before that, is the same for all images."""

    def __init__(self, normalized: bool = False) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 16, 4, stride=4), nn.LayerNorm(16)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.query, self.key, self.value = nn.Linear(16, 16, bias=not normalized), nn.Linear(16, 16), nn.Linear(16, 16)
        self.after = nn.BatchNorm1d(16) if normalized else nn.Identity()
        self.head = nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.stem(images).flatten(2).transpose(1, 2)
        tokens = self.norm(torch.cat((self.token.expand(len(images), -1, -1), patches), 1))
        query = self.after(self.query(tokens[:, 0]))[:, None]
        weights = (query @ self.key(tokens).transpose(1, 2) / 4).softmax(-1)
        scores: Tensor = self.head((weights @ self.value(tokens))[:, 0])
        return scores


class GlobalFilter(nn.Module):
    """Multiplies spectra by complex weights."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = plain()[:4], nn.Linear(16, 10)
        self.filter = nn.Parameter(torch.randn(16, 28, 15, dtype=torch.complex64))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.body(images)
        spectra = torch.fft.rfft2(maps.float() if maps.dtype is torch.bfloat16 else maps) * self.filter
        scores: Tensor = self.head(torch.fft.irfft2(spectra, s=(28, 28)).to(maps.dtype).relu().mean((2, 3)))
        return scores


class Dead(nn.Module):
    """Its scores do not depend on the images."""

    def forward(self, images: Tensor) -> Tensor:
        return 0 * images.mean((1, 2, 3))[:, None] + torch.arange(10.0, dtype=images.dtype)


def plain() -> nn.Sequential:
    """Convolutions without batch norm."""
    layers = [nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def residual() -> nn.Module:
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    return nn.Sequential(stem, Residual(), Residual(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "residual": residual,
    "plain": plain,
    "dict": Named,
    "one layer": lambda: small(10),
    "class token": ClassToken,
    "class token with batch norm": lambda: ClassToken(normalized=True),
}


def prepared(build: Callable[[], nn.Module], side: int = SIDE) -> tuple[nn.Module, Reference]:
    torch.manual_seed(0)
    network, inputs = build().eval(), images(8, side)
    calibrate(network, inputs)
    return network, Reference(network, inputs)


@pytest.fixture(scope="module", params=BUILDERS)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, Reference]:
    return prepared(BUILDERS[request.param])


def swapped(network: nn.Module) -> nn.Module:
    """A copy in which two layers of the same shape are exchanged; the channels of the second one if there are none."""
    copy = deepcopy(network)
    layers = [
        layer
        for name, layer in copy.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and not name.lower().startswith("aux")
    ]
    first: dict[torch.Size, Tensor] = {}
    for layer in layers:
        weight = layer.weight.data
        if (other := first.setdefault(weight.shape, weight)) is not weight:
            kept = other.clone()
            other.copy_(weight)
            weight.copy_(kept)
            return copy
    layers[min(1, len(layers) - 1)].weight.data = layers[min(1, len(layers) - 1)].weight.data.flip(0)
    return copy


def with_a_channel_of_zeros(network: nn.Module) -> nn.Module:
    copy = deepcopy(network)
    next(layer for layer in copy.modules() if isinstance(layer, nn.Conv2d)).weight.data[3] = 0
    return copy


def faults(network: nn.Module, reference: Reference) -> dict[str, Callable[[Tensor], Any]]:
    """Faulty modes: a constant, an ignored input, and two wrong weights."""
    mean, first = reference.scores.mean(0, keepdim=True), reference.scores[:1]
    return {
        "the mean of all scores": lambda _: mean,
        "the scores of one image": lambda _: first,
        "zeros": lambda _: torch.zeros_like(mean),
        "swapped layers": swapped(network),
    }


def test_real_modes_pass(case: tuple[nn.Module, Reference]) -> None:
    network, reference = case
    half = deepcopy(network).bfloat16()
    assert not reference.check(network, "fp32").exceeds
    assert not reference.check(deepcopy(network).to(memory_format=torch.channels_last), "fp32", CHANNELS_LAST).exceeds
    bf16 = reference.check(half, "bf16", BF16)
    assert bf16.limit / 30 < bf16.error <= bf16.limit, "the limit is of the size of the error"
    with torch.autocast("cpu", torch.bfloat16):
        assert not reference.check(network, "amp").exceeds
    assert reference.check(half, "fp32", BF16).exceeds, "bf16 is no fp32"


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16", "int8"])
def test_faulty_modes_fail(case: tuple[nn.Module, Reference], precision: str) -> None:
    network, reference = case
    for name, call in faults(network, reference).items():
        assert reference.check(call, precision).exceeds, name


def test_a_mode_that_ignores_its_input_fails_in_the_coarsest_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where rounding makes the scores as wrong as that."""
    coarse = Rounded(*3 * (lambda tensor: tensor.sign() * tensor.abs().log2().round().exp2(),))
    monkeypatch.setitem(PRECISIONS, "one bit", coarse)
    network, reference = prepared(residual)
    middle = (reference.scores.amax(0) + reference.scores.amin(0))[None] / 2
    for constant in (middle, reference.scores[:1], torch.zeros_like(middle)):
        assert reference.check(lambda _, constant=constant: constant, "one bit").exceeds
    assert reference.limit("one bit") < constant_error(reference.scores) <= 0.5
    assert not reference.check(deepcopy(network).bfloat16(), "one bit", BF16).exceeds


def test_slightly_wrong_weights_fail(case: tuple[nn.Module, Reference]) -> None:
    network, reference = case
    assert reference.check(with_a_channel_of_zeros(network), "fp32").exceeds
    assert reference.check(with_a_channel_of_zeros(network), "tf32").exceeds


def test_limits_grow_with_the_error_of_the_precision(case: tuple[nn.Module, Reference]) -> None:
    reference = case[1]
    limits = [reference.limit(precision) for precision in ("fp32", "tf32", "bf16", "int8")]
    assert limits == sorted(limits)
    assert limits[2] > 100 * limits[0]
    assert reference.limit("amp") == reference.limit("bf16")
    assert reference.limit("tf32") / 3 < reference.limit("fp16") < reference.limit("tf32") * 3, "both have 11 bits"


def test_a_limit_is_four_times_the_error_of_a_rounded_copy() -> None:
    network, reference = prepared(plain)
    copy, rounding = deepcopy(network), PRECISIONS["bf16"]
    round_weights(copy, rounding)
    with torch.no_grad(), rounding.operators():
        rounded = torch.cat([copy(rounding.image(image)) for image in reference.images.split(1)])
    assert reference.limit("bf16", 8) == pytest.approx(4 * error(rounded, reference.scores), rel=0.05)


def test_a_mode_is_called_with_one_image_in_its_form() -> None:
    network, reference = prepared(plain)
    shapes = []

    def call(image: Tensor) -> Tensor:
        shapes.append((tuple(image.shape), image.dtype))
        return network(image.float())

    reference.check(call, "bf16", BF16)
    assert shapes == 8 * [((1, 3, SIDE, SIDE), torch.bfloat16)]


def test_an_output_buffer_that_is_used_again_is_copied() -> None:
    network, reference = prepared(plain)
    buffer = torch.empty(1, 10, dtype=torch.float64)
    assert not reference.check(lambda image: buffer.copy_(network(image)), "fp32").exceeds


def test_scores_that_do_not_vary_have_no_error() -> None:
    reference = Reference(Dead(), images(8, SIDE))
    with pytest.raises(UnsupportedError, match="hardly depend on the input") as raised:
        reference.check(Dead(), "fp32")
    assert "\n" not in str(raised.value)


def test_an_uncalibrated_deep_network_does_not_vary_enough_and_a_calibrated_one_does() -> None:
    """Without batch norm, the default initialization of PyTorch makes each layer's output smaller than its bias."""

    def deep() -> nn.Module:
        layers = [layer for _ in range(10) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())]
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
        ).eval()

    torch.manual_seed(0)
    network, inputs = deep(), images(8, SIDE)
    with pytest.raises(UnsupportedError, match="hardly depend"):
        Reference(network, inputs).require_variation()
    assert prepared(deep)[1].variation > 20 * LEAST_VARIATION


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.full((8, 10), float("nan")), "contain NaN"),
        (torch.full((8, 10), float("inf")), "contain infinity"),
        (torch.zeros(8, 9), "the outputs have the shape 8 x 9, those of the model 8 x 10"),
    ],
)
def test_unusable_outputs_are_one_clear_line(scores: Tensor, message: str) -> None:
    with pytest.raises(ReporterError, match=message):
        error(scores, torch.randn(8, 10).double())


def test_scores_of_changing_shape_are_an_error() -> None:
    sizes = iter(range(3, 20))
    with pytest.raises(ReporterError, match="differ in shape between images"):
        output_check.run(lambda _: torch.zeros(1, next(sizes)), images(2, SIDE))


def test_a_model_that_runs_in_float32_only_is_unsupported() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = plain()

        def forward(self, images: Tensor) -> Tensor:
            return self.body(images.float())

    with pytest.raises(UnsupportedError, match=r"does not run in float64 on the CPU \("):
        Reference(Fixed(), images(2, SIDE))


class Random(nn.Module):
    """Drops features where it evaluates, or adds noise to its scores."""

    def __init__(self, share: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.body, self.share, self.noise = plain(), share, noise

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.body[8](functional.dropout(self.body[:8](images), self.share))
        return scores + self.noise * torch.randn_like(scores)


@pytest.mark.parametrize("more", [{"share": 0.1}, {"noise": 1e-3}, {"noise": 1e-12}, {}])
def test_a_model_with_random_output_is_unsupported(more: dict[str, float]) -> None:
    """The error of a mode would be that of the noise; noise below all rounding is none."""
    torch.manual_seed(0)
    network = Random(**more).eval()
    calibrate(network, images(8, SIDE))
    if more and max(more.values()) > 1e-6:
        with pytest.raises(UnsupportedError, match="the output of the model is random"):
            Reference(network, images(8, SIDE))
    else:
        assert not Reference(network, images(8, SIDE)).check(network, "fp32").exceeds


def test_overflow_is_reported() -> None:
    torch.manual_seed(0)
    network = plain().eval()
    calibrate(network, images(8, SIDE))
    network[0].weight.data *= 1e5
    reference = Reference(network, images(8, SIDE))
    with pytest.raises(UnsupportedError, match="the model overflows in fp16"):
        reference.limit("fp16")
    network[0].weight.data[0] = float("nan")
    with pytest.raises(UnsupportedError, match="NaN or infinity in float64"):
        Reference(network, images(8, SIDE)).require_variation()


def test_lack_of_memory_is_no_lack_of_support() -> None:
    network, reference = prepared(plain)

    def full(_: Tensor) -> Tensor:
        return torch.empty(2**60)

    network.forward = full  # type: ignore[method-assign]
    _, verdict = attempt(lambda: reference.limit("bf16"))
    assert verdict.status == "oom"


def test_a_limit_does_not_import_the_compiler() -> None:
    """It takes a second, in each worker; here in a process of the fork server, as a worker is, which may have it."""
    code = """
import sys, torch
for name in [name for name in sys.modules if name.startswith("torch._dynamo")]:
    del sys.modules[name]
from reporter.worker.variants.output_check import Reference
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
Reference(network, torch.randn(8, 3, 2, 2)).limit("bf16")
assert "torch._dynamo" not in sys.modules
"""
    forked.execute(code)


numbers = st.floats(-1e3, 1e3, width=32)
SCORES = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=5)


@given(SCORES, SCORES, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_error_does_not_depend_on_scale_and_offset(
    found: list[list[float]], exact: list[list[float]], scale: float, offset: float
) -> None:
    rows = min(len(found), len(exact))
    scores, reference = (torch.tensor(rows_of[:rows], dtype=torch.float64) for rows_of in (found, exact))
    if not output_check.extent(reference) > 1e-3:
        return
    plain_error = error(scores, reference)
    assert plain_error == pytest.approx(error(scale * scores + offset, scale * reference + offset), rel=1e-6, abs=1e-5)
    assert (plain_error == 0) == torch.equal(scores, reference)
    assert plain_error >= float((scores - reference).abs().mean()) / output_check.extent(reference) - 1e-12


def test_calibration_is_deterministic_and_leaves_no_trace() -> None:
    inputs, state = images(8, SIDE), torch.random.get_rng_state()
    torch.manual_seed(1)
    first = nn.Sequential(residual(), nn.Dropout())
    second = deepcopy(first)
    state = torch.random.get_rng_state()
    with torch.inference_mode():
        calibrate(first, inputs)
        calibrate(second, inputs)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(module.training for module in first.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in first.modules())
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert not any(tensor.is_inference() for tensor in (*first.parameters(), *first.buffers()))
    first.train()(inputs).sum().backward()


@pytest.mark.parametrize("build", [*BUILDERS.values(), lambda: Standardized(3, 4, 3)])
def test_a_calibration_is_repeated_exactly_without_running_the_model(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(1)
    first = build()
    second, third = deepcopy(first), deepcopy(first)
    changes = calibrate(first, images(8, SIDE))
    repeat_calibration(second, changes)
    assert not second.training
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert not all(torch.equal(value, third.state_dict()[name]) for name, value in first.state_dict().items())
    large = sum(tensor.numel() for tensor in first.state_dict().values())
    assert sum(tensor.numel() for parts in changes.values() for tensor in parts.values()) < large / 2


@pytest.mark.parametrize("normalized", [False, True])
def test_a_layer_that_does_not_depend_on_the_images_is_left_as_it_is(normalized: bool) -> None:
    """Its deviation is that of rounding; dividing by it would make rounding errors decide the scores."""
    torch.manual_seed(0)
    network = ClassToken(normalized).eval()
    before = deepcopy(network.state_dict())
    calibrate(network, images(7, SIDE))  # the mean of seven equal numbers is rounded
    kept = [name for name in before if name.startswith(("query", "after.running"))]
    assert all(torch.equal(before[name], network.state_dict()[name]) for name in kept)
    assert not torch.equal(before["value.weight"], network.value.weight), "other layers are calibrated"


class Standardized(nn.Conv2d):
    """A convolution whose output does not depend on the scale of its weight."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.conv2d(images, self.weight / self.weight.std(), self.bias)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, bias=False), nn.Flatten(), nn.Linear(3136, 5)],
        lambda: [Standardized(3, 4, 3), nn.ReLU(), Standardized(4, 4, 3), nn.Flatten(), nn.Linear(3136, 5)],
        lambda: [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(3600, 8), nn.BatchNorm1d(8)],
    ],
    ids=["torch's layers", "a forward of its own", "batch norm"],
)
def test_each_calibrated_layer_returns_what_was_calibrated(layers: Callable[[], list[nn.Module]]) -> None:
    """While it calibrates, a layer passes on the output that it has afterwards, so that the next one is right."""
    torch.manual_seed(0)
    network, inputs = nn.Sequential(*layers()), images(8, SIDE)
    passed: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        passed.append(given[0].clone())

    handles = [module.register_forward_pre_hook(keep) for module in network]
    calibrate(network, inputs)
    for handle in handles:
        handle.remove()
    with torch.no_grad():
        for module, given in zip(network, passed, strict=True):
            assert torch.allclose(given, inputs, atol=1e-4)
            inputs = module(inputs)
    if isinstance(network[-1], nn.BatchNorm1d):
        assert torch.allclose(inputs.var(0, correction=0), torch.ones(8), atol=1e-3)
        assert torch.allclose(inputs.mean(0), torch.full((8,), SHIFT), atol=1e-4)


def test_pretrained_weights_stay_unchanged() -> None:
    network = residual()
    before = deepcopy(network.state_dict())
    calibrate(network, images(8, SIDE), pretrained=True)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_residual_branch_that_starts_switched_off_reaches_the_scores() -> None:
    network, _ = prepared(residual)
    assert network[1].branch[-1].weight.min() == 1


def test_images_are_seeded_and_vary() -> None:
    made = images(8, 48, seed=3)
    assert torch.equal(made, images(8, 48, seed=3))
    assert not torch.equal(made, images(8, 48, seed=4))
    assert made.mean().abs() < 1e-5
    assert abs(float(made.std()) - 1) < 1e-5
    noise = torch.randn(8, 3, 48, 48)
    assert made.mean((2, 3)).std() > 10 * noise.mean((2, 3)).std(), "averages over positions differ"
    assert images(2, (32, 48), form=CHANNELS_LAST).is_contiguous(memory_format=torch.channels_last)
    assert images(2, (32, 48)).shape == (2, 3, 32, 48)


def test_variation() -> None:
    assert variation(torch.ones(8, 10)) == 0
    assert variation(torch.arange(10.0).expand(8, 10)) == 0
    assert variation(torch.randn(8, 10)) > 0.1


def test_roundings() -> None:
    values = torch.tensor([1.0, 1 + 2**-10, 1 + 2**-11, 1 + 3 * 2**-11, -(1 + 2**-12), 0.0, float("inf"), 3e38])
    rounded = torch.tensor([1.0, 1 + 2**-10, 1.0, 1 + 2**-9, -1.0, 0.0, float("inf")])
    assert torch.equal(ten_bits(values)[:7], rounded)
    some = torch.randn(1000)
    assert affine(some).unique().numel() <= 256
    assert (affine(some) - some).abs().max() <= 0.51 * (some.max() - some.min()) / 255
    assert (affine(some.relu()) == 0).sum() >= (some <= 0).sum(), "0 is a level"
    weight = torch.randn(4, 8) * torch.tensor([[1e-3], [1.0], [10.0], [0.0]])
    steps = weight.abs().amax(1, keepdim=True) / 127
    assert ((symmetric(weight) - weight).abs() <= 0.51 * steps).all(), "each channel has its own step"
    assert all(row.unique().numel() <= 255 for row in symmetric(weight))


def test_a_limit_does_not_change_the_network_or_the_images() -> None:
    network, reference = prepared(residual)
    before, inputs = deepcopy(network.state_dict()), reference.images.clone()
    for precision in PRECISIONS:
        reference.limit(precision)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(inputs, reference.images)


CONVOLUTIONS = {
    "plain": nn.Conv2d(6, 4, 3, stride=2, groups=2),
    "transposed": nn.ConvTranspose2d(6, 4, 3),
    "stride": nn.ConvTranspose2d(6, 4, (5, 4), stride=(2, 4)),
    "groups": nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2, padding=1, output_padding=1),
    "dilation": nn.ConvTranspose2d(6, 4, 5, stride=(4, 3), dilation=2),
    "one dimension": nn.ConvTranspose1d(6, 4, 4, stride=2),
}


@pytest.mark.parametrize("layer", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_the_terms_of_a_convolution_are_counted(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """If inputs and weights are 1, an output is the number of its terms; the most are those away from the border."""
    counts = []
    monkeypatch.setattr(rounding, "round_sums", lambda _, count: counts.append(count))
    layer = deepcopy(layer).double().requires_grad_(False)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    ones = torch.ones(1, 6, *[12] * (layer.weight.dim() - 2), dtype=torch.float64)
    with PRECISIONS["fp32"].operators():
        output = layer(ones)
    assert max(counts) == int(output.max())


@pytest.mark.parametrize("groups", [1, 2])
def test_each_output_channel_of_a_transposed_convolution_has_its_own_step(groups: int) -> None:
    """Found by what each output channel depends on, not by the axes of the weight."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(6, 4, 3, groups=groups, bias=False)
    scale = torch.tensor([1.0, 1e-3, 1e3, 1.0])
    with torch.no_grad():
        for group in range(groups):
            inputs, outputs = (slice(group * count // groups, (group + 1) * count // groups) for count in (6, 4))
            layer.weight[inputs] *= scale[outputs, None, None]
    rounded = deepcopy(layer)
    round_weights(rounded, PRECISIONS["int8"])
    inputs = torch.randn(8, 6, 5, 5)
    change = (rounded(inputs) - layer(inputs)).square().mean((0, 2, 3)) / layer(inputs).square().mean((0, 2, 3))
    assert (change.sqrt() < 0.01).all(), "as small in channels whose weights are small"
    assert (change > 0).all()


def test_weights_of_int8_are_rounded_whatever_their_names_are() -> None:
    """Parametrized ones and those that the forward pass hands to functions, but no vectors and no buffers."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), nn.Module())
    network[1].kernel, network[1].scale = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(4))
    network[1].register_buffer("table", torch.randn(4, 4))
    rounded = deepcopy(network)
    round_weights(rounded, PRECISIONS["int8"])
    before, after = network.state_dict(), rounded.state_dict()
    changed = {name for name, tensor in before.items() if not torch.allclose(tensor, after[name])}
    assert changed == {"0.parametrizations.weight.original1", "1.kernel"}


def test_the_limit_of_fp32_takes_no_copy_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor does another process with the same weights and images."""
    copies: list[torch.dtype] = []
    whole = Reference._copied

    def copied(self: Reference, dtype: torch.dtype, work: Callable[[nn.Module], Any]) -> Any:
        copies.append(dtype)
        return whole(self, dtype, work)

    monkeypatch.setattr(Reference, "_copied", copied)
    torch.manual_seed(0)
    network, inputs = plain().eval(), images(8, SIDE)
    calibrate(network, inputs)
    first = Reference(network, inputs, kept=tmp_path / "reference.pt")
    limits = [first.limit(precision) for precision in ("fp32", "bf16", "amp", "fp32")]
    assert copies == [torch.float64, torch.float32, torch.float32]
    second = Reference(network, inputs, kept=tmp_path / "reference.pt")
    assert [second.limit(precision) for precision in ("fp32", "bf16", "amp", "fp32")] == limits
    assert torch.equal(first.scores, second.scores)
    assert len(copies) == 3
    network[0].weight.data += 1e-3
    assert Reference(network, inputs, kept=tmp_path / "reference.pt").limit("fp32") != limits[0]


def test_a_worker_that_is_killed_while_it_keeps_the_scores_leaves_them_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Later checks of the run read the file; one that is damaged anyway is computed and written again."""
    network, kept = plain().eval(), tmp_path / "cache" / "reference.pt"
    calibrate(network, images(8, SIDE))
    first = Reference(network, images(8, SIDE), kept=kept)
    whole = kept.read_bytes()

    def cut_short(content: object, file: Any) -> None:
        opened = open(file, "wb") if isinstance(file, Path) else file  # noqa: SIM115
        opened.write(whole[:100])
        opened.flush()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", cut_short)
        with pytest.raises(KeyboardInterrupt):
            first.limit("bf16")
    assert kept.read_bytes() == whole
    kept.write_bytes(whole[:100])
    assert torch.equal(Reference(network, images(8, SIDE), kept=kept).scores, first.scores)
    assert len(kept.read_bytes()) == len(whole)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_scores_that_cannot_be_kept_do_not_fail_the_check(tmp_path: Path) -> None:
    """As on a full disk: the error of a mode is that with a file, and it is within its limit."""
    network, inputs, blocked = plain().eval(), images(8, SIDE), tmp_path / "file"
    calibrate(network, inputs)
    blocked.write_text("")  # no folder of this name can be made
    kept, not_kept = (Reference(network, inputs, kept=each / "it.pt") for each in (tmp_path / "cache", blocked))
    for precision in ("fp32", "bf16"):
        found = not_kept.check(network, precision)
        assert found == kept.check(network, precision)
        assert not found.exceeds


class Described(nn.Linear):
    """A layer whose state has more than tensors, as that of quantized ones."""

    def get_extra_state(self) -> dict[str, int]:
        return {"bits": 8}

    def set_extra_state(self, state: dict[str, int]) -> None:
        pass


def test_kept_scores_are_of_the_same_weights_in_the_same_places(tmp_path: Path) -> None:
    """Whatever else the state of the model contains; sums are the same for weights that are exchanged."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), Described(48, 5))
    network.register_buffer("scale", torch.ones(3).to(torch.float8_e4m3fn))
    kept, inputs = tmp_path / "reference.pt", images(8, SIDE)
    first = Reference(network, inputs, kept=kept)
    assert torch.equal(Reference(deepcopy(network), inputs, kept=kept).scores, first.scores)
    stored = kept.read_bytes()
    changed = deepcopy(network)
    changed[2].weight.data = changed[2].weight.data.flip(0)
    found = Reference(changed, inputs, kept=kept).scores
    assert not torch.allclose(found, first.scores)
    assert torch.allclose(found, output_check.run(deepcopy(changed).double(), inputs.double()))
    assert kept.read_bytes() != stored
    assert output_check._identity(network, inputs) == output_check._identity(
        network, inputs.contiguous(memory_format=torch.channels_last)
    )


def test_complex_weights_keep_their_imaginary_parts() -> None:
    """In the float64 reference, in the runs that set limits, and in modes of lower precision."""
    torch.manual_seed(0)
    network, inputs = GlobalFilter().eval(), images(4, SIDE)
    calibrate(network, inputs)
    reference = Reference(network, inputs)
    assert torch.allclose(reference.scores, output_check.run(deepcopy(network).double(), inputs.double()))
    check = reference.check(network, "fp32")
    assert check.error < 1e-5
    assert not check.exceeds
    for precision in ("bf16", "fp16"):
        made, _ = converted(network, Mode(precision=precision), Form())
        assert made.head.weight.dtype is not torch.float32
        assert torch.equal(made.filter, network.filter)
    made, form = converted(network, Mode(precision="bf16"), Form())
    assert not reference.check(made, "bf16", form).exceeds


def test_complex_numbers_are_rounded_to_fp32_only() -> None:
    """Modes of other precisions compute with them in complex64."""
    torch.manual_seed(0)
    network = nn.Module()
    network.weight = nn.Parameter(torch.randn(4, 4, dtype=torch.complex128))
    rounded, exact = deepcopy(network), convert(deepcopy(network), torch.float32)
    with torch.no_grad():
        round_weights(rounded, PRECISIONS["fp32"])
        assert torch.equal(rounded.weight, network.weight.to(torch.complex64).to(torch.complex128))
        round_weights(exact, PRECISIONS["bf16"])
        assert torch.equal(exact.weight, rounded.weight.to(torch.complex64))
        with PRECISIONS["fp32"].operators():
            product = network.weight * network.weight
    assert product.dtype is torch.complex128
    assert torch.equal(product, product.to(torch.complex64).to(torch.complex128))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_fewer_images_only_lower_a_limit(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the check is not weaker than with all of them; it must not be several times as strict either."""
    network, reference = prepared(residual)
    scores = PRECISIONS[precision].scores
    assert scores
    assert scores < 8 * 1000
    limits = {}
    for count in (20, 1000):
        monkeypatch.setitem(PRECISIONS, precision, replace(PRECISIONS[precision], scores=count))
        limits[count] = Reference(network, reference.images).limit(precision)
    assert limits[1000] / 2 < limits[20] <= limits[1000]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_coarse_limit_computed_in_float32_is_that_of_float64(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The errors of float32 are so much smaller that its run takes the place of one in float64 (docs/modes.md)."""
    network, reference = prepared(residual)
    assert PRECISIONS[precision].dtype is torch.float32
    limit = reference.limit(precision)
    monkeypatch.setitem(PRECISIONS, precision, replace(PRECISIONS[precision], dtype=torch.float64))
    assert Reference(network, reference.images).limit(precision) == pytest.approx(limit, rel=0.01)


def test_the_documentation_has_the_data_types_of_the_limits() -> None:
    prose = " ".join((ROOT / "docs" / "modes.md").read_text(encoding="utf-8").split())
    coarse = {precision for precision, rounding in PRECISIONS.items() if rounding.dtype is torch.float32}
    assert coarse == PRECISIONS.keys() - {"fp32"}
    assert "in float64 for fp32, and in float32 for coarser precisions" in prose


def first_of_one_image(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """Limits are taken from one image first, as those of fp32 are with 1000 classes."""
    monkeypatch.setitem(PRECISIONS, precision, replace(PRECISIONS[precision], scores=1))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_limit_is_that_of_all_images(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output error is the largest of all images; that of one image alone is no limit for it."""
    first_of_one_image(monkeypatch, precision)
    cases = [prepared(residual, side) for side in (24, 32, 40)]
    network, reference = max(cases, key=lambda case: case[1].limit(precision, 8) / case[1].limit(precision))
    one, every = reference.limit(precision), reference.limit(precision, 8)
    assert one < every
    scores = iter(reference.scores.split(1))
    off = (one + every) / 2 * output_check.extent(reference.scores)
    found = reference.check(lambda _: next(scores) + off, precision)
    assert (found.limit, found.exceeds) == (every, False)
    scores = iter(reference.scores.split(1))
    assert reference.check(lambda _: next(scores) + 1.1 * every / one * off, precision).exceeds
    assert not reference.check(network, "fp32").exceeds


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_faulty_modes_fail_where_the_limit_is_first_that_of_one_image(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_of_one_image(monkeypatch, precision)
    network, reference = prepared(residual)
    for name, call in faults(network, reference).items():
        assert reference.check(call, precision).exceeds, name


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a processor without bf16 instructions emulates them
@pytest.mark.parametrize("name", LECTURE)
def test_faults_are_detected_in_each_architecture_of_the_lecture(name: str) -> None:
    entry = find(name)
    network, reference = prepared(lambda: entry.build(entry.classes), entry.input_size)
    assert reference.variation > 10 * LEAST_VARIATION
    assert not reference.check(network, "fp32").exceeds
    assert not reference.check(deepcopy(network).bfloat16(), "bf16", BF16).exceeds
    assert reference.limit("fp32") < reference.limit("bf16")
    for fault, call in faults(network, reference).items():
        for precision in ("bf16", "int8"):  # what exceeds the limit of bf16 exceeds that of fp32
            assert reference.check(call, precision).exceeds, f"{fault} in {precision}"
    last = deepcopy(network).to(memory_format=torch.channels_last)
    assert not reference.check(last, "fp32", CHANNELS_LAST).exceeds


def test_the_slow_test_covers_the_lecture() -> None:
    assert sets()["lecture"] == LECTURE
