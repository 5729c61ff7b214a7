"""The statistical gate: which times changed, and which only moved.

Seconds, and images per second turned into seconds, are compared between records of one machine. In every round a
network's time is taken relative to the geometric mean of the networks interleaved with it. A network's change is the
Hodges-Lehmann shift between the rounds of both sides, less the median of these shifts over the networks: what all
networks share is drift, which is reported, not judged, and one that changed does not drag the others. With fewer
than FEWEST networks that takes out too much: absolute times are judged, and only a change above ABSOLUTE_EFFECT counts.

A network whose samples NEW took over from BASE was not measured again: it is neither judged nor part of the drift.

With fewer than FEWEST_ROUNDS rounds a side no time is judged. Else one is `regressed` or `improved` only if all hold:

1. its change is above MIN_EFFECT, the smallest change worth reporting;
2. it is above t x its noise (stats/noise.py), t being Student's quantile at ALPHA divided by the number of all rows
   tested together, networks x modes x quantities x machines (Bonferroni: unlike Holm's it gives one printable floor).
   Noise is the largest of: the spread between rounds, each a process of its own, pooled over the networks; and the
   spread between runs, from history.jsonl where it has enough runs, else from the spread of all networks' changes;
3. of all pairs of an old and a new round, the share AGREEING points the same way;
4. the rank test (Mann-Whitney) on the raw samples has p < RANK_ALPHA. Samples within a process are not independent, so
   this can only take a verdict back, never give one.

If not, it is `noisy`, with the reason, if its change is above MIN_EFFECT, and `unchanged` below.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reporter.compare.differences import Basis, Gap, Timing
from reporter.compare.log_times import Run, common_rounds, count_rounds, history_noise, noise, run
from reporter.compare.matching import Pair, alike, is_time
from reporter.compare.time_verdict import Reasons, TimeOutcome, growth, ratio, verdict
from reporter.model import Quantity, Reading
from reporter.model.records import EAGER
from reporter.stats.noise import Log, Noise
from reporter.stats.samples import FEWEST_ROUNDS
from reporter.stats.shifts import agreement, beyond, rank_test, shift
from reporter.stats.significance import ShiftEvidence
from reporter.store.history import PastRun

MIN_EFFECT = 0.03
ABSOLUTE_EFFECT = 0.20
FEWEST = 3
MOST_ROUNDS = 0.75
"""A network with at least this share of the rounds of the others is compared in the rounds that all have."""
ALPHA = 0.01
AGREEING = 0.9
INTERVAL = 0.05

REASONS = Reasons(
    disagree="the rounds of both sides overlap",
    overlap="the samples of both sides overlap (rank test: p = {p})",
    rounds="rounds a side",
)
TAKEN_OVER = "not measured again since BASE"

Sides = tuple[Reading, Reading]


@dataclass(frozen=True)
class Group:
    """The times of one quantity on one machine in one mode: networks in the order of their names, and their changes."""

    machine: str
    mode: str
    quantity: Quantity
    networks: Mapping[str, Sides]
    base: Run
    new: Run
    changes: Log
    common: float
    noise: Noise | None

    @property
    def relative(self) -> bool:
        return len(self.networks) >= FEWEST

    @property
    def least(self) -> float:
        return least_change(self.relative)


def least_change(relative: bool) -> float:
    """The least change that is reported, as a logarithm: of times relative to each other, or of absolute ones."""
    return math.log1p(MIN_EFFECT if relative else ABSOLUTE_EFFECT)


def verdicts(pairs: Iterable[Pair], past: Sequence[PastRun]) -> tuple[list[Timing], list[Basis], list[Gap]]:
    """All times of all pairs of one machine, judged together; times of one mode are relative to each other."""
    columns: dict[tuple[bool, str, str, str], dict[str, Sides]] = defaultdict(dict)
    for pair in pairs:
        mode = pair.new.mode
        for quantity, base, new in pair.readings if pair.one_machine else ():
            if is_time(quantity) and base and new and alike(base, new):
                columns[mode != EAGER, mode, pair.new.machine, quantity.key][pair.new.architecture] = (base, new)
    groups, gaps = [], []
    for (_, mode, machine, _), every_run in sorted(columns.items()):
        measured, taken = _measured_again(every_run)
        networks = _of_one_level(measured)
        compared = _with_common_rounds(networks)
        left = tuple(sorted(networks.keys() - compared.keys()))
        quantity = next(iter(networks.values()))[1].quantity
        gaps += [Gap("rounds are missing, or times that are not positive", quantity, left, mode=mode)] if left else []
        gaps += [Gap(TAKEN_OVER, quantity, taken, mode=mode)] if taken else []
        groups += [_group((machine, mode), quantity, compared, past)] if compared else []
    rows = sum(len(group.networks) for group in groups)
    return [row for group in groups for row in _rows(group, rows)], [_basis(group, rows) for group in groups], gaps


def _measured_again(networks: Mapping[str, Sides]) -> tuple[Mapping[str, Sides], tuple[str, ...]]:
    """The networks that NEW measured itself, and the names of those whose samples it took over from BASE.

    Times that were taken over have no part in what all networks share: beside a machine that became faster, they would
    be slower. Where nothing says that the others are of another run, most of them differ, or all are compared.
    """
    taken = tuple(sorted(name for name, (base, new) in networks.items() if base.samples == new.samples))
    measured = {name: sides for name, sides in networks.items() if name not in taken}
    later = any(_runs(new) - _runs(base) for base, new in measured.values())
    return (measured, taken) if later or len(measured) > len(taken) else (networks, ())


def _runs(reading: Reading) -> set[str]:
    return {origin.run for origin in reading.origins}


def _of_one_level(networks: Mapping[str, Sides]) -> dict[str, Sides]:
    """The same, with the newest run only of a side on which the level of a network differs between runs."""
    moved = [any(sides[side].moved is not None for sides in networks.values()) for side in (0, 1)]
    return {
        name: (_newest(base) if moved[0] else base, _newest(new) if moved[1] else new)
        for name, (base, new) in networks.items()
    }


def _newest(reading: Reading) -> Reading:
    return reading.of_run(reading.by_run()[-1][0])


def _with_common_rounds(networks: Mapping[str, Sides]) -> dict[str, Sides]:
    """The networks that are compared in the rounds that all of them have, in the order of their names.

    A budget ends inside a round, and a round may be lost: one that has most of the rounds is not left out. Where that
    would leave too few rounds, only those with all rounds are compared.
    """
    most = [max(count_rounds(sides[side]) for sides in networks.values()) for side in (0, 1)]
    for share in (MOST_ROUNDS, 1.0):
        least = [max(min(each, FEWEST_ROUNDS), share * each) for each in most]
        compared = {name: networks[name] for name in sorted(networks) if _usable(networks[name], least)}
        if not compared or all(_count_common(compared, side) >= min(most[side], FEWEST_ROUNDS) for side in (0, 1)):
            break
    return compared


def _usable(sides: Sides, least: Sequence[float]) -> bool:
    """Whether a network has enough rounds, and times that have a logarithm."""
    return all(count_rounds(sides[side]) >= least[side] and min(sides[side].samples) > 0 for side in (0, 1))


def _count_common(networks: Mapping[str, Sides], side: int) -> int:
    """How many rounds all networks have in common."""
    return len(common_rounds([sides[side] for sides in networks.values()])[0])


def _group(place: tuple[str, str], quantity: Quantity, networks: Mapping[str, Sides], past: Sequence[PastRun]) -> Group:
    """The times of one quantity on one machine and in one mode."""
    machine, mode = place
    relative = len(networks) >= FEWEST
    base, new = (run([sides[side] for sides in networks.values()], relative) for side in (0, 1))
    shifts = shift(base.medians, new.medians)
    centre = float(np.median(shifts))
    spread = history_noise(past, machine, quantity.key, list(networks), mode) if relative else None
    changes = shifts - centre if relative else shifts
    common = centre + float(shift(base.reference, new.reference))
    return Group(machine, mode, quantity, networks, base, new, changes, common, noise(base, new, changes, spread))


def _rows(group: Group, rows: int) -> Iterable[Timing]:
    margins, floors = _margins(group, INTERVAL), _floors(group, rows)
    for index, (name, (base, new)) in enumerate(group.networks.items()):
        change = float(group.changes[index])
        floor = None if floors is None else float(floors[index])
        found = _verdict(group, index, change, floor)
        low, high = (None, None) if margins is None else (change - margins[index], change + margins[index])
        yield Timing(
            architecture=name,
            machine=group.machine,
            quantity=group.quantity,
            verdict=found.verdict,
            base=base.value or 0.0,
            new=new.value or 0.0,
            relative=group.relative,
            ratio=ratio(change),
            low=None if low is None else ratio(low),
            high=None if high is None else ratio(high),
            floor=None if floor is None else growth(floor),
            rank=found.p,
            reason=found.reason,
            mode=group.mode,
        )


def _verdict(group: Group, index: int, change: float, floor: float | None) -> TimeOutcome:
    base, new = group.base.medians[index], group.new.medians[index]
    evidence = ShiftEvidence(
        change,
        floor,
        lambda: agreement(base, new, change) >= AGREEING,
        lambda: rank_test(group.base.samples(index), group.new.samples(index) - beyond(base, new, change)),
    )
    return verdict(evidence, group.least, REASONS)


def _floors(group: Group, rows: int) -> Log | None:
    """The smallest change of each network that is distinguished from noise, by all rows together."""
    margins = _margins(group, ALPHA / rows)
    return None if margins is None else np.maximum(group.least, margins)


def _margins(group: Group, alpha: float) -> Log | None:
    return None if group.noise is None else group.noise.margins(alpha)


def _basis(group: Group, rows: int) -> Basis:
    floors = _floors(group, rows)
    floor = None if floors is None else growth(float(np.median(floors)))
    shared = ratio(group.common)
    return Basis(
        group.machine, group.quantity, len(group.networks), group.relative, shared, floor, mode=group.mode
    )  # fmt: skip
