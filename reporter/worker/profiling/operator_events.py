"""The operators of a call, from the events of torch.profiler: which of them computed, and for how long.

An operator such as `aten::conv2d` calls others until one of them computes, e.g. `aten::mkldnn_convolution`. That one is
the backend operator of the call, and gets the time of all operators around it.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import torch
from torch._C._autograd import DeviceType, kineto_available

from reporter.model import UnsupportedError

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler prints when it starts and stops

ALLOCATING = frozenset(
    f"aten::{name}"
    for name in (
        "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "resize_", "resize_as_", "set_",
        "as_strided_", "_unsafe_view", "_reshape_alias", "resolve_conj", "resolve_neg", "_nnpack_available",
        "is_same_size", "_has_compatible_shallow_copy_type", "lift_fresh", "result_type", "item", "_local_scalar_dense",
    )
)  # fmt: skip
"""Operators that allocate or describe tensors and compute no values."""
PRODUCTS = frozenset({"mkl::_mkl_linear"}).union(
    f"aten::{name}"
    for name in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "vdot", "addbmm", "_addmm_activation",
                 "_slow_conv2d_forward", "slow_conv3d_forward", "slow_conv_dilated2d", "slow_conv_dilated3d",
                 "slow_conv_transpose2d", "slow_conv_transpose3d", "_scaled_dot_product_flash_attention_for_cpu")
)  # fmt: skip
"""Operators that multiply matrices with a BLAS library; `_mkl_linear` is that of a compiled model."""
GENERATED = re.compile(r"(?:graph_\d+_)?(cpp_\w+)$")
"""The names of the kernels that Inductor generates."""


def require_kineto() -> None:
    """Raises UnsupportedError where torch is built without what its profiler lists operators by."""
    if not kineto_available():
        raise UnsupportedError("torch is built without Kineto, by which its profiler lists operators")


@dataclass
class OperatorEvent:
    """An operator or a range of torch.profiler: its times in ns, what it called, and the shapes of its arguments."""

    name: str
    start: int
    end: int
    shapes: list[Any] = field(default_factory=list)
    children: list[OperatorEvent] = field(default_factory=list)

    @cached_property
    def nested(self) -> int:
        """How many events it contains, once all are there."""
        return sum(1 + child.nested for child in self.children)

    def without(self, overhead: float) -> float:
        """Its ns without the profiler's overhead for the events that it contains."""
        return self.end - self.start - overhead * self.nested


@dataclass(frozen=True)
class Timed:
    """A backend operator with its ns, those of the operators around it included."""

    event: OperatorEvent
    seconds: float
    computes: bool = True


def events(results: Any) -> list[OperatorEvent]:
    """The outermost events of every thread in their order, from the results of torch's profiler."""
    threads: dict[int, list[Any]] = defaultdict(list)
    for each in results.events():
        if each.device_type() == DeviceType.CPU:
            threads[each.start_thread_id()].append(each)
    found: list[OperatorEvent] = []
    for listed in threads.values():
        running: list[OperatorEvent] = []
        for each in sorted(listed, key=lambda each: (each.start_ns(), -each.duration_ns())):
            start = each.start_ns()
            event = OperatorEvent(_without_graph(each.name()), start, start + each.duration_ns(), each.shapes())
            while running and running[-1].end <= start:
                running.pop()
            (running[-1].children if running else found).append(event)
            running.append(event)
    return sorted(found, key=lambda event: event.start)


@cache
def _without_graph(name: str) -> str:
    """A name without the number of the graph that Inductor generated a kernel for."""
    return GENERATED.sub(r"\1", name)


def operators(found: Iterable[OperatorEvent]) -> Iterator[OperatorEvent]:
    """The outermost operators: ranges that are no operators are opened, as `block::attention` of a network itself."""
    for event in found:
        if _is_operator(event.name):
            yield event
        else:
            yield from operators(event.children)


@cache
def _is_operator(name: str) -> bool:
    """Whether torch has an operator of that name, also one of an extension, or Inductor generated it."""
    return _packet(name) is not None or GENERATED.match(name) is not None


def timed(root: OperatorEvent, overhead: float = 0.0) -> list[Timed]:
    """The backend operators of an outermost one; their seconds sum up to its own.

    One that computes nothing, such as a view, stands for itself.
    """
    return _parts(root, overhead) or [Timed(root, root.without(overhead) / 1e9, computes=False)]


def _parts(event: OperatorEvent, overhead: float) -> list[Timed]:
    if is_helper(event.name):
        return []
    whole = event.without(overhead) / 1e9
    if (is_composite(event.name) or _contains_product(event)) and not _is_innermost(event):
        parts = [part for child in event.children for part in _parts(child, overhead)]
        if parts:
            rest = whole - sum(part.seconds for part in parts)
            return [*parts[:-1], Timed(parts[-1].event, parts[-1].seconds + rest)]
        if is_implicit(event.name):
            return []
    return [Timed(event, whole)]


def _is_innermost(event: OperatorEvent) -> bool:
    """Whether it multiplies and calls nothing that does: oneDNN runs transposed convolutions below any operator."""
    return multiplies(event.name) and not any(multiplies(each.name) for each in _inside(event))


def _inside(event: OperatorEvent) -> Iterator[OperatorEvent]:
    for child in event.children:
        yield child
        yield from _inside(child)


def multiplies(name: str) -> bool:
    """Whether an operator is a convolution or a product of matrices."""
    plain = name.partition("::")[2]
    return name in PRODUCTS or ("upsample" not in plain and ("conv" in plain or "linear" in plain))


def _contains_product(event: OperatorEvent) -> bool:
    return any(child.name in PRODUCTS or _contains_product(child) for child in event.children)


def is_helper(name: str) -> bool:
    """Whether an operator only allocates or views tensors."""
    return name in ALLOCATING or (_is_view(name) and not is_implicit(name))


@cache
def is_composite(name: str) -> bool:
    """Whether an operator has no code for the device and calls others."""
    return _has(name, "CompositeImplicitAutograd", "CompositeExplicitAutograd") and not _has(name, "CPU", "CUDA")


@cache
def is_implicit(name: str) -> bool:
    """Whether an operator consists of others entirely."""
    return _has(name, "CompositeImplicitAutograd") and not _has(name, "CPU", "CUDA")


@cache
def _is_view(name: str) -> bool:
    packet = _packet(name)
    return packet is not None and any(getattr(packet, each).is_view for each in packet.overloads())


def _has(name: str, *keys: str) -> bool:
    packet = _packet(name)
    overloads = [] if packet is None else packet.overloads()
    names = [name if each == "default" else f"{name}.{each}" for each in overloads if "out" not in each]
    return any(_has_kernel(each, key) for each in names for key in keys)


def _has_kernel(name: str, key: str) -> bool:
    try:
        return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, key))
    except RuntimeError:  # an overload of TorchScript alone
        return False


def _packet(name: str) -> Any:
    space, _, operator = name.partition("::")
    if not (space.isidentifier() and operator.isidentifier()):
        return None
    found = getattr(getattr(torch.ops, space), operator, None)
    return found if isinstance(found, torch._ops.OpOverloadPacket) else None
