"""Changes of level in the ratios to a pinned reference, each curve on one kind of machine.

Unlike the times of levels.py, ratios have no drift that all architectures share: both sides were measured in the same
job. A change that all architectures have in common is a change of the packages, and remains. The noise between runs is
pooled over all curves of a kind of machine, and larger for a curve that varies more. Chained ratios contain the error
of the measurement that moved the reference, so that a step at a move is a change of level only above GOAL.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reporter.compare.levels import Step
from reporter.compare.ratio_curves import RatioCurve
from reporter.compare.reference_rule import GOAL, LEAST
from reporter.compare.times import ALPHA
from reporter.stats.change_points import FEWEST_OF_LEVEL, change_points, spread
from reporter.stats.noise import moderated

MOST_RATIOS = 90
"""The last so many ratios of a curve are shown and tested."""
FEWEST_RATIOS = 2
"""A curve with fewer ratios is not shown."""


@dataclass(frozen=True)
class RatioCourse:
    """The last ratios of a curve, and where their level changed."""

    curve: RatioCurve
    steps: tuple[Step, ...]

    @property
    def moves(self) -> tuple[int, ...]:
        """The indices of the first ratios that were measured against another reference than those before."""
        return self.curve.moves


def courses(found: Iterable[RatioCurve]) -> list[RatioCourse]:
    """The curves with at least FEWEST_RATIOS ratios, one metric, mode and kind of machine after the other.

    The noise is that of the curves of the same metric, mode and kind.
    """
    groups: dict[tuple[str, str, str], list[RatioCurve]] = defaultdict(list)
    for curve in found:
        if len(curve.ratios) >= FEWEST_RATIOS:
            groups[*curve.row[1:], curve.machine_kind].append(_last(curve, MOST_RATIOS))
    tests = sum(len(curve.ratios) for curves in groups.values() for curve in curves)
    return [course for curves in groups.values() for course in _courses(curves, ALPHA / tests)]


def _courses(curves: Sequence[RatioCurve], alpha: float) -> Iterator[RatioCourse]:
    """The courses of one metric, mode and kind of machine, tested with their common noise."""
    logs = [np.log(curve.ratios) for curve in curves]
    pooled, freedom = spread(logs), max(1.0, sum(len(values) - 1 for values in logs) / 2)
    for curve, values in zip(curves, logs, strict=True):
        own = moderated(np.array([spread([values]) ** 2]), pooled**2, len(values) / 2)
        course = RatioCourse(curve, ())
        if len(values) >= 2 * FEWEST_OF_LEVEL:
            points = change_points(values, alpha, math.log1p(LEAST), (math.sqrt(own[0]), freedom))
            steps = (Step(point.index, math.exp(point.step)) for point in points)
            yield replace(course, steps=tuple(step for step in steps if _is_change(step, course.moves)))
        else:
            yield course


def _is_change(step: Step, moves: Iterable[int]) -> bool:
    """Whether a step is more than the error with which a reference was moved."""
    return step.index not in moves or abs(math.log(step.ratio)) > math.log1p(GOAL)


def _last(curve: RatioCurve, most: int) -> RatioCurve:
    left = max(0, len(curve.ratios) - most)
    return replace(
        curve,
        moments=curve.moments[left:],
        ratios=curve.ratios[left:],
        measured=curve.measured[left:],
        moves=tuple(index - left for index in curve.moves if index > left),
        earlier=max(0, curve.earlier - left),
    )
