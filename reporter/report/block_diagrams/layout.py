"""Layout of the boxes and wires of a block's graph: from top to bottom, with parallel branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from reporter.report.block_diagrams.block_boxes import Node
from reporter.report.drawing.label_placement import CHARACTER, Box

SIZE, SMALL = 13, 11.5
"""Of the letters in a box, and of those for what follows."""
LINE, PADDING, BESIDE, BELOW, BUS = 17, 10, 14, 26, 13
MARGIN = 6
Point = tuple[float, float]


@dataclass(frozen=True)
class Wire:
    """From a box to one that reads it; `bus` counts the lanes at the side, None where it runs between the boxes."""

    source: int
    target: int
    points: tuple[Point, ...]
    bus: int | None = None


@dataclass(frozen=True)
class Diagram:
    nodes: tuple[Node, ...]
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    width: float
    height: float


def arrange(nodes: Sequence[Node]) -> Diagram:
    """Boxes by rank (the longest way from the input), each branch in its column, joins under what they join."""
    ranks = _ranks(nodes)
    width = max(map(_width, nodes))
    columns = _columns(nodes, width + BESIDE)
    tops = _tops(nodes, ranks)
    boxes = [
        Box(x - _width(node) / 2, tops[rank], x + _width(node) / 2, tops[rank] + _height(node))
        for node, rank, x in zip(nodes, ranks, _apart(columns, ranks, width + BESIDE), strict=True)
    ]
    left = min(box.left for box in boxes) - MARGIN
    boxes = [Box(box.left - left, box.top, box.right - left, box.bottom) for box in boxes]
    wires = _wires(nodes, boxes, ranks)
    right = max([box.right for box in boxes] + [x for wire in wires for x, _ in wire.points])
    return Diagram(tuple(nodes), tuple(boxes), tuple(wires), right + MARGIN, max(box.bottom for box in boxes) + MARGIN)


def _width(node: Node) -> float:
    texts = [CHARACTER * SIZE * len(line) for line in node.title] + [CHARACTER * SMALL * len(", ".join(node.small))]
    return max([*texts, 24]) + 2 * PADDING


def _height(node: Node) -> float:
    return max((len(node.title) + bool(node.small)) * LINE + PADDING, 8.0 * len(node.sources))


def _ranks(nodes: Sequence[Node]) -> list[int]:
    ranks: list[int] = []
    for node in nodes:
        ranks.append(1 + max((ranks[source] for source in node.sources), default=-1))
    return ranks


def _tops(nodes: Sequence[Node], ranks: Sequence[int]) -> list[float]:
    """The upper edge of each rank; more room where wires fan out or in."""
    rows = [[node for node, rank in zip(nodes, ranks, strict=True) if rank == row] for row in range(max(ranks) + 1)]
    tops = [float(MARGIN)]
    for above, below in pairwise(rows):
        room = BELOW if len(above) == len(below) else BELOW + 10
        tops.append(tops[-1] + max(map(_height, above)) + room)
    return tops


def _columns(nodes: Sequence[Node], step: float) -> list[float]:
    """The middle of each box: what reads one box only hangs under it side by side, a join hangs under the last box
    that all its branches come from (its immediate dominator)."""
    above = _dominators(nodes)
    hanging: dict[int, list[int]] = {}
    for place, parent in enumerate(above):
        hanging.setdefault(parent, []).append(place)
    spans = [1] * len(nodes)

    def branches(parent: int) -> list[int]:
        return [place for place in hanging.get(parent, []) if len(nodes[place].sources) < 2]

    for place in reversed(range(len(nodes))):
        side = branches(place)
        joins = [spans[each] for each in hanging.get(place, []) if each not in side]
        spans[place] = max([1, sum(spans[each] for each in side), *joins])
    middles = [0.0] * len(nodes)
    waiting = [(-1, 0.0)]  # not a recursion: a chain may be deeper than Python allows
    while waiting:
        parent, middle = waiting.pop()
        side = branches(parent)
        left = middle - sum(spans[each] for each in side) / 2
        for place in hanging.get(parent, []):
            middles[place] = left + spans[place] / 2 if place in side else middle
            left += spans[place] if place in side else 0
            waiting.append((place, middles[place]))
    return [middle * step for middle in middles]


def _dominators(nodes: Sequence[Node]) -> list[int]:
    """The last box through which every path to a box leads; -1 where there is none."""
    above: list[int] = []
    for node in nodes:
        paths = [_upwards(source, above) for source in node.sources]
        above.append(next((place for place in paths[0] if all(place in path for path in paths)), -1) if paths else -1)
    return above


def _upwards(place: int, above: Sequence[int]) -> list[int]:
    path = [place]
    while path[-1] >= 0:
        path.append(above[path[-1]])
    return path


def _apart(columns: Sequence[float], ranks: Sequence[int], step: float) -> list[float]:
    """The columns with boxes of one rank pushed apart where they would overlap."""
    placed = list(columns)
    for rank in set(ranks):
        row = sorted((place for place, each in enumerate(ranks) if each == rank), key=lambda place: placed[place])
        for left, right in pairwise(row):
            placed[right] = max(placed[right], placed[left] + step)
    return placed


def _wires(nodes: Sequence[Node], boxes: Sequence[Box], ranks: Sequence[int]) -> list[Wire]:
    wires, aside = [], []
    for target, node in enumerate(nodes):
        for source in node.sources:
            points = _between(boxes[source], boxes[target], _rows(boxes, ranks, ranks[source], ranks[target]))
            if points:
                wires.append(Wire(source, target, points))
            else:
                aside.append((source, target))
    return wires + _buses(aside, boxes, ranks)


def _rows(boxes: Sequence[Box], ranks: Sequence[int], first: int, last: int) -> list[Box]:
    """The boxes of the ranks between two, and of these two."""
    return [box for box, rank in zip(boxes, ranks, strict=True) if first <= rank <= last]


def _between(source: Box, target: Box, near: Sequence[Box]) -> tuple[Point, ...]:
    """The way from a box down to another: sideways at once or at last, empty where others stand in both ways."""
    start, end = _middle(source), _middle(target)
    passed = [box for box in near if box.top > source.bottom and box.bottom < target.top and box is not target]
    ceiling = max([box.bottom for box in near if box.top < target.top - 1 and box.bottom < target.top], default=0.0)
    floor = min([box.top for box in near if box.top > source.bottom], default=target.top)
    if not any(box.left - 4 < start < box.right + 4 for box in passed):
        return ((start, source.bottom), (start, max(ceiling, source.bottom)), (end, target.top))
    if not any(box.left - 4 < end < box.right + 4 for box in passed):
        return ((start, source.bottom), (end, floor), (end, target.top))
    return ()


def _buses(aside: Sequence[tuple[int, int]], boxes: Sequence[Box], ranks: Sequence[int]) -> list[Wire]:
    """Ways at the right of all boxes that they pass: a lane for each source, short ways inside."""
    reach = {
        source: max((target for start, target in aside if start == source), key=lambda target: ranks[target])
        for source, _ in aside
    }
    lanes: dict[int, int] = {}
    for source in sorted(reach, key=lambda place: (ranks[reach[place]] - ranks[place], -place)):
        taken = {
            lane
            for other, lane in lanes.items()
            if ranks[other] < ranks[reach[source]] and ranks[source] < ranks[reach[other]]
        }
        lanes[source] = min(set(range(len(reach))) - taken)
    wires = []
    for source, target in aside:
        near = _rows(boxes, ranks, ranks[source], ranks[reach[source]])
        x = max(box.right for box in near) + 18 + BUS * lanes[source]
        entries = sorted((one for one, other in aside if other == target), key=lambda one: -lanes[one])
        height = boxes[target].bottom - boxes[target].top
        entry = boxes[target].top + height * (1 + entries.index(source)) / (1 + len(entries))
        leave = boxes[source].bottom - 7 if boxes[source].bottom - boxes[source].top > 24 else _centre(boxes[source])
        points = ((boxes[source].right, leave), (x, leave), (x, entry), (boxes[target].right, entry))
        wires.append(Wire(source, target, points, lanes[source]))
    return wires


def _middle(box: Box) -> float:
    return (box.left + box.right) / 2


def _centre(box: Box) -> float:
    return (box.top + box.bottom) / 2
