"""Calls of two ledgers that name no layers, as of compiled models and accelerators, matched by their order.

Calls in the forward method of the network itself, and those of a network that is scripted as a whole, name none either;
they have shapes and MACs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, pairwise

from reporter.model.profiles import LayerKernel

Match = tuple[LayerKernel, LayerKernel]
Places = tuple[int, int]
"""The places of two calls that are matched, in BASE and in NEW."""


def matched(base: Sequence[LayerKernel], new: Sequence[LayerKernel]) -> list[Match]:
    """The calls that both sides have; a call that only one side has is matched with none.

    Where the sides differ, calls of the same operator with the same shapes are matched if they have the same place in
    equally long parts, or if both sides have as many of them in a row: an operator that launches one kernel more than
    before is no other kernel for those that follow. Of the calls that are left, those with MACs are matched by their
    shapes: torch has several operators for a convolution.
    """
    places = list(_by_order(base, new))
    places += _by_shapes(base, new, places)
    return [(base[place], new[other]) for place, other in places]


def _by_order(base: Sequence[LayerKernel], new: Sequence[LayerKernel]) -> Iterator[Places]:
    """The calls of the same operator with the same shapes that have the same place among the others."""
    names = [[_implementation(call) for call in calls] for calls in (base, new)]
    for _, start, end, other, until in SequenceMatcher(a=names[0], b=names[1], autojunk=False).get_opcodes():
        sides = range(start, end), range(other, until)
        aligned: list[Places] = []
        if len(sides[0]) == len(sides[1]):
            aligned = [(a, b) for a, b in zip(*sides, strict=True) if _place(base[a]) == _place(new[b])]
            yield from aligned
        for a, b in pairwise([(start - 1, other - 1), *aligned, (end, until)]):
            yield from _in_rows(base, new, range(a[0] + 1, b[0]), range(a[1] + 1, b[1]))


def _in_rows(
    base: Sequence[LayerKernel], new: Sequence[LayerKernel], of_base: Sequence[int], of_new: Sequence[int]
) -> Iterator[Places]:
    """The rows of calls of one operator, in parts of both sides, that are equally long on both."""
    before = [list(row) for _, row in groupby(of_base, lambda place: _place(base[place]))]
    now = [list(row) for _, row in groupby(of_new, lambda place: _place(new[place]))]
    lengths = [[(_place(side[row[0]]), len(row)) for row in rows] for side, rows in ((base, before), (new, now))]
    for start, other, size in SequenceMatcher(a=lengths[0], b=lengths[1], autojunk=False).get_matching_blocks():
        for a, b in zip(before[start : start + size], now[other : other + size], strict=True):
            yield from zip(a, b, strict=True)


def _by_shapes(base: Sequence[LayerKernel], new: Sequence[LayerKernel], found: Sequence[Places]) -> list[Places]:
    """The calls with MACs and the same shapes that are not among those found: equal ones, the others in their order."""
    before, now = (_left(calls, {places[side] for places in found}) for side, calls in enumerate((base, new)))
    more: list[Places] = []
    for shapes in before:
        mine, others = before[shapes], now.get(shapes, [])
        for place in tuple(mine):
            same = (other for other in others if _implementation(base[place]) == _implementation(new[other]))
            if (other := next(same, None)) is not None:
                more.append((place, other))
                mine.remove(place)
                others.remove(other)
        more += zip(mine, others, strict=False)
    return more


def _left(calls: Sequence[LayerKernel], taken: Collection[int]) -> dict[str, list[int]]:
    """The places of the calls with MACs that are not among those taken, by their shapes."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        if call.macs and call.shapes and place not in taken:
            found[call.shapes].append(place)
    return found


def _implementation(call: LayerKernel) -> tuple[str, ...]:
    return *_place(call), call.kernel, call.library


def _place(call: LayerKernel) -> tuple[str, str]:
    return call.operator, call.shapes
