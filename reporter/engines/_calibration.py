"""Images from which the ranges of activations for int8 are taken."""

from __future__ import annotations

from typing import Any

IMAGES = 32
SIDES = (4, 16)
"""Cells per side of the smooth random fields that an image is made of."""


def batches(example: Any, given: Any = None) -> list[Any]:
    """Batches like `example`, of the images that are given or of seeded ones with the example's mean and spread."""
    size = len(example)
    found = drawn(example) if given is None else given.to(example.dtype)
    return [found[start : start + size].contiguous() for start in range(0, len(found) - size + 1, size)]


def drawn(example: Any) -> Any:
    """Sums of smooth fields and noise: white noise alone is averaged to the same activations for every image."""
    import torch
    from torch.nn.functional import interpolate

    generator = torch.Generator().manual_seed(0)
    sides = example.shape[-2:]
    count = -(-IMAGES // len(example)) * len(example)
    images = torch.randn(count, example.shape[1], *sides, generator=generator)
    for cells in SIDES:
        field = torch.randn(count, example.shape[1], cells, cells, generator=generator)
        images += interpolate(field, tuple(sides), mode="bilinear", align_corners=False)
    images = (images - images.mean()) / images.std()
    plain = example.detach().float().cpu()
    return (images * plain.std() + plain.mean()).to(example.dtype)
