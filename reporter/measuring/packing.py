"""Layers whose weights are packed for an engine, as those of torch.ao.quantization: no tensors of the module."""

from __future__ import annotations

import torch
from torch import nn

MARKS = ("_packed_params", "_packed_weight")
"""How the attributes that hold packed weights begin."""


def packed(network: nn.Module) -> tuple[str, ...]:
    """The names of the layers that hold packed weights, which `parameters()` does not list."""
    found = [name for name, module in network.named_modules() if _packs(module)]
    holders = {name.rpartition(".")[0] if name.rpartition(".")[2].startswith(MARKS) else name for name in found}
    return tuple(sorted(holders))


def _packs(module: nn.Module) -> bool:
    return any(isinstance(value, torch.ScriptObject) and name.startswith(MARKS) for name, value in vars(module).items())
