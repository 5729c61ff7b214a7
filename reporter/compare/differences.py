"""The results of a comparison, as dataclasses."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from reporter.model import Number, Quantity
from reporter.model.records import EAGER, pair_name
from reporter.model.settings import FailOn

Kind = Literal["exact", "failed", "removed", "recovered", "new", "information"]
TimeVerdict = Literal["regressed", "improved", "unchanged", "noisy"]
TimeEffect = Literal["slower", "faster", "not resolved"]
Stored = Annotated[TimeVerdict, Field(validation_alias="judgement", serialization_alias="judgement")]
"""A verdict, which files contain under the key `judgement`."""

BROKEN: tuple[Kind, ...] = ("exact", "failed", "removed")
"""What `--fail-on exact` fails on."""
LEVEL: tuple[FailOn, ...] = ("level", "any")
"""The values of `--fail-on` that include levels."""


class OfPair:
    """What is about an (architecture, mode) pair."""

    architecture: str
    mode: str

    @property
    def name(self) -> str:
        """The pair as texts name it."""
        return pair_name(self.architecture, self.mode)


@dataclass(frozen=True)
class KernelSwap:
    """The layers that ran one kernel before and another now, by the names of both."""

    base: str
    new: str
    layers: tuple[str, ...]


@dataclass(frozen=True)
class KernelChange:
    """Changed kernels of a pair in a thread setting: `compared` calls were compared.

    `time` is the verdict on the latency in this setting, `ratio` new over old, None where it was not measured on both
    sides; `variables` has the environment variables that differ, `libraries` the packages of the engine and the
    libraries that both sides used in different versions.
    """

    setting: str
    swaps: tuple[KernelSwap, ...]
    compared: int
    time: TimeEffect
    ratio: float | None = None
    variables: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    @property
    def layers(self) -> int:
        """How many calls ran another kernel."""
        return sum(len(swap.layers) for swap in self.swaps)


@dataclass(frozen=True)
class Change(OfPair):
    """A number, status or kernel that is not what it was; `quantity` is None where the whole pair came or went.

    `device` is the kind of device of an output error; empty for all others.
    """

    kind: Kind
    architecture: str
    machine: str
    quantity: Quantity | None = None
    base: Number | None = None
    new: Number | None = None
    reason: str | None = None
    mode: str = field(default=EAGER, kw_only=True)
    kernels: KernelChange | None = field(default=None, kw_only=True)
    device: str = field(default="", kw_only=True)


@dataclass(frozen=True, config=ConfigDict(populate_by_name=True))
class TimeChange(OfPair):
    """The verdict on a time: `ratio` is new time over old, without what all architectures share if it is `relative`."""

    architecture: str
    machine: str
    quantity: Quantity
    verdict: Stored
    base: float
    new: float
    relative: bool
    ratio: float
    mode: str = field(default=EAGER, kw_only=True)


@dataclass(frozen=True)
class Timing(TimeChange):
    """The verdict on a time compared with one run; `low` and `high` are the 95 % interval of `ratio`.

    `floor` is the smallest change that would be detected, `rank` the p-value of the rank test where it was needed.
    """

    low: float | None
    high: float | None
    floor: float | None
    rank: float | None
    reason: str | None


@dataclass(frozen=True)
class Level(TimeChange):
    """The verdict on a time compared with its level: the median of the last accepted `runs` of the machine.

    `floor` is the change that noise can reach; the change is the mean of the last `over` runs, this one included.
    """

    floor: float
    runs: int
    over: int


@dataclass(frozen=True)
class Basis:
    """What the times of one quantity on one machine, in one mode, were judged by: `common` is what all share."""

    machine: str
    quantity: Quantity
    networks: int
    relative: bool
    common: float
    floor: float | None
    mode: str = field(default=EAGER, kw_only=True)


@dataclass(frozen=True)
class Gap:
    """What could not be compared, and why; no quantity where it is all times."""

    why: str
    quantity: Quantity | None
    architectures: tuple[str, ...]
    mode: str = field(default=EAGER, kw_only=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The pairs as texts name them."""
        return tuple(pair_name(name, self.mode) for name in self.architectures)


@dataclass(frozen=True)
class Differences:
    """All that a comparison found; every time that was judged is in `timings`, changed or not."""

    changes: tuple[Change, ...] = ()
    timings: tuple[Timing, ...] = ()
    bases: tuple[Basis, ...] = ()
    gaps: tuple[Gap, ...] = ()
    levels: tuple[Level, ...] = ()
    without_level: tuple[Gap, ...] = ()
    """What could not be compared with its level, unless it is in `gaps`."""

    def gated_by(self, on: FailOn) -> Differences:
        """The same, with what has no level among what could not be compared if `--fail-on` includes levels."""
        return replace(self, gaps=(*self.gaps, *self.without_level), without_level=()) if on in LEVEL else self

    def of(self, kind: Kind) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind == kind)

    def with_verdict(self, verdict: TimeVerdict) -> tuple[Timing, ...]:
        return tuple(timing for timing in self.timings if timing.verdict == verdict)

    def above_level(self) -> tuple[Level, ...]:
        """The times that are slower than their level."""
        return tuple(level for level in self.levels if level.verdict == "regressed")

    @property
    def names(self) -> frozenset[str]:
        """The architectures, with and without their modes, and the machines."""
        rows: tuple[Change | TimeChange, ...] = (*self.changes, *self.timings, *self.levels)
        gaps = (*self.gaps, *self.without_level)
        compared = (name for gap in gaps for name in (*gap.architectures, *gap.names))
        return frozenset((*(name for row in rows for name in (row.architecture, row.name, row.machine)), *compared))

    @property
    def changed(self) -> bool:
        times = self.with_verdict("regressed") or self.with_verdict("improved") or self.above_level()
        return bool(self.changes or times)

    def fails(self, on: FailOn) -> bool:
        """Whether this is what `--fail-on` fails on; what got better never is."""
        broken = any(self.of(kind) for kind in BROKEN)
        slower, above = bool(self.with_verdict("regressed")), bool(self.above_level())
        some = broken or slower or above
        return {"exact": broken, "timing": slower, "level": above, "any": some, "never": False}[on]
