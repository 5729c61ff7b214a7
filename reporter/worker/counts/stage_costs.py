"""Costs of stages: their parameters and multiply-adds add up to those of the model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torch import nn

from reporter.model.image_sizes import ImageSize
from reporter.worker.counts.layers import (
    REST,
    Row,
    Shape,
    Visit,
    Visits,
    call,
    children,
    class_name,
    is_block,
    named_parts,
    shape_text,
)
from reporter.worker.weights.auxiliary_heads import modules

POOLING = (nn.MaxPool2d, nn.AvgPool2d)
PASSING = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Hardswish, nn.Hardsigmoid, nn.Dropout, nn.Identity)
"""Activations and the like beside the convolution and the norm of a block."""


@dataclass(frozen=True)
class CostUnit:
    """A layer, or a block that is not taken apart; one `alone` shares its stage with no other that computes."""

    name: str
    kind: str
    level: int | None
    output: Shape
    parameters: int
    macs: int
    alone: bool
    pools: bool = False


def stages(network: nn.Module, met: Visits, size: ImageSize, heads: Collection[str] = ()) -> list[Row]:
    """The stages of a network whose images are of that size; their parameters and MACs sum up to the network's.

    The auxiliary heads, by name, belong to none.

    A block stands alone, and so does a linear layer; other layers join the stage before them unless they compute on
    another grid.
    """
    return [stage_row(group) for group in grouped(network, met, size, heads)]


def grouped(network: nn.Module, met: Visits, size: ImageSize, heads: Collection[str] = ()) -> list[list[CostUnit]]:
    """The parts of each stage, as in `stages`."""
    groups: list[list[CostUnit]] = []
    for part in _parts(network, met, size, heads):
        if groups and _joins(part, groups[-1]):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [group for group in groups if any(part.parameters or part.macs for part in group)]


def _parts(network: nn.Module, met: Visits, size: ImageSize, heads: Collection[str]) -> Iterator[CostUnit]:
    """The network taken apart, each parameter in one part: what runs in its order, then what does not, then a rest."""
    order = {name: rank for rank, name in enumerate(met)}
    seen = {id(parameter) for head in modules(network, heads) for parameter in head.parameters()}
    names = sorted(_closed(network, "", met, size, heads), key=lambda name: order.get(name, len(order)))
    spent = _shares(met, set(names))
    for name, module in zip(names, modules(network, names), strict=True):
        visit = met.get(name, Visit(module))
        fresh = [parameter for parameter in module.parameters() if id(parameter) not in seen]
        seen |= {id(parameter) for parameter in fresh}
        weights, alone = (
            sum(parameter.numel() for parameter in fresh),
            is_block(module) or isinstance(module, nn.Linear),
        )
        about = (_kind(module), level(visit.output, size), visit.output, weights, spent[name])
        yield CostUnit(name, *about, alone, isinstance(module, POOLING))
    for name, parameter in network.named_parameters():
        if id(parameter) not in seen:
            yield CostUnit(name, "Parameter", None, tuple(parameter.shape), parameter.numel(), 0, alone=True)
    if rest := spent[""]:
        yield CostUnit(REST, type(network).__name__, None, (), 0, rest, alone=True)


def _shares(met: Visits, names: Collection[str]) -> Counter[str]:
    """The MACs of each part: those spent while it ran and no other part around it; under "" those of no part."""
    shares: Counter[str] = Counter()
    for running, macs in met.spent.items():
        around = (outer for name in running for outer in _outer(name))
        shares[next((name for name in around if name in names), "")] += macs
    return shares


def _outer(name: str) -> Iterator[str]:
    """The modules that contain a module, outermost first, and itself; a list of modules among them never runs."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _closed(module: nn.Module, prefix: str, met: Visits, size: ImageSize, heads: Collection[str]) -> Iterator[str]:
    """Names of the largest parts that need not be opened."""
    for name, child in children(module).items():
        if prefix + name in heads:
            continue
        if _opens(child, prefix + name, met, size) or any(head.startswith(f"{prefix}{name}.") for head in heads):
            yield from _closed(child, f"{prefix}{name}.", met, size, heads)
        else:
            yield prefix + name


def _opens(module: nn.Module, name: str, met: dict[str, Visit], size: ImageSize) -> bool:
    """Whether a part is more than a block: its layers span more than one halving of the grid, or are a mere list."""
    inside = [visit for key, visit in met.items() if key.startswith(f"{name}.") and not is_block(visit.module)]
    levels = {found for visit in inside if (found := level(visit.output, size)) is not None}
    plain = type(module) is nn.Sequential and not any(map(is_block, module))
    return plain or bool(levels and max(levels) - min(levels) > 1)


def _joins(part: CostUnit, group: list[CostUnit]) -> bool:
    if part.alone:
        return False
    return not part.macs or (not group[0].alone and part.level == group[0].level)


def stage_row(group: list[CostUnit]) -> Row:
    """A stage as it is stored: named after its first and last part that is more than a passing through."""
    named = [part for part in group if part.parameters or part.macs or part.pools] or group[:1]
    kinds = Counter(part.kind for part in named if part.macs or part.pools) or Counter([named[0].kind])
    return {
        "name": named[0].name if len(named) == 1 else f"{named[0].name} – {named[-1].name}",
        "kind": ", ".join(kind if count == 1 else f"{count} × {kind}" for kind, count in kinds.items()),
        "level": named[0].level,
        "output": shape_text(named[-1].output),
        "parameters": sum(part.parameters for part in group),
        "macs": sum(part.macs for part in group),
    }


def _kind(module: nn.Module) -> str:
    """What a part is: a layer, a block, or so and so many blocks of a kind."""
    kinds = Counter(map(class_name, children(module).values()))
    if isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict) and len(kinds) == 1:
        ((kind, count),) = kinds.items()
        return f"{count} × {kind}"
    if convolution := _normalised(module):
        return call(convolution)
    return class_name(module) if kinds else call(module)


def _normalised(module: nn.Module) -> nn.Module | None:
    """The convolution of a block that is one with batch norm and perhaps an activation, as all BasicConv2d are."""
    computing = [each for _, each in named_parts(module) if not is_block(each) and not isinstance(each, PASSING)]
    match computing:
        case [nn.Conv2d() as convolution, nn.BatchNorm2d()]:
            return convolution
    return None


def level(shape: Shape, size: ImageSize) -> int | None:
    """How often the grid of the image was halved, channels first or last; None for a shape of other proportions."""
    if len(shape) != 3:
        return None
    if size.height == size.width:
        square = shape[1] in (shape[0], shape[2]) and shape[1] > 1
        return round(math.log2(size.height / shape[1])) if square else None
    for grid in (shape[1:], shape[:2]):
        halved = {round(math.log2(side / cells)) for side, cells in zip(size, grid, strict=True) if cells > 1}
        if len(halved) == 1 and min(grid) > 1:
            return halved.pop()
    return None
