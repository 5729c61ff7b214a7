"""Exact numbers, each by a second way: torch's own trackers, fvcore, the papers, or a count by hand."""

from __future__ import annotations

import warnings

import pytest
import torch
from networks import own, subject
from torch.nn.functional import cross_entropy

from reporter.measuring.counting import peak_bytes, storage_bytes
from reporter.measuring.learning import exercise
from reporter.measuring.training import loss_of
from reporter.metrics import compute, fvcore_macs, memory_exact, memory_measured, size

MIB = 2**20
DEPTHS = {
    "alexnet": 8, "vgg16": 16, "vgg19_bn": 19, "googlenet": 22, "inception_v2": 47 + 3 + 4, "bn_inception": 34,
    "inception_v3": 48, "densenet121": 121, "densenet201": 201, "resnet18": 18, "resnet50": 50, "resnet101": 101,
    "resnext50_32x4d": 50,
}  # fmt: skip
DIFFERENT = ("alexnet", "vgg16_bn", "googlenet", "inception_v3", "densenet121", "resnet18", "se_resnet50",
             "resnext50_32x4d", "mobilenet_v3_small", "vit_b_16", "regnet_y_400mf", "convnext_tiny")  # fmt: skip


@pytest.mark.parametrize(("name", "depth"), DEPTHS.items())
def test_depth_is_the_one_of_the_papers(name: str, depth: int) -> None:
    """The names' numbers; 34 and 48 as counted by hand on the papers' tables (facts/architectures.csv).

    Inception v2: 47 layers in the rows of Table 1, and 3 and 4 in the two grid reductions that the table leaves out.
    """
    assert subject(name).counts.depth == depth


def test_depth_counts_the_gates_of_squeeze_and_excitation() -> None:
    """Two layers in each of the 16 blocks lie on the longest path: 50 + 32."""
    assert subject("se_resnet50").counts.depth == 82


def test_attention_is_counted_as_torchvision_publishes_it() -> None:
    vit = subject("vit_b_16")
    assert round(vit.counts.macs / 1e9, 3) == 17.564
    assert vit.counts.depth == 1 + 12 * 4 + 1


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


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "inception_v3", "vgg16", "se_resnet50"])
def test_activations_equal_fvcore(name: str) -> None:
    from fvcore.nn import ActivationCountAnalysis

    made = subject(name)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        analysis = ActivationCountAnalysis(made.network, made.input(1))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        assert made.counts.activations == analysis.total()


@pytest.mark.parametrize("name", ["resnet18", "vgg16_bn", "googlenet", "densenet121", "se_resnet50", "vit_b_16"])
def test_fvcore_differs_by_named_operators_only(name: str) -> None:
    made = subject(name)
    (reading,) = fvcore_macs.measure(made)
    extras = reading.detail["because"]
    assert reading.detail["verdict"] in ("agree", "differ")
    assert reading.value == made.counts.macs + sum(extras.values())
    assert "unexplained" not in extras


def test_verdicts_of_two_counters() -> None:
    assert fvcore_macs.judge(100, {"conv": 100}, {}) == ("agree", {})
    assert fvcore_macs.judge(100, {"conv": 100, "batch_norm": 7}, {}) == ("differ", {"batch_norm": 7})
    assert fvcore_macs.judge(100, {"conv": 60}, {"aten::fft": 1}) == ("undercount", {"aten::fft": 1, "missing": 40})
    assert fvcore_macs.judge(100, {"conv": 120}, {}) == ("differ", {"unexplained": 20})


@pytest.mark.parametrize("name", DIFFERENT)
def test_peaks_equal_torchs_memory_tracker(name: str) -> None:
    """torch.distributed's MemTracker, on the same meta network, inference and training."""
    from torch.distributed._tools.mem_tracker import MemTracker

    made = subject(name, batch_size=2, image_size=96 if "vit" not in name else 224)
    network, image = made.meta, made.input(1, "meta")
    state = [*network.parameters(), *network.buffers(), image]
    tracker = MemTracker()
    tracker.track_external(network, image)
    with torch.no_grad(), tracker:
        network(image)
    ours = next(iter(memory_exact.measure(made))).value + storage_bytes(state)
    assert ours == tracker.get_tracker_snapshot("peak")[torch.device("meta")]["Total"]


@pytest.mark.parametrize("name", ["resnet18", "alexnet", "densenet121", "googlenet"])
def test_training_peaks_equal_torchs_memory_tracker(name: str) -> None:
    from torch.distributed._tools.mem_tracker import MemTracker

    made = subject(name, batch_size=2, image_size=96)
    network, (images, labels), recipe = exercise(made, "meta")
    moments = [torch.empty_like(weight) for weight in network.parameters() for _ in range(2)]
    tracker = MemTracker()
    tracker.track_external(network, images, labels, *moments)
    with tracker:
        loss_of(network(images), labels, recipe).backward()
    ours = memory_exact.training_peak(made).value
    assert ours == tracker.get_tracker_snapshot("peak")[torch.device("meta")]["Total"]


@pytest.mark.parametrize("name", ["resnet18", "alexnet", "se_resnet50"])
def test_training_peaks_are_those_of_a_real_step(name: str) -> None:
    """The second real step with the fused AdamW on the CPU, followed storage by storage."""
    made = subject(name, batch_size=2, image_size=96)
    network, batch, recipe = exercise(made, "cpu")
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
    assert memory_exact.training_peak(made).value == real


def test_known_peaks_of_resnet18() -> None:
    """51.328 MiB in all for one image, 134.961 MiB for a step of SGD with momentum on two."""
    made = subject("resnet18")
    inference, _ = memory_exact.measure(made)
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
    inference, _ = memory_exact.measure(subject("vgg16"))
    assert inference.value == 2 * 64 * 224 * 224 * 4


def test_resident_memory_holds_at_least_the_weights() -> None:
    """In a process of its own, as in a run: one that has grown before would hide the growth."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        grown = pool.apply(_resident, ("resnet18",))
    weights = 4 * 11_689_512
    assert weights < grown < 4 * weights


def _resident(name: str) -> float:
    (reading,) = memory_measured.measure_rss(subject(name))
    return reading.value


def test_counting_leaves_torch_as_it_was() -> None:
    from torch import nn

    before = (torch.backends.mha.get_fastpath_enabled(), nn.init.kaiming_uniform_)
    list(compute.measure(subject("resnet18")))
    assert (torch.backends.mha.get_fastpath_enabled(), nn.init.kaiming_uniform_) == before
