"""Layers with packed weights, as in torch.ao.quantization, which are not tensors of the module."""

from __future__ import annotations

import torch
from torch import nn

PARAMETERS = "Params"
"""What the types of packed weights have in their names: LinearPackedParamsBase, CellParamsBase."""


def packed(network: nn.Module) -> tuple[str, ...]:
    """The names of the layers that hold packed weights, which `parameters()` does not list."""
    found = (_layer(name) for name, module in network.named_modules() if any(map(_is_packed, vars(module).values())))
    return tuple(dict.fromkeys(found))


def _is_packed(value: object) -> bool:
    return isinstance(value, torch.ScriptObject) and PARAMETERS in str(value._type())


def _layer(name: str) -> str:
    """The layer whose private part a module is: fc of fc._packed_params."""
    parts = name.split(".")
    public = next((place for place, part in enumerate(parts) if part.startswith("_")), len(parts))
    return ".".join(parts[:public]) or "the whole network"
