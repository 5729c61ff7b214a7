"""Layers whose weights are no parameters: packed ones, as in torch.ao.quantization, and those of frozen graphs."""

from __future__ import annotations

import torch
from torch import nn

from reporter.worker.graph_constants import PARAMETERS, attribute_types, frozen

WHOLE = "the whole network"


def uncounted(network: nn.Module) -> tuple[tuple[str, ...], str]:
    """The names of the layers whose weights `parameters()` does not list, and the reason; both empty without any."""
    layers = tuple(name or WHOLE for name in frozen(network))
    if layers:
        constants = f"weights that are constants of a frozen graph are not counted: {', '.join(layers)}"
        return tuple(dict.fromkeys((*layers, *packed(network)))), constants
    layers = packed(network)
    return layers, f"packed weights are not counted: {', '.join(layers)}" if layers else ""


def packed(network: nn.Module) -> tuple[str, ...]:
    """The names of the layers that hold packed weights, which `parameters()` does not list."""
    found = (_layer(name) for name, module in network.named_modules() if _has_packed(module))
    return tuple(dict.fromkeys(found))


def _has_packed(module: nn.Module) -> bool:
    return any(map(_is_packed, vars(module).values())) or any(PARAMETERS in kind for kind in attribute_types(module))


def _is_packed(value: object) -> bool:
    return isinstance(value, torch.ScriptObject) and PARAMETERS in str(value._type())


def _layer(name: str) -> str:
    """The layer whose private part a module is: fc of fc._packed_params."""
    parts = name.split(".")
    public = next((place for place, part in enumerate(parts) if part.startswith("_")), len(parts))
    return ".".join(parts[:public]) or WHOLE
