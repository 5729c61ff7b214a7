"""Changed kernels: layers that ran another implementation than before, an exact finding.

The record of an architecture has the digests of its kernels in each mode and setting (kernel_digests.py); the ledgers
of both sides are read only where they differ. A product of matrices that ran in another BLAS library is a changed
kernel, too, if the library is known on both sides; another version of it is named beside a finding. Kernels are
compared between records of one machine, mode and thread setting, taken under the same conditions except for environment
variables and the versions of the mode's engine, which are named beside the finding. A layer is compared if both sides
ran it with the same shapes, or in two operators with as many MACs and outputs: another definition of the network is no
change of kernels.

torch.compile numbers the kernels that it generates, `cpp_fused_relu_3`, and another version of torch may fuse and
number them differently. The ledger has such a name as the operator and `inductor` as the kernel, so that these calls
are never a finding; those with another name or other shapes are not compared.

The verdict on the time beside a finding is that of the latency of the same mode and setting (kernel_effects.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

from pydantic import JsonValue

from reporter.compare import kernel_digests
from reporter.compare.changed_calls import ChangedCalls, changed_calls
from reporter.compare.differences import Change, Gap, KernelChange, KernelSwap, Timing
from reporter.compare.kernel_digests import ENGINE, CallDigests, of_calls
from reporter.compare.kernel_effects import UNRESOLVED, KernelEffects
from reporter.compare.matching import Pair, settings_in_words
from reporter.compare.processors import native_on_one_side, other_precisions
from reporter.documents.comparisons import KernelChangeRow, KernelSwapRow
from reporter.model import Quantity, Reading, ReporterError
from reporter.model.names import first_of
from reporter.model.profiles import KernelLedger
from reporter.model.readings import same_conditions
from reporter.model.records import EAGER

VARIABLES = "variables"
TITLES = {
    "cpu_1thread": "Kernels, CPU, 1 thread",
    "cpu": "Kernels, CPU",
    "cuda": "Kernels, CUDA",
}
SIDES = ("BASE", "NEW")
NAMED = 3
"""Layers that are named for each change of names; the rest is counted."""

Ledgers = Callable[[str, str], KernelLedger]
"""Reads the ledger of a machine and an architecture; raises ReporterError if there is none."""
Sides = tuple[Ledgers, Ledgers]


def no_ledgers(machine: str, architecture: str) -> KernelLedger:
    """The ledgers of records that are in no folder."""
    raise ReporterError(f"there is no ledger of {architecture} on {machine}")


NONE: Sides = (no_ledgers, no_ledgers)


def compare(pairs: Iterable[Pair], timings: Iterable[Timing], ledgers: Sides = NONE) -> tuple[list[Change], list[Gap]]:
    """The changed kernels of all pairs, eager first, and what could not be compared."""
    here = [(pair, of_pair) for pair in pairs if pair.one_machine and (of_pair := settings(pair))]
    swapped: list[tuple[Pair, KernelChange]] = []
    gaps: dict[tuple[str, str, str], tuple[Quantity, list[str]]] = {}
    for _, group in groupby(sorted(here, key=_place), key=_place):
        opened = _Opened(ledgers)
        for pair, of_pair in group:
            for setting in of_pair:
                found = _compared(pair, setting, opened)
                if isinstance(found, KernelChange):
                    swapped.append((pair, found))
                elif found:
                    gap = gaps.setdefault((pair.new.mode, setting, found), (quantity(setting), []))
                    gap[1].append(pair.new.architecture)
    effects = KernelEffects(timings, ((pair, found.setting) for pair, found in swapped))
    changes = [_with_time(pair, found, effects) for pair, found in swapped]
    changes.sort(key=lambda change: change.mode != EAGER)
    missing = [Gap(why, of, tuple(names), mode=mode) for (mode, _, why), (of, names) in gaps.items()]
    return changes, sorted(missing, key=lambda gap: gap.mode != EAGER)


def settings(pair: Pair) -> list[str]:
    """The settings in which either side has kernels."""
    return list(kernel_digests.sources(pair.base) | kernel_digests.sources(pair.new))


def quantity(setting: str) -> Quantity:
    """The metric that a changed kernel is a finding of."""
    return Quantity(
        key=f"kernels_{setting}",
        title=TITLES.get(setting, f"Kernels, {setting}"),
        unit="1",
        group="compute",
        better="neither",
        definition="The implementation that each layer ran.",
    )


class _Opened:
    """The ledgers of an architecture in BASE and NEW, each read at the first use.

    Several modes and settings may have the same calls: what follows from these is computed once.
    """

    def __init__(self, ledgers: Sides) -> None:
        self.ledgers = ledgers
        self._found: dict[int, KernelLedger] = {}
        self._digests: dict[tuple[int, tuple[int, ...]], CallDigests] = {}
        self._changed: dict[tuple[tuple[int, ...], ...], ChangedCalls] = {}

    def belongs(self, pair: Pair, side: int, setting: str, reading: Reading) -> bool:
        """Whether the calls of a side are those that the digests of a reading are of; raises as `_read`."""
        ledger = self._read(pair, side)
        place = side, ledger.numbers(pair.new.mode, setting)
        if place not in self._digests:
            self._digests[place] = of_calls(ledger.of(pair.new.mode, setting))
        return self._digests[place].equal(reading)

    def changed(self, pair: Pair, setting: str) -> ChangedCalls:
        """`changed_calls` of both sides in the mode of a pair; raises as `_read`."""
        ledgers = [self._read(pair, side) for side in range(2)]
        place = tuple(ledger.numbers(pair.new.mode, setting) for ledger in ledgers)
        if place not in self._changed:
            self._changed[place] = changed_calls(*(ledger.of(pair.new.mode, setting) for ledger in ledgers))
        return self._changed[place]

    def source(self, pair: Pair, side: int, setting: str) -> Reading | None:
        """The reading with the digest of a side; of two that differ, the one that the ledger belongs to."""
        found = kernel_digests.of_setting((pair.base, pair.new)[side], setting)
        if any(kernel_digests.differing(found[0], each) for each in found[1:]):
            with suppress(ReporterError):
                found = [each for each in found if self.belongs(pair, side, setting, each)] or found
        return found[0] if found else None

    def _read(self, pair: Pair, side: int) -> KernelLedger:
        """The ledger of a side; raises ReporterError where it cannot be read."""
        if side not in self._found:
            self._found[side] = self.ledgers[side](pair.new.machine, pair.new.architecture)
        return self._found[side]


def _place(found: tuple[Pair, list[str]]) -> tuple[str, str]:
    pair, _ = found
    return pair.new.architecture, pair.new.machine


def _with_time(pair: Pair, found: KernelChange, effects: KernelEffects) -> Change:
    """The finding about the changed kernels of a pair, with what the times say."""
    effect, ratio = effects.of(pair, found.setting)
    timed = replace(found, time=effect, ratio=ratio)
    place = pair.new.architecture, pair.new.machine
    return Change("exact", *place, quantity(found.setting), reason=in_words(timed), mode=pair.new.mode, kernels=timed)


def _compared(pair: Pair, setting: str, opened: _Opened) -> KernelChange | str:
    """The changed kernels of a pair, without the time; else why they could not be compared, empty if they are equal."""
    base, new = (opened.source(pair, side, setting) for side in range(2))
    if base is None or new is None:
        why = native_on_one_side(pair.new.mode, pair.base, pair.new)
        return why or f"only {'BASE' if base else 'NEW'} has it"
    if not same_conditions(_kept(base), _kept(new)):
        return f"taken under other settings ({settings_in_words(base, new)})"
    if not (what := kernel_digests.differing(base, new)):
        return ""
    if why := other_precisions(pair.base, pair.new) or _unread(pair, setting, opened, (base, new), what):
        return why
    swaps, compared, other = opened.changed(pair, setting)
    if not swaps:
        return "the layers differ in their shapes, or only one side has them" if other else ""
    versions = kernel_digests.changed_versions(base, new)
    return KernelChange(setting, swaps, compared, UNRESOLVED, None, _differing(base, new), versions)


def _unread(pair: Pair, setting: str, opened: _Opened, readings: Sequence[Reading], what: str) -> str:
    """Why the ledgers cannot be compared, of which `what` differs; empty if they can."""
    opening = f"the {what} differ, but the ledger of"
    for side, reading in enumerate(readings):
        try:
            belongs = opened.belongs(pair, side, setting, reading)
        except ReporterError:
            return f"{opening} {SIDES[side]} is missing or cannot be read"
        if not belongs:
            return f"{opening} {SIDES[side]} does not belong to its record"
    return ""


def names_in_words(found: KernelChange | KernelChangeRow) -> str:
    """The changed kernels with their layers and both names, in English."""
    return "; ".join(f"{_places(swap)}: {swap.base} -> {swap.new}" for swap in found.swaps)


def _places(swap: KernelSwap | KernelSwapRow) -> str:
    """The distinct layers, and the number of calls where it is another: `head (3 calls)`."""
    names = tuple(dict.fromkeys(swap.layers))
    calls = f" ({len(swap.layers)} calls)" if len(swap.layers) > len(names) else ""
    return f"{first_of(names, NAMED)}{calls}"


def in_words(found: KernelChange) -> str:
    """The same with what the times say, and the environment variables and versions of libraries that differ."""
    beside = (*found.variables, *found.libraries)
    under = f"; {', '.join(beside)}" if beside else ""
    return f"{names_in_words(found)}; time: {found.time}{under}"


def _kept(reading: Reading) -> Mapping[str, object]:
    """The conditions without those that are named beside a finding."""
    return {key: value for key, value in reading.conditions.items() if key not in (VARIABLES, ENGINE)}


def _differing(base: Reading, new: Reading) -> tuple[str, ...]:
    """The environment variables that differ, with both values."""
    before, now = ({} if not isinstance(each, dict) else each for each in _variables(base, new))
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return tuple(f"{name}: {before.get(name, 'not set')} → {now.get(name, 'not set')}" for name in names)


def _variables(*sides: Reading) -> list[JsonValue]:
    return [side.conditions.get(VARIABLES) for side in sides]


def rows(changes: Iterable[Change]) -> Iterator[tuple[Change, tuple[Change, ...]]]:
    """Changed kernels of an architecture and mode that are the same in several settings together."""
    groups: dict[object, list[Change]] = {}
    for change in changes:
        if change.kernels:
            beside = (change.kernels.variables, change.kernels.libraries)
            same = (change.architecture, change.machine, change.mode, change.kernels.swaps, beside)
            groups.setdefault(same, []).append(change)
    yield from ((group[0], tuple(group)) for group in groups.values())
