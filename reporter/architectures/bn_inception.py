"""BN-Inception, the architecture of the batch normalization paper; TF-slim's `inception_v2` is a variant of it."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

from reporter import facts
from reporter.model import Architecture

if TYPE_CHECKING:
    from torch import nn

Row = tuple[str, int, tuple[int, int], tuple[int, int], tuple[str, int]]
MODULES: tuple[Row, ...] = (
    # 1x1 | 1x1 -> 3x3 | 1x1 -> 3x3 -> 3x3 | pooling -> 1x1, arXiv 1502.03167, Fig. 5; a projection of 0 passes the
    # pooled input on, and the module halves the grid. Fig. 5 prints a width of 576 for 4c and 4d, whose branches
    # sum to 608: the branches are followed, as in the Caffe release.
    ("3a", 64, (64, 64), (64, 96), ("avg", 32)),  # 28 x 28 x 256
    ("3b", 64, (64, 96), (64, 96), ("avg", 64)),  # 320
    ("3c", 0, (128, 160), (64, 96), ("max", 0)),  # 14 x 14 x 576
    ("4a", 224, (64, 96), (96, 128), ("avg", 128)),  # 576
    ("4b", 192, (96, 128), (96, 128), ("avg", 128)),  # 576
    ("4c", 160, (128, 160), (128, 160), ("avg", 128)),  # 608
    ("4d", 96, (128, 192), (160, 192), ("avg", 128)),  # 608
    ("4e", 0, (128, 192), (192, 256), ("max", 0)),  # 7 x 7 x 1056
    ("5a", 352, (192, 320), (160, 224), ("avg", 128)),  # 1024
    ("5b", 352, (192, 320), (192, 224), ("max", 128)),  # 1024
)


def build(classes: int) -> nn.Module:
    """Fig. 5 with a full (not separable) stem and the convolutions' biases, which BN makes redundant, as in Caffe."""
    from torch import nn

    layers = OrderedDict[str, nn.Module](
        conv1=_convolution(3, 64, 7, stride=2),
        pool1=nn.MaxPool2d(3, 2, padding=1),
        conv2=_convolution(64, 64, 1),
        conv3=_convolution(64, 192, 3),
        pool2=nn.MaxPool2d(3, 2, padding=1),
    )
    width = 192
    for row in MODULES:
        name, direct, single, double, (_, projection) = row
        layers[f"inception{name}"] = _module(width, row)
        width = direct + single[1] + double[1] + (projection or width)
    layers |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "dropout": nn.Dropout(0.2)}
    layers["fc"] = nn.Linear(width, classes)
    network = nn.Sequential(layers)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.01)  # as torchvision starts GoogLeNet
    return network


def _module(width: int, row: Row) -> nn.Module:
    """One row of the table on an input of `width` channels."""
    from torch import nn

    _, direct, single, double, (pooling, projection) = row
    stride = 1 if projection else 2
    pool = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}[pooling](3, stride, padding=1)
    branches = [
        nn.Sequential(_convolution(width, single[0], 1), _convolution(*single, 3, stride)),
        nn.Sequential(
            _convolution(width, double[0], 1), _convolution(*double, 3), _convolution(double[1], double[1], 3, stride)
        ),
        nn.Sequential(pool, _convolution(width, projection, 1)) if projection else pool,
    ]
    return _branches()([_convolution(width, direct, 1), *branches] if direct else branches)


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    """Convolution with bias, BN, ReLU; padded, so that only the stride shrinks the grid."""
    from torchvision.ops import Conv2dNormActivation

    layer: nn.Module = Conv2dNormActivation(before, after, kernel, stride, bias=True)
    return layer


@cache
def _branches() -> type[nn.ModuleList]:
    """A class made late, because it needs torch."""
    import torch
    from torch import Tensor, nn

    class Inception(nn.ModuleList):
        """Runs its modules side by side on one input and concatenates what they give."""

        def forward(self, images: Tensor) -> Tensor:
            return torch.cat([branch(images) for branch in self], dim=1)

    return Inception


ENTRIES = (
    Architecture(
        build=build,
        variant="as released in Caffe: redundant convolution biases, 608 channels after 4c and 4d; no auxiliary heads",
        **facts.metadata("bn_inception"),
    ),
)
