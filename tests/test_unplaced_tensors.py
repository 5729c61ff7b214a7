"""Tensors of a checkpoint that the network has no place for, and what a file may have beside the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from networks import own
from torch import Tensor, nn
from torchvision.models import SwinTransformer, convnext, get_model, resnet, vit_b_16

from reporter.architectures import se_resnet
from reporter.worker.counts.building import on_meta
from reporter.worker.weights.checkpoints import fitted, head

State = dict[str, Tensor]


def flat(depth: int, classes: int) -> nn.Module:
    """Convolutions in one container with the head."""
    parts = [part for i in range(depth) for part in (nn.Conv2d(8 if i else 3, 8, 3), nn.ReLU())]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))


class Stack(nn.Module):
    def __init__(self, depth: int, classes: int, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(depth))
        self.act, self.head, self.taken_off = act(), nn.Linear(8, classes), nn.Identity()


class Named(nn.Module):
    """Blocks that are attributes, as in DenseNet."""

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        for number in range(1, depth + 1):
            self.add_module(f"block{number}", nn.Linear(8, 8))
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, classes)


def residual(depths: tuple[int, ...], block: type[nn.Module], classes: int) -> nn.Module:
    return resnet.ResNet(block, list(depths), classes)


def next_to(depth: int, classes: int) -> nn.Module:
    rows = [
        convnext.CNBlockConfig(8, 16, 1),
        convnext.CNBlockConfig(16, 32, depth),
        convnext.CNBlockConfig(32, None, 1),
    ]
    return convnext.ConvNeXt(rows, num_classes=classes)


def windows(depth: int, classes: int) -> nn.Module:
    return SwinTransformer([4, 4], 24, depths=[depth, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=classes)


def inside(build: Callable[[int, int], nn.Module], depth: int, classes: int) -> nn.Module:
    """The same as a part of another network."""
    network = nn.Module()
    network.body = build(depth, classes)
    return network


BOTTLENECKS, BASIC = partial(residual, block=resnet.Bottleneck), partial(residual, block=resnet.BasicBlock)
DEEPER: list[tuple[Callable[[int], nn.Module], Callable[[int], nn.Module], str]] = [
    (lambda n: BOTTLENECKS((3, 4, 6, 3), classes=n), lambda n: BOTTLENECKS((3, 4, 23, 3), classes=n),
     r"306 tensors of the file have no place in the network, layer3\.6\.conv1\.weight first"),
    (lambda n: BASIC((2, 2, 2, 2), classes=n), lambda n: BASIC((3, 4, 6, 3), classes=n), r"layer1\.2\.conv1\.weight"),
    (partial(next_to, 1), partial(next_to, 3), r"features\.3\.1\.layer_scale"),
    (partial(windows, 2), partial(windows, 4), r"features\.1\.2\.norm1\.weight"),
    (partial(inside, flat, 1), partial(inside, flat, 3), r"body\.2\.weight"),
    (partial(Stack, 2), partial(Stack, 3), r"2 tensors .*, blocks\.2\.weight"),
    (partial(inside, Named, 2), partial(inside, Named, 3), r"2 tensors .*, body\.block3\.weight"),
    (partial(Stack, 2), partial(Stack, 2, act=nn.PReLU), r"1 tensor of the file has no .*, act\.weight"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "deeper", "words"), DEEPER)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_file_of_a_deeper_network_is_refused(
    build: Callable[[int], nn.Module], deeper: Callable[[int], nn.Module], words: str, prefix: str
) -> None:
    state = {prefix + name: tensor for name, tensor in on_meta(partial(deeper, 37)).state_dict().items()}
    with pytest.raises(ValueError, match=rf"^the checkpoint does not fit: .*{words}"):
        fitted(on_meta(partial(build, 10)), state, head(own(build=build), 10))


BESIDE = [
    "fc2.weight", "fc.1.weight", "heads.0.weight", "aux1.conv.weight", "projector.0.weight", "queue", "queue_ptr",
    "layer1.0.bn1.total_ops", "layer1.0.relu.total_ops", "layer1.0.conv1.weight_fake_quant.scale", "relu.total_params",
    "activation_post_process_0.scale", "layer1.0.attn_mask", "ema.layer1.5.conv1.weight", "n_averaged",
    "teacher.layer1.7.conv1.weight", "criterion.0.weight", "decoder.blocks.3.weight", "bn1.num_batches_tracked",
]  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_what_a_file_has_beside_the_network_is_no_reason(name: str) -> None:
    build = partial(BASIC, (2, 2, 2, 2))
    network = on_meta(lambda: build(classes=10))
    state = {**network.state_dict(), name: torch.ones(3)}
    assert fitted(network, state, head(own(build=lambda n: build(classes=n)), 10)).removed == ""


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(("gated", "plain", "first"), [
    ("se_resnet50", "resnet50", r"64 tensors .*, layer1\.0\.se\.fc1\.weight"),
    ("se_resnext50_32x4d", "resnext50_32x4d", r"64 tensors .*, layer1\.0\.se\.fc1\.weight"),
])  # fmt: skip
def test_a_file_with_gates_in_its_blocks_is_refused(gated: str, plain: str, first: str, prefix: str) -> None:
    (file,) = (on_meta(partial(each.build, 37)) for each in se_resnet.ENTRIES if each.name == gated)
    network = on_meta(lambda: get_model(plain, num_classes=10))
    state = {prefix + name: tensor for name, tensor in file.state_dict().items()}
    with pytest.raises(ValueError, match=rf"^the checkpoint does not fit: {first} first"):
        fitted(network, state, {"fc.weight", "fc.bias"})


@pytest.mark.parametrize(
    ("inserted", "is_refused"),
    [
        ("layer{}.0.gate.weight", True),
        ("layer1.{}.fc1.0.weight", True),
        ("layer1.{}.se.weight", True),
        ("layer1.{}.bn1.aux_bn.0.weight", False),
        ("layer1.{}.conv1.lora_A.weight", False),
        ("layer1.{}.conv1.lora_A", False),
        ("layer1.{}.index.weight", False),
        ("layer1.{}.ls1.gamma", False),
        ("layer1_ema.{}.weight", False),
        ("ema.layer1.{}.se.weight", False),
        ("norm{}.weight", False),
    ],
)
def test_modules_in_several_blocks_are_those_of_another_network(inserted: str, is_refused: bool) -> None:
    """A layer of normalization for other images, as in timm, is none of them: its parent computes without it."""
    build = partial(BASIC, (2, 2, 2, 2))
    network = on_meta(lambda: build(classes=10))
    kind = torch.int64 if "index" in inserted else torch.float32
    numbers = (1, 2) if inserted.startswith("layer{}") else (0, 1)
    state = {**network.state_dict(), **{inserted.format(at): torch.ones(3, dtype=kind) for at in numbers}}
    if not is_refused:
        assert fitted(network, state, {"fc.weight", "fc.bias"}).removed == ""
        return
    with pytest.raises(ValueError, match=r"2 tensors of the file have no place"):
        fitted(network, state, {"fc.weight", "fc.bias"})


def test_a_module_in_one_block_is_no_reason() -> None:
    network = on_meta(partial(BASIC, (2, 2, 2, 2), classes=10))
    fitted(network, {**network.state_dict(), "layer1.0.exit.weight": torch.ones(3)}, {"fc.weight", "fc.bias"})


@pytest.mark.parametrize("name", ["8.weight", "taken_off.weight", "head2.weight"])
def test_further_heads_and_layers_that_were_taken_off_are_no_reason(name: str) -> None:
    build = partial(Stack, 2) if name[0].isalpha() else partial(flat, 1)
    network = build(10)
    fitted(network, {**network.state_dict(), name: torch.ones(3)}, head(own(build=build), 10))


def test_a_network_may_lack_a_whole_stage_of_the_file() -> None:
    """Backbones are shortened on purpose."""
    whole, network = Named(3, 37), Named(2, 10)
    assert fitted(network, whole.state_dict(), head(own(build=partial(Named, 2)), 10)).removed == ""


def test_the_classifier_of_a_file_may_have_more_layers() -> None:
    def build(classes: int, layers: int = 1) -> nn.Module:
        body, hidden = nn.Sequential(nn.Conv2d(3, 8, 3)), [nn.Linear(8, 8), nn.ReLU()] * (layers - 1)
        network = nn.Module()
        network.features, network.classifier = body, nn.Sequential(nn.Dropout(), *hidden, nn.Linear(8, classes))
        return network

    for layers in (1, 2):
        fitted(build(10), build(37, layers).state_dict(), head(own(build=build), 10))


@pytest.mark.slow
def test_a_vision_transformer_of_more_layers_is_refused() -> None:
    network = on_meta(partial(vit_b_16, num_classes=10))
    state = network.state_dict()
    more = {name.replace("layer_11", "layer_12"): tensor for name, tensor in state.items() if "layer_11" in name}
    fitted(network, state, {"heads.head.weight", "heads.head.bias"})
    with pytest.raises(ValueError, match=r"12 tensors of the file have no place"):
        fitted(network, {**more, **state}, {"heads.head.weight", "heads.head.bias"})
