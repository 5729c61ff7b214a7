"""Exact counts of a forward pass, on meta if possible: multiply-adds, activations, depth, peak memory."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._python_dispatch import TorchDispatchMode

from reporter.model import UnsupportedError
from reporter.worker.counts.fused_attention import FusedAttention
from reporter.worker.counts.mac_formulas import PLAIN, Rule, rule
from reporter.worker.counts.meta_shapes import Shapes, has_storage, returned, tensors

SHAPES = Shapes()


@dataclass(frozen=True)
class Counts:
    """Of one inference: multiply-adds, elements put out by the operators that make them, depth in weighted layers.

    `peak` is the most bytes alive at once beyond weights and input. `uncounted` are the operators that compute and have
    no formula, with how often they ran; `unread` are the names of the parameters that no operator read.
    """

    macs: int
    activations: int
    depth: int
    peak: int
    uncounted: dict[str, int]
    unread: frozenset[str]


def count(network: nn.Module, images: Tensor) -> Counts:
    """Counts one pass of images (N x 3 x H x W) through a network on their device; the caller sets its mode.

    If the first pass replaces buffers on meta, such as indices for an image size, a second one is counted: they are
    weights then, as in the bytes of the network on meta, and no activations.
    UnsupportedError where tensors have no storage: not all that TorchScript computes on them is seen.
    """
    buffers = list(network.buffers())
    counts = _count(network, images)
    replaced = any(new is not old for new, old in zip_longest(network.buffers(), buffers))
    if not replaced or not images.is_meta:
        return counts
    again = _count(network, images)
    return replace(again, unread=again.unread & counts.unread)


def _count(network: nn.Module, images: Tensor) -> Counts:
    """Counts one pass."""
    paths, attention = Paths([*network.parameters(), *network.buffers()], images), FusedAttention(replace=False)
    with unfused(network, images), torch.no_grad(), folded(network, paths), paths, attention:
        output = network(images)
    paths.check()
    depth = paths.depth(list(returned(output)))
    unread = frozenset(name for name, weight in network.named_parameters() if not paths.track(weight).read)
    if attention.met:
        del output
        paths.peak = _fused_peak(network, images)
    return Counts(paths.flops // 2, paths.activations, depth, paths.peak, dict(paths.uncounted), unread)


def _fused_peak(network: nn.Module, images: Tensor) -> int:
    """The peak of one pass with attention as one operator: only multiply-adds, activations and depth need its parts."""
    memory = LiveMemory([*network.parameters(), *network.buffers(), images])
    with unfused(network, images), torch.no_grad(), memory, FusedAttention():
        network(images)
    return memory.peak


@contextmanager
def folded(network: nn.Module, paths: Paths) -> Iterator[None]:
    """Leaves out what parametrizations compute from weights alone: deployed, the result is folded into the weight."""
    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, ParametrizationList):
                for register, step in ((module.register_forward_pre_hook, 1), (module.register_forward_hook, -1)):
                    stack.callback(register(partial(paths.fold, step)).remove)
        yield


@contextmanager
def unfused(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Keeps operators visible to counters that torch would fuse on the CPU: attention and recurrent layers."""
    with ExitStack() as stack:
        stack.enter_context(unfused_attention())
        if not images.is_meta:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if any(isinstance(module, nn.RNNBase) for module in network.modules()):
                stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        yield


@contextmanager
def unfused_attention() -> Iterator[None]:
    """Keeps attention visible to counters: evaluating, torch would run it as one opaque operator."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class LiveStorage(weakref.ref[torch.UntypedStorage]):
    """A live storage: its key, the bytes that it counts for, and how deep in the network its values were made.

    `read` is whether an operator read it, `image` whether its values depend on the image.
    """

    __slots__ = ("bytes", "depth", "image", "key", "read")

    key: int
    bytes: int
    depth: int
    image: bool
    read: bool


class LiveMemory(TorchDispatchMode):
    """Adds up the bytes of live storages; `peak` is the most there were at once, beyond those known from the start.

    Storages are counted once however many tensors view them, and leave the sum when the last of these is gone.
    UnsupportedError if an initial tensor has none; `check` raises it if another one has none.
    """

    def __init__(self, initial: Iterable[Tensor]) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._storages: dict[int, LiveStorage] = {}
        self._without: torch.layout | None = None
        for tensor in self._stored(list(initial)):
            self.track(tensor).bytes = 0
        self.check()
        self.live = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = SHAPES(func, args, kwargs or {})
        for tensor in self._stored(result):
            self.track(tensor)
        return result

    def check(self) -> None:
        """UnsupportedError if there was a tensor without a storage, of which neither memory nor depth is known."""
        if self._without is not None:
            raise UnsupportedError(f"tensors in the layout {self._without} cannot be counted")

    def _stored(self, values: object) -> Iterator[Tensor]:
        """The tensors that have a storage."""
        for tensor in tensors(values):
            if has_storage(tensor):
                yield tensor
            else:
                self._without = tensor.layout

    def track(self, tensor: Tensor) -> LiveStorage:
        """Return the storage of a tensor, and add it to the sum if it is new."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        live = self._storages.get(key)
        if live is None:
            live = self._storages[key] = LiveStorage(storage, self._leave)
            live.key, live.bytes, live.depth = key, storage.nbytes(), 0
            live.image = live.read = False
            self.live += live.bytes
            self.peak = max(self.peak, self.live)
        return live

    def _leave(self, live: LiveStorage) -> None:
        self.live -= live.bytes
        del self._storages[live.key]


class Paths(LiveMemory):
    """Follows the values too: a weighted operator's are a layer deeper than the deepest that it reads."""

    def __init__(self, initial: Iterable[Tensor], images: Tensor) -> None:
        super().__init__([*initial, images])
        self.track(images).image = True
        self.flops = self.activations = self.folding = 0
        self.uncounted: Counter[str] = Counter()

    def fold(self, step: int, *_: object) -> None:
        """Enters (1) or leaves (-1) the computation of a parametrized weight."""
        self.folding += step

    def depth(self, values: object) -> int:
        return max((live.depth for live in self._under(values)), default=0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, how = kwargs or {}, PLAIN if self.folding else rule(func.overloadpacket)
        before, image = 0, False
        for live in self._under((*args, *kwargs.values())):
            live.read = True
            before, image = max(before, live.depth), image or live.image
        layer = how.weighted or self._is_layer(how, args)
        result = super().__torch_dispatch__(func, types, args, kwargs)
        added = how.added if image else None  # what is made of weights alone is not done for each image
        made = list(self._stored(result))
        for tensor in made:
            live = self.track(tensor)
            live.depth, live.image = before + (layer or added is not None), image
        if how.torchs:
            self.flops += how.torchs(*args, **kwargs, out_val=result)
        elif added:
            self.flops += 2 * added(*args, out=result)
        elif image and how.uncounted:
            self.uncounted[how.uncounted] += 1
        if added or how.weighted or how.factors:
            self.activations += sum(tensor.numel() for tensor in made)
        return result

    def _under(self, values: object) -> Iterator[LiveStorage]:
        for tensor in self._stored(values):
            live = self._storages.get(tensor.untyped_storage()._cdata)
            if live is not None:
                yield live

    def _is_layer(self, how: Rule, args: Any) -> bool:
        """Whether a product of matrices is a layer: one of its factors depends on the image, and the other does not."""
        return len({any(live.image for live in self._under(args[place])) for place in how.factors}) > 1


def peak_bytes(run: Callable[[], object], initial: Iterable[Tensor]) -> int:
    """The most bytes that `run`, a training step, holds at once on meta, beyond the tensors it is handed."""
    memory = LiveMemory(initial)
    with unfused_attention(), memory, FusedAttention(training=True):
        run()
    memory.check()
    return memory.peak


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages under some tensors, each counted once; UnsupportedError where one has none."""
    tensors = list(tensors)
    layouts = [str(tensor.layout) for tensor in tensors if not has_storage(tensor)]
    if layouts:
        raise UnsupportedError(f"the bytes of tensors in the layout {layouts[0]} cannot be counted")
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())
