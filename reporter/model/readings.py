"""Readings: a measured metric as it is stored, with its samples, status and reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, model_validator

from reporter.model import coverages, device_states, run_medians, thread_counts
from reporter.model.fields import FRACTIONS, UNITS, Name, Sample, are_numbers, combination
from reporter.model.origins import UNKNOWN, Origin, share
from reporter.model.reasons import dropped_heads, why_noisy
from reporter.stats import samples as sample_statistics

if TYPE_CHECKING:
    from reporter.stats.intervals import Spread

Status = Literal["ok", "noisy", "failed", "oom", "timeout", "skipped", "unsupported"]
Group = Literal["size", "compute", "memory", "latency", "profile", "finetune"]
Better = Literal["lower", "higher", "neither"]
GROUPS: tuple[Group, ...] = ("size", "compute", "memory", "latency", "profile", "finetune")
SCHEMA = 2
"""Of records: since 2 they have modes. Older ones are read, too."""
EVIDENCE_SCHEMA = 1
NOISY_SPREAD = 0.10
"""A time whose rounds lie further apart than this share of the median is noisy; `why_noisy` has the whole rule."""
WITHIN = "interval within one process only"
"""Why an interval of fewer than three rounds is narrow: it does not contain how far processes differ."""
FOREIGN_LOAD = "foreign_load"
"""In a time's detail: the share of the processors that other programs kept busy, round by round."""
MOST_SAMPLES = 500_000
"""A reading has no more samples than this."""
DISTURBING = 0.10
"""A foreign load above this share disturbs."""
SPEEDUP = "speedup_"
"""How the keys of ratios of times begin: eager over a mode."""
EFFORT = ("rounds", "seconds", "goal")
"""Conditions that only say how much is sampled: more of it refines a time, it does not replace it."""

Number = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]


class ReporterError(Exception):
    """An error that the user can fix: one line with what is wrong and what to do."""


class UnsupportedError(ReporterError):
    """A figure that a network does not have, with the reason: the status of its reading is `unsupported`."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Quantity(Model):
    """What a column means: a key of the contract, its unit, and the sentence that defines it."""

    key: Name
    title: Name
    unit: Literal["1", "s", "B", "1/s", "B/s", "1/B"]
    group: Group
    better: Better
    definition: str
    centre: Literal["median", "mean"] = "median"

    @property
    def is_ratio(self) -> bool:
        """Whether it is a ratio of two times that were measured in turns."""
        return self.key.startswith(SPEEDUP)


class Verdict(NamedTuple):
    status: Status
    reason: str | None


class LostRound(Model):
    """A round that was tried and gave no samples: its number from 0, the status, the reason and the run."""

    number: int = Field(ge=0)
    status: Status
    reason: str
    origin: Origin


class Reading(Model):
    """One quantity of one architecture: raw samples in base units, or the reason why there are none.

    `rounds` has the number of samples of each round; `origins` the run and time of each round, in the same order, empty
    in records of reporter 0.1.0, whose rounds all belong to one run; `lost` the rounds that failed after others had
    succeeded, and those of an execution mode in which the worker crashed. `settings` has what the reading depends on
    besides the machine; `detail` what the samples do not contain (a learning curve, a table of operators).
    """

    quantity: Quantity
    samples: Annotated[tuple[Sample, ...], Field(max_length=MOST_SAMPLES)] = ()
    rounds: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    origins: tuple[Origin, ...] = ()
    lost: tuple[LostRound, ...] = ()
    status: Status = "ok"
    reason: str | None = None
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    detail: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        """Refuses what only a hand or a fault can have written; makes equal quantities and origins one object."""
        share(self)
        quantity, samples, rounds, origins = self.quantity, self.samples, self.rounds, self.origins
        unit, key = quantity.unit, quantity.key
        if not are_numbers(samples):
            raise ValueError("samples should be numbers, finite and not out of all proportion")
        if unit != UNITS.get(key, unit):
            raise ValueError(f"{key} is given in {unit!r}, not in {UNITS[key]!r}")
        if not samples and self.status == "ok":
            raise ValueError("the status is ok, but there are no samples")
        if rounds and sum(rounds) != len(samples):
            raise ValueError(f"the rounds took {sum(rounds)} samples, but there are {len(samples)}")
        if origins and len(origins) != len(rounds):
            raise ValueError(f"{len(origins)} origins for {len(rounds)} rounds")
        lowest = min(samples, default=1)
        if lowest <= 0 and unit in ("s", "1/s"):
            raise ValueError("a time is not positive")
        if lowest < 0 and (unit == "B" or key in UNITS):
            raise ValueError("a size or a count is negative")
        if key in FRACTIONS and max(samples, default=0) > 1:
            raise ValueError("a share is more than 1")
        return self

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Restores a pickled reading, which shares with others what it shared before."""
        super().__setstate__(state)
        share(self)

    def __copy__(self) -> Self:
        """A copy without what was derived from the samples: `model_copy` may replace them."""
        copied = super().__copy__()
        for derived in ("value", "interval", "verdict", "levels", "spread"):
            copied.__dict__.pop(derived, None)
        return copied

    def with_spread(self, spread: Spread) -> Self:
        """A copy whose value, interval and verdict follow the spread of the run that it belongs to."""
        copied = self.model_copy()
        copied.__dict__["spread"] = spread
        return copied

    @cached_property
    def value(self) -> float | None:
        """The median (or mean) of the samples that count, of a ratio on logarithms; an exact integer if it is one."""
        if not self.measured:
            return None
        samples = [sample for part in self.counted for sample in part] if self.moved is not None else self.samples
        kind = "log" if self.quantity.is_ratio else combination(self.quantity.key, self.quantity.centre)
        return sample_statistics.centre(samples, kind)

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `value`, where the samples carry one: of a time, at the level of rounds."""
        if not self.measured or self.value is None:
            return None
        if not self.timed:
            found = sample_statistics.interval(self.samples, combination(self.quantity.key, self.quantity.centre))
            return (max(0.0, found[0]), found[1]) if found and self.quantity.unit == "s" else found
        from reporter.stats import intervals

        return intervals.bounds(self.value, self.counted, self.spread, self.quantity.is_ratio)

    @property
    def measured(self) -> bool:
        return self.status == "ok" and bool(self.samples)

    @property
    def conditions(self) -> dict[str, JsonValue]:
        """The settings that make it another reading; earlier records also list effort and unused threads."""
        effort = EFFORT if self.rounds or self.quantity.group in ("latency", "profile") else ()
        return thread_counts.conditions_of(self.quantity.key, self.settings, effort)

    def by_run(self) -> list[tuple[str, str, list[Sequence[float]]]]:
        """The samples of each round, by run: (run, start of its first round, rounds), the run stored last at the end.

        Their starts do not decide: the clock may have been set back. Rounds of unknown origin are of one run named "".
        """
        parts = sample_statistics.split(self.samples, self.rounds) if self.samples else []
        if parts and len({origin.run for origin in self.origins}) == 1:
            return [(self.origins[0].run, self.origins[0].started, parts)]
        runs: dict[str, tuple[str, list[Sequence[float]]]] = {}
        for origin, part in zip(self.origins or (UNKNOWN,) * len(parts), parts, strict=True):
            runs[origin.run] = found = runs.pop(origin.run, (origin.started, []))
            found[1].append(part)
        return [(run, *of_run) for run, of_run in runs.items()]

    def of_run(self, run: str) -> Self:
        """The reading with the rounds of one run only."""
        origins = self.origins or (UNKNOWN,) * max(1, len(self.rounds))
        parts = sample_statistics.split(self.samples, self.rounds)
        mine = [number for number, origin in enumerate(origins) if origin.run == run]
        samples = tuple(sample for number in mine for sample in parts[number])
        per_round = {
            key: [value[number] for number in mine]
            for key, value in self.detail.items()
            if isinstance(value, list) and len(value) == len(self.rounds)
        }
        update = {
            "samples": samples,
            "rounds": tuple(self.rounds[number] for number in mine) if self.rounds else (),
            "origins": tuple(self.origins[number] for number in mine) if self.origins else (),
            "lost": tuple(lost for lost in self.lost if lost.origin.run == run),
            "detail": self.detail | per_round,
        }
        return self.model_copy(update=update)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about the value, or why there is none: verdict, auxiliary heads, device, and what was lost."""
        own = self.reason or coverages.doubt(self.quantity.key, self.value)
        reasons = dict.fromkeys((self.verdict.reason, own))  # a noisy time may have both
        about = dropped_heads(self.detail), *device_states.notes(self.detail)
        return tuple(filter(None, (*reasons, *about, self.loss)))

    @property
    def loss(self) -> str | None:
        """How many rounds failed and why; None where none did."""
        if not self.lost:
            return None
        reasons = dict.fromkeys(lost.reason or lost.status for lost in self.lost)
        count = len(self.lost)
        return f"{count} of {count + len(self.rounds)} rounds lost ({'; '.join(reasons)})"

    @property
    def timed(self) -> bool:
        """Whether it is a median of times or rates, or of ratios of them, whose rounds vary."""
        of, sampled = self.quantity, self.quantity.unit in ("s", "1/s") or self.quantity.is_ratio
        return self.measured and sampled and of.centre == "median" and of.group != "profile"

    @cached_property
    def levels(self) -> run_medians.Levels:
        """The logarithms of the medians of the rounds of a time, run by run, oldest first."""
        return run_medians.levels(self.by_run())

    @cached_property
    def spread(self) -> Spread:
        """How far the medians of its rounds vary, by these rounds alone; `with_spread` has that of its whole run."""
        from reporter.stats import intervals

        return intervals.alone([logs for _, logs in self.levels])

    @property
    def counted(self) -> list[Sequence[float]]:
        """The samples of the rounds that count: of the newest run only where its level differs from an older one's."""
        parts = self.by_run()[-1:] if self.moved is not None else self.by_run()
        return [part for _, _, rounds in parts for part in rounds if part]

    @property
    def moved(self) -> str | None:
        """The latest older run of a time whose level differs from the newest run's by more than its rounds vary."""
        if len({origin.run for origin in self.origins}) < 2 or not self.timed:
            return None
        return run_medians.moved(self.levels, self.spread)

    @cached_property
    def verdict(self) -> Verdict:
        """The status as it is reported: `noisy` is derived from the samples, never stored."""
        if not self.timed:
            return Verdict(self.status, self.reason)
        before = self.moved
        change = run_medians.change(self.by_run(), before, self.quantity.unit) if before is not None else None
        rounds = self.counted
        doubt = change or self._disturbance or why_noisy(rounds, NOISY_SPREAD, self.interval, self.quantity.is_ratio)
        within = WITHIN if self.interval and len(rounds) < sample_statistics.FEWEST_ROUNDS else None
        return Verdict("noisy", doubt) if doubt else Verdict("ok", self.reason or within)

    @property
    def background_load(self) -> float:
        """The share of the processors that other programs kept busy in the worst of the rounds, as far as known."""
        shares = self.detail.get(FOREIGN_LOAD)
        numeric = [share for share in shares if isinstance(share, int | float)] if isinstance(shares, list) else []
        return max(numeric, default=0.0)

    @property
    def disturbed(self) -> bool:
        """Whether other programs made a time unreliable, whatever its samples show."""
        return self.background_load > DISTURBING

    @property
    def _disturbance(self) -> str | None:
        """The reason for a disturbed time: it precedes what the samples show, which is a consequence."""
        return f"other programs kept {self.background_load:.0%} of the processors busy" if self.disturbed else None


def same_conditions(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether conditions are the same; images that only one side has a digest of are taken to be."""
    if one == other:
        return True
    unknown = {"data"} - (one.keys() & other.keys())
    return all(one.get(key) == other.get(key) for key in (one.keys() | other.keys()) - unknown)
