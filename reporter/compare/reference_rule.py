"""The verdict on times that were measured in turns with a pinned reference, in rounds that stop early.

After `looks` rounds each (architecture, mode, metric) row is tested. A row that is decided is not measured again: it is
slower or faster, or a change of GOAL would have been found; a row in doubt gets more rounds, up to the last look. So
does a slowdown that is known, until growth of GOAL would be found. The change of a row is the Hodges-Lehmann estimate
over all its pairs of calls. It is `slower` or `faster` only if all hold:

1. its change is above LEAST;
2. it is above t x its noise: the standard error of the mean of its rounds, each in processes of its own, with the
   variance of all rows of the metric and mode weighing in; t is Student's quantile at ALPHA (one-sided) divided by the
   number of all rows and of all looks, so that neither testing many rows nor testing them repeatedly adds false
   positives;
3. at least the share AGREEING of its rounds has the sign of the change;
4. Wilcoxon's signed-rank test over all pairs has p < RANK_ALPHA; this can only take a verdict back, never give one.

Otherwise it is `noisy` if the size that would have been found exceeds NOISY, or if condition 3 or 4 took the verdict
back; else `unchanged`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reporter.compare.paired import ratios
from reporter.compare.reference_names import RowPlace
from reporter.compare.time_verdict import RANK_ALPHA, growth, ratio
from reporter.documents.comparisons import SpeedVerdict
from reporter.model import Quantity, Reading
from reporter.stats import paired_ratios, unequal_rounds
from reporter.stats.noise import Log
from reporter.stats.samples import FEWEST_ROUNDS
from reporter.stats.significance import ShiftEvidence, decide

LEAST = 0.01
"""The least change that is reported; `reporter ab` has 3 %, below which half of all slowdowns of 3 % would fall."""
GOAL = 0.03
"""A row is measured until a change of this size would be found, or until the last look."""
NOISY = 0.05
"""If only larger changes would be found, the row has no verdict."""
ALPHA = 0.01
"""The probability that a run without any change reports an architecture as slower."""
AGREEING = 0.8
INTERVAL = 0.05
GROWTH = 1.6
"""The rounds of a look over those of the look before."""
LOOKS = 3
LIMIT = "of --timeout"
"""Part of the reason of a row that got no more rounds because of --timeout."""


@dataclass(frozen=True)
class ReferenceTime:
    """The verdict on a row: `ratio` is tonight's time over that of the reference, `low` and `high` its 95 % interval.

    `detectable` is the change that would have been found with probability 0.9; `base` and `new` are medians.
    """

    architecture: str
    mode: str
    quantity: Quantity
    verdict: SpeedVerdict
    base: float
    new: float
    ratio: float
    low: float | None
    high: float | None
    floor: float | None
    detectable: float | None
    rounds: int
    reason: str | None = None

    @property
    def place(self) -> RowPlace:
        return RowPlace(self.quantity.key, self.mode, self.architecture)

    @property
    def decided(self) -> bool:
        """Whether more rounds are not needed."""
        return self.verdict in ("slower", "faster") or (self.verdict == "unchanged" and self.is_precise)

    @property
    def is_precise(self) -> bool:
        """Whether a change of GOAL would have been found."""
        return self.detectable is not None and self.detectable <= GOAL


def looks(rounds: int) -> tuple[int, ...]:
    """The numbers of rounds after which rows are tested; the first is at least what a verdict needs."""
    found = [max(rounds, FEWEST_ROUNDS)]
    for _ in range(LOOKS - 1):
        found.append(math.ceil(found[-1] * GROWTH))
    return tuple(found)


def verdicts(sides: Mapping[RowPlace, tuple[Reading, Reading]], tests: int = LOOKS) -> list[ReferenceTime]:
    """The verdicts on all rows: the readings of the reference and of tonight, with equally many rounds in each row.

    `tests` is how often rows are tested, this time included.
    """
    columns: dict[tuple[str, str], list[RowPlace]] = defaultdict(list)
    for place in sorted(sides):
        columns[place.metric, place.mode].append(place)
    alpha = 2 * ALPHA / (len(sides) * tests)
    return [row for places in columns.values() for row in _column(places, sides, alpha)]


def _column(
    places: Sequence[RowPlace], sides: Mapping[RowPlace, tuple[Reading, Reading]], alpha: float
) -> Iterator[ReferenceTime]:
    logs = [ratios(*sides[place]) for place in places]
    tested = [index for index, rounds in enumerate(logs) if len(rounds) >= FEWEST_ROUNDS]
    margins, floors, sizes = _limits([logs[index] for index in tested], alpha)
    for index, place in enumerate(places):
        own = tested.index(index) if index in tested else None
        limits = None if own is None else (float(margins[own]), float(floors[own]), float(sizes[own]))
        yield _row(place, sides[place], logs[index], limits)


def _limits(logs: Sequence[Sequence[Log]], alpha: float) -> tuple[Log, Log, Log]:
    """Half the width of the interval, the floor and the detectable size of each row, all as log ratios."""
    if not logs:
        return np.array([]), np.array([]), np.array([])
    noise = paired_ratios.noise(logs)
    floors = np.maximum(noise.margins(alpha), math.log1p(LEAST))
    return noise.margins(INTERVAL), floors, unequal_rounds.detectable(noise, floors)


def _row(
    place: RowPlace, sides: tuple[Reading, Reading], rounds: Sequence[Log], limits: tuple[float, float, float] | None
) -> ReferenceTime:
    change = paired_ratios.change(rounds)
    margin, floor, size = limits or (None, None, None)
    evidence = ShiftEvidence(
        change, floor, lambda: agrees(rounds, change), lambda: paired_ratios.signed_rank(np.concatenate(rounds))
    )
    outcome, p = decide(evidence, math.log1p(LEAST), RANK_ALPHA)
    verdict: SpeedVerdict = "unchanged"
    reason = None
    if outcome == "significant":
        verdict = "slower" if change > 0 else "faster"
    elif floor is None or size is None:
        verdict, reason = "noisy", f"{len(rounds)} of the {FEWEST_ROUNDS} rounds that a verdict needs"
    elif outcome == "rounds disagree":
        verdict, reason = "noisy", "the rounds do not all point the same way"
    elif outcome == "samples overlap":
        verdict, reason = "noisy", f"too few pairs point the same way (signed-rank test: p = {p:.2g})"
    elif growth(size) > NOISY:
        verdict, reason = "noisy", f"only a change of {growth(size):.0%} or more would be detected"
    return ReferenceTime(
        architecture=place.architecture,
        mode=place.mode,
        quantity=sides[1].quantity,
        verdict=verdict,
        base=sides[0].value or 0.0,
        new=sides[1].value or 0.0,
        ratio=ratio(change),
        low=None if margin is None else ratio(change - margin),
        high=None if margin is None else ratio(change + margin),
        floor=None if floor is None else growth(floor),
        detectable=None if size is None else growth(size),
        rounds=len(rounds),
        reason=reason,
    )


def ended(row: ReferenceTime, timeout: float) -> ReferenceTime:
    """A row that gets no more rounds because of --timeout, in seconds; if it has no verdict, that is the reason."""
    reason = f"the {timeout:.0f} s {LIMIT} for this architecture leave no time for more rounds"
    return replace(row, reason=reason) if row.verdict == "noisy" else row


def agrees(rounds: Sequence[Log], change: float) -> bool:
    """Whether the share AGREEING of the rounds has the sign of the change."""
    same = sum(np.sign(paired_ratios.center(part)) == np.sign(change) for part in rounds)
    return bool(same >= AGREEING * len(rounds))


def detectable(rows: Sequence[ReferenceTime]) -> float | None:
    """The change that the run would have found in half of its rows; None if none could be tested."""
    sizes = [row.detectable for row in rows if row.detectable is not None]
    return float(np.median(sizes)) if sizes else None
