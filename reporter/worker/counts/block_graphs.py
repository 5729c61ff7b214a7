"""The repeated block of a model, and its graph as traced by torch.fx."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule, Node, symbolic_trace
from torch.fx.passes.shape_prop import ShapeProp
from torch.utils._pytree import tree_leaves

from reporter.worker.counts.layers import (
    Row,
    Visit,
    class_name,
    geometry,
    is_block,
    named_parts,
    own_parameters,
    shape_text,
)

SMALL = 12
"""A network that repeats no block and has no more weighted layers than this is drawn whole."""
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
ALIASES = {"iadd": "add", "imul": "mul", "concat": "cat", "concatenate": "cat"}


@dataclass(frozen=True)
class Block:
    """A part of a network with the inputs that it met; `repeats` counts its kind, 0 where it is the only one."""

    name: str
    kind: str
    repeats: int
    module: nn.Module
    inputs: tuple[Any, ...]


def typical(network: nn.Module, met: dict[str, Visit], stages: list[Row], wanted: str = "") -> Block:
    """The block of a class named `wanted`, else of the class that is repeated most, the outermost of equals.

    Of its class the first that keeps the shape of its input, as most of them do. Networks that repeat none: the whole
    of a small one, else the stage that computes most.
    """
    blocks = [name for name, module in network.named_modules() if name in met and _repeatable(name, module)]
    kinds = Counter(class_name(met[name].module) for name in blocks)
    kind = wanted if wanted in kinds else max(kinds, key=lambda each: kinds[each], default="")
    if kinds[kind] < 2:
        return _largest_stage(network, met, stages)
    alike = [name for name in blocks if class_name(met[name].module) == kind]
    name = next((name for name in alike if _shape(met[name].inputs) == met[name].output), alike[0])
    return Block(name, kind, kinds[kind], met[name].module, met[name].inputs)


def graph(block: Block) -> list[Row]:
    """The operators of a block on tensors, in order, each with its output and the rows that it reads (`from`)."""
    traced = symbolic_trace(block.module)
    with torch.no_grad():
        ShapeProp(traced).propagate(*block.inputs)
    rows: list[Row] = []
    places: dict[Node, int] = {}
    for node in traced.graph.nodes:
        if "tensor_meta" in node.meta and node.op not in ("get_attr", "output"):
            places[node] = len(rows)
            sources = [places[source] for source in node.all_input_nodes if source in places]
            rows.append({**_operator(node, traced), **_output(node), "from": sources, "within": _within(node)})
    return rows


def _repeatable(name: str, module: nn.Module) -> bool:
    """Whether it is a block of at least two weighted layers, and no mere container."""
    layers = (part for _, part in named_parts(module) if not is_block(part))
    weighted = sum(any(weight.dim() > 1 for weight in layer.parameters()) for layer in layers)
    return bool(name) and is_block(module) and type(module) not in CONTAINERS and weighted > 1


def _largest_stage(network: nn.Module, met: dict[str, Visit], stages: list[Row]) -> Block:
    whole = Block("", class_name(network), 0, network, met[""].inputs)
    weighted = sum(any(weight.dim() > 1 for weight in own_parameters(visit.module)) for visit in met.values())
    largest = max(stages, key=lambda stage: int(stage["macs"]), default=None)
    if weighted <= SMALL or largest is None:
        return whole
    first, _, last = str(largest["name"]).partition(" – ")
    last = last or first
    parent, _, start = first.rpartition(".")
    if first not in met or last.rpartition(".")[0] != parent:
        return whole
    names = [name for name, _ in network.get_submodule(parent).named_children()]
    chosen = names[names.index(start) : names.index(last.rpartition(".")[2]) + 1]
    parts = OrderedDict((name, met[f"{parent}.{name}".strip(".")].module) for name in chosen)
    return Block(largest["name"], largest["kind"], 0, nn.Sequential(parts), met[first].inputs)


def _operator(node: Node, traced: GraphModule) -> Row:
    """What a node does: the class of a layer or the name of a function, with its kernel, stride and groups."""
    if node.op == "placeholder":
        return {"op": "input"}
    if node.op == "call_module":
        layer = traced.get_submodule(str(node.target))
        return {"op": class_name(layer), **geometry(layer)}
    name = str(node.target if node.op == "call_method" else getattr(node.target, "__name__", node.target)).strip("_")
    return {"op": ALIASES.get(name, name), **(_pooling(node) if name.endswith("pool2d") else {})}


def _pooling(node: Node) -> Row:
    """Kernel and stride of a pooling function; of an adaptive one the size of its output.

    The graph does not contain sizes that the forward pass computes, as in `avg_pool2d(maps, maps.size(2))`: the kernel
    is the whole map if one position is left, and unknown otherwise.
    """
    given: dict[str, Any] = {**dict(zip(("input", "kernel", "stride"), node.args, strict=False)), **node.kwargs}
    kernel = _pair(given.get("kernel_size", given.get("output_size", given.get("kernel"))))
    adaptive = "adaptive" in str(node.target)
    if not kernel and (adaptive or _grid(node) == (1, 1)):
        kernel = _grid(node if adaptive else given["input"])
    stride = next(iter(_pair(given["stride"]) if given.get("stride") else kernel), 1)
    row: Row = {"kernel": shape_text(kernel)} if kernel else {}
    return row if adaptive or stride == 1 else {**row, "stride": stride}


def _pair(size: object) -> tuple[int, ...]:
    """A size along height and width; empty if it is not known before the block runs."""
    sizes: tuple[Any, ...] = tuple(size) if isinstance(size, tuple | list) else (size, size)
    return sizes if all(type(each) is int for each in sizes) else ()


def _grid(node: Node) -> tuple[int, ...]:
    """Height and width of what a node puts out."""
    return tuple(node.meta["tensor_meta"].shape[-2:])


def _output(node: Node) -> Row:
    leaves = tree_leaves(node.meta["tensor_meta"], is_leaf=lambda leaf: hasattr(leaf, "shape"))
    return {"output": shape_text(tuple(leaves[0].shape[1:]))}


def _within(node: Node) -> str:
    """The direct child of the block in whose forward pass a node was met; empty where it is the block's own."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    path: str = paths[-1] if paths else ""
    return path.partition(".")[0] if "." in path or node.op != "call_module" else ""


def _shape(inputs: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(inputs[0].shape[1:]) if inputs and isinstance(inputs[0], torch.Tensor) else ()
