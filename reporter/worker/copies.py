"""Copies of models, whose weights may be computed from others."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn


def copied(network: nn.Module) -> nn.Module:
    """A deep copy of a model.

    Weights that each forward pass computes, as with pruning and `nn.utils.weight_norm`, are copied without the graph
    of their computation, which torch refuses to copy.
    """
    stored = (each for module in network.modules() for each in (*vars(module).values(), *module._buffers.values()))
    computed = {id(each): each.detach().clone() for each in stored if isinstance(each, Tensor) and not each.is_leaf}
    return deepcopy(network, computed)
