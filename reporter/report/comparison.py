"""The comparison of records: order, columns, best values, the Pareto front and failures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from reporter.compare import held_out
from reporter.compare.current_curves import with_current_curves
from reporter.compare.kernel_changes import Ledgers, no_ledgers
from reporter.compare.ratio_curves import RatioCurve
from reporter.compare.rounds import Times, with_intervals
from reporter.model import Evidence, Quantity, Record, ReporterError, Status
from reporter.model.fields import MOST, are_numbers
from reporter.model.records import EAGER
from reporter.report.present_quantities import quantities_of
from reporter.report.shared_readings import SAMPLED, merged
from reporter.report.training import training_names
from reporter.report.training.held_out_accuracy import is_enough, is_one_ranking
from reporter.stats.shares import Shares
from reporter.store.history import PastRun

NUMBERS = ("ok", "noisy")


class Accuracy(NamedTuple):
    """Published single-crop ImageNet accuracy; `paper` where no weights stand behind it, only the paper's word."""

    top1: float | None
    top5: float | None
    paper: bool


class Coverage(NamedTuple):
    """How many networks have the published accuracy of weights, how many that or a paper's figure, and all."""

    weights: int
    published: int
    networks: int

    @property
    def whole(self) -> bool:
        return self.weights == self.networks


class Remark(NamedTuple):
    """A reading that is no number, or one to be doubted; `ok` if it is a time that lacks some of its rounds."""

    record: Record
    quantity: Quantity
    status: Status
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """All that was measured; machines side by side, newest first, and never ranked together.

    `records` are the eager ones, `modes` those of all other modes. `past` has earlier runs of the newest machine,
    oldest first; `hidden` the networks of `whole` that a picture leaves out; `ratios` the history of ratios to a pinned
    reference; `evidence` what was measured for claims; `ledgers` reads the ledgers of kernels.
    """

    records: tuple[Record, ...]
    quantities: dict[str, Quantity]
    machines: tuple[str, ...]
    past: tuple[PastRun, ...] = ()
    hidden: tuple[Record, ...] = ()
    whole: Comparison | None = None
    modes: tuple[Record, ...] = ()
    ratios: tuple[RatioCurve, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    ledgers: Ledgers = no_ledgers

    @property
    def newest(self) -> Record:
        return max(self.records, key=lambda record: record.started)

    @cached_property
    def networks(self) -> tuple[Record, ...]:
        """One record per architecture, the newest machine's, with what it lacks that does not depend on the machine."""
        return tuple(sorted(merged(record for machine in self.machines for record in self.of(machine)), key=_order))

    @cached_property
    def latest(self) -> tuple[Record, ...]:
        """Those of the newest machine, for times beside what does not depend on the machine."""
        return tuple(record for record in self.networks if record.machine == self.machines[0])

    @cached_property
    def families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(record.family for record in self.records))

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """Everything that is not plainly a number, with its reason; and times that lack rounds because these failed."""
        every = (*self.records, *self.modes)
        pairs = ((record, reading) for record in every for reading in record.readings.values())
        verdicts = ((record, reading, reading.verdict) for record, reading in pairs)
        doubtful = [
            Remark(record, reading.quantity, verdict.status, verdict.reason or "")
            for record, reading, verdict in verdicts
            if verdict.status != "ok"
        ]
        lacking = [
            Remark(record, reading.quantity, "ok", reading.loss)
            for record in every
            for reading in record.readings.values()
            if reading.loss and reading.measured
        ]
        return (*doubtful, *lacking)

    @cached_property
    def _by_machine(self) -> dict[str, tuple[Record, ...]]:
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.machine, []).append(record)
        return {machine: tuple(records) for machine, records in found.items()}

    def of(self, machine: str) -> tuple[Record, ...]:
        return self._by_machine.get(machine, ())

    @cached_property
    def _modes(self) -> dict[tuple[str, str], tuple[Record, ...]]:
        found: dict[tuple[str, str], list[Record]] = {}
        for record in self.modes:
            found.setdefault((record.machine, record.architecture), []).append(record)
        return {place: tuple(records) for place, records in found.items()}

    def modes_of(self, record: Record) -> tuple[Record, ...]:
        """The other modes of an architecture on the same machine, in the order of its file."""
        return self._modes.get((record.machine, record.architecture), ())

    def network(self, name: str) -> Record | None:
        return next((record for record in self.networks if record.architecture == name), None)

    def column(self, key: str, machine: str | None = None) -> list[float | None]:
        """The values of a quantity, of one machine or all."""
        return [record.value(key) for record in self.records if machine in (None, record.machine)]

    def measured(self, group: str) -> list[Quantity]:
        """The quantities of a group that at least one record has a number for."""
        rows = (quantity for quantity in self.quantities.values() if quantity.group == group)
        return [quantity for quantity in rows if any(value is not None for value in self.column(quantity.key))]

    @cached_property
    def winners(self) -> dict[tuple[str, str], float]:
        """The best value of each machine and quantity, if no network lacks the value and at most half have the best."""
        found = {}
        for key, quantity in self.quantities.items():
            for machine in self.machines:
                rivals = [record.readings[key] for record in self.of(machine) if key in record.readings]
                values = [reading.value for reading in rivals if reading.value is not None]
                fair = len(values) == len(self.of(machine)) and (quantity.group != "finetune" or is_one_ranking(rivals))
                best = (min if quantity.better == "lower" else max)(values, default=0.0)
                if quantity.better != "neither" and fair and 0 < values.count(best) <= len(values) / 2:
                    found[machine, key] = best
        return found

    def is_best(self, record: Record, key: str) -> bool:
        """Whether a record has the best value of its machine, and the run distinguishes it from all others.

        Nothing is known of the noise of a duration that is measured once, or of resident memory; a training of a few
        steps or images has no best.
        """
        value = record.value(key)
        if value is None or value != self.winners.get((record.machine, key)):
            return False
        reading = record.readings[key]
        if held_out.IMAGES in reading.detail:
            return is_enough(record, key) and len(self.shares(record.machine, key).like(record.architecture)) == 1
        if reading.timed:
            return len(self.times(record.machine, key).like(record.architecture)) == 1
        return key not in SAMPLED and reading.quantity.unit not in ("s", "1/s")

    def times(self, machine: str, key: str) -> Times:
        """The times of a machine, to ask which of them the run distinguishes."""
        if (machine, key) not in self._times:
            readings = ((record.architecture, record.readings.get(key)) for record in self.of(machine))
            self._times[machine, key] = Times({name: reading for name, reading in readings if reading})
        return self._times[machine, key]

    def shares(self, machine: str, key: str) -> Shares:
        """The shares of held-out images of a machine, to ask which of them the run distinguishes."""
        readings = ((record.architecture, record.readings.get(key)) for record in self.of(machine))
        return held_out.shares({name: reading for name, reading in readings if reading})

    def unmatched(self, records: Iterable[Record], key: str) -> tuple[Record, ...]:
        """Those of a front in time for which the run finds no more accurate weights that are as fast."""
        kept = []
        for record in records:
            like = self.times(record.machine, key).like(record.architecture)
            rivals = [each.value("imagenet_top1") or 0 for each in self.of(record.machine) if each.architecture in like]
            if max(rivals, default=0) <= (record.value("imagenet_top1") or 0):
                kept.append(record)
        return tuple(kept)

    @cached_property
    def _times(self) -> dict[tuple[str, str], Times]:
        return {}

    @cached_property
    def front(self) -> tuple[Record, ...]:
        """The Pareto front of published top-1 against MACs, of the networks that have both."""
        return front(self.networks, "macs")

    @cached_property
    def coverage(self) -> Coverage:
        """How many networks have a published accuracy, also of those that a picture leaves out."""
        found = [accuracy(record) for record in (*self.networks, *self.hidden)]
        rated = [each for each in found if each and each.top1 is not None]
        return Coverage(sum(not each.paper for each in rated), len(rated), len(found))


def compare(records: Sequence[Record]) -> Comparison:
    """Puts records of all modes side by side, with the intervals of their run; ReporterError where there is none."""
    every = with_current_curves(held_out.with_share_intervals(with_intervals(records)))
    records = [record for record in every if record.mode == EAGER]
    if not records:
        raise ReporterError("no records to report; measure first: reporter --out DIR")
    newest = sorted(records, key=lambda record: (record.started, record.machine), reverse=True)
    machines = tuple(dict.fromkeys(record.machine for record in newest))
    ordered = sorted(records, key=lambda record: (*_order(record), machines.index(record.machine)))
    readings = [reading for record in newest for reading in record.readings.values()]
    modes = tuple(record for record in every if record.mode != EAGER)
    quantities = training_names.renamed(quantities_of(readings), training_names.start(records))
    return Comparison(tuple(ordered), quantities, machines, modes=modes)


def front(records: Iterable[Record], key: str) -> tuple[Record, ...]:
    """The Pareto front: records that no other beats in published top-1 at as low a cost, cheapest first.

    Records with the same accuracy at the same cost are on it together. Its accuracies are those of published weights; a
    paper's own figure is one of weights that may not be published.
    """
    priced = ((record.value(key), accuracy(record), record) for record in records)
    rated = [(cost, -a.top1, record) for cost, a, record in priced if cost and a and a.top1 and not a.paper]
    best, winners = (0.0, 0.0), []
    for cost, loss, record in sorted(rated, key=lambda row: (*row[:2], row[2].architecture)):
        if loss < best[1] or (cost, loss) == best:
            best = cost, loss
            winners.append(record)
    return tuple(winners)


def whole_front(records: Sequence[Record], key: str) -> tuple[Record, ...]:
    """The same, empty where any of the records lacks the accuracy or the cost: it might beat those of the front."""
    rated = [record for record in records if record.value(key) and record.value("imagenet_top1") is not None]
    return front(records, key) if len(rated) == len(records) else ()


def accuracy(record: Record) -> Accuracy | None:
    """The published single-crop accuracy: that of the weights, else what the paper says of its own."""
    top1, top5 = record.value("imagenet_top1"), record.value("imagenet_top5")
    if top1 is not None or top5 is not None:
        return Accuracy(top1, top5, paper=False)
    first, fifth = (paper_accuracy(record, top) for top in ("top1", "top5"))
    return None if first is None and fifth is None else Accuracy(first, fifth, paper=True)


def paper_accuracy(record: Record, top: str = "top1") -> float | None:
    """The accuracy of the error that the paper states, rounded so that an error of 21.1 % is exactly 0.789."""
    error = published(record, f"paper_1crop_{top}_err")
    return None if error is None else round(1 - error / 100, 7)


def published(record: Record, key: str) -> float | None:
    """A published figure as a number, None where there is none."""
    try:
        figure = float(str(record.published.get(key) or ""))
    except ValueError:
        return None
    return number(figure)


def number(value: object) -> float | None:
    """A number that a record's details hold, None where they hold something else."""
    return value if isinstance(value, int | float) and are_numbers((value,)) else None


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key that puts resnet50 before resnet101."""
    parts = re.split(r"(\d+)", name.lower())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def _order(record: Record) -> tuple[int, str, tuple[tuple[int, int | str], ...]]:
    """By year, those without one last, then by family, capital letters as small ones: SE-ResNet before SE-ResNeXt."""
    return record.year or MOST["year"], record.family.casefold(), natural(record.architecture)
