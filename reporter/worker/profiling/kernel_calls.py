"""The ledger of kernels: one inference whose operators are recorded with their layer, shapes and implementation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import DispatchKey
from torch.autograd.profiler import profile, record_function
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from reporter.model.profiles import GEMM, NATIVE, ONEDNN, LayerKernel
from reporter.worker.counts.mac_formulas import FUSED, rule
from reporter.worker.counts.meta_shapes import tensors
from reporter.worker.profiling.blas_libraries import Products
from reporter.worker.profiling.kernel_names import Capture, Primitive, executed, primitives, verbose
from reporter.worker.profiling.operator_events import (
    GENERATED,
    PRODUCTS,
    OperatorEvent,
    Timed,
    events,
    is_implicit,
    multiplies,
    operators,
    timed,
)

MARK = "reporter call "
INDUCTOR = "inductor"
"""The kernel of an operator that Inductor generated."""
FIRST_FACTOR = {
    **dict.fromkeys(("aten::mm", "aten::bmm", "aten::mv", "aten::dot", "aten::vdot"), 0),
    **dict.fromkeys(("aten::addmm", "aten::_addmm_activation", "aten::baddbmm", "aten::addbmm", "aten::addmv"), 1),
}
"""The places of the first factor among the arguments of products of matrices; the second one follows."""
CONVOLVING, PRODUCING = ("convolution", "deconvolution"), ("matmul", "inner_product")
MULTIPLYING = (*CONVOLVING, *PRODUCING)
"""The kinds of oneDNN's primitives that convolutions and products of matrices run as."""
ONEDNN_OPERATOR = re.compile("mkldnn|onednn")
"""What the names of torch's operators of oneDNN contain."""


@dataclass(frozen=True)
class Seen:
    """An operator as torch dispatches it: the layer that called it, what it got and returned, and its MACs."""

    layer: str
    shapes: str
    dtype: str
    layout: str
    macs: int
    start: int
    stop: int


class Marks(TorchDispatchMode):
    """Records every operator that torch dispatches, and marks it in the profile by its number."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self.capture = capture
        self.seen: list[Seen] = []
        self.running = [""]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "profiler":  # a range of the network would begin inside the mark and end after it
            return func(*args, **kwargs)
        if is_implicit(f"{func.namespace}::{func.overloadpacket.__name__}") and not _changes_apart(func, args):
            with self:
                parts = _decomposed(func, args, kwargs)
            if parts is not NotImplemented:  # as for `split`, which returns views
                return parts
        start = self.capture.position()
        with record_function(f"{MARK}{len(self.seen)}"):
            result = func(*args, **kwargs)
        given = list(tensors((args, kwargs)))
        about = (_shapes(given, tensors(result)), _dtype(given), _layout(given))
        macs = _macs(func, args, kwargs, result)
        self.seen.append(Seen(self.running[-1], *about, macs, start, self.capture.position()))
        return result


def _changes_apart(func: Any, args: Any) -> bool:
    """Whether an operator calls others while each of them is dispatched to Python.

    A linear layer then adds its bias to a new tensor, unless its input is a matrix or lies in memory as one.
    """
    return func.overloadpacket is torch.ops.aten.linear and args[0].dim() > 2 and not args[0].is_contiguous()


def _decomposed(func: Any, args: Any, kwargs: Any) -> Any:
    """The result of an operator by those that it consists of; NotImplemented where it cannot be taken apart.

    By its code in C++, which runs without the ledger: that in Python may choose other operators, as for `matmul`.
    """
    implicit = DispatchKey.CompositeImplicitAutograd
    if func.has_kernel_for_dispatch_key(implicit):
        return func._op_dk(implicit, *args, **kwargs)
    return func.decompose(*args, **kwargs)


def recorded(network: nn.Module | None, call: Callable[[], object]) -> list[LayerKernel]:
    """The backend operators of one call in their order, each with the implementation that ran.

    `network` names the layers; without one they are not named. OSError or ReporterError if what oneDNN prints is lost.
    """
    with verbose() as capture:
        marks, products = Marks(capture), Products(capture)
        with _named(network, marks), profile(record_shapes=True) as profiled, marks:
            call()
        text = capture.text()
    found: list[LayerKernel] = []
    for number, parts in _by_mark(events(profiled.kineto_results)):
        seen = marks.seen[number]
        printed = text[seen.start : seen.stop]
        ran = executed(printed, [part.event.name for part in parts], text)
        found += _rows(seen, parts, ran, products.library(printed, seen.dtype))
    return found


def recorded_without_layers(call: Callable[[], object]) -> list[LayerKernel]:
    """The backend operators of one call of a compiled model, whose layers and outputs are not known.

    The primitives of oneDNN are assigned to the operators that multiply; see `implementations`.
    """
    with verbose() as capture:
        products = Products(capture)
        start = capture.position()
        with profile(record_shapes=True) as profiled:
            call()
        text = capture.text(start)
    found = events(profiled.kineto_results)
    parts = [part.event for root in operators(found) for part in timed(root) if part.computes]
    known, rows = implementations([event.name for event in parts], primitives(text)), []
    for place, event in enumerate(parts):
        shapes = ", ".join("x".join(map(str, shape)) for shape in event.shapes if _is_shape(shape))
        kernel = known.get(place) or _without_name(event.name)
        rows.append(
            LayerKernel(layer="", operator=event.name, kernel=kernel, shapes=shapes, dtype="", layout="", macs=0)
        )
    count = sum(row.kernel == GEMM for row in rows)
    library = products.common(text, count) if count else ""
    return [row.model_copy(update={"library": library}) if row.kernel == GEMM else row for row in rows]


def implementations(operators: Sequence[str], ran: Sequence[Primitive]) -> dict[int, str]:
    """The implementations that primitives of oneDNN had, by the place of the operator that ran each.

    They are those of the operators that multiply, in their order, if there are as many; else, of convolutions and of
    products of matrices each, if there are as many of these. Operators whose primitives all had one implementation have
    that. Others are left out.
    """
    every = [place for place, name in enumerate(operators) if multiplies(name)]
    found = _in_order(every, operators, [each.implementation for each in ran if each.kind in MULTIPLYING])
    for kinds in () if found else (CONVOLVING, PRODUCING):
        own = [place for place in every if ("conv" in operators[place]) == (kinds is CONVOLVING)]
        names = [each.implementation for each in ran if each.kind in kinds]
        of_onednn = [place for place in own if ONEDNN_OPERATOR.search(operators[place])]
        same = len(set(names)) == 1 and len(names) >= len(of_onednn)
        found |= _in_order(own, operators, names) or (dict.fromkeys(of_onednn, names[0]) if same else {})
    return found


def _in_order(places: Sequence[int], operators: Sequence[str], names: Sequence[str]) -> dict[int, str]:
    """The names by place if there are as many as operators without a BLAS library, or else in all; empty otherwise."""
    without = [place for place in places if operators[place] not in PRODUCTS]
    chosen = next((each for each in (without, places) if len(each) == len(names)), ())
    return dict(zip(chosen, names, strict=False))


def _without_name(operator: str) -> str:
    """The kernel of an operator whose implementation is not known."""
    if operator in PRODUCTS:
        return GEMM
    if GENERATED.match(operator):
        return INDUCTOR
    return ONEDNN if multiplies(operator) and ONEDNN_OPERATOR.search(operator) else NATIVE


def _is_shape(shape: object) -> bool:
    return isinstance(shape, list) and len(shape) > 1 and all(isinstance(each, int) for each in shape)


def _by_mark(found: Iterable[OperatorEvent]) -> Iterator[tuple[int, list[Timed]]]:
    """The backend operators below each mark that compute something."""
    for event in found:
        if event.name.startswith(MARK):
            parts = [part for root in operators(event.children) for part in timed(root) if part.computes]
            if parts:
                yield int(event.name.removeprefix(MARK)), parts
        else:
            yield from _by_mark(event.children)


def _rows(seen: Seen, parts: list[Timed], ran: list[Primitive], library: str) -> Iterator[LayerKernel]:
    """The rows of an operator: its MACs and the primitives belong to those parts that multiply.

    `library` is that of its products of matrices.
    """
    multiply = [part for part in parts if multiplies(part.event.name)] or parts[-1:]
    names = [each.implementation for each in ran if each.kind in MULTIPLYING] or [each.implementation for each in ran]
    counted = _shared_macs(seen.macs, [part.event for part in multiply])
    for part in parts:
        name, macs, kernel = part.event.name, 0, NATIVE
        if part in multiply:
            place = multiply.index(part)
            macs = counted[place]
            own = names if len(multiply) == 1 else names[place : place + 1]
            kernel = "+".join(dict.fromkeys(own)) or (GEMM if name in PRODUCTS else NATIVE)
        yield LayerKernel(
            layer=seen.layer, operator=name, kernel=kernel, shapes=seen.shapes, dtype=seen.dtype, layout=seen.layout,
            macs=macs, library=library if kernel == GEMM else "",
        )  # fmt: skip


def _shared_macs(macs: int, parts: list[OperatorEvent]) -> list[int]:
    """The MACs of the parts of an operator that has some in all.

    Those of a product of matrices follow from its shapes. The others share the rest alike: without oneDNN, a grouped
    convolution is one of each group.
    """
    if len(parts) == 1:
        return [macs]
    counted = [_product_macs(part) for part in parts]
    unknown = [place for place, part in enumerate(parts) if part.name not in FIRST_FACTOR]
    for number, place in enumerate(unknown):
        counted[place] = max(0, macs - sum(counted)) // (len(unknown) - number)
    return counted


def _product_macs(event: OperatorEvent) -> int:
    """The MACs of a product of matrices, from the shapes of its factors; 0 of another operator."""
    first = FIRST_FACTOR.get(event.name, len(event.shapes))
    factors = event.shapes[first : first + 2]
    if len(factors) < 2 or not all(factors):
        return 0
    one, other = factors
    return int(prod(one) * (other[-1] if len(other) > 1 else 1))


def _macs(func: Any, args: Any, kwargs: Any, result: Any) -> int:
    how = rule(func.overloadpacket)
    if how.torchs:
        return int(how.torchs(*args, **kwargs, out_val=result)) // 2
    if fused := FUSED.get(str(func.overloadpacket)):
        return int(fused(*args, **kwargs))
    return int(how.added(*args, out=result)) if how.added else 0


def _shapes(given: Iterable[Tensor], made: Iterable[Tensor]) -> str:
    """The shapes of what an operator got and returned, without vectors: `1x3x8x8, 4x3x3x3 -> 1x4x6x6`."""
    got, returned = (
        ", ".join("x".join(map(str, each.shape)) for each in listed if each.dim() > 1) for listed in (given, made)
    )
    return f"{got} -> {returned}"


def _dtype(given: list[Tensor]) -> str:
    return str(given[0].dtype).removeprefix("torch.") if given else ""


def _layout(given: list[Tensor]) -> str:
    """The memory format of the first tensor."""
    if not given or given[0].layout != torch.strided:
        return str(given[0].layout).removeprefix("torch.") if given else ""
    if given[0].is_contiguous():
        return "contiguous"
    last = given[0].dim() == 4 and given[0].is_contiguous(memory_format=torch.channels_last)
    return "channels_last" if last else "strided"


@contextmanager
def _named(network: nn.Module | None, marks: Marks) -> Iterator[None]:
    """Tracks which module is running, by hooks for all modules: one of its own may change what a module runs."""
    names = {module: name for name, module in network.named_modules()} if network is not None else {}

    def enter(module: nn.Module, inputs: Any) -> None:
        if module in names:
            marks.running.append(names[module])

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        if module in names:
            marks.running.pop()

    handles = (register_module_forward_pre_hook(enter), register_module_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
