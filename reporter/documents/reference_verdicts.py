"""The block `against` of summary.json: the verdicts of a run with --against."""

from __future__ import annotations

from typing import Literal

from reporter.documents import Document
from reporter.documents.comparisons import KernelChangeRow, SpeedVerdict
from reporter.model.records import EAGER
from reporter.model.settings import FailOn

SideName = Literal["reference", "tonight"]
"""The pinned environment, and the one under test."""
EXACT: tuple[FailOn, ...] = ("exact", "any")
TIMES: tuple[FailOn, ...] = ("timing", "any")
"""The values of --fail-on that include each kind of difference from a reference."""


class ReferenceSide(Document):
    """An environment, as it describes itself."""

    versions: dict[str, str]
    """The versions of the packages that it imported, and of Python."""
    torch_file: str
    """The file that its torch was imported from."""
    packages: dict[str, str] = {}
    """The versions of all installed packages that name a reference: of the networks and of the engines."""


class KnownSlowdown(Document):
    """A slowdown that was accepted with `reporter accept`."""

    since: str
    """The start of the run that had it when it was accepted (ISO 8601, UTC)."""
    ratio: float
    """Its size when it was accepted; the row is a regression again when it exceeds this by more than `detectable`."""
    reason: str
    """Why it was accepted."""


class ReferenceVerdict(Document):
    """The verdict on a time of an architecture in an execution mode."""

    architecture: str
    """The name of the architecture."""
    metric: str
    """The key of the metric."""
    mode: str
    """The execution mode."""
    verdict: SpeedVerdict
    """`noisy`: the machine was too noisy for a verdict; `reason` has the details."""
    ratio: float
    """Tonight's time divided by that of the reference: above 1 is slower, for times and throughputs alike."""
    low: float | None
    """The lower end of the 95 % interval of `ratio`; null with fewer than three rounds."""
    high: float | None
    """The upper end of this interval."""
    detectable: float | None = None
    """The change that would have been detected with a probability of 0.9, as a share."""
    rounds: int | None = None
    """How many rounds were measured."""
    reason: str | None = None
    """Why the verdict is `noisy`."""
    known: KnownSlowdown | None = None
    """Set if it is a slowdown that was accepted and did not grow."""


class ReferenceGap(Document):
    """What could not be measured in both environments."""

    architecture: str
    """The name of the architecture."""
    metric: str
    """The key of the metric."""
    mode: str
    """The execution mode."""
    reason: str
    """Why."""
    failed: bool = False
    """Whether a measurement failed, timed out or ran out of memory; else an environment cannot make it at all."""
    sides: tuple[SideName, ...] = ()
    """The environments in which it could not be measured."""


class ReferenceLoss(Document):
    """A round of a time that failed in one of the environments: the verdict is that of the other rounds."""

    architecture: str
    """The name of the architecture."""
    metric: str
    """The key of the metric."""
    mode: str
    """The execution mode."""
    round: int
    """The number of the round, from 0."""
    reason: str
    """Why, and in which environment."""


class ReferenceChange(Document):
    """A count, exact memory or kernels that differ between both environments."""

    architecture: str
    """The name of the architecture."""
    metric: str
    """The key of the metric; `kernels_cpu_1thread` of kernels."""
    mode: str = EAGER
    """The execution mode; `eager` for what does not depend on it."""
    reference: float | int | None
    """The value in the reference environment; null for kernels."""
    tonight: float | int | None
    """The value tonight; null for kernels."""
    kernels: KernelChangeRow | None = None
    """The layers that ran another kernel, with both names: `base` in the reference, `new` tonight."""
    known: KnownSlowdown | None = None
    """Set if it was accepted."""


class AgainstReference(Document):
    """A comparison with a pinned reference environment, interleaved in the same job."""

    reference: ReferenceSide
    """The pinned environment."""
    tonight: ReferenceSide
    """The environment under test."""
    control: bool
    """Whether both sides are the same environment (an A/A control)."""
    detectable: float | None
    """The change that the run would have detected in half of its rows with a probability of 0.9; null without a row."""
    verdicts: tuple[ReferenceVerdict, ...]
    """The verdict on each time."""
    started: str = ""
    """When the run was started (ISO 8601, UTC)."""
    seconds: float | None = None
    """How long both sides together were measured."""
    too_noisy: bool = False
    """Whether the machine was too noisy for a verdict on more than half of the times of a metric in a mode."""
    gaps: tuple[ReferenceGap, ...] = ()
    """What could not be compared."""
    lost: tuple[ReferenceLoss, ...] = ()
    """Rounds that failed although others of the same time did not."""
    changes: tuple[ReferenceChange, ...] = ()
    """Counts, exact memory and kernels that differ."""
    fail_on: FailOn | None = None
    """`--fail-on` of the run; null in older files."""
    exit_code: int | None = None
    """The exit code of the run; null in the same files."""
    machine_kind: str = ""
    """The processor with its instructions, and the GPUs, for which alone a ratio is valid."""
    machine: str = ""
    """The key of the machine in records; empty in older files."""
    threads: int | None = None
    """The threads of times that are measured on all; null in older files."""
    input_sizes: dict[str, str] = {}
    """The image sizes, `N` or `HxW` in pixels, of the architectures that were not measured at their own."""

    @property
    def slower(self) -> tuple[ReferenceVerdict, ...]:
        """The rows that are regressions: slower, and not known."""
        return tuple(row for row in self.verdicts if row.verdict == "slower" and row.known is None)

    @property
    def changed(self) -> tuple[ReferenceChange, ...]:
        """The changes of counts that are not known."""
        return tuple(row for row in self.changes if row.known is None)

    @property
    def failed(self) -> tuple[ReferenceGap, ...]:
        """The measurements that failed in one of the environments: they have no verdict."""
        return tuple(gap for gap in self.gaps if gap.failed)

    @property
    def has_failures(self) -> bool:
        """Whether a measurement or a round failed in one of the environments."""
        return bool(self.failed or self.lost)

    @property
    def is_blind(self) -> bool:
        """Whether it is too noisy to show that nothing became slower, or has no times."""
        return self.too_noisy or not self.verdicts

    def fails(self, on: FailOn) -> bool:
        """Whether `--fail-on` makes it a regression."""
        return bool((on in EXACT and self.changed) or (on in TIMES and self.slower))

    def passes(self, on: FailOn) -> bool:
        """Whether `--fail-on` can let it pass.

        A machine that is too noisy is no proof that nothing became slower, nor is a measurement or a round that failed.
        """
        return not self.has_failures and not (self.is_blind and on in TIMES)
