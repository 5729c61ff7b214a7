"""Weights that TorchScript stores as constants of a graph, as `torch.jit.freeze` leaves them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

PARAMETERS = "Params"
"""What the types of packed weights have in their names: LinearPackedParamsBase, CellParamsBase."""
KINDS = ("prim::Constant", "prim::ConstantMKLDNNTensor")
"""The nodes of a graph that hold a constant; `optimize_for_inference` adds those of oneDNN."""


def frozen(network: nn.Module) -> dict[str, list[Tensor]]:
    """The frozen modules by name, each with the tensors among its constant weights; packed ones are no tensors.

    A frozen module has lost its attribute `training`: the constants of any other are no weights, such as a mask.
    """
    found: dict[str, list[Tensor]] = {}
    for name, module in network.named_modules():
        if not isinstance(module, torch.jit.ScriptModule) or module._c.hasattr("training"):
            continue
        if module._c._has_method("forward") and (nodes := list(_weights(module.graph))):
            found[name] = [node.t("value") for node in nodes if _is_tensor(node)]
    return found


def attribute_types(module: nn.Module) -> Sequence[str]:
    """The types of what a scripted module stores outside Python; none of any other module, or of a frozen one."""
    known = getattr(module, "_concrete_type", None) if isinstance(module, torch.jit.ScriptModule) else None
    return [str(kind) for kind, _ in known.get_attributes().values()] if known else ()


def _weights(graph: Any) -> Iterator[torch._C.Node]:
    """The constants of a graph that are weights: tensors of real or complex numbers, and packed ones."""
    for kind in KINDS:
        for node in graph.findAllNodes(kind):
            if not node.hasAttribute("value"):
                continue
            if _is_tensor(node):
                tensor = node.t("value")
                if tensor.dim() and (tensor.is_floating_point() or tensor.is_complex() or tensor.is_quantized):
                    yield node
            elif PARAMETERS in str(node.output().type()):
                yield node


def _is_tensor(node: torch._C.Node) -> bool:
    return node.kindOf("value") == "t"
