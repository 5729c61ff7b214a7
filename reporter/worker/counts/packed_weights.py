"""Layers whose weights are no parameters: packed ones, as in torch.ao.quantization, and those of frozen graphs.

And those in the layout of oneDNN, which `torch.utils.mkldnn.to_mkldnn` makes buffers of: they have no storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from reporter.worker.graph_constants import PARAMETERS, attribute_types, frozen

WHOLE = "the whole network"


class Unlisted(NamedTuple):
    """The names of the layers whose weights `parameters()` does not list, and the reason; both empty without any.

    With `has_tensors`, memory cannot be followed: some of the weights are tensors that are not known before a pass.
    What operators make of constants of a graph, such as views, would count as activations. Packed weights are no
    tensors, so that nothing else is made of them.
    """

    layers: tuple[str, ...]
    reason: str
    has_tensors: bool


def unlisted(network: nn.Module) -> Unlisted:
    """The weights of a network that `parameters()` does not list."""
    constants, in_onednn, in_packs = frozen(network), opaque(network), packed(network)
    graphs = tuple(name or WHOLE for name in constants)
    if graphs:
        reason = f"weights that are constants of a frozen graph are not counted: {', '.join(graphs)}"
    elif in_onednn:
        reason = f"weights in the layout of oneDNN are not counted: {', '.join(in_onednn)}"
    else:
        reason = f"packed weights are not counted: {', '.join(in_packs)}" if in_packs else ""
    layers = tuple(dict.fromkeys((*graphs, *in_onednn, *in_packs)))
    return Unlisted(layers, reason, bool(in_onednn) or any(constants.values()))


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
