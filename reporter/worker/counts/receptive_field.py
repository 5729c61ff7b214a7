"""Weights and receptive fields of a few layers, measured for claims."""

from __future__ import annotations

import torch
from torch import nn

MARGIN = 31
"""Pixels to a side of the probe: wider than any window that is looked for."""


def weights(layers: nn.Module, kind: type[nn.Module] = nn.Module) -> int:
    """How many trainable numbers the layers have, or those of one kind among them."""
    chosen = (module for module in layers.modules() if isinstance(module, kind))
    found = {id(weight): weight for module in chosen for weight in module.parameters()}
    return sum(weight.numel() for weight in found.values())


def receptive_field(layers: nn.Module) -> tuple[int, int]:
    """Height and width of the window of a one-channel image on which one output pixel depends.

    Found by where that pixel's gradient is not zero.
    """
    image = torch.zeros(1, 1, MARGIN, MARGIN, requires_grad=True)
    output = layers(image)
    output[..., output.shape[-2] // 2, output.shape[-1] // 2].sum().backward()
    assert image.grad is not None
    rows, columns = (image.grad[0, 0].any(axis).nonzero() for axis in (1, 0))
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
