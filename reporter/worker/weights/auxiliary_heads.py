"""Auxiliary heads: modules that run in training and not in evaluation, whatever their name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from reporter.worker.outputs import is_ordered, tensors

CONTAINERS = (nn.ModuleList, nn.ModuleDict)
"""Modules that contain others and are never called, as is a plain nn.Module."""


class Nothing(nn.Module):
    """Stands where a head was: takes whatever the head took and returns None."""

    def forward(self, *_: object, **__: object) -> None:
        return None


def auxiliary_heads(network: nn.Module, unread: Collection[str], learning: Collection[str]) -> tuple[str, ...]:
    """The names of the modules whose parameters training alone reads, each the largest of its branch.

    `unread` are the names of the parameters that evaluation does not read, `learning` of those that training reads. An
    unread module that training does not run either is a head if its name is that of one, such as `aux1` in a model that
    was built to be evaluated; any other is a part of the model that does nothing.
    """
    named = dict(network.named_parameters())
    idle = {id(named[name]) for name in unread}
    trained = {id(named[name]) for name in learning}
    return tuple(_heads(network, "", idle, trained))


def trained_on_same_values(network: nn.Module) -> nn.Module:
    """The network in training mode, in place, whose normalization and dropout layers evaluate.

    A network may choose a branch by values that these would change: what training then runs is no auxiliary head.
    """
    network.train()
    for module in network.modules():
        if isinstance(module, _NormBase | _DropoutNd):
            module.eval()
    return network


def modules(network: nn.Module, heads: Iterable[str]) -> list[nn.Module]:
    """The modules of these names; scripted models have no `get_submodule`."""
    named = dict(network.named_modules(remove_duplicate=False))
    return [named[name] for name in heads]


def order(output: Any, network: nn.Module, heads: Iterable[str]) -> tuple[int, ...]:
    """The positions in a tuple or list that a network returned in training, those that depend on no head first.

    Empty where they are first already, or where the output is no tuple or list. Which parts depend on a head is read
    from the graph of the backward pass, which meta tensors have too.
    """
    if not is_ordered(output):
        return ()
    weights = {id(weight) for head in modules(network, heads) for weight in head.parameters()}
    dependent = [any(_depends(tensor, weights) for _, tensor in tensors(part)) for part in output]
    found = sorted(range(len(output)), key=lambda place: dependent[place])
    return () if found == [*range(len(output))] else tuple(found)


def reordered(network: nn.Module, order: Sequence[int]) -> nn.Module:
    """The network, which in training returns its tuple or list in another order from now on."""
    if order:
        network.register_forward_hook(partial(_in_order, tuple(order)))
    return network


def _in_order(order: Sequence[int], network: nn.Module, _: object, output: Any) -> Any:
    """A forward hook; what is of another length, as without the heads, stays as it is."""
    if not network.training or not is_ordered(output) or len(output) != len(order):
        return output
    return tuple(output[place] for place in order)


def _depends(tensor: Tensor, weights: Collection[int]) -> bool:
    """Whether any of the weights, by identity, is in the graph that computed a tensor."""
    waiting, met = [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in met:
            continue
        met.add(node)
        if id(getattr(node, "variable", None)) in weights:
            return True
        waiting += [source for source, _ in node.next_functions]
    return False


def _heads(module: nn.Module, prefix: str, idle: set[int], trained: set[int]) -> Iterator[str]:
    for name, child in module.named_children():
        weights = {id(weight) for weight in child.parameters()}
        unused = weights and weights <= idle and not isinstance(child, CONTAINERS) and type(child) is not nn.Module
        if unused and (weights & trained or _is_named(prefix + name)):
            yield prefix + name
        else:
            yield from _heads(child, f"{prefix}{name}.", idle, trained)


def _is_named(name: str) -> bool:
    """Whether it, or a module that contains it, has the name of an auxiliary head."""
    return any(part.lower().startswith("aux") for part in name.split("."))


def drop_auxiliary(network: Any, heads: Iterable[str]) -> None:
    """Takes the heads of these names off, so that training returns None in their place, or the main output alone.

    Models of torchvision take None for a head that is not there, and return the main output where `aux_logits` is off.
    """
    for name in heads:
        parent, _, attribute = name.rpartition(".")
        owner = network.get_submodule(parent)
        if hasattr(owner, "aux_logits"):
            setattr(owner, attribute, None)
            owner.aux_logits = False
        else:
            owner.register_module(attribute, Nothing())
