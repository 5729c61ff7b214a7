"""Inception v2 as "Rethinking the Inception Architecture" lays it out; the lecture's v2, and not in torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporter import facts
from reporter.architectures.torchvision import INCEPTION_RATE
from reporter.types import Architecture

if TYPE_CHECKING:
    from torch import nn

WIDTHS_7X7 = (128, 160, 160, 160, 192)


def build(classes: int) -> nn.Module:
    """Table 1 of arXiv 1512.00567, taken literally, without auxiliary head.

    The paper does not print the filter counts inside its modules; they are those of the released v3, which
    torchvision's blocks carry. So built it takes 6.353 G multiply-adds; the paper's 3.8 G and 4.8 G follow from no
    public filter counts. The comments give the grid, and the width where it changes, at 299 px.
    """
    from torch import nn
    from torchvision.models.inception import BasicConv2d, InceptionB, InceptionC, InceptionD, InceptionE

    layers: list[nn.Module] = [
        BasicConv2d(3, 32, kernel_size=3, stride=2),  # 149
        BasicConv2d(32, 32, kernel_size=3),  # 147
        BasicConv2d(32, 64, kernel_size=3, padding=1),
        nn.MaxPool2d(3, stride=2),  # 73
        BasicConv2d(64, 80, kernel_size=3),  # 71
        BasicConv2d(80, 192, kernel_size=3, stride=2),  # 35
        BasicConv2d(192, 288, kernel_size=3, padding=1),
        *(_figure_5() for _ in range(3)),
        InceptionB(288),  # 17 x 17 x 768
        *(InceptionC(768, width) for width in WIDTHS_7X7),
        InceptionD(768),  # 8 x 8 x 1280
        InceptionE(1280),
        InceptionE(2048),
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(2048, classes)]
    network = nn.Sequential(*layers, *head)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.1)  # as torchvision starts Inception v3
    return network


def _figure_5() -> nn.Module:
    """v3's module for the 35 x 35 grid, with a 3x3 in place of its one 5x5."""
    from torchvision.models.inception import BasicConv2d, InceptionA

    module: nn.Module = InceptionA(288, pool_features=64)
    module.branch5x5_2 = BasicConv2d(48, 64, kernel_size=3, padding=1)
    return module


ENTRIES = (
    Architecture(
        build=build,
        learning_rate=INCEPTION_RATE,
        variant="Table 1 of the paper, with the filter counts of the released Inception v3; no auxiliary head",
        **facts.metadata("inception_v2"),
    ),
)
