"""Networks without their weights: made on meta, or of memory that nobody writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

ALLOCATING = (torch.empty, torch.zeros, torch.ones)
NEEDS_VALUES = (RuntimeError, TypeError, ValueError, AttributeError, LookupError)
"""What a network raises that reads, while it is built, a tensor that has no values on meta."""


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """What `build` makes, without memory: a network counts its parameters also where they fit no memory.

    One that cannot be built on meta is built of memory that is never written, and so never taken, and moved there.
    """
    with without_initialisation():
        try:
            with OnMeta():
                network = build()
        except NEEDS_VALUES:
            network = build()
    return network.to("meta")


class OnMeta(TorchFunctionMode):
    """Allocates weights on meta, and nothing else: RegNets read a tensor of numbers while they are built."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        place = {"device": "meta"} if func in ALLOCATING else {}
        return func(*args, **{**(kwargs or {}), **place})


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Leaves new weights as they are allocated: memory that is never written is never taken.

    Works for every network, also those that read a tensor while they are built and so refuse torch.device("meta").
    """
    initialisers = {name for name in vars(nn.init) if name.endswith("_") and name[0] != "_"}
    places = (nn.init, nn.modules.activation)  # attention takes its initialisers by name
    made = [(place, name, vars(place)[name]) for place in places for name in initialisers & vars(place).keys()]
    try:
        for place, name, _ in made:
            setattr(place, name, _as_it_is)
        yield
    finally:
        for place, name, initialise in made:
            setattr(place, name, initialise)


def _as_it_is(tensor: Tensor, *_: object, **__: object) -> Tensor:
    return tensor
