"""Generated images of stripes: the class is their direction, everything else is random."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporter.model import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CLASSES = 10
STRIPES = 6


def load(root: Path, size: int, train: bool) -> tuple[Tensor, Tensor]:
    """1,000 images to train and 500 to test, each class alike often; needs no root.

    A sine wave with `STRIPES` periods along the direction pi * label / CLASSES, at a random phase, under noise.
    """
    import torch

    from reporter.worker.learning.images import normalise

    count = 1000 if train else 500
    chance = torch.Generator().manual_seed(1 if train else 2)
    labels = torch.randperm(count, generator=chance) % CLASSES
    angle = (labels * torch.pi / CLASSES)[:, None, None]
    phase = torch.rand(count, 1, 1, generator=chance)
    side = torch.linspace(0, 1, size)
    along = side * angle.cos() + side[:, None] * angle.sin()
    wave = torch.sin(2 * torch.pi * (STRIPES * along + phase)).unsqueeze(1)
    noise = torch.randn(count, 3, size, size, generator=chance)
    return normalise((0.5 + 0.25 * wave + 0.1 * noise).clamp(0, 1)), labels


ENTRIES = (
    Dataset(
        name="synthetic",
        title="Synthetic stripes",
        load=load,
        source="made by reporter/datasets/synthetic.py with a fixed seed",
        classes=CLASSES,
    ),
)
