"""Two networks of 32 x 32 pixels, measured in seconds: `--architecture tests/data/tiny.py:TINY`."""

from __future__ import annotations

from functools import partial

from torch import nn

from reporter.types import Architecture


def build(width: int, depth: int, classes: int) -> nn.Module:
    """29 x width + 9 x depth x width^2 + (width + 1) x classes parameters."""
    layers = [nn.Conv2d(3, width, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Conv2d(width, width, 3, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


TINY = Architecture("tiny", "Tiny", 2026, "none", partial(build, 8, 0), input_size=32)
WIDE = Architecture("wide", "Tiny", 2026, "none", partial(build, 32, 1), input_size=32)
