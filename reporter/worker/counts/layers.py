"""The layers of a model, in the order of one inference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reporter.worker.counts.counting import Paths, folded, unfused
from reporter.worker.counts.meta_shapes import returned

Shape = tuple[int, ...]
Row = dict[str, Any]
REST = "forward"
"""The name of what a network computes outside of its parts."""


@dataclass
class Visit:
    """What a module met in one inference: its first inputs, and the first output's shape without the batch."""

    module: nn.Module
    inputs: tuple[Any, ...] = ()
    output: Shape = ()


class Visits(dict[str, Visit]):
    """Visits by the module's name; `spent` are the MACs by the names of the modules that were running, outermost first.

    They separate what a module that is used in two places costs in each. `read` are the ids of the parameters that an
    operator read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spent: Counter[tuple[str, ...]] = Counter()
        self.read: frozenset[int] = frozenset()


def visits(network: nn.Module, images: Tensor) -> Visits:
    """The modules that one inference of the images runs, by name, in the order in which they finish.

    What parametrizations compute from weights alone costs nothing, as in `count`, and is no module of its own.
    """
    found, paths, handles = Visits(), Paths([*network.parameters(), *network.buffers()], images), []
    running: list[str] = []
    charged = 0

    def charge() -> None:
        nonlocal charged
        if paths.flops > charged:
            found.spent[tuple(running)] += (paths.flops - charged) // 2
            charged = paths.flops

    for name, module in named_parts(network):
        if isinstance(module, torch.jit.ScriptModule):  # takes no hooks; its costs are those of what is around it
            continue

        def enter(_: nn.Module, inputs: Any, name: str = name) -> None:
            charge()
            running.append(name)

        def leave(module: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            charge()
            while running.pop() != name:  # a module that raised an error does not leave
                pass
            found.setdefault(name, Visit(module, inputs, _shape(output)))

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with unfused(network, images), torch.no_grad(), folded(network, paths), paths:
            output = network(images)
    finally:
        for handle in handles:
            handle.remove()
    paths.check()
    charge()
    found.read = frozenset(id(weight) for weight in network.parameters() if paths.track(weight).read)
    found.setdefault("", Visit(network, (images,), _shape(output)))
    return found


def layers(met: Visits) -> list[Row]:
    """The modules that hold weights, multiply, pool or change the shape, in order, without the costs of submodules.

    The weights of submodules that do not run, but are read, belong to the module around them, as those of the linear
    layers in `nn.MultiheadAttention`. Shared weights count once.
    """
    macs: Counter[str] = Counter()
    for running, spent in met.spent.items():
        macs[_around(running[-1] if running else "", met)] += spent
    weights: dict[str, list[nn.Parameter]] = {name: [] for name in met}
    for name, module in named_parts(met[""].module):
        own = (weight for weight in own_parameters(module) if name in met or id(weight) in met.read)
        weights[_around(name, met)] += own
    rows: list[Row] = []
    seen: set[int] = set()
    for name, visit in met.items():
        if weights[name] or macs[name] or (name and not is_block(visit.module) and _reshapes(visit)):
            fresh = {id(weight): weight.numel() for weight in weights[name] if id(weight) not in seen}
            seen |= fresh.keys()
            what = {"name": name or REST, "kind": call(visit.module), "output": shape_text(visit.output)}
            rows.append({**what, "parameters": sum(fresh.values()), "macs": macs[name]})
    return rows


def _around(name: str, met: Visits) -> str:
    """The innermost module that ran of those that contain a module, and itself."""
    while name not in met:
        name = name.rpartition(".")[0]
    return name


def _reshapes(visit: Visit) -> bool:
    """Whether a module pools, or its output has another shape than its input."""
    return _shape(visit.inputs) != visit.output or "kernel" in geometry(visit.module)


def line(row: Row) -> str:
    """A layer as a record keeps it: a network may have a thousand, and very many records are read at once."""
    return "; ".join(map(str, row.values()))


def is_block(module: nn.Module) -> bool:
    return bool(children(module))


def children(module: nn.Module) -> dict[str, nn.Module]:
    """The children of a module by name, without those that compute its parametrized weights."""
    computing = _parametrizations(module)
    return {name: child for name, child in module.named_children() if child is not computing}


def named_parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """All modules with their names, without those that compute parametrized weights."""
    found = [_parametrizations(module) for module in network.modules()]
    computing = {inner for each in found if each is not None for inner in each.modules()}
    return ((name, module) for name, module in network.named_modules() if module not in computing)


def own_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters of a module without those of its children."""
    yield from module.parameters(recurse=False)
    computing = _parametrizations(module)
    if computing is not None:
        yield from computing.parameters()


def _parametrizations(module: nn.Module) -> nn.Module | None:
    return module.get_submodule("parametrizations") if parametrize.is_parametrized(module) else None


def call(module: nn.Module) -> str:
    """A layer as one would write it down: Conv2d(3×3, stride=2, groups=32)."""
    options = [str(value) if key == "kernel" else f"{key}={value}" for key, value in geometry(module).items()]
    return class_name(module) + (f"({', '.join(options)})" if options else "")


def class_name(module: nn.Module) -> str:
    return parametrize.type_before_parametrizations(module).__name__.lstrip("_")


def geometry(module: nn.Module) -> dict[str, str | int]:
    """Kernel (of an adaptive pooling: output), stride and groups of a layer, as far as they say something.

    A stride of None is that of the kernel, as in nn.LPPool2d.
    """
    found: dict[str, str | int] = {}
    kernel, output = _pair(getattr(module, "kernel_size", None)), _pair(getattr(module, "output_size", None))
    if size := kernel or output:
        found["kernel"] = shape_text(size)
    stride = getattr(module, "stride", 1)
    if kernel and (strides := kernel if stride is None else _pair(stride)) and strides[0] != 1:
        found["stride"] = strides[0]
    if isinstance(groups := getattr(module, "groups", 1), int) and groups > 1:
        found["groups"] = groups
    return found


def shape_text(shape: Shape) -> str:
    """A shape without the batch: 64×56×56."""
    return "×".join(map(str, shape))


def _pair(value: Any) -> Shape:
    """A size in two directions or as many as it has; empty where it is no size."""
    if isinstance(value, int):
        return (value, value) if value else ()
    is_size = isinstance(value, tuple | list) and all(each is None or isinstance(each, int) for each in value)
    return tuple(value) if is_size else ()


def _shape(output: Any) -> Shape:
    first = next(returned(output), None)
    return () if first is None else tuple(first.shape[1:])
