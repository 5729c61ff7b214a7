"""How many classes a network tells apart, and another number of them where its function gave it one."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from reporter.measuring.forms import form
from reporter.measuring.shapes import returned

Met = tuple[str, nn.Linear, torch.Size]


def scores(network: nn.Module, images: Tensor) -> Tensor:
    """What a network that evaluates puts out first for some images."""
    with torch.no_grad():
        return next(returned(network(images)))


def with_classes(network: nn.Module, classes: int, side: int, trial: nn.Module | None = None) -> nn.Module:
    """The network with a new last linear layer, where it gives another number of scores; ValueError where it has none.

    Which layer makes the scores is seen on an image of that side; `trial` is a second network of the same kind for
    that, because a network may cache what it computes.
    """
    name, head, shape = _last_linear(trial or network, side)
    if shape != (1, head.out_features):
        raise ValueError(
            f"its scores {tuple(shape)} are not those of a linear layer; let it take the number of classes"
        )
    if head.out_features != classes:
        fresh = nn.Linear(head.in_features, classes, head.bias is not None)
        parent, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(parent), attribute, fresh)
    return network


def _last_linear(network: nn.Module, side: int) -> Met:
    """The linear layer that runs last, with the shape of the scores; the scores must be as many as its own."""
    met: list[tuple[str, nn.Linear]] = []

    def note(name: str, layer: Any, *_: object) -> None:
        met.append((name, layer))

    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_hook(partial(note, name)) for name, layer in layers]
    training = network.training
    try:
        shape = scores(network.eval(), form(network)(torch.zeros(1, 3, side, side))).shape
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    if not met:
        raise ValueError("it has no linear layer to replace; let its function take the number of classes")
    return *met[-1], shape
