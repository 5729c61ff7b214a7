"""Models for counting: built on meta or moved there, with shared weights kept and lazy ones initialized."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from reporter.model import Architecture
from reporter.model.attempts import attempt
from reporter.worker.input_format import form

ALLOCATING = (torch.empty, torch.zeros, torch.ones)
FILLING = frozenset(
    (
        Tensor.uniform_,
        Tensor.normal_,
        Tensor.erfinv_,
        Tensor.mul_,
        Tensor.add_,
        Tensor.clamp_,
        Tensor.fill_,
        Tensor.zero_,
    )
)
"""What initialisers call in place: without another tensor they change only values, which meta tensors do not have."""
NEEDS_VALUES = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError, ArithmeticError)
"""What a network raises that reads, while it is built, a tensor that has no values on meta."""
_SUBCLASS = (RuntimeError, NotImplementedError, TypeError)
"""What a tensor raises that has no storage to look at, such as a quantized or a sparse one."""


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The model that `build` makes, without memory, so that one whose weights exceed the memory can be counted too.

    A model that cannot be built on meta is built on the CPU and moved: initialized, because `build` may run a forward
    pass itself. `build` has to give lazy modules their shape, which takes such a pass.
    """
    try:
        with without_initialisation(), OnMeta():
            network = build()
    except NEEDS_VALUES:
        network = build()
    return to_meta(network)


def to_meta(network: nn.Module) -> nn.Module:
    """Moves a model to meta in place; what is shared stays shared, which `network.to("meta")` does not ensure.

    Module by module, `to` makes a new parameter for each use of a shared one, and a new storage for each view of it.
    """
    uses = [
        (module, name, tensor)
        for module in network.modules()
        for registry in (module._parameters, module._buffers)
        for name, tensor in registry.items()
        if tensor is not None
    ]
    storages: dict[int, torch.UntypedStorage] = {}

    def twin(tensor: Tensor) -> Tensor:
        return _twin(tensor, storages)

    network._apply(twin)
    moved: dict[int, Tensor] = {}
    for module, name, tensor in uses:
        first = moved.setdefault(id(tensor), getattr(module, name))
        if getattr(module, name) is not first:
            setattr(module, name, first)
    return network


def _twin(tensor: Tensor, storages: dict[int, torch.UntypedStorage]) -> Tensor:
    """A tensor of the same shape on meta; of views of one storage, views of one storage.

    One in the layout of oneDNN stays where it is: there is none on meta, and packed_weights.py finds it by its layout.
    """
    if tensor.is_meta or tensor.is_mkldnn:
        return tensor
    if is_lazy(tensor):
        return tensor.to("meta")
    try:
        storage = tensor.untyped_storage()
        shared = storages.setdefault(storage._cdata, torch.UntypedStorage(storage.nbytes(), device="meta"))
        blank = torch.empty(0, dtype=tensor.dtype, device="meta")
        return blank.set_(shared, tensor.storage_offset(), tensor.shape, tensor.stride())
    except _SUBCLASS:
        return tensor.to("meta")


def built(architecture: Architecture, classes: int) -> nn.Module:
    """A new model on the CPU, each of its weights with a shape."""
    return completed(architecture.build(classes), architecture.input_size)


def completed(network: nn.Module, size: int) -> nn.Module:
    """Gives lazy modules their shape, by one forward pass on the CPU of one image of that side."""
    if any(map(is_lazy, (*network.parameters(), *network.buffers()))):
        training = network.training
        with torch.no_grad():
            network.eval()(form(network)(torch.ones(1, 3, size, size)))
        network.train(training)
    return network


def rebuilt(build: Callable[[], nn.Module], like: nn.Module) -> nn.Module:
    """The model that `build` makes, with the weights of one that it made before: copying takes less time than drawing.

    They are drawn as usual where names or shapes do not correspond, as where the other model added a buffer when it was
    called, and where `build` reads weights.
    """
    network, _ = attempt(partial(_rebuilt, build, like))
    return build() if network is None else network


def _rebuilt(build: Callable[[], nn.Module], like: nn.Module) -> nn.Module:
    with without_initialisation():
        network = build()
    pairs = zip(_tensors(network), _tensors(like), strict=True)
    with torch.no_grad():
        for (name, tensor), (other_name, other) in pairs:
            if (name, tensor.shape) != (other_name, other.shape):
                raise ValueError(f"{name} and {other_name} do not correspond")
            tensor.copy_(other)
    return network


def _tensors(network: nn.Module) -> tuple[tuple[str, Tensor], ...]:
    return *network.named_parameters(), *network.named_buffers()


class OnMeta(TorchFunctionMode):
    """Allocates weights on meta, and nothing else: RegNets read a tensor of numbers while they are built.

    Filling them takes no time, as each of these calls is slow on meta.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in FILLING and args[0].is_meta and not any(isinstance(each, Tensor) for each in args[1:]):
            return args[0]
        place = {"device": "meta"} if func in ALLOCATING else {}
        return func(*args, **{**(kwargs or {}), **place})


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Leaves new weights as they are allocated, in no time: on meta, where they have no values, or to be copied."""
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
