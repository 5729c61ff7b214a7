"""The search for the step of a sequence of versions at which a time increased.

The first version is compared with the last. If the last is slower, the versions between them are bisected by comparing
each with the first: more than half of the whole slowdown (as a log ratio) is on its far side, less is on its near side.
Finally the two neighbors are compared with each other until there is a verdict, which confirms the step. A version that
cannot be measured is skipped, and the next middle of the remaining ones is used; it does not count as a comparison. Of
16 versions, at most six comparisons are needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """How much slower one version is than another: the log of the ratio of times, and whether this exceeds noise."""

    log_ratio: float
    slower: bool


@dataclass(frozen=True)
class FoundStep:
    """The neighboring versions between which the time increased, and the versions between them that were skipped.

    `effect` is the comparison of both with each other.
    """

    before: int
    after: int
    skipped: tuple[int, ...]
    effect: Effect


@dataclass(frozen=True)
class Found:
    """The result of a search: the comparison of both ends, and the step if the last one is slower."""

    first: int
    last: int
    whole: Effect
    step: FoundStep | None


class SkippedVersionError(Exception):
    """A version cannot be measured; `number` is its place."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


Compare = Callable[[int, int], Effect]
"""Compares a later version with an earlier one; raises SkippedVersionError if one of them cannot be measured.

The version that is bisected against was measured: another error ends the search if it fails in a later comparison.
"""


def search(count: int, compare: Compare, confirm: Compare | None = None) -> Found | None:
    """The step among `count` versions; None if fewer than two of them can be measured.

    `confirm` compares both neighbors of a step until there is a verdict; without it, `compare` does.
    """
    places = list(range(count))
    while len(places) > 1:
        try:
            whole = compare(places[0], places[-1])
            break
        except SkippedVersionError as skipped:
            places.remove(skipped.number)
    else:
        return None
    first, last = places[0], places[-1]
    step = _bisect(places, whole, compare, confirm or compare) if whole.slower else None
    return Found(first, last, whole, step)


def _bisect(places: list[int], whole: Effect, compare: Compare, confirm: Compare) -> FoundStep:
    first = before = places[0]
    after, between = places[-1], places[1:-1]
    effects = {first: Effect(0.0, slower=False), after: whole}
    while between:
        middle = between[len(between) // 2]
        try:
            effects[middle] = compare(first, middle)
        except SkippedVersionError as skipped:
            between.remove(skipped.number)
            continue
        if 2 * effects[middle].log_ratio > whole.log_ratio:
            after = middle
        else:
            before = middle
        between = [place for place in between if before < place < after]
    return FoundStep(before, after, tuple(range(before + 1, after)), _confirmed(before, after, effects, first, confirm))


def _confirmed(before: int, after: int, effects: dict[int, Effect], first: int, confirm: Compare) -> Effect:
    """Both neighbors compared with each other until there is a verdict; from their other comparisons if it fails."""
    if before == first and effects[after].slower:
        return effects[after]
    try:
        return confirm(before, after)
    except SkippedVersionError:
        return Effect(effects[after].log_ratio - effects[before].log_ratio, slower=False)
