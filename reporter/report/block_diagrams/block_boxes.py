"""Boxes of a diagram from the graph of a block: small operators are merged into the preceding ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reporter.report.cards.record_structure import Operator
from reporter.report.language import Language

NOTHING = {"Identity", "StochasticDepth", "stochastic_depth", "contiguous", "Dropout2d", "clone"}
"""Operators that change nothing when a network evaluates."""
SMALL = {
    "BatchNorm2d": "BN",
    "LayerNorm": "LN",
    "LayerNorm2d": "LN",
    "GroupNorm": "GN",
    "ReLU": "ReLU",
    "relu": "ReLU",
    "ReLU6": "ReLU6",
    "SiLU": "SiLU",
    "GELU": "GELU",
    "gelu": "GELU",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "sigmoid": "sigmoid",
    "Hardswish": "Hardswish",
    "Hardsigmoid": "Hardsigmoid",
    "Softmax": "softmax",
    "Dropout": "dropout",
    "dropout": "dropout",
    "flatten": "flatten",
    "Flatten": "flatten",
}
"""Operators that are abbreviated after the one that they follow."""
SIGNS = {"add": "+", "mul": "×", "sub": "−"}
MANY = 16
"""With more boxes than this, all that lies within one part of the block becomes one box."""


@dataclass(frozen=True)
class Node:
    """One box of a diagram: `title` line by line, what follows at once in small, and the boxes that it reads."""

    title: tuple[str, ...]
    small: tuple[str, ...]
    output: str
    sources: tuple[int, ...]
    look: str


@dataclass
class _Box:
    members: list[Operator]
    sources: list[int]
    within: str = ""
    extra: list[Operator] = field(default_factory=list)


def nodes(graph: Sequence[Operator], language: Language) -> list[Node]:
    """The boxes of a graph, each after those that it reads."""
    boxes = {place: _Box([operator], list(operator.sources), operator.within) for place, operator in enumerate(graph)}
    _skip(boxes)
    _absorb(boxes)
    if len(boxes) > MANY:
        _gather(boxes)
    places = {old: new for new, old in enumerate(boxes)}
    nodes = [_node(box, language) for box in boxes.values()]
    return [
        replace(node, sources=tuple(dict.fromkeys(places[source] for source in box.sources)))
        for node, box in zip(nodes, boxes.values(), strict=True)
    ]


def _skip(boxes: dict[int, _Box]) -> None:
    """Takes out what changes nothing, and concatenations of one, or for another concatenation only."""
    for place, box in list(boxes.items()):
        operator = box.members[0].op
        readers = _readers(boxes, place)
        nested = operator == "cat" and len(readers) == 1 and boxes[readers[0]].members[0].op == "cat"
        alone = len(box.sources) == 1 and (operator in NOTHING or operator == "cat")
        if readers and (nested or alone):
            for reader in readers:
                old = boxes[reader].sources
                boxes[reader].sources = [new for one in old for new in (box.sources if one == place else [one])]
            del boxes[place]


def _absorb(boxes: dict[int, _Box]) -> None:
    """Puts small operators into the box that they follow, if nothing else reads it and it is no input or join."""
    for place, box in list(boxes.items()):
        if box.members[0].op not in SMALL or len(box.sources) != 1:
            continue
        before = boxes[box.sources[0]]
        if before.members[0].op not in ("input", "cat") and _readers(boxes, box.sources[0]) == [place]:
            before.extra += box.members
            for reader in _readers(boxes, place):
                boxes[reader].sources = [box.sources[0] if one == place else one for one in boxes[reader].sources]
            del boxes[place]


def _gather(boxes: dict[int, _Box]) -> None:
    """Makes one box of all that lies within one part of the block, if what reads it reads one place and comes after."""
    for part in dict.fromkeys(box.within for box in boxes.values() if box.within):
        inside = [place for place, box in boxes.items() if box.within == part]
        outside = {place: [r for r in _readers(boxes, place) if boxes[r].within != part] for place in inside}
        read = [readers for readers in outside.values() if readers]
        if len(inside) < 2 or len(read) > 1 or any(reader < inside[-1] for readers in read for reader in readers):
            continue
        members = [boxes.pop(place) for place in inside]
        sources = dict.fromkeys(one for box in members for one in box.sources if one not in inside)
        operators = [operator for box in members for operator in box.members + box.extra]
        boxes[inside[-1]] = _Box(operators, list(sources), part)
        for box in boxes.values():
            box.sources = [inside[-1] if one in inside else one for one in box.sources]
    ordered = sorted(boxes.items())
    boxes.clear()
    boxes.update(ordered)


def _readers(boxes: dict[int, _Box], place: int) -> list[int]:
    return [reader for reader, box in boxes.items() if place in box.sources]


def _node(box: _Box, language: Language) -> Node:
    """A box in words."""
    first, last = box.members[0], (box.members + box.extra)[-1]
    if len(box.members) > 1:
        lines, follows = _in_order(box.members, language)
        return Node((box.within, *lines), follows, last.output, (), "part")
    look = "join" if first.op in SIGNS or first.op == "cat" else "input" if first.op == "input" else _look(first)
    small = [_small(operator, language) for operator in box.extra]
    if first.groups > 1 and not _depthwise(first):
        groups = language.ngettext("{count} group", "{count} groups", first.groups)
        small.insert(0, groups.format(count=first.groups))
    return Node((_title(first, language),), tuple(small), last.output, (), look)


def _in_order(operators: Sequence[Operator], language: Language) -> tuple[list[str], tuple[str, ...]]:
    """Several operators as they run: a line for each that holds weights or pools, with the small ones before it.

    The second are the small ones after the last of these.
    """
    lines: list[str] = []
    small: list[str] = []
    for operator in operators:
        if operator.op in SMALL:
            small.append(_small(operator, language))
        elif operator.op != "cat":
            lines.append(", ".join([*small, _title(operator, language)]))
            small = []
    return lines, tuple(small)


def _look(operator: Operator) -> str:
    if "pool" in operator.op.lower():
        return "pool"
    return "weights" if operator.op.startswith(("Conv", "Linear", "MultiheadAttention")) else "other"


def _small(operator: Operator, language: Language) -> str:
    words = {"dropout": language._("dropout"), "flatten": language._("flatten"), "sigmoid": language._("sigmoid")}
    word = SMALL[operator.op]
    return words.get(word, word)


def _title(operator: Operator, language: Language) -> str:
    """An operator in one line: conv 3×3 /2, 64."""
    _ = language._
    kernel = operator.kernel + (f" /{operator.stride}" if operator.stride > 1 else "")
    channels = operator.output.split("×")[0]
    name = operator.op.lower().replace("_", "")
    if operator.op in SIGNS:
        return SIGNS[operator.op]
    if operator.op in SMALL:
        return _small(operator, language)
    if name.startswith("adaptiveavgpool"):
        whole = operator.kernel in ("1×1", "")
        return _("global average pooling") if whole else _("average pooling to {kernel}").format(kernel=kernel)
    conv = _("depthwise conv {kernel}, {channels}") if _depthwise(operator) else _("conv {kernel}, {channels}")
    patterns = {
        "input": _("input {shape}"),
        "cat": _("concatenate, {channels}"),
        "linear": _("linear, {features}"),
        "conv2d": conv,
        "maxpool2d": _("max pooling {kernel}"),
        "avgpool2d": _("average pooling {kernel}"),
    }
    if name not in patterns:
        return operator.op
    features = operator.output.split("×")[-1]
    return patterns[name].format(kernel=kernel, channels=channels, shape=operator.output, features=features)


def _depthwise(operator: Operator) -> bool:
    return operator.groups > 1 and operator.output.split("×")[0] == str(operator.groups)
