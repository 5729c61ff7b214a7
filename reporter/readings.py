"""What is measured and kept: it turns into JSON and back, and explains itself without the code that made it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, field_validator, model_validator, with_config
from typing_extensions import TypedDict

from reporter import runs, statistics
from reporter.fields import FRACTIONS, MOST, UNITS, Facts, Name, Sample, are_numbers

if TYPE_CHECKING:
    from reporter.intervals import Spread

Status = Literal["ok", "noisy", "failed", "oom", "timeout", "skipped", "unsupported"]
Group = Literal["size", "compute", "memory", "latency", "finetune"]
Better = Literal["lower", "higher", "neither"]
GROUPS: tuple[Group, ...] = ("size", "compute", "memory", "latency", "finetune")
SCHEMA = 1
NOISY_SPREAD = 0.10
"""A time whose rounds lie further apart than this share of the median is called noisy; `doubt` has the whole rule."""
WITHIN = "interval within one process only"
"""Why an interval of fewer than three rounds is narrow: it does not contain how far processes differ."""
FOREIGN_LOAD = "foreign_load"
"""In a time's detail: the share of the processors that other programs kept busy, round by round."""
DISTURBING = 0.10
"""A foreign load above this share disturbs."""

Number = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]


class ReporterError(Exception):
    """Something the user can mend: one line that says what is wrong and what would be right."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Quantity(_Model):
    """What a column means: a key of the contract, its unit, and the sentence that defines it."""

    key: Name
    title: Name
    unit: Literal["1", "s", "B", "1/s"]
    group: Group
    better: Better
    definition: str
    centre: Literal["median", "mean"] = "median"


_quantities: dict[Quantity, Quantity] = {}


class Verdict(NamedTuple):
    status: Status
    reason: str | None


class Origin(_Model):
    """The run in which a round was measured (its id in history.jsonl), and when the round started (ISO 8601, UTC)."""

    run: str = Field(max_length=64)
    started: str = Field(max_length=64)


class LostRound(_Model):
    """A round that was tried and gave no samples: its number from 0, the status, the reason and the run."""

    number: int = Field(ge=0)
    status: Status
    reason: str
    origin: Origin


class Reading(_Model):
    """One quantity of one architecture: raw samples in base units, or the reason why there are none.

    `rounds` has the number of samples of each round; `origins` the run and time of each round, in the same order, empty
    in records of reporter 0.1.0, whose rounds all belong to one run; `lost` the rounds that failed after others had
    succeeded. `settings` has what the reading depends on besides the machine; `detail` what the samples do not contain
    (a learning curve, a table of operators).
    """

    quantity: Quantity
    samples: tuple[Sample, ...] = ()
    rounds: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    origins: tuple[Origin, ...] = ()
    lost: tuple[LostRound, ...] = ()
    status: Status = "ok"
    reason: str | None = None
    settings: dict[str, JsonValue] = {}
    detail: dict[str, JsonValue] = {}

    @field_validator("quantity")
    @classmethod
    def _is_shared(cls, quantity: Quantity) -> Quantity:
        """One object for all readings of a quantity: of very many records they would be a third of the memory."""
        return _quantities.setdefault(quantity, quantity)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        """Refuses what no measurement gives and only a hand or a fault can have written."""
        unit, key = self.quantity.unit, self.quantity.key
        if not are_numbers(self.samples):
            raise ValueError("samples should be numbers, finite and not out of all proportion")
        if unit != UNITS.get(key, unit):
            raise ValueError(f"{key} is told in {unit!r}, not in {UNITS[key]!r}")
        if self.status == "ok" and not self.samples:
            raise ValueError("the status is ok, but there are no samples")
        if self.rounds and sum(self.rounds) != len(self.samples):
            raise ValueError(f"the rounds took {sum(self.rounds)} samples, but there are {len(self.samples)}")
        if self.origins and len(self.origins) != len(self.rounds):
            raise ValueError(f"{len(self.origins)} origins for {len(self.rounds)} rounds")
        least = min(self.samples, default=1)
        if least <= 0 and unit in ("s", "1/s"):
            raise ValueError("a time is not positive")
        if least < 0 and (unit == "B" or key in UNITS):
            raise ValueError("a size or a count is negative")
        if key in FRACTIONS and max(self.samples, default=0) > 1:
            raise ValueError("a share is more than 1")
        return self

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
        """The median (or mean) of the samples that count; an exact integer where there is only that one."""
        if not self.measured:
            return None
        samples = [sample for part in self.counted for sample in part] if self.moved is not None else self.samples
        return statistics.centre(samples, self.quantity.centre)

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `value`, where the samples carry one: of a time, at the level of rounds."""
        if not self.measured or self.value is None:
            return None
        if not self.timed:
            return statistics.interval(self.samples, self.quantity.centre)
        from reporter import intervals

        return intervals.bounds(self.value, self.counted, self.spread)

    @property
    def measured(self) -> bool:
        return self.status == "ok" and bool(self.samples)

    @property
    def timed(self) -> bool:
        """Whether it is a median of times or rates, whose rounds vary."""
        return self.measured and self.quantity.unit in ("s", "1/s") and self.quantity.centre == "median"

    def by_run(self) -> list[runs.Run]:
        """Each run, oldest first: its id, when its first round started, the samples of its rounds.

        Rounds without an origin belong to one run, "".
        """
        parts = statistics.split(self.samples, self.rounds)
        if not self.origins:
            return [("", "", parts)]
        found: dict[str, tuple[str, list[Sequence[float]]]] = {}
        for origin, part in sorted(zip(self.origins, parts, strict=True), key=lambda pair: pair[0].started):
            found.setdefault(origin.run, (origin.started, []))[1].append(part)
        return [(run, started, parts) for run, (started, parts) in found.items()]

    @cached_property
    def levels(self) -> runs.Levels:
        """The logarithms of the medians of the rounds of a time, run by run, oldest first."""
        return runs.levels(self.by_run())

    @cached_property
    def spread(self) -> Spread:
        """How far the medians of its rounds vary, by these rounds alone; `with_spread` has that of its whole run."""
        from reporter import intervals

        return intervals.alone([logs for _, logs in self.levels])

    @property
    def counted(self) -> list[Sequence[float]]:
        """The samples of the rounds that count: of the newest run only where its level differs from an older one's."""
        parts = self.by_run()[-1:] if self.moved is not None else self.by_run()
        return [part for _, _, rounds in parts for part in rounds if part]

    @property
    def moved(self) -> str | None:
        """The latest older run of a time whose level differs from the newest run's by more than its rounds vary."""
        if len(self.origins) < 2 or not self.timed:
            return None
        return runs.moved(self.levels, self.spread)

    @cached_property
    def verdict(self) -> Verdict:
        """The status as it is reported: `noisy` is derived from the samples, never stored."""
        if not self.timed:
            return Verdict(self.status, self.reason)
        before = self.moved
        change = runs.change(self.by_run(), before, self.quantity.unit) if before is not None else None
        rounds = self.counted
        doubt = change or statistics.doubt(rounds, NOISY_SPREAD, self.interval) or self._disturbance
        within = WITHIN if self.interval and len(rounds) < statistics.FEWEST_ROUNDS else None
        return Verdict("noisy", doubt) if doubt else Verdict("ok", self.reason or within)

    @property
    def _disturbance(self) -> str | None:
        """Why the machine was not quiet enough, by what other programs did in the worst of the rounds."""
        shares = self.detail.get(FOREIGN_LOAD)
        known = [share for share in shares if isinstance(share, int | float)] if isinstance(shares, list) else []
        worst = max(known, default=0.0)
        return f"other programs kept {worst:.0%} of the processors busy" if worst > DISTURBING else None


class Record(_Model):
    """Everything known of one architecture on one machine; `definition` is the digest of what was built and trained.

    `year` is None where nobody says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(SCHEMA, alias="schema", strict=True, ge=SCHEMA, le=SCHEMA)
    architecture: Name
    family: Name
    year: int | None = Field(ge=1, le=MOST["year"])
    paper: str
    variant: str
    input_size: int = Field(ge=1, le=MOST["input_size"])
    published: dict[str, JsonValue] = {}
    definition: str = ""
    machine: Name
    machine_facts: Facts = {}
    environment: dict[str, str] = {}
    settings: Facts = {}
    started: str
    readings: dict[str, Reading] = {}

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        for key, reading in self.readings.items():
            if key != reading.quantity.key:
                raise ValueError(f"under {key} there is a reading of {reading.quantity.key}")
        return self

    def value(self, key: str) -> float | None:
        """The value of a reading, None where it is missing or failed."""
        reading = self.readings.get(key)
        return reading.value if reading else None


@with_config(ConfigDict(extra="ignore"))
class _Compared(TypedDict, total=False):
    test_images: JsonValue


@with_config(ConfigDict(extra="ignore"))
class _Nothing(TypedDict):
    """Whatever is there, it is not kept."""


class ComparedReading(Reading):
    detail: _Compared = {}  # type: ignore[assignment]


class ComparedRecord(Record):
    """A record with no more than comparing looks at: of very many, the rest takes most of the memory."""

    published: _Nothing = {}  # type: ignore[assignment]
    machine_facts: _Nothing = {}  # type: ignore[assignment]
    settings: _Nothing = {}  # type: ignore[assignment]
    readings: dict[str, ComparedReading] = {}  # type: ignore[assignment]


class Evidence(_Model):
    """What was measured for a claim: numbers by name, or the reason why there are none.

    `definition` is the digest of the file that measured them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(SCHEMA, alias="schema", strict=True, ge=SCHEMA, le=SCHEMA)
    claim: str
    definition: str
    machine: str
    environment: dict[str, str] = {}
    started: str
    numbers: dict[str, Number] = {}
    reason: str | None = None
