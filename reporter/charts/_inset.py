"""An enlarged view of the most crowded part of a bubble chart, in an empty part of the plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, groupby, pairwise

import numpy as np

from reporter.charts._bubbles import (
    CROWD,
    DASHES,
    ENDS,
    ENDS_OF,
    Axis,
    Plane,
    Point,
    Row,
    bubbles,
    intervals,
    labels,
    placed,
    segment,
    strokes,
)
from reporter.report.drawing.label_placement import Box, Bubble, Line
from reporter.report.drawing.vega import FRONT, GRID, MUTED, PAPER, SIZE, Spec, data

SHARE = 0.32
"""The most of either side of a plot that is enlarged."""
LEAST = 4
"""Fewer crowded bubbles than this need no enlarging."""
NEAR, AIR = 7, 8
"""Pixels: bubbles with a smaller gap between them are crowded; the space around those that are enlarged."""
GROWTH, MOST = 1.5, 3.2
"""How many times an inset is as wide and as high as what it enlarges: at least and at most."""
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 26
"""The margins of an inset, with the numbers on its axes."""
CELL = 20


def window(given: Plane) -> Box | None:
    """The part of the plot with the most bubbles that overlap or nearly touch another; None where few do."""
    every = [given.bubble(row) for row in given.rows]
    crowd = [bubble for bubble in every if _is_crowded(bubble, every)]
    if len(crowd) < LEAST:
        return None
    width, height = SHARE * given.x.length, SHARE * given.y.length
    frames = (
        Box(left, top, left + width, top + height)
        for left in _steps(given.x.length - width, width / 8)
        for top in _steps(given.y.length - height, height / 8)
    )
    best = max(frames, key=lambda frame: sum(contains(frame, bubble) for bubble in crowd))
    inside = [bubble for bubble in crowd if contains(best, bubble)]
    if len(inside) < LEAST:
        return None
    return Box(
        max(0, min(b.x - b.radius for b in inside) - AIR),
        max(0, min(b.y - b.radius for b in inside) - AIR),
        min(given.x.length, max(b.x + b.radius for b in inside) + AIR),
        min(given.y.length, max(b.y + b.radius for b in inside) + AIR),
    )


def room(given: Plane, part: Box, labelled: Sequence[Box | None]) -> Box | None:
    """The empty rectangle in which a part of the plot can be enlarged most, without the margins; None if too small."""
    wide, high = part.right - part.left, part.bottom - part.top

    def growth(box: Box) -> list[float]:
        """How many times as wide and as high as the part, the smaller first."""
        return sorted((min((box.right - box.left) / wide, MOST), min((box.bottom - box.top) / high, MOST)))

    taken = [part, *(box for box in labelled if box), *_boxes(given)]
    empty = _empty(taken, given.x.length, given.y.length)
    inner = (Box(box.left + LEFT, box.top + TOP, box.right - RIGHT, box.bottom - BOTTOM) for box in empty)
    found = max(inner, key=growth, default=None)
    if found is None or growth(found)[0] < GROWTH:
        return None
    right = min(found.right, found.left + MOST * wide)
    return Box(found.left, found.top, right, min(found.bottom, found.top + MOST * high))


def layers(given: Plane, part: Box, place: Box, colour: Spec) -> list[Spec]:
    """The frame, axes, lines, bubbles and labels of an inset at a place."""
    inside = [row for row in given.rows if contains(part, given.bubble(row))]
    rows = [_moved(given, row, part, place) for row in inside]
    lines = [tuple(_move(*point, part, place) for point in line) for line in clipped(given, part)]
    crossing = [*(Line(*start, *end) for start, end in lines), *strokes(given, rows)]
    boxes = placed(given, rows, [len(rows) <= CROWD or row["front"] for row in rows], place, crossing)
    ground = {"type": "rect", "fill": PAPER, "stroke": MUTED, "strokeWidth": 1}
    frame = Box(place.left - LEFT, place.top - TOP, place.right + RIGHT, place.bottom + BOTTOM)
    return [
        {"data": data([segment(given, *frame)]), "mark": ground, "encoding": ENDS},
        *_ticks(given, part, place),
        dashed([segment(given, *start, *end) for start, end in lines]),
        *intervals(rows),
        *bubbles(rows, colour),
        *labels(given, rows, boxes),
    ]


def outline(given: Plane, part: Box) -> Spec:
    """The outline of what is enlarged."""
    mark = {"type": "rect", "fill": "transparent", "stroke": MUTED, "strokeWidth": 1}
    return {"data": data([segment(given, *part)]), "mark": mark, "encoding": ENDS}


def dashed(segments: list[dict[str, float]]) -> Spec:
    """Dashed lines, such as the Pareto front."""
    mark = {"type": "rule", "color": FRONT, "strokeDash": DASHES, "strokeWidth": 2}
    return {"data": data(segments), "mark": mark, "encoding": ENDS}


def contains(part: Box, bubble: Bubble) -> bool:
    across = part.left <= bubble.x - bubble.radius and bubble.x + bubble.radius <= part.right
    return across and part.top <= bubble.y - bubble.radius and bubble.y + bubble.radius <= part.bottom


def clipped(given: Plane, part: Box) -> Iterator[tuple[Point, Point]]:
    """The segments of all lines within a part of the plot, in pixels."""
    edges = ((part.left, part.right), (part.top, part.bottom))
    for line in given.lines:
        for start, end in pairwise([given.pixel(*point) for point in line]):
            sides = zip(start, end, edges, strict=True)
            crossings = [(edge - a) / (b - a) for a, b, pair in sides if a != b for edge in pair]
            cuts = sorted({0.0, 1.0, *(share for share in crossings if 0 < share < 1)})
            for first, last in pairwise(cuts):
                x, y = _between(start, end, (first + last) / 2)
                if part.left <= x <= part.right and part.top <= y <= part.bottom:
                    yield _between(start, end, first), _between(start, end, last)


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _is_crowded(bubble: Bubble, every: Sequence[Bubble]) -> bool:
    return any(
        other is not bubble and math.dist(bubble[:2], other[:2]) < bubble.radius + other.radius + NEAR
        for other in every
    )


def _steps(last: float, step: float) -> list[float]:
    return [min(last, index * step) for index in range(math.ceil(last / step) + 1)]


def _boxes(given: Plane) -> Iterator[Box]:
    """What an inset may not cover: bubbles with their intervals, and lines."""
    for row in given.rows:
        x, y, radius, _name = given.bubble(row)
        xs = [x - radius, x + radius, *(given.x.pixel(row[end]) for end in ENDS_OF["x"] if end in row)]
        ys = [y - radius, y + radius, *(given.pixel(row["x"], row[end])[1] for end in ENDS_OF["y"] if end in row)]
        yield Box(min(xs), min(ys), max(xs), max(ys))
    for line in given.lines:
        for start, end in pairwise([given.pixel(*point) for point in line]):
            count = 1 + int(max(abs(end[0] - start[0]), abs(end[1] - start[1])) // CELL)
            for at in range(count):
                (x, y), (x2, y2) = (_between(start, end, (at + more) / count) for more in (0, 1))
                yield Box(min(x, x2) - 4, min(y, y2) - 4, max(x, x2) + 4, max(y, y2) + 4)


def _empty(taken: Sequence[Box], width: float, height: float) -> Iterator[Box]:
    """Rectangles of whole cells that nothing is in: each run of empty rows between two columns."""
    full = np.zeros((int(height // CELL), int(width // CELL)), dtype=bool)
    for box in taken:
        full[_cells(box.top, box.bottom), _cells(box.left, box.right)] = True
    for left, right in combinations(range(full.shape[1] + 1), 2):
        row = 0
        for is_full, run in groupby(np.asarray(full[:, left:right].any(axis=1)).tolist()):
            below = row + len(list(run))
            if not is_full:
                yield Box(left * CELL, row * CELL, right * CELL, below * CELL)
            row = below


def _cells(start: float, end: float) -> slice:
    """The cells that an extent touches."""
    return slice(max(0, int(start // CELL)), max(0, int(end // CELL) + 1))


def _move(x: float, y: float, part: Box, place: Box) -> tuple[float, float]:
    """A place in a part of the plot, moved to where that is enlarged."""
    across, down = (x - part.left) / (part.right - part.left), (y - part.top) / (part.bottom - part.top)
    return place.left + across * (place.right - place.left), place.top + down * (place.bottom - place.top)


def _moved(given: Plane, row: Row, part: Box, place: Box) -> Row:
    """A row at its place in the inset; intervals end at its sides."""
    pixel = given.pixel(row["x"], row["y"])
    x, y = given.value(*_move(*pixel, part, place))
    made = {**row, "x": x, "y": y}
    for end in row.keys() & set(ENDS_OF["x"]):
        across = _move(given.x.pixel(row[end]), 0, part, place)[0]
        made[end] = given.x.value(min(max(across, place.left), place.right))
    for end in row.keys() & set(ENDS_OF["y"]):
        down = _move(0, given.pixel(row["x"], row[end])[1], part, place)[1]
        made[end] = given.value(0, min(max(down, place.top), place.bottom))[1]
    return made


def _ticks(given: Plane, part: Box, place: Box) -> list[Spec]:
    """Lines and numbers of both axes."""
    height = given.y.length
    columns = round_values(given.x.part(part.left, part.right, 1))
    rows = round_values(given.y.part(height - part.bottom, height - part.top, 1))
    xs = [(value, _move(given.x.pixel(value), 0, part, place)[0]) for value in columns]
    ys = [(value, _move(0, height - given.y.pixel(value), part, place)[1]) for value in rows]
    lines = [segment(given, x, place.top, x, place.bottom) for _value, x in xs]
    lines += [segment(given, place.left, y, place.right, y) for _value, y in ys]
    below = [{**_at(given, x, place.bottom + 12), "value": value} for value, x in xs]
    beside = [{**_at(given, place.left - 6, y), "value": value} for value, y in ys]
    number = {"text": {"field": "value", "type": "quantitative", "format": "~g"}}
    mark = {"type": "text", "fontSize": SIZE - 1, "color": MUTED}
    return [
        {"data": data(lines), "mark": {"type": "rule", "color": GRID, "strokeWidth": 1}, "encoding": ENDS},
        {"data": data(below), "mark": mark, "encoding": number},
        {"data": data(beside), "mark": {**mark, "align": "right"}, "encoding": number},
    ]


def _at(given: Plane, x: float, y: float) -> dict[str, float]:
    return dict(zip(("x", "y"), given.value(x, y), strict=True))


def round_values(axis: Axis, most: int = 6) -> list[float]:
    """Up to so many round values along an axis, at even steps."""
    steps = (base * 10.0**power for power in range(-9, 10) for base in (1, 2, 5))
    step = next(step for step in steps if (axis.high - axis.low) / step < most)
    return [step * count for count in range(math.ceil(axis.low / step), math.floor(axis.high / step) + 1)]
