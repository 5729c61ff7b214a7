"""Inception v2 as described in "Rethinking the Inception Architecture", which torchvision does not have."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from reporter import facts
from reporter.architectures.torchvision import INCEPTION_RATE
from reporter.model import Architecture

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

    layers = OrderedDict[str, nn.Module](
        conv1=BasicConv2d(3, 32, kernel_size=3, stride=2),  # 149
        conv2=BasicConv2d(32, 32, kernel_size=3),  # 147
        conv3=BasicConv2d(32, 64, kernel_size=3, padding=1),
        pool=nn.MaxPool2d(3, stride=2),  # 73
        conv4=BasicConv2d(64, 80, kernel_size=3),  # 71
        conv5=BasicConv2d(80, 192, kernel_size=3, stride=2),  # 35
        conv6=BasicConv2d(192, 288, kernel_size=3, padding=1),
    )
    layers |= {f"figure5_{number}": _figure_5() for number in (1, 2, 3)}
    layers["reduction1"] = InceptionB(288)  # 17 x 17 x 768
    layers |= {f"figure6_{number}": InceptionC(768, width) for number, width in enumerate(WIDTHS_7X7, 1)}
    layers["reduction2"] = InceptionD(768)  # 8 x 8 x 1280
    layers |= {"figure7_1": InceptionE(1280), "figure7_2": InceptionE(2048)}
    layers |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "dropout": nn.Dropout(0.5)}
    layers["fc"] = nn.Linear(2048, classes)
    network = nn.Sequential(layers)
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
