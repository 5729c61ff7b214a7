"""Relative gradients of layers, and small networks that differ only in their skip connections and batch norm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, relu
from torchvision.models import DenseNet

WEIGHTED = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
"""The layers whose gradients are compared."""
CLASSES, IMAGES, SIDE = 10, 8, 16
WIDTHS = (16, 32, 64)
DENSE_BLOCKS = {20: (2, 3, 3), 56: (8, 9, 9)}
"""Layers in each block of dense networks with 20 and 56 weighted layers."""


def relative(used: Iterable[tuple[str, Tensor]]) -> dict[str, float]:
    """Norm of the gradient over that of the weights, by layer; without layers that have no gradient or zero weights."""
    found = {}
    for name, weight in used:
        if weight.grad is not None and (size := float(weight.detach().norm())):
            found[name] = float(weight.grad.norm()) / size
    return found


def early_over_late(gradients: Sequence[float]) -> float | None:
    """The median of the first quarter of layers over that of the last quarter; None where there is no such ratio."""
    quarter = max(1, len(gradients) // 4)
    if len(gradients) < 2 or not (late := median(gradients[-quarter:])):
        return None
    return median(gradients[:quarter]) / late


class ConvolutionPair(nn.Module):
    """Two 3x3 convolutions; with `skip`, their input is added to their output (He et al. 2015, option A)."""

    def __init__(self, before: int, after: int, skip: bool, norm: bool) -> None:
        super().__init__()
        self.stride, self.missing, self.skip = after // before, after - before, skip
        self.first = nn.Conv2d(before, after, 3, self.stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(_norm(after, norm) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.norms[1](self.second(relu(self.norms[0](self.first(images)))))
        if self.skip:
            smaller = images[..., :: self.stride, :: self.stride]
            output = output + pad(smaller, (0, 0, 0, 0, 0, self.missing))
        return relu(output)


def stacked(depth: int, skip: bool, norm: bool) -> nn.Module:
    """A network of 6 n + 2 layers as in He et al. 2015, sect. 4.2, plain or residual, with He's initialization."""
    widths = [width for width in WIDTHS for _ in range((depth - 2) // 6)]
    pairs = [ConvolutionPair(*each, skip, norm) for each in zip([WIDTHS[0], *widths], widths, strict=False)]
    stem = (nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False), _norm(WIDTHS[0], norm), nn.ReLU())
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], CLASSES))
    network = nn.Sequential(*stem, *pairs, *head)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return network


def dense(depth: int) -> DenseNet:
    """A DenseNet of the same depth, with batch norm and He's initialization."""
    return DenseNet(12, DENSE_BLOCKS[depth], 24, num_classes=CLASSES)


def curve(network: nn.Module, seed: int = 0) -> list[float]:
    """The relative gradients of a new network from the first layer to the last, on one batch of noise."""
    used: list[tuple[str, Tensor]] = []
    for name, module in network.named_modules():
        if isinstance(module, WEIGHTED):
            module.register_forward_hook(lambda module, _, __, name=name: used.append((name, module.weight)))
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(IMAGES, 3, SIDE, SIDE, generator=generator)
    cross_entropy(network.train()(images), torch.arange(IMAGES) % CLASSES).backward()
    return list(relative(used).values())


def curves(depth: int, seed: int = 0) -> dict[str, list[float]]:
    """The relative gradients of plain, residual and dense networks of one depth."""
    made = {
        "plain": lambda: stacked(depth, skip=False, norm=False),
        "plain_norm": lambda: stacked(depth, skip=False, norm=True),
        "residual_norm": lambda: stacked(depth, skip=True, norm=True),
        "dense_norm": lambda: dense(depth),
    }
    found = {}
    with torch.random.fork_rng(devices=[]):
        for name, make in made.items():
            torch.manual_seed(seed)
            found[name] = curve(make(), seed)
    return found


def _norm(channels: int, norm: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm else nn.Identity()
