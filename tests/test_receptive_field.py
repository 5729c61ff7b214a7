"""Receptive fields: counted through a model, by the gradient of one output position, and as published."""

from __future__ import annotations

import pytest
import samples
import torch
from networks import own, subject
from torch import Tensor, nn

from reporter.metrics import receptive_field_size
from reporter.model import UnsupportedError
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.slide_table import slide_table
from reporter.worker.counts.input_windows import receptive_field

PUBLISHED = {"alexnet": 195, "vgg16": 212, "inception_v3": 1311}
"""Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table."""


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


NETWORKS = {
    "strides": lambda: nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3), nn.AvgPool2d(3, 2, 1), nn.Conv2d(4, 4, 3, dilation=2)),
    "even": lambda: nn.Sequential(nn.Conv2d(3, 4, 4, 2), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 4, 2)),
    "branches": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, 2), Branches(), nn.Conv2d(12, 4, 3)),
    "uneven": lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 7), (1, 3)), nn.BatchNorm2d(4), nn.ZeroPad2d(3)),
}


def by_gradient(network: nn.Module, side: int) -> tuple[int, int]:
    """The extent of the gradient of the middle position of the last map, with positive weights and no gate."""
    for module in network.modules():
        if isinstance(module, Branches):
            nn.init.zeros_(module.gate.weight)
    for name, weight in network.named_parameters():
        if "gate" not in name:
            nn.init.constant_(weight, 0.1)
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
