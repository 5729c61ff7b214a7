"""Ceilings of a processor or GPU: the best rate of multiply-adds, the bandwidth of copies, and the bytes of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from reporter.host import caches, machine
from reporter.model import UnsupportedError
from reporter.worker.counts.counting import SHAPES, unfused
from reporter.worker.counts.fused_attention import FusedAttention
from reporter.worker.counts.mac_formulas import rule
from reporter.worker.counts.meta_shapes import tensors
from reporter.worker.latency.timing import Timer, cpu_timer
from reporter.worker.profiling.operator_events import ALLOCATING

CONVOLUTIONS = ((64, 56, 3), (128, 28, 3), (256, 14, 3), (256, 56, 1), (128, 56, 3))
"""Channels, side of the images and of the filters."""
COPIED, MOST_COPIED = 2**26, 2**29
"""Bytes that are copied at least, and at most; in between as many as the last-level caches hold: of the two buffers
together, which take twice as much, nothing is left there from one copy to the next."""
OF_MEMORY = 32
"""The part of the memory that a buffer takes at most."""
FEWEST_CALLS = 2
"""Calls in a row of a workload; the first one finds nothing of it in the caches."""
AUTOCAST = "the network uses autocast, so the data types that its operators compute in are not known"
Call = Callable[[], object]


class Sizes(NamedTuple):
    """Images in a batch that is convolved, and the sides of square matrices that are multiplied."""

    batch: int
    products: tuple[int, ...]


ON_CPU, ON_GPU = Sizes(1, (512, 1024)), Sizes(64, (4096, 8192))
"""A GPU is not filled by what fills a processor. These were chosen, not measured: no GPU was available."""


class Workload(NamedTuple):
    """A call, and the multiply-adds or bytes of one."""

    name: str
    call: Call
    amount: int


class WorkloadGroup(NamedTuple):
    """Workloads whose best rate is wanted, and the context that they run in: a number of threads."""

    workloads: Sequence[Workload]
    context: Callable[[], AbstractContextManager[None]] = nullcontext


class Design(NamedTuple):
    """How often workloads are repeated: `rounds` over all groups, each in calls in a row for `seconds`.

    Every so many rounds has all workloads, the others those whose rate is within the share `near` of the best one of
    their group: what was disturbed in the first round is not lost.
    """

    rounds: int
    every: int
    seconds: float
    near: float = 0.05


DESIGN = Design(rounds=9, every=4, seconds=0.01)
"""Many short rounds over everything: a disturbance lasts longer than a block, and the fastest block counts."""


def best_rates(
    groups: Mapping[str, WorkloadGroup], design: Design = DESIGN, *, timer: Timer = cpu_timer
) -> dict[str, dict[str, float]]:
    """The most multiply-adds or bytes per second of each workload, by group and name, in rounds over all groups."""
    rates = {name: {each.name: 0.0 for each in group.workloads} for name, group in groups.items()}
    with torch.inference_mode():
        for number in range(design.rounds):
            for name, group in groups.items():
                with group.context():
                    for each in _in_round(group, rates[name], design, number):
                        rate = each.amount / _fastest(each.call, design.seconds, timer)
                        rates[name][each.name] = max(rates[name][each.name], rate)
    return rates


def _in_round(group: WorkloadGroup, rates: Mapping[str, float], design: Design, number: int) -> list[Workload]:
    """The workloads of a group that a round has."""
    least = 0.0 if number % design.every == 0 else (1 - design.near) * max(rates.values())
    return [each for each in group.workloads if rates[each.name] >= least]


def _fastest(call: Call, least: float, timer: Timer) -> float:
    """The seconds of the fastest of some calls in a row, which take so many seconds at least."""
    seconds: list[float] = []
    until = perf_counter() + least
    while len(seconds) < FEWEST_CALLS or perf_counter() < until:
        seconds += timer(call, 1)
    return min(seconds)


def multiplying(dtype: torch.dtype, sizes: Sizes, device: str = "cpu") -> Iterator[Workload]:
    """Convolutions, in both memory formats, and products of matrices."""
    batch = sizes.batch
    for channels, side, kernel in CONVOLUTIONS:
        for layout in (torch.contiguous_format, torch.channels_last):
            layer = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
            layer = layer.to(device=device, dtype=dtype, memory_format=layout)  # type: ignore[call-overload]
            images = torch.randn(batch, channels, side, side).to(device=device, dtype=dtype, memory_format=layout)
            name = f"convolution {kernel}x{kernel}, {channels} channels, {side}x{side}, {_layout(layout)}"
            yield Workload(name, partial(layer, images), batch * (side * channels * kernel) ** 2)
    for side in sizes.products:
        first, second = (torch.randn(side, side).to(device=device, dtype=dtype) for _ in range(2))
        yield Workload(f"matrix product, {side}x{side}", partial(torch.mm, first, second), side**3)


def copying() -> Workload:
    """A copy of more than caches hold; the bytes that are read and written count."""
    memory = (machine.facts()["memory_gib"] or 0) * 2**30
    return copied(max(COPIED, min(MOST_COPIED, caches.last_level(), memory // OF_MEMORY)))


def copied(size: int, device: str = "cpu") -> Workload:
    """A copy of so many bytes within the memory of a device."""
    source, target = (make(size // 4).to(device) for make in (torch.ones, torch.zeros))
    return Workload("copy", partial(target.copy_, source), 2 * source.nbytes)


def _layout(layout: torch.memory_format) -> str:
    return str(layout).removeprefix("torch.").removesuffix("_format")


class Traffic(TorchDispatchMode):
    """Adds up the bytes that operators read and write: weights and activations, views left out.

    `dtypes` are the names of the data types of the factors of products.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.dtypes: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = SHAPES(func, args, kwargs or {})
        if not func.is_view and f"{func.namespace}::{func.overloadpacket.__name__}" not in ALLOCATING:
            self.bytes += sum(_bytes(each) for each in (*tensors((args, kwargs)), *tensors(result)))
        how = rule(func.overloadpacket)
        if how.torchs or how.added:
            self.dtypes |= {str(each.dtype).removeprefix("torch.") for each in tensors(args) if each.dim() > 1}
        return result


def _bytes(tensor: Tensor) -> int:
    """The bytes of the elements of a tensor; those of one that is expanded count once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


class Autocast(TorchFunctionMode):
    """Whether any function is called in autocast on a type of device, `used`."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.used = device, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.used |= torch.is_autocast_enabled(self.device)
        return func(*args, **(kwargs or {}))


def traffic(network: nn.Module, images: Tensor, device: str = "cpu") -> Traffic:
    """The bytes of weights and activations that the operators of one inference read and write, on a type of device.

    UnsupportedError where they are not known: autocast has no effect on tensors of another device.
    """
    found, autocast = Traffic(), Autocast(device)
    with unfused(network, images), torch.no_grad(), found, FusedAttention(), autocast:
        network(images)
    if autocast.used and images.device.type != device:
        raise UnsupportedError(AUTOCAST)
    return found
