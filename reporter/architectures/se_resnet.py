"""Squeeze-and-Excitation networks (arXiv 1709.01507): torchvision's ResNet with a gated block."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from reporter import facts
from reporter.model import Architecture

if TYPE_CHECKING:
    from torch import nn

REDUCTION = 16
RESNEXT = {"groups": 32, "width_per_group": 4}
NETWORKS: dict[str, tuple[list[int], dict[str, int]]] = {
    "se_resnet50": ([3, 4, 6, 3], {}),
    "se_resnet101": ([3, 4, 23, 3], {}),
    "se_resnext50_32x4d": ([3, 4, 6, 3], RESNEXT),
}
TIMM = {"se_resnet50": "seresnet50", "se_resnet101": "seresnet101", "se_resnext50_32x4d": "seresnext50_32x4d"}
"""The same networks in timm: state dicts with the same keys and shapes, the same scores for the same weights.

timm's `legacy_seresnet50` is another network, with the stride in the first 1x1 convolution of a bottleneck.
"""


def build(name: str, classes: int) -> nn.Module:
    """One of the networks above."""
    from torchvision.models import ResNet

    blocks, width = NETWORKS[name]
    network: nn.Module = ResNet(_bottleneck(), blocks, num_classes=classes, **width)
    return network


@cache
def _bottleneck() -> type[nn.Module]:
    """A class made late, because it needs torch."""
    from torch import Tensor
    from torchvision.models.resnet import Bottleneck
    from torchvision.ops import SqueezeExcitation

    class SqueezedBottleneck(Bottleneck):  # type: ignore[misc]
        """A bottleneck whose last feature maps are gated (eq. 2-4) before they meet the shortcut."""

        def __init__(self, inplanes: int, planes: int, *args: Any, **kwargs: Any) -> None:
            super().__init__(inplanes, planes, *args, **kwargs)
            channels = planes * self.expansion
            self.se = SqueezeExcitation(channels, channels // REDUCTION)

        def forward(self, x: Tensor) -> Tensor:
            shortcut = x if self.downsample is None else self.downsample(x)
            x = self.relu(self.bn1(self.conv1(x)))
            x = self.relu(self.bn2(self.conv2(x)))
            x = self.se(self.bn3(self.conv3(x)))
            x += shortcut
            gated: Tensor = self.relu(x)
            return gated

    return SqueezedBottleneck


_MOVED = "gate with biases, reduction 16; stride in the 3x3 convolution, the paper has it in the first 1x1"
_KEPT = "gate with biases, reduction 16; stride in the 3x3 convolution, with which the paper's MACs agree"
"""Of ResNeXt: with the stride in the first 1x1, it would need 11 % fewer MACs than the paper states."""

ENTRIES = tuple(
    Architecture(build=partial(build, name), variant=_KEPT if width else _MOVED, **facts.metadata(name))
    for name, (_blocks, width) in NETWORKS.items()
)
