"""Diagrams of blocks as SVG for the page, and as Mermaid for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from reporter.report.block_diagrams.block_boxes import Node
from reporter.report.block_diagrams.layout import LINE, Diagram, Point, Wire
from reporter.report.language import Language

ZOOM = 1.15
ROUND = 9
SAFE = " .,×+−·/-–:()"
"""What may stand in a Mermaid label besides letters and digits; all else is written as its number."""


def to_svg(diagram: Diagram, title: str, language: Language) -> str:
    """One image with its title and, for those who do not see it, box by box what reads what."""
    size = f"{diagram.width:.0f} {diagram.height:.0f}"
    width, height = ZOOM * diagram.width, ZOOM * diagram.height
    head = f'<svg role="img" viewBox="0 0 {size}" width="{width:.0f}" height="{height:.0f}">'
    words = f"<title>{escape(title)}</title><desc>{escape(described(diagram.nodes, language))}</desc>"
    several = len({wire.source for wire in diagram.wires if wire.bus is not None}) > 2
    wires = "".join(_wire(wire, several) for wire in diagram.wires)
    boxes = "".join(_box(diagram, place) for place in range(len(diagram.nodes)))
    return f"{head}{words}{wires}{boxes}</svg>"


def described(nodes: Sequence[Node], language: Language) -> str:
    """The graph in words: each box by its number, with the numbers of those that it reads."""
    lines = []
    for number, node in enumerate(nodes, 1):
        reads = ", ".join(str(source + 1) for source in node.sources)
        what = ", ".join((*node.title, *node.small))
        line = language._("{number}: {what}, reads {sources}") if reads else language._("{number}: {what}")
        lines.append(line.format(number=number, what=what, sources=reads))
    return "; ".join(lines)


def to_mermaid(nodes: Sequence[Node]) -> str:
    """A flow chart from top to bottom; whatever a label holds is shown as text."""
    lines = ["flowchart TD"]
    for place, node in enumerate(nodes):
        label = " · ".join((*node.title, *([", ".join(node.small)] if node.small else [])))
        start, end = ('(["', '"])') if node.look in ("input", "join") else ('["', '"]')
        lines.append(f"  n{place}{start}{_label(label)}{end}")
    lines += [f"  n{source} --> n{place}" for place, node in enumerate(nodes) for source in node.sources]
    return "\n".join(lines)


def _label(text: str) -> str:
    return "".join(sign if sign.isalnum() or sign in SAFE else f"#{ord(sign)};" for sign in text)


def _box(diagram: Diagram, place: int) -> str:
    """A box with its lines of text, centred; its output's shape shows on hover."""
    node, box = diagram.nodes[place], diagram.boxes[place]
    lines = [(line, "") for line in node.title]
    lines += [(", ".join(node.small), ' class="small"')] if node.small else []
    middle, height = (box.left + box.right) / 2, box.bottom - box.top
    first = box.top + (height - LINE * len(lines)) / 2 + 0.75 * LINE
    texts = "".join(
        f'<text x="{middle:.1f}" y="{first + LINE * row:.1f}"{attribute}>{escape(line)}</text>'
        for row, (line, attribute) in enumerate(lines)
    )
    radius = height / 2 if node.look in ("input", "join") else 5
    rect = f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.right - box.left:.1f}" height="{height:.1f}"'
    return f'<g class="{node.look}"><title>{escape(node.output)}</title>{rect} rx="{radius:.1f}"/>{texts}</g>'


def _wire(wire: Wire, several: bool) -> str:
    """A line with a tip where it arrives; at the side with round corners, and in a colour for each source."""
    if wire.bus is None:
        path, tip = _curve(wire.points), _tip(wire.points[-1], down=True)
        return f'<g class="wire"><path d="{path}"/><path class="arrow" d="{tip}"/></g>'
    colour = f" bus{wire.bus % 6}" if several else ""
    path, tip = _corners(wire.points), _tip(wire.points[-1], down=False)
    return f'<g class="wire bus{colour}"><path d="{path}"/><path class="arrow" d="{tip}"/></g>'


def _curve(points: Sequence[Point]) -> str:
    """Straight down where the next point lies below, else in a soft S."""
    (x, y), *others = points
    path = f"M{x:.1f} {y:.1f}"
    for at, (right, down) in enumerate(others):
        below = down - (4 if at == len(others) - 1 else 0)
        half = (y + below) / 2
        straight = abs(right - x) < 0.1
        path += f"V{below:.1f}" if straight else f"C{x:.1f} {half:.1f} {right:.1f} {half:.1f} {right:.1f} {below:.1f}"
        x, y = right, below
    return path


def _corners(points: Sequence[Point]) -> str:
    (x, y), (side, _), (_, end), (target, _) = points
    turn = min(ROUND, (end - y) / 2)
    down = f"V{end - turn:.1f}Q{side:.1f} {end:.1f} {side - turn:.1f} {end:.1f}H{target + 4:.1f}"
    return f"M{x:.1f} {y:.1f}H{side - turn:.1f}Q{side:.1f} {y:.1f} {side:.1f} {y + turn:.1f}{down}"


def _tip(point: Point, down: bool) -> str:
    x, y = point
    if down:
        return f"M{x:.1f} {y:.1f}l-4 -7h8z"
    return f"M{x:.1f} {y:.1f}l7 -4v8z"
