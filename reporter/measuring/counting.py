"""Exact counts on the meta device: multiply-adds, activations, depth, and the peak of live memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from reporter.measuring.shapes import Shapes, tensors

aten = torch.ops.aten
WEIGHTED = {aten.convolution, aten.addmm, aten.mm}
"""The operators that convolutions and linear layers arrive as."""
MULTIPLYING = WEIGHTED | {aten.bmm, aten.baddbmm}
"""Those, and the products of attention, in which two activations meet."""
SHAPES = Shapes()


@dataclass(frozen=True)
class Counts:
    """Of one inference: multiply-adds, elements put out by the operators that make them, depth in weighted layers.

    `peak` is the most bytes alive at once beyond weights and input.
    """

    macs: int
    activations: int
    depth: int
    peak: int


def count(network: nn.Module, images: Tensor) -> Counts:
    """Counts one inference of meta images (N x 3 x H x W) by a meta network that evaluates."""
    paths = Paths([*network.parameters(), *network.buffers(), images])
    with unfused_attention(), torch.no_grad(), paths:
        output = network(images)
    return Counts(paths.flops // 2, paths.activations, paths.depth(tree_leaves(output)), paths.peak)


@contextmanager
def unfused_attention() -> Iterator[None]:
    """Keeps attention visible to counters: evaluating, torch would run it as one opaque operator."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class Held(weakref.ref[torch.UntypedStorage]):
    """A live storage: its key, the bytes that it counts for, and how deep in the network its values were made."""

    __slots__ = ("bytes", "depth", "key")

    key: int
    bytes: int
    depth: int


class LiveMemory(TorchDispatchMode):
    """Adds up the bytes of live storages; `peak` is the most there were at once, beyond those known from the start.

    Storages are counted once however many tensors view them, and leave the sum when the last of these is gone.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._held: dict[int, Held] = {}
        for tensor in known:
            self.hold(tensor).bytes = 0
        self.live = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = SHAPES(func, args, kwargs or {})
        for tensor in tensors(result):
            self.hold(tensor)
        return result

    def hold(self, tensor: Tensor) -> Held:
        """The storage under a tensor; met for the first time, it joins the sum."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = Held(storage, self._leave)
            held.key, held.bytes, held.depth = key, storage.nbytes(), 0
            self.live += held.bytes
            self.peak = max(self.peak, self.live)
        return held

    def _leave(self, held: Held) -> None:
        self.live -= held.bytes
        del self._held[held.key]


class Paths(LiveMemory):
    """Follows the values too: a weighted operator's are a layer deeper than the deepest that it reads."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__(known)
        self.flops = self.activations = 0

    def depth(self, values: object) -> int:
        held = (self._held.get(tensor.untyped_storage()._cdata) for tensor in tensors(values))
        return max((storage.depth for storage in held if storage is not None), default=0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, packet = kwargs or {}, func.overloadpacket
        before = self.depth((*args, *kwargs.values()))
        result = super().__torch_dispatch__(func, types, args, kwargs)
        for tensor in tensors(result):
            self.hold(tensor).depth = before + (packet in WEIGHTED)
            self.activations += tensor.numel() * (packet in MULTIPLYING)
        if packet in flop_registry:
            self.flops += flop_registry[packet](*args, **kwargs, out_val=result)
        return result


def peak_bytes(run: Callable[[], object], known: Iterable[Tensor]) -> int:
    """The most bytes that `run` holds at once on meta, beyond the tensors it is handed."""
    memory = LiveMemory(known)
    with unfused_attention(), memory:
        run()
    return memory.peak


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages under some tensors, each counted once."""
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())
