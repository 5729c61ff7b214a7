"""The block `against` of summary.json: the verdicts of a run with --against."""

from __future__ import annotations

from typing import Literal

from reporter.documents import Document
from reporter.documents.comparisons import Verdict
from reporter.model.settings import FailOn

SideName = Literal["reference", "tonight"]
"""The pinned environment, and the one under test."""


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
    verdict: Verdict
    """`noisy`: the machine was too noisy for a verdict; `reason` has the details."""
    ratio: float
    """Tonight's time divided by that of the reference: above 1 is slower, for times and throughputs alike."""
    low: float | None
    """The lower end of the 95 % interval of `ratio`; null with fewer than three rounds."""
    high: float | None
    """The upper end of this interval."""
    detectable: float | None = None
    """The change that would have been found with a probability of 0.9, as a share."""
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


class ReferenceChange(Document):
    """A count or exact memory that differs between both environments."""

    architecture: str
    """The name of the architecture."""
    metric: str
    """The key of the metric."""
    reference: float | int
    """The value in the reference environment."""
    tonight: float | int
    """The value tonight."""
    known: KnownSlowdown | None = None
    """Set if it was accepted."""


class AgainstReference(Document):
    """A comparison with a pinned reference environment, measured in turns in the same job."""

    reference: ReferenceSide
    """The pinned environment."""
    tonight: ReferenceSide
    """The environment under test."""
    control: bool
    """Whether both sides are the same environment (an A/A control)."""
    detectable: float | None
    """The change that this run would have found in half of its rows with a probability of 0.9; null without a row."""
    verdicts: tuple[ReferenceVerdict, ...]
    """The verdict on each time."""
    started: str = ""
    """When the run was started (ISO 8601, UTC)."""
    seconds: float | None = None
    """How long both sides together were measured."""
    too_noisy: bool = False
    """Whether the machine was too noisy for a verdict on most of the times."""
    gaps: tuple[ReferenceGap, ...] = ()
    """What could not be compared."""
    changes: tuple[ReferenceChange, ...] = ()
    """Counts and exact memory that differ."""
    machine_kind: str = ""
    """The processor with its instructions, and the GPUs, for which alone a ratio is valid."""
    threads: int | None = None
    """The threads of times that are measured on all; null in files of development versions before 0.2.0."""

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

    def fails(self, on: FailOn) -> bool:
        """Whether `--fail-on` makes it a regression."""
        slower, changed = bool(self.slower), bool(self.changed)
        return {"exact": changed, "timing": slower, "level": False, "any": slower or changed, "never": False}[on]

    def passes(self, on: FailOn) -> bool:
        """Whether `--fail-on` can let it pass.

        A machine that is too noisy is no proof that nothing became slower, nor is a measurement that failed.
        """
        blind = self.too_noisy or not self.verdicts
        return not self.failed and not (blind and on in ("timing", "any"))
