"""The statistical gate for times that were taken in turns: which of two environments is slower, network by network.

Every call in B has its partner in A right beside it, so the logarithm of their ratio holds no drift of the machine, and
absolute ratios are judged. A network's change is the Hodges-Lehmann estimate over all its pairs. It is `regressed` or
`improved` only if all hold:

1. its change is above MIN_EFFECT, the smallest change worth reporting;
2. it is above t x its noise: the standard error from how its rounds differ, each in processes of its own, with the
   variance of all networks' rounds weighing in, and t Student's quantile at ALPHA divided by the number of all rows;
3. its rounds all point the same way;
4. Wilcoxon's signed-rank test over all pairs has p < RANK_ALPHA; pairs of one process are not independent, so this can
   only take a verdict back, never give one.

If not, it is `noisy`, with the reason, if its change is above MIN_EFFECT, and `unchanged` below.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reporter.compare.differences import Basis, Change, Differences, Gap, Timing
from reporter.compare.log_times import parts
from reporter.compare.matching import NO_NUMBER, Pair, is_time
from reporter.compare.time_verdict import Reasons, TimeOutcome, growth, ratio, verdict
from reporter.compare.times import ALPHA, INTERVAL, MIN_EFFECT
from reporter.model import Quantity, Reading, Record
from reporter.stats import paired_ratios
from reporter.stats.noise import Log, Noise
from reporter.stats.samples import FEWEST_ROUNDS
from reporter.stats.significance import ShiftEvidence

REASONS = Reasons(
    disagree="the rounds do not all point the same way",
    overlap="too few pairs point the same way (signed-rank test: p = {p})",
)


@dataclass(frozen=True)
class PairedColumn:
    """The times of one quantity: networks in the order given, the log ratios of each of their rounds, their noise.

    The deviation of a network with fewer than FEWEST_ROUNDS rounds is NaN; `noise` is None if all have fewer.
    """

    quantity: Quantity
    networks: Sequence[Pair]
    rounds: Sequence[Sequence[Log]]
    changes: Log
    noise: Noise | None

    def margins(self, alpha: float) -> Log | None:
        """How far each change may be off, at a significance of `alpha`."""
        return None if self.noise is None else self.noise.margins(alpha)


def compare_sides(a: Sequence[Record], b: Sequence[Record]) -> Differences:
    """What differs between two environments whose records hold times that were taken in turns."""
    others = {record.architecture: record for record in b}
    together = [Pair(record, others[record.architecture]) for record in a if record.architecture in others]
    found: dict[str, list[Pair]] = defaultdict(list)
    changes, gaps = [], []
    for pair in together:
        for quantity, base, new in pair.readings:
            if is_time(quantity) and base and new and base.measured and new.measured:
                found[quantity.key].append(pair)
                names = (pair.new.architecture,)
                gaps += [
                    Gap(f"not compared in round {loss.number + 1}: {loss.reason}", quantity, names) for loss in new.lost
                ]
            elif base and new and new.status in NO_NUMBER and base.status not in NO_NUMBER:
                changes.append(Change("failed", pair.new.architecture, pair.new.machine, quantity, reason=new.reason))
            elif base and new:
                gaps.append(Gap(_lost(base, new), quantity, (pair.new.architecture,)))
    columns = [_column(key, pairs) for key, pairs in sorted(found.items())]
    rows = sum(len(column.networks) for column in columns)
    timings = [row for column in columns for row in _rows(column, rows)]
    bases = tuple(_basis(column, rows) for column in columns)
    return Differences(tuple(changes), tuple(timings), bases, tuple(gaps))


def _lost(a: Reading, b: Reading) -> str:
    """Why there is no number on one side, or on both."""
    if (a.status, a.reason) == (b.status, b.reason):
        return f"{a.status} in A and B: {a.reason}"
    lost = ((side, reading) for side, reading in (("A", a), ("B", b)) if not reading.measured)
    return "; ".join(f"{reading.status} in {side}: {reading.reason}" for side, reading in lost)


def ratios(a: Reading, b: Reading) -> list[Log]:
    """The logarithms of B's seconds over A's, pair by pair, for each round; throughput is turned into time."""
    sign = -1.0 if a.quantity.unit == "1/s" else 1.0
    return [sign * logs for logs in paired_ratios.log_ratios(parts(a), parts(b))]


def _column(key: str, pairs: Sequence[Pair]) -> PairedColumn:
    rounds = [ratios(pair.base.readings[key], pair.new.readings[key]) for pair in pairs]
    changes = np.array([paired_ratios.change(network) for network in rounds])
    return PairedColumn(pairs[0].new.readings[key].quantity, pairs, rounds, changes, _noise(rounds))


def _noise(rounds: Sequence[Sequence[Log]]) -> Noise | None:
    """The noise of the networks with enough rounds: one that lost a round does not take it from the others."""
    enough = np.array([len(network) >= FEWEST_ROUNDS for network in rounds])
    if not enough.any():
        return None
    found = paired_ratios.noise([network for network, known in zip(rounds, enough, strict=True) if known])
    deviation = np.full(len(rounds), math.nan)
    deviation[enough] = found.deviation
    return Noise(deviation, found.freedom)


def _rows(column: PairedColumn, rows: int) -> Iterable[Timing]:
    margins, floors = (_or_none(column.margins(alpha), len(column.networks)) for alpha in (INTERVAL, ALPHA / rows))
    for index, pair in enumerate(column.networks):
        change, margin, noise = float(column.changes[index]), margins[index], floors[index]
        floor = None if noise is None else max(math.log1p(MIN_EFFECT), noise)
        found = _verdict(change, floor, column.rounds[index])
        yield Timing(
            architecture=pair.new.architecture,
            machine=pair.new.machine,
            quantity=column.quantity,
            verdict=found.verdict,
            base=pair.base.value(column.quantity.key) or 0.0,
            new=pair.new.value(column.quantity.key) or 0.0,
            relative=False,
            ratio=ratio(change),
            low=None if margin is None else ratio(change - margin),
            high=None if margin is None else ratio(change + margin),
            floor=None if floor is None else growth(floor),
            rank=found.p,
            reason=found.reason,
        )


def _or_none(values: Log | None, count: int) -> list[float | None]:
    """The values that are numbers, None for the others."""
    return [None] * count if values is None else [None if math.isnan(each) else each for each in values.tolist()]


def _verdict(change: float, floor: float | None, rounds: Sequence[Log]) -> TimeOutcome:
    evidence = ShiftEvidence(
        change,
        floor,
        lambda: paired_ratios.same_direction(rounds, change),
        lambda: paired_ratios.signed_rank(np.concatenate(rounds)),
    )
    return verdict(evidence, math.log1p(MIN_EFFECT), REASONS)


def _basis(column: PairedColumn, rows: int) -> Basis:
    floors = column.margins(ALPHA / rows)
    floor = None if floors is None else max(MIN_EFFECT, math.expm1(float(np.nanmedian(floors))))
    common = math.exp(float(np.median(column.changes)))
    return Basis(column.networks[0].new.machine, column.quantity, len(column.networks), False, common, floor)
