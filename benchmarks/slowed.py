"""Networks of the lecture with a known amount of work added: what a regression looks like.

The copies for repeatability.py compute small convolutions before each forward pass, as many as took about 5 % or 10 %
of the network's time at one thread on one processor. How much slower that makes them is measured and printed.

The copies for reference_nights.py, whose names end in `tonight`, repeat 3 % or 5 % of their own work after each forward
pass (own_work.py), which takes 3 % or 5 % longer on any processor. They do so in all environments but the one that
REFERENCE names, as if a new version of a package had made them slower.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reporter.model import Architecture
from reporter.worker import lookup

sys.path.append(str(Path(__file__).parent))  # a worker that is given this file does not search its folder
from own_work import pieces_of, slower

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


class Repeating(nn.Module):
    """A network that repeats a share of its own work after each call."""

    def __init__(self, network: nn.Module, share: float) -> None:
        super().__init__()
        self.network, self.share = network, share
        self.calls: dict[tuple[Any, ...], Callable[[Tensor], Any]] = {}

    def forward(self, images: Tensor) -> Any:
        if images.is_meta:
            return self.network(images)
        place = tuple(images.shape), torch.get_num_threads()
        if place not in self.calls:
            self.calls[place] = slower(self.network, pieces_of(self.network, images, self.share), self.share)
        return self.calls[place](images)


def build_tonight(name: str, percent: int, classes: int) -> nn.Module:
    network = lookup.find(name).build(classes)
    in_reference = os.path.realpath(sys.prefix) == os.environ[REFERENCE]
    return network if in_reference else Repeating(network, percent / 100)


def tonight(name: str, percent: int) -> Architecture:
    made = partial(build_tonight, name, percent)
    return replace(lookup.find(name), name=f"{name}_{percent}_tonight", build=made, weights=None)


resnet18_3_tonight = tonight("resnet18", 3)
resnet18_5_tonight = tonight("resnet18", 5)
