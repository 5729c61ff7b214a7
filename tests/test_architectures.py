"""Every architecture is what it says: it builds, and its counts are the published ones."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from functools import cache, partial
from math import sqrt

import pytest
import torch
from networks import catalogued
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from reporter import facts
from reporter.architectures.se_resnet import TIMM
from reporter.architectures.torchvision import described, discover
from reporter.metrics import imagenet_accuracy
from reporter.metrics.size import measure as measure_size
from reporter.model import Architecture
from reporter.registry.selection import catalog_entries
from reporter.report.language import language
from reporter.worker.counts import building
from reporter.worker.lookup import find

HEADS = {"googlenet": 13_004_888 - 6_624_904, "inception_v3": 27_161_264 - 23_834_568}
"""Parameters of the auxiliary heads; GoogLeNet's published count leaves them out, Inception v3's has its one in."""

STAGES = {"se_resnet50": (3, 4, 6, 3), "se_resnet101": (3, 4, 23, 3), "se_resnext50_32x4d": (3, 4, 6, 3)}
PLAIN = {"se_resnet50": "resnet50", "se_resnet101": "resnet101", "se_resnext50_32x4d": "resnext50_32x4d"}

DEEPEST = ("vgg19", "vgg19_bn", "densenet201", "resnet101", "se_resnet101", "se_resnext50_32x4d", "inception_v3")
"""More layers of the same kinds as others have."""
every = pytest.mark.parametrize("name", catalog_entries())
not_deepest = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in DEEPEST else []) for name in catalog_entries()]
)


def on_meta(architecture: Architecture, classes: int = 1000) -> nn.Module:
    return building.on_meta(partial(architecture.build, classes)).eval()


@cache
def built(name: str) -> nn.Module:
    """Of 1000 classes; one network for the tests that only look at it."""
    return on_meta(find(name))


@cache
def parameters(name: str) -> tuple[int, int]:
    """Parameters with all heads, and those of auxiliary heads."""
    sizes = {key: value.numel() for key, value in built(name).named_parameters()}
    return sum(sizes.values()), sum(size for key, size in sizes.items() if key.lower().startswith("aux"))


@cache
def inference(name: str) -> tuple[int, torch.Size]:
    """The multiply-adds of an image of native size, and the shape of its scores."""
    size, fast = find(name).input_size, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # evaluating, it would hide attention from the counter
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            scores = built(name)(torch.empty(1, 3, size, size, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops()) // 2, scores.shape


def counted(name: str) -> tuple[int, int, int]:
    """Parameters with all heads, those of auxiliary heads, and multiply-adds at native size."""
    return (*parameters(name), inference(name)[0])


@not_deepest
def test_gives_one_score_per_class_at_native_and_at_small_size(name: str) -> None:
    assert inference(name)[1] == (1, 1000)
    with torch.no_grad():
        assert on_meta(find(name), 10)(torch.empty(2, 3, 80, 80, device="meta")).shape == (2, 10)


@every
def test_parameters_are_the_published_count(name: str) -> None:
    total, heads = parameters(name)
    assert heads == HEADS.get(name, 0)
    published = find(name).published.get("params_counted")
    if published is not None:
        assert published == (total - heads if name == "googlenet" else total)
    assert published is not None or name in STAGES


@not_deepest
def test_multiply_adds_are_the_published_count(name: str) -> None:
    """By torch's counter; by that of the report, for all networks: `test_cards.py`."""
    row = find(name).published
    published = row.get("gmacs_measured", row.get("torchvision_ops_gmacs"))
    if published is None:
        assert name in ("se_resnet101", "se_resnext50_32x4d")
        base = find(PLAIN[name]).published["torchvision_ops_gmacs"]
        assert base < counted(name)[2] / 1e9 < 1.002 * base  # gates cost next to nothing
    else:
        assert round(counted(name)[2] / 1e9, 3) == published


@every
def test_says_what_is_to_be_known_of_it(name: str) -> None:
    entry = catalog_entries()[name]
    assert entry.paper.endswith(entry.published["arxiv_or_venue"])
    assert entry.published["paper_title"] in entry.paper
    assert entry.year == entry.published["year"]
    assert entry.variant
    assert facts.family(name)["family"] == entry.family


@every
def test_learns_slower_without_batch_norm(name: str) -> None:
    assert 0 < find(name).learning_rate <= highest_rate(built(name))


def highest_rate(network: nn.Module) -> float:
    """Without batch norm a network learns at a tenth of the usual rate, or slower; the others declare their own."""
    return 1e-2 if any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()) else 1e-4


def test_the_catalogue_is_known_without_torch() -> None:
    code = "import sys; from reporter import facts; from reporter.registry import selection;"
    code += "selection.select('lecture', lambda: 1 / 0);"
    code += "selection.datasets(); facts.timeline(); sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_heads_train_with_them_and_are_built_in_silence(name: str) -> None:
    with building.without_initialisation(), torch.device("meta"):
        network = find(name).build(10)
        outputs = network.train()(torch.empty(2, 3, find(name).input_size, find(name).input_size))
    assert [output.shape for output in outputs] == [(2, 10)] * (3 if name == "googlenet" else 2)
    assert not network.transform_input
    assert find(name).auxiliary_loss > 0


@not_deepest
def test_the_report_counts_as_torchs_counter_does(name: str) -> None:
    """Our own counting in one pass against FlopCounterMode, and the ledger of auxiliary heads."""
    made = catalogued(name)
    parameters, auxiliary, _ = (reading.value for reading in measure_size(made))
    assert (parameters + auxiliary, auxiliary, made.counts.macs) == counted(name)


# Built here


@pytest.mark.parametrize("name", STAGES)
def test_gates_add_the_parameters_of_equation_5(name: str) -> None:
    """(2/r) sum N_s C_s^2 weights, and biases N_s (C_s/r + C_s), with r = 16."""
    widths = (256, 512, 1024, 2048)
    weights = sum(2 * n * c * c // 16 for n, c in zip(STAGES[name], widths, strict=True))
    biases = sum(n * (c // 16 + c) for n, c in zip(STAGES[name], widths, strict=True))
    assert parameters(name)[0] == facts.published(PLAIN[name])["params_counted"] + weights + biases
    if name == "se_resnet50":
        assert (weights, biases, parameters(name)[0]) == (2_514_944, 16_048, 28_088_024)


@pytest.mark.parametrize(
    ("name", "width", "figures"),
    [("se_resnet50", 1, (3.87, 4.09, 3.86)), ("se_resnext50_32x4d", 2, (4.25, 4.23, 3.77))],
)
def test_the_papers_macs_tell_where_its_stride_is(name: str, width: int, figures: tuple[float, ...]) -> None:
    """With the stride in the first 1x1, that of the first block of three stages computes a quarter of its pixels."""
    network = on_meta(find(name))
    moved = [block for block in network.modules() if hasattr(block, "conv3") and block.conv2.stride == (2, 2)]
    for block in moved:
        block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, 224, 224, device="meta"))
    other, built = int(counter.get_total_flops()) // 2, inference(name)[0]
    shapes = ((256, 128 * width, 56), (512, 256 * width, 28), (1024, 512 * width, 14))
    assert built - other == sum(before * after * (side**2 - (side // 2) ** 2) for before, after, side in shapes)
    assert len(moved) == len(shapes)
    stated = float(find(name).published["mult_adds_published"].split()[0])
    assert (stated, round(built / 1e9, 2), round(other / 1e9, 2)) == figures
    assert find(name).variant.endswith("the paper has it in the first 1x1" if width == 1 else "the paper's MACs agree")


@pytest.mark.parametrize("name", STAGES)
def test_state_dict_has_timms_keys_and_shapes(name: str) -> None:
    timm = pytest.importorskip("timm")
    theirs = building.on_meta(lambda: timm.create_model(TIMM[name])).state_dict()
    ours = built(name).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}


@pytest.mark.parametrize("name", [pytest.param("se_resnet50", marks=pytest.mark.slow), "se_resnext50_32x4d"])
def test_gives_timms_scores_with_timms_weights(name: str) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model(TIMM[name], num_classes=10, zero_init_last=False).eval()
    ours = on_meta(find(name), 10)
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "weights", "top1"),
    [
        ("se_resnet50", "seresnet50.ra2_in1k", 0.8026),
        ("se_resnext50_32x4d", "seresnext50_32x4d.racm_in1k", 0.81268),
        ("se_resnet101", None, None),
        ("bn_inception", None, None),
    ],
)
def test_the_best_weights_are_timms_where_torchvision_has_none(
    name: str, weights: str | None, top1: float | None
) -> None:
    """Of the same network in timm, at its image size, with their source; timm has none of seresnet101."""
    found = {reading.quantity.key: reading for reading in imagenet_accuracy.measure(catalogued(name))}
    assert found["imagenet_top1"].reason == "torchvision publishes no ImageNet weights of this network"
    best = found["imagenet_best_top1"]
    assert best.detail.get("weights") == weights
    if weights is None:
        assert best.status == "unsupported"
        assert (best.reason == "no published row for seresnet101 in timm's table") == (name in TIMM)
        assert re.search("[а-я]", language("ru").translate(best.reason))
    else:
        tags = facts.timm_accuracies()
        every = [row for tag, rows in tags.items() if tag.startswith(f"{TIMM[name]}.") for row in rows]
        highest = max(float(row["top1"]) for row in every if row["img_size"] == "224")
        assert best.value == pytest.approx(highest / 100) == pytest.approx(top1)
        assert best.detail["test_size"] == 224
        assert "results-imagenet.csv" in best.detail["source"]


def test_the_gate_squeezes_by_the_average_and_leaves_the_shortcut_alone() -> None:
    network = built("se_resnet50")
    blocks = [block for stage in (1, 2, 3, 4) for block in getattr(network, f"layer{stage}")]
    assert all(isinstance(block.se.avgpool, nn.AdaptiveAvgPool2d) for block in blocks)
    gates = [name for name, layer in network.named_modules() if type(layer).__name__ == "SqueezeExcitation"]
    assert len(gates) == 16
    assert not any("downsample" in name for name in gates)


def test_a_closed_gate_lets_only_the_shortcut_through() -> None:
    block = on_meta(find("se_resnet50")).layer1[1].to_empty(device="cpu")
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layer.reset_parameters()
    nn.init.constant_(block.se.fc2.bias, -1e4)
    images = torch.randn(2, 256, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(block(images), images.relu())


def grids(network: nn.Module, size: int) -> list[tuple[int, ...]]:
    """Width and grid after each layer that keeps the images."""
    found: list[tuple[int, ...]] = []
    images: Tensor = torch.empty(1, 3, size, size, device="meta")
    for layer in network.children():
        images = layer(images)
        if images.ndim == 4:
            found.append((*images.shape[2:], images.shape[1]))
    return found


def test_inception_v2_has_the_grids_of_table_1() -> None:
    table = [(149, 149, 32), (147, 147, 32), (147, 147, 64), (73, 73, 64), (71, 71, 80), (35, 35, 192)]
    table += [(35, 35, 288)] * 4 + [(17, 17, 768)] * 6 + [(8, 8, 1280), *[(8, 8, 2048)] * 2, (1, 1, 2048)]
    assert grids(on_meta(find("inception_v2")), 299) == table


def test_bn_inception_has_the_grids_and_widths_of_figure_5() -> None:
    stem = [(112, 64), (56, 64), (56, 64), (56, 192), (28, 192)]
    modules = [(28, 256), (28, 320), (14, 576), *[(14, 576)] * 2, *[(14, 608)] * 2, (7, 1056), (7, 1024), (7, 1024)]
    figure = [(side, side, width) for side, width in [*stem, *modules, (1, 1024)]]
    assert grids(on_meta(find("bn_inception")), 224) == figure


@pytest.mark.parametrize(("name", "deviation"), [("inception_v2", 0.1), ("bn_inception", 0.01), ("se_resnet50", None)])
def test_starts_like_its_sibling_in_torchvision(name: str, deviation: float | None) -> None:
    torch.manual_seed(0)
    layers = [layer for layer in find(name).build(10).modules() if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        fan_out = layer.out_channels * layer.kernel_size[0] * layer.kernel_size[1]
        assert layer.weight.std().item() == pytest.approx(deviation or sqrt(2 / fan_out), rel=0.1)


# All that torchvision has

CHEAPEST = ("alexnet", "convnext_tiny", "efficientnet_b0", "googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v2",
            "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5",
            "squeezenet1_1", "swin_t", "swin_v2_t", "vit_b_32")  # fmt: skip
"""Of every family but those of the lecture, whose counts other tests have, and MaxViT."""


def test_all_classifiers_of_torchvision_are_found() -> None:
    from torchvision import models

    assert [entry.name for entry in discover()] == models.list_models(module=models)
    assert len(discover()) >= 80


def test_what_the_lecture_has_is_the_same_entry() -> None:
    assert [entry.name for entry in discover() if catalog_entries().get(entry.name) is entry] == sorted(
        name for name, entry in catalog_entries().items() if entry.weights
    )


def test_three_words_from_a_worker_describe_each_of_them() -> None:
    for entry in discover():
        again = described(entry.name, str(entry.weights), entry.input_size)
        assert replace(again, build=entry.build) == entry


def test_metadata_agrees_with_torchvisions() -> None:
    from torchvision.models import get_model_weights

    for entry in discover():
        weights = get_model_weights(entry.name)[entry.weights]
        assert weights.transforms().crop_size == [entry.input_size], entry.name
        assert 2012 <= entry.year <= 2030, entry.name
        assert entry.paper.count(", ") >= 2, entry.name
        assert not entry.published or entry.published["params_counted"] == weights.meta["num_params"], entry.name


@pytest.mark.parametrize(
    "entry",
    [pytest.param(entry, marks=[] if entry.name in CHEAPEST else [pytest.mark.slow]) for entry in discover()],
    ids=lambda entry: entry.name,
)
def test_the_report_says_what_torchvision_publishes(entry: Architecture) -> None:
    """Parameters to the last, multiply-adds to the three decimals of G; the ledger explains the two with heads."""
    from torchvision.models import get_model_weights

    meta = get_model_weights(entry.name)[entry.weights].meta
    made = catalogued(entry.name)
    parameters, auxiliary, _ = (reading.value for reading in measure_size(made))
    assert auxiliary == HEADS.get(entry.name, 0)
    assert meta["num_params"] == parameters + (auxiliary if entry.name == "inception_v3" else 0)
    assert round(made.counts.macs / 1e9, 3) == meta["_ops"]


@pytest.mark.slow
@pytest.mark.parametrize("entry", discover(), ids=lambda entry: entry.name)
def test_counts_agree_with_torchvisions(entry: Architecture) -> None:
    from torchvision.models import get_model_weights

    meta = get_model_weights(entry.name)[entry.weights].meta
    total, heads, macs = counted(entry.name)
    assert meta["num_params"] == (total - heads if entry.name == "googlenet" else total)
    assert round(macs / 1e9, 3) == meta["_ops"]
    assert 0 < entry.learning_rate <= highest_rate(on_meta(entry))
