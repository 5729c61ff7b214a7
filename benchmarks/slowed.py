"""A network of the lecture with a known amount of work added: what a regression looks like, for repeatability.py.

The work is real: small convolutions before each forward pass, as many as take 3 %, 5 % or 10 % of the network's time at
one thread. How much slower that made it is measured in the same run, and printed.

The copies whose names end in `tonight` are slowed in all environments but the one that REFERENCE names, as if a new
version of a package had made them slower (reference_nights.py).
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from reporter.model import Architecture
from reporter.worker import lookup

REFERENCE = "SLOWED_REFERENCE"
"""The variable with the `sys.prefix` of the environment in which copies are not slowed."""


class Slowed(nn.Module):
    """A network that does `count` 3x3 convolutions (32 channels, 28 x 28, 7.2 M MACs each) before its own work."""

    def __init__(self, network: nn.Module, count: int) -> None:
        super().__init__()
        self.network, self.count = network, count
        self.extra = nn.Conv2d(32, 32, 3, padding=1)
        self.register_buffer("image", torch.randn(1, 32, 28, 28))

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(self.count):
            self.extra(self.image)
        output: Tensor = self.network(images)
        return output


def build(name: str, count: int, classes: int) -> nn.Module:
    return Slowed(lookup.find(name).build(classes), count)


def slowed(name: str, percent: int, count: int) -> Architecture:
    return replace(lookup.find(name), name=f"{name}_{percent}", build=partial(build, name, count), weights=None)


resnet18_5 = slowed("resnet18", 5, 13)
resnet18_10 = slowed("resnet18", 10, 25)


def build_tonight(name: str, count: int, classes: int) -> nn.Module:
    in_reference = os.path.realpath(sys.prefix) == os.environ[REFERENCE]
    return lookup.find(name).build(classes) if in_reference else build(name, count, classes)


def tonight(name: str, percent: int, count: int) -> Architecture:
    made = partial(build_tonight, name, count)
    return replace(lookup.find(name), name=f"{name}_{percent}_tonight", build=made, weights=None)


resnet18_3_tonight = tonight("resnet18", 3, 8)
resnet18_5_tonight = tonight("resnet18", 5, 13)
