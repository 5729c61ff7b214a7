"""`compare --json`, `ab --json` and comparison.json: what changed from one run to another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from reporter.documents import Document, MetricPart
from reporter.model.readings import Number, Status

SpeedVerdict = Literal["slower", "faster", "unchanged", "noisy"]
"""The verdict on a time as documents have it, for throughputs, too: `slower` is a lower throughput."""


class MetricRow(MetricPart):
    """A metric of an architecture on a machine."""

    architecture: str
    """The name of the architecture."""
    mode: str
    """The execution mode; `eager` for what does not depend on it."""
    machine: str
    """The key of the machine, as in the path of the record."""


class KernelSwapRow(Document):
    """Layers that ran another kernel than before."""

    base: str
    """The name of the kernel before."""
    new: str
    """The name of the kernel now."""
    layers: tuple[str, ...]
    """The qualified names of the layers, one for each call."""


class KernelChangeRow(Document):
    """The changed kernels of an architecture in a mode and thread setting."""

    setting: str
    """`cpu_1thread`, `cpu` or `cuda`."""
    swaps: tuple[KernelSwapRow, ...]
    """The layers by the names of both kernels, the most frequent first."""
    compared: int
    """How many calls were compared: those of layers that both sides ran with the same shapes, or in two operators
    with as many MACs and outputs."""
    time: Literal["slower", "faster", "not resolved"]
    """The verdict on the latency in this setting."""
    ratio: float | None
    """The latency now divided by that before; null if either is missing."""
    variables: tuple[str, ...]
    """The environment variables that differ, with both values."""
    libraries: tuple[str, ...] = ()
    """The packages of the engine and the BLAS libraries that both sides used in different versions, with both."""


class ChangeRow(MetricRow):
    """A value or status that differs: everything but times."""

    kind: Literal["exact", "failed", "removed", "recovered", "new", "information"]
    """`exact`: a count, exact memory or a kernel changed; `failed`: it was measured before, or an output error came to
    exceed its limit; `removed`, `new`: only one side has the architecture or mode; `recovered`: it failed before;
    `information`: an accuracy moved beyond chance, or an output could be checked on one side only; it fails no run."""
    base: Number | None
    """The value before, null if there is none."""
    new: Number | None
    """The value now, null if there is none."""
    ratio: float | None
    """`new` divided by `base`; null if either is missing or `base` is 0."""
    reason: str | None
    """Why there is no value: now if `failed`, before if `recovered`; of a changed kernel the layers and both names; of
    an output that could be checked on one side only, why."""
    kernels: KernelChangeRow | None
    """The changed kernels; null if the change is another one."""
    device: str | None = None
    """The kind of device of an output error: `cpu`, `cuda`, `xpu` or `mps`; null for all others."""


class Time(MetricRow):
    """The verdict on a time or a throughput; every one that was compared has a row, changed or not."""

    verdict: SpeedVerdict
    """`noisy`: it moved, but noise explains it, or nothing is known about the noise."""
    judgement: Literal["regressed", "improved", "unchanged", "noisy"]
    """The same in the words of schema 1."""
    base: float
    """The median before, in `unit`."""
    new: float
    """The median now, in `unit`."""
    ratio: float
    """`new` divided by `base`: below 1 for a throughput that became slower."""
    low: float | None
    """The lower end of the 95 % interval of `ratio`, without the drift that all architectures share; null if there were
    too few rounds."""
    high: float | None
    """The upper end of this interval."""
    slowdown: float
    """The change that the verdict is based on, as a factor of time: above 1 is slower, for times and throughputs alike.
    If `relative`, what all architectures share (drift of the machine) is divided out."""
    slowdown_low: float | None
    """The lower end of the 95 % interval of `slowdown`."""
    slowdown_high: float | None
    """The upper end of this interval."""
    floor: float | None
    """The smallest `slowdown` above 1 that would be detected, for example 1.08; for a speedup it is 1 / `floor`."""
    relative: bool
    """Whether `slowdown` is relative to the other architectures."""
    rank: float | None
    """The p-value of the rank test, where it was needed."""
    reason: str | None
    """Why the verdict is `noisy`."""


class LevelRow(MetricRow):
    """The verdict on a time compared with its level: the median of the last accepted runs of the machine."""

    verdict: SpeedVerdict
    """`slower`: above the level beyond noise."""
    base: float
    """The level, in `unit`."""
    new: float
    """The median now, in `unit`."""
    ratio: float
    """`new` divided by `base`."""
    slowdown: float
    """The change that the verdict is based on, as in `times`: the mean of the last `over` runs."""
    floor: float
    """The smallest `slowdown` above 1 that would be detected."""
    relative: bool
    """Whether `slowdown` is relative to the other architectures."""
    runs: int
    """How many accepted runs the level is made of."""
    over: int
    """How many runs, this one included, the change is the mean of."""


class BasisRow(MetricPart):
    """What the times of one metric on one machine were compared by."""

    machine: str
    """The key of the machine."""
    mode: str
    """The execution mode; `eager` for what does not depend on it."""
    networks: int
    """How many architectures were compared."""
    relative: bool
    """Whether they were compared relative to each other, which takes three."""
    common: float
    """The factor of time that all architectures share: drift of the machine, or a change of all; it has no verdict."""
    floor: float | None
    """The median of the floors of the architectures: the smallest slowdown that would be detected."""


class NotCompared(MetricPart):
    """What could not be compared."""

    architectures: tuple[str, ...]
    """The names of the architectures."""
    mode: str
    """The execution mode; `eager` for what does not depend on it."""
    reason: str
    """Why not."""
    why: str
    """The same as `reason`."""


class StillFailing(MetricRow):
    """A reading that has no value now and had none before."""

    status: Status
    """`failed`, `oom` or `timeout`."""
    reason: str | None
    """Why there is no value."""
    since: str
    """The start of the earliest run that is known to have failed (ISO 8601, UTC)."""


class FindingRow(MetricRow):
    """A regression of a nightly run: it remains until it is gone or accepted."""

    kind: Literal["exact", "failed", "removed", "slower", "level", "reference"]
    """As in `changes`; `slower`: a time of `times`; `level`: a time compared with several earlier runs; `reference`: a
    time that is slower than in the reference environment of `--against`, or a count that differs from it."""
    base: Number | None
    """The value before."""
    new: Number | None
    """The value now."""
    ratio: float | None
    """`new` divided by `base`."""
    slowdown: float | None
    """As in `times`; null if it is not about a time."""
    floor: float | None
    """As in `times`."""
    reason: str | None
    """Why there is no value, or why it remains although this run does not confirm it."""
    since: str
    """The start of the first run that had it (ISO 8601, UTC)."""
    accepted: bool
    """Whether it was accepted, so that it does not fail the run."""
    information: bool = False
    """Whether it is shown only: with `--against`, verdicts on times are based on the reference, and not on
    earlier runs."""
    device: str | None = None
    """The kind of device of an output error: `cpu`, `cuda`, `xpu` or `mps`; null for all others."""


class ComparedRun(Document):
    """One of the two runs that are compared."""

    name: str
    """The folder or environment as it was given."""
    run: str | None
    """The id of the newest run, as in history.jsonl; null if it is not known."""
    started: str | None
    """When its newest record was started (ISO 8601, UTC)."""
    machines: tuple[str, ...]
    """The keys of its machines."""
    environment: dict[str, str]
    """The versions in its newest record."""


class Sides(Document):
    """Both sides; of `ab`, A is `base` and B is `new`."""

    base: ComparedRun
    """Before."""
    new: ComparedRun
    """Now."""


class ComparisonDocument(Document):
    """What changed from one run to another."""

    schema_number: int = Field(alias="schema")
    """The schema number."""
    reporter: str
    """The version of reporter that wrote it."""
    generated: str
    """When it was written (ISO 8601, UTC)."""
    base: str
    """The name of the side before."""
    new: str
    """The name of the side now."""
    sides: Sides
    """Ids, times and versions of both sides."""
    changed: bool
    """Whether anything changed, for better or worse."""
    headline: str
    """What changed, in one line."""
    fail_on: str
    """`--fail-on` of this call."""
    fails: tuple[str, ...]
    """The values of `--fail-on` that give exit code 1 for this comparison."""
    exit_code: int | None
    """The exit code of this call; null if it was not known."""
    counts: dict[str, int]
    """How many rows there are of each kind of change, of each verdict, still failing, and not compared."""
    changes: tuple[ChangeRow, ...]
    """Counts, kernels, statuses and architectures that changed."""
    times: tuple[Time, ...]
    """All times that were compared."""
    levels: tuple[LevelRow, ...]
    """All times that were compared with their level; empty without enough accepted runs."""
    bases: tuple[BasisRow, ...]
    """What these times were compared by, one entry for a metric on a machine."""
    still_failing: tuple[StillFailing, ...]
    """Readings that failed on both sides."""
    not_compared: tuple[NotCompared, ...]
    """What could not be compared, and why."""
    complaints: tuple[str, ...]
    """Files that could not be read."""


class StoredComparison(ComparisonDocument):
    """comparison.json: the same, kept by a run with `--baseline` or by `reporter nightly` for the report."""

    measured: str
    """The same as `sides.base.started`."""
    findings: tuple[FindingRow, ...]
    """The regressions of a nightly run; empty in other runs."""
    differences: dict[str, JsonValue]
    """What `reporter render` reads; not for other programs."""
    newest: str = ""
    """When the newest round of the run was started (ISO 8601, UTC); missing in files of earlier versions."""
    nightly: bool = False
    """Whether the run is a nightly run; missing in files of earlier versions."""


class Ab(ComparisonDocument):
    """`reporter ab --json`: two environments, measured in interleaved calls."""

    control: bool
    """Whether both sides are the same environment (an A/A comparison)."""
    environments: dict[Literal["a", "b"], dict[str, str]]
    """The versions that each side imported."""
    imports: dict[Literal["a", "b"], dict[str, dict[str, str]]]
    """The version and the file of each package that was imported."""
    variables: dict[str, dict[Literal["a", "b"], str | None]]
    """The environment variables that differ between the sides."""
