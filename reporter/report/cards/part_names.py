"""Words for the parts of a network: what a block or stage is made of, and on which grid, instead of module names.

Records have the parts as classes, such as `3 × Conv2d(3×3), MaxPool2d(2×2, stride=2)`; a class without a word stays.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from reporter.report.block_diagrams.block_boxes import NOTHING, SMALL
from reporter.report.cards.record_structure import Layer, RecordedBlock
from reporter.report.language import Language

PART = re.compile(r"((?:\d{1,6} × )*)(\w+)(?:\((.*)\))?")
"""How many, the class, and the options of a layer: kernel, stride and groups."""
CONVOLUTION = "Conv2d"


def words(kind: str, language: Language) -> str:
    """A list of parts in words: `3 × conv 3×3, max pooling 2×2 /2`."""
    return ", ".join(_part(part, language) for part in _split(kind))


def title(kind: str, language: Language) -> str:
    """The same at the beginning of a sentence; the name of a class keeps its first letter."""
    text = words(kind, language)
    return text if text == kind else text[:1].upper() + text[1:]


def computing(kind: str) -> str:
    """A list of parts without those that pool, unless all do."""
    parts = _split(kind)
    return ", ".join([part for part in parts if "Pool" not in part] or parts)


def opened(kind: str, name: str, layers: Sequence[Layer]) -> str:
    """The parts of the stage of that name; blocks that are one convolution each are these convolutions.

    Such a block has norms, activations and pooling beside it at most, as the BasicConv2d of torchvision.
    """
    blocks = [part for part in _split(kind) if (found := PART.fullmatch(part)) and found[3] is None]
    inside = _inside(name, layers)
    convolutions = Counter(layer.kind for layer in inside if _class(layer) == CONVOLUTION)
    others = {_class(layer) for layer in inside} - {CONVOLUTION}
    if len(blocks) != 1 or not all(each in SMALL or each in NOTHING or "Pool" in each for each in others):
        return kind
    if sum(convolutions.values()) != math.prod(map(int, re.findall(r"(\d+) × ", blocks[0]))):
        return kind
    made = ", ".join(each if count == 1 else f"{count} × {each}" for each, count in convolutions.items())
    return ", ".join(made if part == blocks[0] else part for part in _split(kind))


def grid(block: RecordedBlock) -> str:
    """Height × width of the input of a block, else the shape of its input; its name where it has no graph."""
    if not block.graph:
        return block.name
    shape = next((each.output for each in block.graph if each.op == "input"), block.graph[0].output).split("×")
    return "×".join(shape[1:] if len(shape) == 3 else shape) or block.name


def _split(kind: str) -> list[str]:
    """The parts of a list; a comma before an option of a layer separates none."""
    return re.split(r", (?!\w+=)", kind)


def _inside(name: str, layers: Sequence[Layer]) -> Sequence[Layer]:
    """The layers of a stage, which is named after its first and last part."""
    first, _, last = name.partition(" – ")
    ends = (first, last or first)
    at = [
        place
        for place, layer in enumerate(layers)
        if layer.name in ends or layer.name.startswith(tuple(f"{end}." for end in ends))
    ]
    return layers[at[0] : at[-1] + 1] if at else ()


def _class(layer: Layer) -> str:
    return layer.kind.partition("(")[0]


def _part(part: str, language: Language) -> str:
    found = PART.fullmatch(part)
    if found is None:
        return part
    count, name, options = found[1], found[2], found[3] or ""
    return count + (_layer(name, options, language) or _block(name, language) or part.removeprefix(count))


def _layer(name: str, options: str, language: Language) -> str:
    """A layer in words, with its kernel, stride and groups; empty for one without a word."""
    _ = language._
    kernel, *more = options.split(", ")
    named = dict(each.partition("=")[::2] for each in more)
    strided = kernel + (f" /{named['stride']}" if "stride" in named else "")
    if name == "Linear":
        return _("linear layer")
    if not re.fullmatch(r"\d+(×\d+)*", kernel):
        return ""
    if name == "AdaptiveAvgPool2d" and kernel == "1×1":
        return _("global average pooling")
    patterns = {
        CONVOLUTION: _("conv {kernel}"),
        "AdaptiveAvgPool2d": _("average pooling to {kernel}"),
        "MaxPool2d": _("max pooling {kernel}"),
        "AvgPool2d": _("average pooling {kernel}"),
    }
    text = patterns.get(name, "").format(kernel=strided)
    if not text or not (groups := named.get("groups", "")).isdecimal():
        return text
    return f"{text} ({language.ngettext('{count} group', '{count} groups', int(groups)).format(count=groups)})"


def _block(name: str, language: Language) -> str:
    """A block of a well-known class in words; empty for others."""
    _ = language._
    if found := re.fullmatch("Inception([A-E])", name):
        return _("Inception module {letter}").format(letter=found[1])
    known = {
        "BasicBlock": _("basic block"),
        "Bottleneck": _("bottleneck"),
        "SEBottleneck": _("SE bottleneck"),
        "SqueezedBottleneck": _("SE bottleneck"),
        "Inception": _("Inception module"),
        "DenseBlock": _("dense block"),
        "DenseLayer": _("dense layer"),
        "Transition": _("transition layer"),
    }
    return known.get(name, "")
