"""Ranks as ranges: values that cannot be distinguished share their ranks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class SharedRank(NamedTuple):
    """The rank of a value, from 1, and the first and last rank of all that cannot be distinguished from it."""

    rank: int
    low: int
    high: int


def shared_ranks(values: Sequence[float], alike: Sequence[Collection[int]], descending: bool) -> list[SharedRank]:
    """The rank of each value, the smallest first or, with `descending`, the largest; equal values in their order.

    `alike` has for each value the indices of all that cannot be distinguished from it, itself included.
    """
    order = sorted(range(len(values)), key=values.__getitem__, reverse=descending)
    places = {index: place for place, index in enumerate(order, start=1)}
    shared = [[places[index] for index in each] for each in alike]
    return [SharedRank(places[index], min(ranks), max(ranks)) for index, ranks in enumerate(shared)]
