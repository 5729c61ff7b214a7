"""Exact numbers, each by a second way: torch's own trackers, fvcore, the papers, or a count by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import forked
import pytest
import torch
from networks import catalogued, inverted_residuals, own, subject, transformer
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from reporter.metrics import compute, fvcore_macs, memory_exact, size
from reporter.model import Architecture
from reporter.worker.counts import building
from reporter.worker.counts.counting import LiveMemory, count, peak_bytes, storage_bytes
from reporter.worker.counts.fused_attention import FusedAttention
from reporter.worker.learning.finetuning import loss_of
from reporter.worker.learning.training_steps import exercise

MIB = 2**20
DEPTHS = {
    "alexnet": 8, "vgg16": 16, "vgg19_bn": 19, "googlenet": 22, "inception_v2": 47 + 3 + 4, "bn_inception": 34,
    "inception_v3": 48, "densenet121": 121, "densenet201": 201, "resnet18": 18, "resnet50": 50, "resnet101": 101,
    "resnext50_32x4d": 50,
}  # fmt: skip
SMALL = pytest.param(own(inverted_residuals), id="inverted residuals")
CHEAP = ("alexnet", "resnet18", SMALL)
DEAR = ("mobilenet_v3_small", "vgg16_bn", "googlenet", "inception_v3", "densenet121", "se_resnet50",
        "resnext50_32x4d", "vit_b_16", "swin_t", "regnet_y_400mf", "convnext_tiny", "efficientnet_b0",
        "shufflenet_v2_x0_5", "maxvit_t")  # fmt: skip
different = pytest.mark.parametrize("name", [*CHEAP, *(pytest.param(name, marks=pytest.mark.slow) for name in DEAR)])
"""Networks of sixteen families, those that take a while left to the slow tests, and three blocks of one of these."""


def small_images(name: str | Architecture) -> int:
    """As small as the network bears, so that the trackers, which are slow, have less to follow."""
    return 224 if name in ("vit_b_16", "maxvit_t") else 96


@pytest.mark.parametrize(("name", "depth"), DEPTHS.items())
def test_depth_is_the_one_of_the_papers(name: str, depth: int) -> None:
    """The names' numbers; 34 and 48 as counted by hand on the papers' tables (facts/architectures.csv).

    Inception v2: 47 layers in the rows of Table 1, and 3 and 4 in the two grid reductions that the table leaves out.
    """
    assert catalogued(name).counts.depth == depth


def test_depth_counts_the_gates_of_squeeze_and_excitation() -> None:
    """Two layers in each of the 16 blocks lie on the longest path: 50 + 32."""
    assert catalogued("se_resnet50").counts.depth == 82


@pytest.mark.parametrize("product", [Tensor.mm, lambda maps, other: torch.addmm(maps[:, :1], maps, other)])
def test_a_product_of_two_activations_is_no_layer(product: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Of two dimensions, too: what a product of several images is, is counted in the same way."""

    class Gram(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.body, self.head = nn.Conv2d(3, 8, 1), nn.Linear(64, classes)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.body(images)[0].flatten(1)
            return self.head(product(maps, maps.t()).reshape(1, 64))

    counts = subject(own(Gram)).counts
    assert counts.depth == 2
    assert counts.macs == 1024 * 24 + 8 * 8 * 1024 + 64_000
    assert counts.activations == 8 * 1024 + 64 + 1000


def test_buffers_that_the_first_inference_replaces_are_weights_and_no_activations() -> None:
    """As the indices of timm's ConViT: they are made for the image size and kept."""

    class Indexed(nn.Module):
        def __init__(self, classes: int, size: int) -> None:
            super().__init__()
            self.head = nn.Linear(3, classes)
            self.register_buffer("table", torch.zeros(size), persistent=False)

        def forward(self, images: Tensor) -> Any:
            if len(self.table) != 1000:
                self.table = torch.ones(1000, device=images.device)
            return self.head(images.mean((2, 3))) + self.table

    found = []
    for length in (1, 1000):
        measured = subject(own(partial(Indexed, size=length)))
        readings = [*size.measure(measured), *memory_exact.measure_inference(measured)]
        found.append({each.quantity.key: (each.value, each.detail.get("weights")) for each in readings})
    assert found[0] == found[1]
    assert found[0]["weights_bytes"][0] == found[0]["peak_activation_bytes"][1] == 4 * (4 * 1000 + 1000)


def test_attention_is_counted_as_torchvision_publishes_it() -> None:
    vit = subject("vit_b_16")
    assert round(vit.counts.macs / 1e9, 3) == 17.564
    assert vit.counts.depth == 1 + 12 * 4 + 1


def test_the_fused_path_of_attention_hides_nothing() -> None:
    """Where evaluating networks run attention as one operator, as they do here, torch's counter misses it; we do not.

    It sees the patches' convolution, the two layers of each block's perceptron, and the head.
    """
    vit = subject(own(transformer))
    assert torch.backends.mha.get_fastpath_enabled()
    with torch.inference_mode(), FlopCounterMode(display=False) as fused:
        vit.network(vit.input(1))
    tokens, width = 5, 64
    seen = 4 * width * 3 * 16**2 + 2 * 2 * tokens * width * 2 * width + width * 1000
    assert fused.get_total_flops() // 2 == seen
    attention = 2 * (4 * tokens * width**2 + 2 * tokens**2 * width)
    assert vit.counts.macs == seen + attention
    (reading,) = fvcore_macs.measure(vit)
    assert sum(reading.detail["operators"].values()) - reading.detail["operators"]["layer_norm"] == vit.counts.macs
    assert torch.backends.mha.get_fastpath_enabled()


def test_counts_by_hand() -> None:
    """32 px: 30 x 30 outputs of 3 x 3 x 3 multiply-adds in each of 8 channels, then 8 x 1000."""
    counts = subject(own()).counts
    assert counts.macs == 30 * 30 * 27 * 8 + 8 * 1000
    assert counts.activations == 30 * 30 * 8 + 1000
    assert counts.depth == 2


def test_parameters_by_hand() -> None:
    values = {reading.quantity.key: reading.value for reading in size.measure(subject(own()))}
    assert values["parameters"] == 27 * 8 + 16 + 9 * 1000
    assert values["parameters_auxiliary"] == 0
    assert values["weights_bytes"] == 4 * (27 * 8 + 16 + 9 * 1000) + 2 * 8 * 4 + 8  # statistics, and an int64 counter


def test_the_ledger_of_auxiliary_heads() -> None:
    """Published: googlenet without its heads and inception_v3 with its one (torchvision)."""
    googlenet = {reading.quantity.key: reading.value for reading in size.measure(subject("googlenet"))}
    assert googlenet["parameters"] == 6_624_904
    assert googlenet["parameters"] + googlenet["parameters_auxiliary"] == 13_004_888
    inception = {reading.quantity.key: reading.value for reading in size.measure(subject("inception_v3"))}
    assert inception["parameters"] == 23_834_568
    assert inception["parameters"] + inception["parameters_auxiliary"] == 27_161_264


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        SMALL,
        pytest.param("se_resnet50", marks=pytest.mark.slow),
        pytest.param("densenet121", marks=pytest.mark.slow),
        pytest.param("inception_v3", marks=pytest.mark.slow),
        pytest.param("vgg16", marks=pytest.mark.slow),
    ],
)
def test_activations_equal_fvcore(name: str | Architecture) -> None:
    from fvcore.nn import ActivationCountAnalysis

    made = subject(name)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        analysis = ActivationCountAnalysis(made.network, made.input(1))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        assert made.counts.activations == analysis.total()


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        SMALL,
        pytest.param("googlenet", marks=pytest.mark.slow),
        pytest.param("vit_b_16", marks=pytest.mark.slow),
        pytest.param("vgg16_bn", marks=pytest.mark.slow),
        pytest.param("densenet121", marks=pytest.mark.slow),
        pytest.param("se_resnet50", marks=pytest.mark.slow),
    ],
)
def test_fvcore_differs_by_named_operators_only(name: str | Architecture) -> None:
    made = subject(name)
    (reading,) = fvcore_macs.measure(made)
    extras = reading.detail["because"]
    assert reading.detail["verdict"] in ("agree", "differ")
    assert reading.value == made.counts.macs + sum(extras.values())
    assert "unexplained" not in extras


class Products(nn.Module):
    """A convolution, and a product of activations by an operator that fvcore does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.convolution(images).flatten(2)
        return torch.baddbmm(torch.zeros_like(maps[..., :1] * maps[:, :1, :4]), maps, maps.mT[..., :4]).mean(2)


VERDICTS = {
    "agree": lambda classes: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30**2, classes)),
    "differ": lambda classes: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten()),
    "undercount": lambda classes: Products(),
}
BECAUSE = {"agree": {}, "differ": {"batch_norm": 2 * 8 * 30**2}}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_is_given_to_a_network_that_deserves_it(verdict: str) -> None:
    made = subject(own(build=VERDICTS[verdict]))
    (reading,) = fvcore_macs.measure(made)
    assert reading.detail["verdict"] == verdict
    if verdict == "undercount":
        missing = 4 * 32**2 * 4  # a 4 x 1024 times a 1024 x 4 matrix
        assert made.counts.macs == 32**2 * 3 * 4 + missing
        assert reading.detail["because"]["missing"] == missing
        assert reading.detail["because"]["aten::baddbmm"] == 1
    else:
        assert reading.detail["because"] == BECAUSE[verdict]


def test_verdicts_of_two_counters() -> None:
    assert fvcore_macs.agreement(100, {"conv": 100}, {}) == ("agree", {})
    assert fvcore_macs.agreement(100, {"conv": 100, "batch_norm": 7}, {}) == ("differ", {"batch_norm": 7})
    assert fvcore_macs.agreement(100, {"conv": 60}, {"aten::fft": 1}) == ("undercount", {"aten::fft": 1, "missing": 40})
    assert fvcore_macs.agreement(100, {"conv": 120}, {}) == ("differ", {"unexplained": 20})


@different
def test_peaks_equal_torchs_memory_tracker(name: str | Architecture) -> None:
    """torch.distributed's MemTracker, on the same meta network at native size."""
    from torch.distributed._tools.mem_tracker import MemTracker

    made = subject(name)
    network, image = made.meta, made.input(1, "meta")
    state = [*network.parameters(), *network.buffers(), image]
    tracker = MemTracker()
    tracker.track_external(network, image)
    with torch.no_grad(), tracker:
        network(image)
    (ours,) = memory_exact.measure_inference(made)
    assert ours.value + storage_bytes(state) == tracker.get_tracker_snapshot("peak")[torch.device("meta")]["Total"]


@different
def test_training_peaks_equal_torchs_memory_tracker(name: str | Architecture) -> None:
    """The same for a training step, with what AdamW holds beside it."""
    from torch.distributed._tools.mem_tracker import MemTracker

    made = subject(name, batch_size=2, image_size=small_images(name))
    network, (images, labels), recipe, _ = exercise(made, "meta")
    moments = [torch.empty_like(weight) for weight in network.parameters() for _ in range(2)]
    tracker = MemTracker()
    tracker.track_external(network, images, labels, *moments)
    with tracker, FusedAttention(training=True):
        loss_of(network(images), labels, recipe).backward()
    (ours,) = memory_exact.measure_training(made)
    assert ours.value == tracker.get_tracker_snapshot("peak")[torch.device("meta")]["Total"]


@pytest.mark.parametrize(
    "name",
    ["resnet18", pytest.param("alexnet", marks=pytest.mark.slow), pytest.param("se_resnet50", marks=pytest.mark.slow)],
)
def test_training_peaks_are_those_of_a_real_step(name: str) -> None:
    """The second real step with the fused AdamW on the CPU, followed storage by storage."""
    made = subject(name, batch_size=2, image_size=96)
    network, batch, recipe, _ = exercise(made, "cpu")
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        loss_of(network(batch[0]), batch[1], recipe).backward()
        optimizer.step()

    step()
    optimizer.zero_grad()
    moments = [value for state in optimizer.state.values() for value in state.values()]
    known = [*network.parameters(), *network.buffers(), *moments, *batch]
    counters = 4 * len(optimizer.state)  # AdamW counts its steps in one number per weight
    real = peak_bytes(step, known) + storage_bytes(known) - counters
    (ours,) = memory_exact.measure_training(made)
    assert ours.value == real


class Attending(nn.Module):
    """Attention over 256 places in 4 heads, whose weights are 4 x 256 x 256; `more` are arguments of the function."""

    def __init__(self, more: Callable[[Tensor], dict[str, Any]] | None = None) -> None:
        super().__init__()
        self.stem, self.places, self.more = nn.Conv2d(3, 64, 4, stride=4), nn.Linear(64, 192), more
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows = self.stem(images).flatten(2).mT
        if self.more is None:
            rows = self.attention(rows, rows, rows, need_weights=False)[0]
        else:
            parts = self.places(rows).unflatten(2, (3, 4, 16)).permute(2, 0, 3, 1, 4)
            rows = functional.scaled_dot_product_attention(*parts, **self.more(rows)).transpose(1, 2).flatten(2)
        scores: Tensor = self.head(rows.mean(1))
        return scores


ATTENTIONS: dict[str, Callable[[Tensor], dict[str, Any]]] = {
    "plain": lambda rows: {},
    "causal": lambda rows: {"is_causal": True},
    "mask": lambda rows: {"attn_mask": rows.new_zeros(256, 256)},
    "boolean mask": lambda rows: {"attn_mask": rows.new_ones(256, 256, dtype=torch.bool)},
    "not fused": lambda rows: {"dropout_p": 0.1},
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_the_memory_of_attention_is_that_of_a_real_pass(name: str) -> None:
    """Of an inference and of a training step on the CPU, followed storage by storage; its parts are counted."""
    real, meta = Attending(ATTENTIONS[name]).eval(), Attending(ATTENTIONS[name]).eval().to("meta")
    images = torch.randn(2, 3, 64, 64)
    memory = LiveMemory([*real.parameters(), images])
    with torch.no_grad(), memory:
        real(images)
    (on_meta, on_cpu) = (count(network, images.to(device)) for network, device in ((meta, "meta"), (real, "cpu")))
    assert on_meta == on_cpu
    assert on_meta.peak == memory.peak
    matrix = 2 * 4 * 256 * 256
    assert (memory.peak < 4 * matrix) == (name != "not fused")
    assert on_meta.macs == 2 * (256 * 64 * (48 + 192) + 2 * 4 * 256 * 256 * 16 + 640)
    assert on_meta.activations == 2 * (256 * (64 + 192 + 64) + 10) + matrix
    check_training_memory(real, meta, images)


def test_multi_head_attention_makes_its_matrix_in_inference_only() -> None:
    """The fast path for inference is one operator, whose memory is not seen; training does not take it."""
    real, meta, images = Attending().eval(), Attending().eval().to("meta"), torch.randn(2, 3, 64, 64)
    assert count(meta, images.to("meta")).peak > 4 * 2 * 4 * 256 * 256
    check_training_memory(real.train(), meta.train(), images)


def check_training_memory(real: nn.Module, meta: nn.Module, images: Tensor) -> None:
    memory = LiveMemory([*real.parameters(), images])
    with memory:
        real(images).sum().backward()
    blank = images.to("meta")
    assert peak_bytes(lambda: meta(blank).sum().backward(), [*meta.parameters(), blank]) == memory.peak


def test_known_peaks_of_resnet18() -> None:
    """51.328 MiB in all for one image, 134.961 MiB for a step of SGD with momentum on two."""
    made = subject("resnet18")
    (inference,) = memory_exact.measure_inference(made)
    in_all = inference.value + inference.detail["weights"] + made.input(1, "meta").nbytes
    assert in_all / MIB == pytest.approx(51.328, abs=5e-4)

    network, images = made.meta.train(), made.input(2, "meta")
    labels = torch.zeros(2, dtype=torch.int64, device="meta")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)

    def step() -> None:
        cross_entropy(network(images), labels).backward()
        optimizer.step()

    state = [*network.parameters(), *network.buffers(), images, labels]
    assert (peak_bytes(step, state) + storage_bytes(state)) / MIB == pytest.approx(134.961, abs=5e-4)


def test_vgg16_needs_24_and_a_half_mebibytes() -> None:
    """Its second convolution reads 64 x 224 x 224 floats and writes as many: 2 x 12.25 MiB."""
    (inference,) = memory_exact.measure_inference(subject("vgg16"))
    assert inference.value == 2 * 64 * 224 * 224 * 4


RESIDENT = """
from networks import subject
from reporter.metrics import memory_measured
reading, _ = memory_measured.measure_rss(subject("resnet18"))
print(reading.value)
"""


def test_resident_memory_holds_at_least_the_weights() -> None:
    """In a process of its own, as in a run: one that has grown before would hide the growth."""
    grown = float(forked.execute(RESIDENT).stdout)
    weights = 4 * 11_689_512
    assert weights < grown < 4 * weights


def test_counting_leaves_torch_as_it_was() -> None:
    def state() -> tuple[object, ...]:
        return torch.backends.mha.get_fastpath_enabled(), nn.init.ones_, nn.modules.activation.xavier_uniform_

    before = state()
    list(compute.measure(subject("resnet18")))
    assert state() == before


def test_initialisation_in_place_takes_no_time_on_meta() -> None:
    """Calls that only fill a weight are left out; those with another tensor, and those of real tensors, are made."""
    with building.OnMeta():
        weight = torch.empty(3, 4)
        assert weight.is_meta
        assert weight.uniform_().mul_(2.0).add_(1.0).clamp_(min=-1.0, max=1.0) is weight
        with pytest.raises(RuntimeError):
            weight.mul_(torch.empty(5))
        assert torch.tensor([1.0, 2.0]).mul_(2.0).tolist() == [2.0, 4.0]
