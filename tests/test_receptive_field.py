"""Receptive fields: counted through a model, by the gradient of one output position, and as published."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import samples
import torch
from networks import own, subject
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import DeformConv2d

from reporter.metrics import receptive_field_size
from reporter.model import UnsupportedError
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.slide_table import slide_table
from reporter.worker.counts.input_windows import receptive_field

PUBLISHED = {"alexnet": 195, "vgg16": 212, "inception_v3": 1311}
"""Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table."""
CONVNEXT = 32 + 6 * (3 * 4 + 3 * 8 + 9 * 16 + 3 * 32)
"""Of ConvNeXt-T: kernels as wide as their strides, and 7 x 7 in each block, at strides of 4, 8, 16 and 32 pixels."""


class Branches(nn.Module):
    """Concatenates kernels of several shapes, adds a shortcut, and weighs channels by a gate over the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.tall = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, (5, 1), padding=(2, 0))
        self.wide = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, (1, 3), padding=(0, 1)))
        self.gate = nn.Conv2d(12, 12, 1)

    def forward(self, images: Tensor) -> Tensor:
        joined = torch.cat([self.small(images) + images, self.tall(images), self.wide(images)], 1)
        return joined * self.gate(joined.mean((2, 3), keepdim=True)).sigmoid()


class ChannelsLast(nn.Module):
    """The block of ConvNeXt as its authors publish it: linear layers on the last axis, and back for the shortcut."""

    def __init__(self, is_normed: bool = True) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8) if is_normed else nn.ReLU()
        self.wide, self.narrow = nn.Linear(8, 32), nn.Linear(32, 8, bias=is_normed)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.norm(self.depthwise(images).permute(0, 2, 3, 1))
        return images + self.narrow(functional.gelu(self.wide(maps))).permute(0, 3, 1, 2)


class Tokens(nn.Module):
    """A linear layer on a sequence of positions, the channels last, or on the channels of a sequence of positions."""

    def __init__(self, positions: int = 0) -> None:
        super().__init__()
        self.mixes, self.layer = bool(positions), nn.Linear(positions or 4, positions or 4)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2)
        made = self.layer(tokens) if self.mixes else self.layer(tokens.transpose(1, 2)).transpose(1, 2)
        return images + made.unflatten(2, images.shape[2:])


class Sliced(nn.Module):
    """A shortcut without weights, of every second position and with channels of zeros, and a sum of shifted maps."""

    def __init__(self) -> None:
        super().__init__()
        self.halving, self.shifted = nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 8, 3)

    def forward(self, images: Tensor) -> Tensor:
        halved = self.halving(images) + functional.pad(images[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return self.shifted(halved)[..., :-1, :-1] + halved[..., 3:, 3:]


class Shuffled(nn.Module):
    """Exchanges the channels of two groups, as ShuffleNet does, and weighs them by their means."""

    def forward(self, images: Tensor) -> Tensor:
        grouped = images.view(len(images), 2, -1, *images.shape[2:])
        shuffled = grouped.transpose(1, 2).reshape(images.shape)
        gate = shuffled.flatten(2).mean(2)[..., None, None].expand_as(shuffled).detach()
        return gate * shuffled[:, torch.arange(shuffled.shape[1]).flip(0)].flip(1)


class Turned(nn.Module):
    """Shifts the columns of a map by three positions while they are its rows, and adds the map."""

    def forward(self, images: Tensor) -> Tensor:
        return functional.pad(images.transpose(2, 3), (0, 0, 3, 0)).mT[..., :-3] + images


NETWORKS = {
    "strides": lambda: nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3), nn.AvgPool2d(3, 2, 1), nn.Conv2d(4, 4, 3, dilation=2)),
    "even": lambda: nn.Sequential(nn.Conv2d(3, 4, 4, 2), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 4, 2)),
    "branches": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, 2), Branches(), nn.Conv2d(12, 4, 3)),
    "uneven": lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 7), (1, 3)), nn.BatchNorm2d(4), nn.ZeroPad2d(3)),
    "channels last": lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 4), ChannelsLast(), ChannelsLast()),
    "without norm": lambda: nn.Sequential(nn.Conv2d(3, 8, 4, 4), ChannelsLast(is_normed=False), nn.Conv2d(8, 4, 2)),
    "tokens": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, 2), Tokens(), nn.Conv2d(4, 4, 3), Tokens()),
    "sliced": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Sliced(), nn.Conv2d(8, 4, 2)),
    "shuffled": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Shuffled(), nn.Conv2d(4, 4, 3)),
    "turned": lambda: nn.Sequential(nn.Conv2d(3, 4, (5, 3)), Turned(), nn.BatchNorm2d(4)),
}


def by_gradient(network: nn.Module, side: int) -> tuple[int, int]:
    """The extent of the gradient of the middle position of the last map, with positive weights and no gate."""
    for module in network.modules():
        if isinstance(module, Branches):
            nn.init.zeros_(module.gate.weight)
    for name, weight in network.named_parameters():
        if "gate" not in name:
            nn.init.uniform_(weight, 0.05, 0.15)
    image = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    output = network.eval().double()(image)
    output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum().backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(0)
    height, width = ((seen > 0).any(axis).nonzero().flatten() for axis in (1, 0))
    return int(height[-1] - height[0]) + 1, int(width[-1] - width[0]) + 1


@pytest.mark.parametrize("name", NETWORKS)
def test_the_counted_window_is_that_of_the_gradient(name: str) -> None:
    counted = receptive_field(NETWORKS[name](), torch.zeros(1, 3, 64, 64))
    assert counted == by_gradient(NETWORKS[name](), 64)
    assert max(counted) < 64


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pixels"), [("alexnet", 195), ("resnet18", 435), ("resnet50", 427)])
def test_the_window_of_a_whole_network_is_that_of_the_gradient(name: str, pixels: int) -> None:
    """Max pooling, whose gradient reaches one position only, is replaced by average pooling of the same kernel."""
    from torchvision import models

    network = getattr(models, name)(weights=None)
    assert receptive_field(network, torch.zeros(1, 3, 224, 224)) == (pixels, pixels)
    features = network.features if name == "alexnet" else nn.Sequential(*list(network.children())[:-2])
    for module in features.modules():
        for child, pool in list(module.named_children()):
            if isinstance(pool, nn.MaxPool2d):
                setattr(module, child, nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding))
    assert by_gradient(features, pixels + 69) == (pixels, pixels)


@pytest.mark.parametrize("name", PUBLISHED)
def test_windows_are_as_published(name: str) -> None:
    (reading,) = receptive_field_size.measure(subject(name))
    assert reading.value == PUBLISHED[name]
    assert reading.detail == {"height": PUBLISHED[name], "width": PUBLISHED[name]}


def test_channels_that_are_the_last_axis_in_a_block_keep_the_window() -> None:
    """Otherwise the shortcuts alone would be followed, 28 pixels for two blocks after a convolution of 4."""
    assert receptive_field(NETWORKS["channels last"](), torch.zeros(1, 3, 64, 64)) == (4 + 2 * 6 * 4,) * 2
    (reading,) = receptive_field_size.measure(subject("convnext_tiny"))
    assert reading.value == CONVNEXT


class Joined(nn.Module):
    """Adds a map to itself in another order of its positions."""

    def forward(self, images: Tensor) -> Tensor:
        return images + images.flatten(2).flip(2).view_as(images)


class Deformed(nn.Module):
    """Samples the map where another one points to."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets, self.sampled = nn.Conv2d(4, 18, 3, padding=1), DeformConv2d(4, 4, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.sampled(images, self.offsets(images))
        return found


class Rows(nn.Module):
    """A recurrent layer along each row, as in Sequencer."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer = kind(4, 4, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        rows = self.layer(images.permute(0, 2, 3, 1).flatten(0, 1))[0]
        return images + rows.unflatten(0, (len(images), -1)).permute(0, 3, 1, 2)


class Encoder(nn.Module):
    """An encoder of torch, which one operator runs in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.layer(images.flatten(2).mT)
        return made


@pytest.mark.parametrize(
    ("layer", "words"),
    [(Joined, "rearranged"), (lambda: Tokens(14 * 14), "rearranged"), (Deformed, "deform_conv2d mixes positions"),
     (lambda: Rows(nn.LSTM), "mixes positions|rearranged"), (lambda: Rows(nn.GRU), "mixes positions|rearranged"),
     (Encoder, "mixes positions")],
)  # fmt: skip
def test_a_window_that_is_not_known_is_unsupported(layer: Callable[[], nn.Module], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        receptive_field(nn.Sequential(nn.Conv2d(3, 4, 3), layer()), torch.zeros(1, 3, 16, 16))


def test_other_mixing_of_positions_is_unsupported() -> None:
    class Attention(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            tokens = images.flatten(2)
            return tokens @ tokens.transpose(1, 2) @ tokens

    with pytest.raises(UnsupportedError, match="bmm mixes positions"):
        receptive_field(nn.Sequential(nn.Conv2d(3, 4, 4, 4), Attention()), torch.zeros(1, 3, 16, 16))
    shuffled = nn.Sequential(nn.Conv2d(3, 4, 4), nn.PixelUnshuffle(2), nn.Conv2d(16, 4, 3))
    with pytest.raises(UnsupportedError, match="not made by convolutions"):
        receptive_field(shuffled, torch.zeros(1, 3, 17, 17))
    made = subject(own(build=lambda classes: nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, classes))))
    (reading,) = receptive_field_size.measure(made)
    assert reading.value == 1


def test_average_pooling_of_the_whole_map_ends_it() -> None:
    """It is global pooling, whether it is adaptive or has the size of the map as its kernel; a smaller one is not."""
    for kernel, pixels in ((7, 3), (6, 3 + 2 * 5)):
        network = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.AvgPool2d(kernel), nn.Conv2d(4, 4, 1))
        assert receptive_field(network, torch.zeros(1, 3, 16, 16)) == (pixels, pixels)


def test_the_table_for_a_slide_has_the_column() -> None:
    """Where it was measured; older records have none."""
    records = [record for record in samples.lecture() if record.architecture in ("alexnet", "vgg16")]
    comparison, english = compare(records), language("en")
    table = slide_table(comparison, english)
    assert table is not None
    assert "receptive_field" not in [column.key for column in table.columns]
    (reading,) = receptive_field_size.measure(subject("alexnet"))
    new = [record.model_copy(update={"readings": record.readings | {"receptive_field": reading}}) for record in records]
    table = slide_table(compare(new[:1] + records[1:]), english)
    assert table is not None
    at = [column.key for column in table.columns].index("receptive_field")
    assert [row[at].text for row in table.rows] == ["195", "–"]
