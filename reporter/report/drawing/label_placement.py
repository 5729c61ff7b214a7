"""Placement of labels next to bubbles: greedy, over angles and rings, without overlaps and where possible off lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Bubble(NamedTuple):
    x: float
    y: float
    radius: float
    label: str


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        aside = self.right <= other.left or other.right <= self.left
        return not (aside or self.bottom <= other.top or other.bottom <= self.top)

    def touches(self, bubble: Bubble) -> bool:
        x = min(max(bubble.x, self.left), self.right)
        y = min(max(bubble.y, self.top), self.bottom)
        return math.hypot(x - bubble.x, y - bubble.y) < bubble.radius

    def crosses(self, line: Line) -> bool:
        """Whether a part of the line is inside (Liang and Barsky's clipping)."""
        first, last = 0.0, 1.0
        for start, end, low, high in (
            (line.x, line.x2, self.left, self.right),
            (line.y, line.y2, self.top, self.bottom),
        ):
            if start == end:
                if not low < start < high:
                    return False
                continue
            shares = sorted(((low - start) / (end - start), (high - start) / (end - start)))
            first, last = max(first, shares[0]), min(last, shares[1])
        return first < last


class Line(NamedTuple):
    x: float
    y: float
    x2: float
    y2: float


ANGLES = tuple(math.radians(degree) for degree in (0, 180, 270, 90, 315, 45, 225, 135, 340, 20, 200, 160))
RINGS = (6, 12, 20, 34, 52, 74)
FAR = 12
"""Pixels between a bubble and its label from which on a line joins them."""
CHARACTER = 0.58
"""Width of a character over the font size: a little more than a common sans-serif needs on average."""


def place(
    bubbles: Sequence[Bubble],
    width: float,
    height: float,
    size: float,
    *,
    named: Sequence[bool] = (),
    lines: Sequence[Line] = (),
) -> list[Box | None]:
    """A box for each label within the plot, None where there is no room or none is wanted; small bubbles choose first.

    `named` says of each bubble whether it wants a label; all do where it is empty. A label is off all `lines` if it has
    such a place, and never on the line from another label to its bubble.
    """
    placed: dict[int, Box] = {}
    leaders: list[Line] = []
    wanted = [index for index in range(len(bubbles)) if not named or named[index]]
    for index in sorted(wanted, key=lambda i: (bubbles[i].radius, i)):
        bubble = bubbles[index]
        near, strokes = _near(bubble, bubbles, size), _lines_near(bubble, lines, size)
        first: Box | None = None
        for box in _candidates(bubble, size):
            inside = box.left >= 0 and box.top >= 0 and box.right <= width and box.bottom <= height
            if not inside or any(box.overlaps(other) for other in placed.values()):
                continue
            if any(box.touches(other) for other in near) or any(box.crosses(other) for other in leaders):
                continue
            line = leader(bubble, box)
            if line and any(other.crosses(line) for other in placed.values()):
                continue
            first = first or box
            if not any(box.crosses(stroke) for stroke in strokes):
                first = box
                break
        if first:
            placed[index] = first
            line = leader(bubble, first)
            leaders += [line] if line else []
    return [placed.get(index) for index in range(len(bubbles))]


def leader(bubble: Bubble, box: Box) -> Line | None:
    """A thin line from a bubble to a label that had to move away from it."""
    x, y = min(max(bubble.x, box.left), box.right), min(max(bubble.y, box.top), box.bottom)
    away = math.hypot(x - bubble.x, y - bubble.y)
    if away < bubble.radius + FAR:
        return None
    edge = bubble.radius / away
    return Line(bubble.x + (x - bubble.x) * edge, bubble.y + (y - bubble.y) * edge, x, y)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions `gap` apart, in the same order and within the bounds, as near to `wanted` as that allows.

    Least squares: neighbours that collide are pooled, and a pool stands around the mean of what its members want.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    pools: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        mean, size = wanted[index] - rank * gap, 1
        while pools and pools[-1][0] >= mean:
            other, count = pools.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        pools.append((mean, size))
    bases = [mean for mean, size in pools for _ in range(size)]
    room = high - (len(wanted) - 1) * gap
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = max(min(bases[rank], room), low) + rank * gap
    return placed


def _candidates(bubble: Bubble, size: float) -> list[Box]:
    """Boxes around a bubble, near ones first: the side that faces the bubble lies on a ring around it."""
    width, height = CHARACTER * size * len(bubble.label), 1.15 * size
    boxes = []
    for ring in RINGS:
        for angle in ANGLES:
            reach = bubble.radius + ring
            x = bubble.x + reach * math.cos(angle) + width / 2 * _sign(math.cos(angle))
            y = bubble.y + reach * math.sin(angle) + height / 2 * math.sin(angle)
            boxes.append(Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    return boxes


def _near(bubble: Bubble, bubbles: Sequence[Bubble], size: float) -> list[Bubble]:
    """The bubbles that a label of this one could touch."""
    reach = bubble.radius + RINGS[-1] + CHARACTER * size * len(bubble.label) + 2 * size
    return [other for other in bubbles if math.dist(bubble[:2], other[:2]) < reach + other.radius]


def _lines_near(bubble: Bubble, lines: Sequence[Line], size: float) -> list[Line]:
    """The lines that a label of this bubble could be on."""
    reach = bubble.radius + RINGS[-1] + CHARACTER * size * len(bubble.label) + 2 * size
    around = Box(bubble.x - reach, bubble.y - reach, bubble.x + reach, bubble.y + reach)
    return [line for line in lines if around.crosses(line)]


def _sign(value: float) -> int:
    """-1, 0 or 1; 0 also for what is only rounding."""
    return 0 if abs(value) < 1e-9 else int(math.copysign(1, value))
