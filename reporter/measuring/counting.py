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
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.weak import WeakIdKeyDictionary

aten = torch.ops.aten
WEIGHTED = {aten.convolution, aten.addmm, aten.mm}
"""The operators that convolutions and linear layers arrive as."""
MULTIPLYING = WEIGHTED | {aten.bmm, aten.baddbmm}
"""Those, and the products of attention, in which two activations meet."""


@dataclass(frozen=True)
class Counts:
    """Of one inference: multiply-adds, elements put out by the operators that make them, depth in weighted layers."""

    macs: int
    activations: int
    depth: int


def count(network: nn.Module, images: Tensor) -> Counts:
    """Counts one inference of meta images (N x 3 x H x W) by a meta network that evaluates."""
    flops, paths = FlopCounterMode(display=False), _Paths(network.parameters())
    with unfused_attention(), torch.no_grad(), flops, paths:
        output = network(images)
    return Counts(
        flops.get_total_flops() // 2, paths.activations, max(paths.depth(leaf) for leaf in tree_leaves(output))
    )


@contextmanager
def unfused_attention() -> Iterator[None]:
    """Keeps attention visible to counters: evaluating, torch would run it as one opaque operator."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Paths(TorchDispatchMode):
    """Follows tensors through operators: a weighted one is a layer deeper than the deepest tensor it reads."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        super().__init__()
        self.activations = 0
        self._depths = WeakIdKeyDictionary()
        self._parameters = {id(parameter): parameter for parameter in parameters}

    def depth(self, leaf: object) -> int:
        return int(self._depths.get(leaf, 0)) if isinstance(leaf, Tensor) else 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        before = max((self.depth(leaf) for leaf in tree_leaves((args, kwargs))), default=0)
        depth = before + (func.overloadpacket in WEIGHTED)
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and id(leaf) not in self._parameters:
                self._depths[leaf] = depth
                self.activations += leaf.numel() * (func.overloadpacket in MULTIPLYING)
        return result


class LiveMemory(TorchDispatchMode):
    """Adds up the bytes of live storages; `peak` is the most there were at once, beyond those known from the start.

    Storages are counted once however many tensors view them, and leave the sum when the last of these is gone.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._seen: dict[int, int] = {}
        for tensor in known:
            self._seen[tensor.untyped_storage()._cdata] = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._meet(leaf.untyped_storage())
        return result

    def _meet(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._seen:
            return
        self._seen[storage._cdata] = storage.nbytes()
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._leave, storage._cdata)

    def _leave(self, key: int) -> None:
        self.live -= self._seen.pop(key)


def peak_bytes(run: Callable[[], object], known: Iterable[Tensor]) -> int:
    """The most bytes that `run` holds at once on meta, beyond the tensors it is handed."""
    memory = LiveMemory(known)
    with unfused_attention(), memory:
        run()
    return memory.peak


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages under some tensors, each counted once."""
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())
