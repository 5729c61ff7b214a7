"""Copies of models, whose weights may be computed from others, and their conversion to another data type."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


def copied(network: nn.Module) -> nn.Module:
    """A deep copy of a model.

    Weights that each forward pass computes, as with pruning and `nn.utils.weight_norm`, are copied without the graph
    of their computation, which torch refuses to copy.
    """
    stored = (each for module in network.modules() for each in (*vars(module).values(), *module._buffers.values()))
    computed = {id(each): each.detach().clone() for each in stored if isinstance(each, Tensor) and not each.is_leaf}
    return deepcopy(network, computed)


def convert(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert the floating-point weights and buffers of a model to a data type, in place.

    Complex ones become complex128 for float64 and complex64 for other types: `nn.Module.to` would drop their imaginary
    parts.
    """
    numbers = torch.complex128 if dtype is torch.float64 else torch.complex64

    def converted(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(numbers)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    network._apply(converted)
    return network
