"""The number of classes of a model, and replacing its classifier for another number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from reporter.model.attempts import attempt
from reporter.model.image_sizes import COMMON_SIDES
from reporter.worker import outputs
from reporter.worker.input_format import form
from reporter.worker.linear_calls import linear_calls, storage

Met = tuple[str, nn.Linear, torch.Size]


def scores(network: nn.Module, images: Tensor) -> Tensor:
    """The class scores that a network returns for some images."""
    with torch.no_grad(), linear_calls(network) as calls:
        return outputs.scores(network(images), calls=calls)


def with_classes(network: nn.Module, classes: int, side: int, trial: nn.Module | None = None) -> nn.Module:
    """The network with a new last linear layer, where it gives another number of scores; ValueError where it has none.

    Which layer makes the scores is seen on an image of that side, or of the first of COMMON_SIDES that it takes;
    `trial` is a second network of the same kind for that, because a network may cache what it computes.
    """
    name, head, shape = _last_linear(trial or network, side)
    if shape != (1, head.out_features):
        raise ValueError(
            f"its scores {tuple(shape)} are not those of a linear layer; let it take the number of classes"
        )
    if head.out_features != classes:
        like = head.weight
        fresh = nn.Linear(head.in_features, classes, head.bias is not None, device=like.device, dtype=like.dtype)
        parent, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(parent), attribute, fresh)
    return network


def _last_linear(network: nn.Module, side: int) -> Met:
    """The linear layer whose output is the scores, else the one that runs last, with the shape of the scores."""
    missing = "it has no linear layer to replace; let its function take the number of classes"
    if not any(isinstance(layer, nn.Linear) for layer in network.modules()):
        raise ValueError(missing)
    training = network.training
    try:
        with linear_calls(network) as calls:
            found = outputs.scores(_output(network.eval(), side, calls.clear), calls=calls)
    finally:
        network.train(training)
    if not calls:
        raise ValueError(missing)
    made_by = next((call for call in calls if storage(call.output) == storage(found)), calls[-1])
    return made_by.name, made_by.layer, found.shape


@torch.no_grad()
def _output(network: nn.Module, side: int, before_attempt: Callable[[], None]) -> Any:
    """What a network returns for one image of a side, or of the first of COMMON_SIDES that it takes.

    `before_attempt` is called before each attempt. Where it takes none, the error is that of the first side.
    """
    for each in dict.fromkeys((side, *COMMON_SIDES)):
        before_attempt()
        output, verdict = attempt(partial(_run, network, each))
        if verdict.status == "ok":
            return output
    return _run(network, side)


def _run(network: nn.Module, side: int) -> Any:
    return network(form(network)(torch.zeros(1, 3, side, side)))
