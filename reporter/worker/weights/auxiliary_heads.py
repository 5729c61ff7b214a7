"""Auxiliary heads: modules that run in training and not in evaluation, whatever their name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

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
