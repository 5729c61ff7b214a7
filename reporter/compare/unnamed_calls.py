"""Calls of two ledgers that name no layers, as of compiled models and accelerators, matched by their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby

from reporter.model.profiles import LayerKernel

Match = tuple[LayerKernel, LayerKernel]


def matched(base: Sequence[LayerKernel], new: Sequence[LayerKernel]) -> list[Match]:
    """The calls that both sides have, in order; a call that only one side has is matched with none.

    Where the sides differ, calls of the same operator with the same shapes are matched if both sides have as many of
    them in a row: an operator that launches one kernel more than before is no other kernel for those that follow.
    """
    names = [[(call.operator, call.shapes, call.kernel, call.library) for call in calls] for calls in (base, new)]
    found: list[Match] = []
    for _, start, end, other, until in SequenceMatcher(a=names[0], b=names[1], autojunk=False).get_opcodes():
        if end - start == until - other:
            found += [(a, b) for a, b in zip(base[start:end], new[other:until], strict=True) if _place(a) == _place(b)]
        else:
            found += _in_rows(base[start:end], new[other:until])
    return found


def _in_rows(base: Sequence[LayerKernel], new: Sequence[LayerKernel]) -> Iterator[Match]:
    """The rows of calls of one operator that are equally long on both sides."""
    before, now = ([list(row) for _, row in groupby(calls, _place)] for calls in (base, new))
    places = [[(_place(row[0]), len(row)) for row in rows] for rows in (before, now)]
    for start, other, size in SequenceMatcher(a=places[0], b=places[1], autojunk=False).get_matching_blocks():
        for a, b in zip(before[start : start + size], now[other : other + size], strict=True):
            yield from zip(a, b, strict=True)


def _place(call: LayerKernel) -> tuple[str, str]:
    return call.operator, call.shapes
