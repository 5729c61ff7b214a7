"""Layers whose weights are no parameters: packed ones, as in torch.ao.quantization, and those of frozen graphs.

And those in the layout of oneDNN, which `torch.utils.mkldnn.to_mkldnn` makes buffers of: they have no storage.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from reporter.worker.graph_constants import PARAMETERS, attribute_types, frozen

WHOLE = "the whole network"


def uncounted(network: nn.Module) -> tuple[tuple[str, ...], str]:
    """The names of the layers whose weights `parameters()` does not list, and the reason; both empty without any."""
    layers = tuple(name or WHOLE for name in frozen(network))
    if layers:
        constants = f"weights that are constants of a frozen graph are not counted: {', '.join(layers)}"
        return tuple(dict.fromkeys((*layers, *opaque(network), *packed(network)))), constants
    if layers := opaque(network):
        reason = f"weights in the layout of oneDNN are not counted: {', '.join(layers)}"
        return tuple(dict.fromkeys((*layers, *packed(network)))), reason
    layers = packed(network)
    return layers, f"packed weights are not counted: {', '.join(layers)}" if layers else ""


def untracked(network: nn.Module) -> str:
    """Why memory cannot be followed: weights that are tensors, but not known before a pass; empty where it can.

    What operators make of constants of a graph, such as views, would count as activations. Packed weights are no
    tensors, so that nothing else is made of them.
    """
    return uncounted(network)[1] if opaque(network) or any(frozen(network).values()) else ""


def opaque(network: nn.Module) -> tuple[str, ...]:
    """The names of the layers that hold tensors in the layout of oneDNN."""
    named = network.named_modules()
    return tuple(name or WHOLE for name, module in named if any(each.is_mkldnn for each in _own(module)))


def _own(module: nn.Module) -> Iterator[Tensor]:
    """The tensors of a module without those of its children."""
    yield from module.parameters(recurse=False)
    yield from module.buffers(recurse=False)


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
