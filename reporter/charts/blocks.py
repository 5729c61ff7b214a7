"""Blocks at one scale: of a plain, a residual, a dense and a squeeze-and-excitation network, of those measured."""

from __future__ import annotations

from collections.abc import Iterator

from reporter.model import Chart, Record
from reporter.report.block_diagrams import block_boxes, layout
from reporter.report.block_diagrams.layout import LINE, SIZE, SMALL, Diagram
from reporter.report.cards import record_structure
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.drawing.vega import INK, MUTED, Spec, data
from reporter.report.language import Language

NETWORKS = {
    "plain": ("vgg16",),
    "residual": ("resnet50", "resnet18"),
    "dense": ("densenet121",),
    "squeeze_and_excitation": ("se_resnet50",),
}
"""Of each kind the network that is drawn, the first that was measured."""
GAP, TITLE = 60, 40
LOOKS = {"weights": "#cfe0fb", "part": "#cfe0fb", "pool": "#fbe3c3", "join": "#c5e6dc"}
PLAIN_BOX, DARK = "#eef1f4", "#10151a"


def draw(comparison: Comparison, language: Language) -> Spec | None:
    """None unless blocks of two kinds were recorded."""
    found = list(_found(comparison, language).values())
    if len(found) < 2:
        return None
    width = sum(diagram.width for _, diagram in found) + GAP * (len(found) - 1)
    height = max(diagram.height for _, diagram in found) + TITLE
    boxes, texts, lines, tips, names = [], [], [], [], []
    left = 0.0
    for record, diagram in found:
        at = (left, TITLE)
        boxes += list(_boxes(diagram, at))
        texts += list(_texts(diagram, at))
        lines += list(_lines(diagram, at, record.architecture))
        tips += list(_tips(diagram, at))
        names.append({"x": left, "y": 16, "text": display_name(record.architecture)})
        left += diagram.width + GAP
    place = {"type": "quantitative", "axis": None}
    x = {"field": "x", "scale": {"domain": [0, width], "nice": False}, **place}
    y = {"field": "y", "scale": {"domain": [height, 0], "nice": False}, **place}
    word = {"text": {"field": "text"}}
    color = {"color": {"field": "fill", "type": "nominal", "scale": None}}
    rect = {"type": "rect", "stroke": MUTED, "strokeWidth": 1, "cornerRadius": 5}
    arrow = {"type": "point", "filled": True, "size": 60, "color": MUTED, "opacity": 1}
    down, aside = ([tip for tip in tips if tip["down"] == kind] for kind in (True, False))
    path = {"detail": {"field": "wire"}, "order": {"field": "step"}}
    return {
        "width": round(width),
        "height": round(height),
        "encoding": {"x": x, "y": y},
        "layer": [
            {"data": data(lines), "mark": {"type": "line", "color": MUTED, "strokeWidth": 1.4}, "encoding": path},
            {"data": data(down), "mark": {**arrow, "shape": "triangle-down"}},
            {"data": data(aside), "mark": {**arrow, "shape": "triangle-left"}},
            {"data": data(boxes), "mark": rect,
             "encoding": {"x2": {"field": "x2"}, "y2": {"field": "y2"}, **color}},
            *({"data": data([text for text in texts if text["size"] == size]),
               "mark": {"type": "text", "fontSize": size, "color": DARK}, "encoding": word} for size in (SIZE, SMALL)),
            {"data": data(names), "mark": {"type": "text", "align": "left", "fontSize": 17, "fontWeight": 600,
                                           "color": INK}, "encoding": word},
        ],
    }  # fmt: skip


def kinds(comparison: Comparison, language: Language) -> str:
    """The kinds of networks whose blocks are drawn, from left to right."""
    _ = language._
    words = {
        "plain": _("plain"),
        "residual": _("residual"),
        "dense": _("dense"),
        "squeeze_and_excitation": _("squeeze-and-excitation"),
    }
    message = _("Architectures, from left to right: {kinds}.")
    return message.format(kinds=language.listing([words[kind] for kind in _found(comparison, language)]))


def _found(comparison: Comparison, language: Language) -> dict[str, tuple[Record, Diagram]]:
    """The network and its block of each kind that was measured."""
    made = ((kind, _first(names, comparison, language)) for kind, names in NETWORKS.items())
    return {kind: found for kind, found in made if found}


def _first(names: tuple[str, ...], comparison: Comparison, language: Language) -> tuple[Record, Diagram] | None:
    for name in names:
        record = comparison.network(name)
        block = record_structure.block(record) if record else None
        if record and block and block.graph:
            return record, layout.arrange(block_boxes.nodes(block.graph, language))
    return None


def _boxes(diagram: Diagram, at: tuple[float, float]) -> Iterator[Spec]:
    for node, box in zip(diagram.nodes, diagram.boxes, strict=True):
        ends = {"x": at[0] + box.left, "x2": at[0] + box.right, "y": at[1] + box.top, "y2": at[1] + box.bottom}
        yield {**ends, "fill": LOOKS.get(node.look, PLAIN_BOX)}


def _texts(diagram: Diagram, at: tuple[float, float]) -> Iterator[Spec]:
    for node, box in zip(diagram.nodes, diagram.boxes, strict=True):
        lines = [(line, SIZE) for line in node.title] + ([(", ".join(node.small), SMALL)] if node.small else [])
        first = (box.top + box.bottom) / 2 - LINE * (len(lines) - 1) / 2
        for row, (line, size) in enumerate(lines):
            yield {"x": at[0] + (box.left + box.right) / 2, "y": at[1] + first + LINE * row, "text": line, "size": size}


def _lines(diagram: Diagram, at: tuple[float, float], name: str) -> Iterator[Spec]:
    for number, wire in enumerate(diagram.wires):
        for step, (x, y) in enumerate(wire.points):
            yield {"x": at[0] + x, "y": at[1] + y, "wire": f"{name} {number}", "step": step}


def _tips(diagram: Diagram, at: tuple[float, float]) -> Iterator[Spec]:
    for wire in diagram.wires:
        x, y = wire.points[-1]
        down = wire.bus is None
        yield {"x": at[0] + x + (0 if down else 4), "y": at[1] + y - (4 if down else 0), "down": down}


ENTRIES = (
    Chart(
        name="blocks",
        title="Blocks at one scale",
        caption="Typical blocks, drawn from the real modules at one scale.",
        draw=draw,
        remark=kinds,
        chapter="size",
        order=8,
        edition="lecture",
        slide=True,
    ),
)
