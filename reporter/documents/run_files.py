"""summary.json and history.jsonl: what was measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from reporter.documents import Better, Document
from reporter.documents.reference_verdicts import AgainstReference
from reporter.model.readings import Number, Status
from reporter.model.scaling_curves import Axis


class SummaryReading(Document):
    """A metric of an architecture."""

    title: str
    """The metric in words."""
    value: Number | None
    """The value in `unit`; null unless the status is `ok` or `noisy`."""
    unit: Literal["1", "s", "B", "1/s", "B/s", "1/B"]
    """The unit of `value`; `1` for a count or a fraction."""
    better: Better
    """Which direction is better; null if neither is."""
    status: Status
    """Whether there is a value, and whether it varies too much (`noisy`)."""
    reason: str | None
    """Why there is no value, or what to know about it."""
    samples: tuple[Number, ...]
    """All samples that `value` is computed from, in `unit`."""
    low: float | None
    """The lower end of the 95 % interval of `value`, if it has one."""
    high: float | None
    """The upper end of this interval."""
    relative: float | None = None
    """A time divided by the geometric mean of the times of all architectures of its run; only for times."""
    detail: dict[str, JsonValue] | None = None
    """Of `best_throughput_` and `train_throughput_` with a type of device: `batch` is the batch size."""


class SummaryOperator(Document):
    """All calls of an operator that ran the same kernel in one inference."""

    operator: str
    """torch's name, for example `aten::max_pool2d_with_indices`, or the engine's. `python` stands for the time between
    operators, `gpu_idle` for the time in which a GPU runs no kernel."""
    kernel: str
    """The implementation that ran: oneDNN's name, `gemm` for a matrix product of a BLAS library, `native` for torch's
    own code, `onednn` if it is not known which of oneDNN's, or a CUDA kernel."""
    calls: int
    """How often it was called."""
    seconds: float
    """The seconds of all calls, scaled so that all operators sum to the latency that was measured in alternation."""
    share: float
    """The share of this latency."""
    library: str | None = None
    """The BLAS library that `gemm` ran in, for example `MKL`; `ATen` if torch computed the product itself; missing if
    it is not known."""


class SummaryStage(Document):
    """A stage of the architecture in a setting."""

    stage: str
    """The first and the last module of the stage."""
    setting: str
    """`cpu_1thread`, `cpu` or `cuda`."""
    macs: int
    """Its MACs."""
    macs_share: float
    """Its share of all MACs."""
    seconds: float
    """Its seconds."""
    share: float
    """Its share of the seconds of all stages."""


class SummaryMode(Document):
    """An architecture in an execution mode other than eager."""

    readings: dict[str, SummaryReading]
    """By metric: the times of this mode; `speedup_` and the metric, which is eager divided by this mode;
    `alternation_` and the metric, which is the time of an engine in alternation with eager divided by its time alone;
    `output_error`, `prepare_seconds` and `first_call_seconds`; `curves` as for eager. What does not depend on the mode
    is not repeated."""
    input_size: str | None = None
    """The image size of the mode, if it is not that of eager."""
    engine: dict[str, str] = {}
    """The versions of the packages of its engine, if it has one."""
    operators: dict[str, tuple[SummaryOperator, ...]] = {}
    """By setting, as for eager."""
    stages: tuple[SummaryStage, ...] = ()
    """As for eager."""


class SummaryPoint(Document):
    """A point of a curve: a batch of images of one size at once."""

    mode: str
    """The execution mode."""
    device: str
    """`cpu`, `cuda`, `xpu` or `mps`."""
    batch: int
    """The number of images."""
    size: int | str
    """The size of the images in pixels: a number if they are square, else `HxW`."""
    latency: float | None
    """The median of the seconds of a call; null unless the status is `ok`."""
    throughput: float | None
    """Images per second; null unless the status is `ok`."""
    status: Status
    """`oom` if it does not fit into memory, by the forecast or when it ran."""
    reason: str | None
    """Why there is no value."""


class Coefficient(Document):
    """A coefficient of a fitted line."""

    value: float
    """Seconds."""
    low: float | None
    """The lower end of the 95 % interval; null for fewer than three batch sizes."""
    high: float | None
    """The upper end of this interval."""


class CurveFit(Document):
    """Latency over the batch size as a line, fitted by least squares of the relative deviations."""

    mode: str
    """The execution mode."""
    device: str
    """`cpu`, `cuda`, `xpu` or `mps`."""
    overhead: Coefficient
    """The part of the latency that does not depend on the batch size."""
    time_per_image: Coefficient
    """The part for each image."""


class SummaryCurves(Document):
    """Latency and throughput over the batch size and over the image size."""

    batch: tuple[SummaryPoint, ...]
    """Batches of ascending size."""
    size: tuple[SummaryPoint, ...]
    """Single images of ascending size."""
    fits: tuple[CurveFit, ...]
    """A line for each mode and device with at least two batch sizes."""


class SummaryRecord(Document):
    """An architecture on a machine."""

    architecture: str
    """The name of the architecture."""
    family: str
    """Its family."""
    year: int | None
    """The year of its paper, if known."""
    machine: str
    """The key of the machine."""
    started: str
    """When its measurement was started (ISO 8601, UTC)."""
    environment: dict[str, str]
    """The versions that it was measured with."""
    input_size: str | None = None
    """`N` or `HxW`: the size in pixels of the images, where it is not the architecture's own."""
    own_input_size: int | None = None
    """The architecture's own image size in pixels, where it is measured with another."""
    readings: dict[str, SummaryReading]
    """By metric; times are those of eager. `curves`, with the status and reason of its first point, if a curve that
    was asked for has no measured point."""
    modes: dict[str, SummaryMode] = {}
    """By the name of the execution mode, for example `bf16+channels_last`; missing if only eager was measured."""
    curves: SummaryCurves | None = None
    """Missing if no curve was measured."""
    operators: dict[str, tuple[SummaryOperator, ...]] = {}
    """By setting (`cpu_1thread`, `cpu`, `cuda`), the operators with the most seconds first; missing if none were
    measured."""
    stages: tuple[SummaryStage, ...] = ()
    """In the order in which they run; missing if none were measured."""


class FailedReading(Document):
    """A reading that failed, or a point of a curve that did."""

    architecture: str
    """The name of the architecture."""
    mode: str
    """The execution mode."""
    machine: str
    """The key of the machine."""
    metric: str
    """The key of the metric; `curves` if it is a point of a curve."""
    title: str
    """The metric or the curve in words."""
    status: Status
    """`failed`, `oom` or `timeout`; of a point `failed` or `timeout`."""
    reason: str | None
    """Why there is no value."""
    axis: Axis | None = None
    """`batch` or `size`, what the curve of the point is over; missing if it is a reading, as the three below."""
    device: str | None = None
    """The device of the point."""
    batch: int | None = None
    """The number of images of the point."""
    size: int | str | None = None
    """The size of its images in pixels: a number if they are square, else `HxW`."""


class Summary(Document):
    """All records of the folder."""

    schema_number: int = Field(alias="schema")
    """The schema number."""
    reporter: str
    """The version of reporter that wrote it."""
    generated: str
    """When it was written (ISO 8601, UTC)."""
    run: str | None
    """The id of the newest run, as in history.jsonl; null if it is not known."""
    started: str
    """When the newest record was started (ISO 8601, UTC)."""
    environment: dict[str, str]
    """The versions in the newest record."""
    machine: dict[str, JsonValue]
    """The machine of the newest record."""
    machines: dict[str, dict[str, JsonValue]]
    """All machines by their keys."""
    settings: dict[str, JsonValue]
    """The options that the newest record was measured with."""
    counts: dict[Status, int]
    """How many readings have each status."""
    failed: tuple[FailedReading, ...]
    """All readings and points of curves that failed."""
    records: tuple[SummaryRecord, ...]
    """The records."""
    against: AgainstReference | None = None
    """The comparison with a pinned reference; missing without `--against`."""


class Unmeasured(Document):
    """A reading without a value."""

    status: Status
    """Why there is no value, in a word."""
    reason: str | None
    """Why there is no value; long reasons are cut."""


class HistoryMode(Document):
    """What was measured in an execution mode other than eager."""

    values: dict[str, Number]
    """By metric, in the units of summary.json."""
    unmeasured: dict[str, Unmeasured]
    """By metric: why there is no value."""


class HistoryLine(Document):
    """An architecture in a run; or, with `finished` false and no architecture, a nightly run that did not finish."""

    schema_number: int = Field(alias="schema")
    """The schema number; lines of schema 1 have none."""
    finished: bool
    """False for a nightly run that was killed or interrupted, and for a run that an error ended while it measured."""
    generated: str
    """When the line was written, or when the run was started if it did not finish (ISO 8601, UTC)."""
    started: str
    """When the run was started (ISO 8601, UTC)."""
    run: str
    """The id of the run, the same in all of its lines."""
    architecture: str | None
    """The name of the architecture; null for a nightly run that did not finish."""
    machine: str
    """The key of the machine."""
    environment: dict[str, str]
    """The versions."""
    values: dict[str, Number]
    """By metric, in the units of summary.json."""
    unmeasured: dict[str, Unmeasured]
    """By metric: why there is no value."""
    modes: dict[str, HistoryMode] = {}
    """By the name of the execution mode; missing if only eager was measured."""
    settings: dict[str, JsonValue]
    """The options that decide what is measured and how, as far as they are set."""
    labels: dict[str, str]
    """What `--label` added."""
    exit_code: int | None = None
    """The exit code of the run; missing or null if it is not known, for example after SIGKILL. An interrupted run of
    the main job has lines of what it measured, with 130: they are not part of levels or of the noise between runs."""
    seconds: float | None = None
    """How long the measurement of this architecture took."""
    effort: str | None = None
    """A digest of the options that decide how long a measurement takes."""
    jobs: dict[str, float] = {}
    """The average seconds of a job in each of the processes. The name of a job in other modes has the modes, and
    whether its round is the first, which prepares them; that of a curve has its points."""
