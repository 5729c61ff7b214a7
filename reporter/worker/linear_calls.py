"""The calls of linear layers in a forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn


class LinearCall(NamedTuple):
    """A linear layer that was called, with its input and output."""

    name: str
    layer: nn.Linear
    input: Tensor
    output: Tensor


@contextmanager
def linear_calls(network: nn.Module) -> Iterator[list[LinearCall]]:
    """The calls of a network's linear layers from now on, in order; empty if it has none, or if it is scripted."""
    calls: list[LinearCall] = []

    def note(name: str, layer: Any, given: tuple[Any, ...], output: Any) -> None:
        if given and isinstance(given[0], Tensor) and isinstance(output, Tensor):
            calls.append(LinearCall(name, layer, given[0], output))

    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_hook(partial(note, name)) for name, layer in layers]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def storage(tensor: Tensor) -> int:
    """What identifies the memory of a tensor, on meta too, where all addresses are 0."""
    found: int = tensor.untyped_storage()._cdata
    return found
