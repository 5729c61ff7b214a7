"""What `reporter ab --walk` has found: the comparisons of versions, those that were skipped, and the step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from reporter.compare.reference_rule import ReferenceTime
from reporter.documents.comparisons import SpeedVerdict
from reporter.documents.reference_verdicts import ReferenceGap, ReferenceLoss

HALF = "than half of the slowdown"
"""In the reason of a comparison that was ended without a verdict, when this much was clear."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class VersionComparison(_Part):
    """Two versions, measured in turns: the row that the walk follows; `ratio` is the time of `after` over `before`."""

    before: str
    after: str
    architecture: str
    metric: str
    verdict: SpeedVerdict
    ratio: float
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.architecture, self.metric


class UnclearTime(_Part):
    """A time of the first comparison that does not show that the last version is as fast as the first.

    `noisy`: there is no verdict; `failed`: it, or a round of it, failed; `unsupported`: a version cannot measure it.
    """

    architecture: str
    metric: str
    status: Literal["noisy", "failed", "unsupported"]
    reason: str

    @property
    def place(self) -> tuple[str, str]:
        return self.architecture, self.metric


class KernelStep(_Part):
    """A layer that runs another kernel with the same shapes after the step."""

    layer: str
    setting: str
    before: str
    after: str


class VersionStep(_Part):
    """The neighboring versions between which the time increased.

    `confirmed` is whether the comparison of both with each other shows it, too; `packages` has the versions that
    differ. `kernels` is None if they were not recorded, for the reason `no_kernels`.
    """

    before: str
    after: str
    skipped: tuple[str, ...] = ()
    ratio: float
    confirmed: bool
    packages: dict[str, tuple[str | None, str | None]] = {}
    kernels: tuple[KernelStep, ...] | None = None
    no_kernels: str = ""


class WalkResult(_Part):
    """The result of a walk; `step` is None if no time is slower with the last version than with the first."""

    package: str
    first: str
    last: str
    versions: tuple[str, ...]
    comparisons: tuple[VersionComparison, ...] = ()
    skipped: dict[str, str] = {}
    step: VersionStep | None = None
    unclear: tuple[UnclearTime, ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether all times of the first comparison that both versions can measure were measured with a verdict."""
        return self.comparisons[0].verdict != "noisy" and all(each.status == "unsupported" for each in self.unclear)


def unclear_times(
    rows: Iterable[ReferenceTime], gaps: Iterable[ReferenceGap], lost: Iterable[ReferenceLoss]
) -> Iterator[UnclearTime]:
    """The times of a comparison without a verdict, and those of which a round failed."""
    for row in rows:
        if row.verdict == "noisy":
            key = row.quantity.key
            yield UnclearTime(architecture=row.architecture, metric=key, status="noisy", reason=row.reason or "")
    for gap in gaps:
        status: Literal["failed", "unsupported"] = "failed" if gap.failed else "unsupported"
        yield UnclearTime(architecture=gap.architecture, metric=gap.metric, status=status, reason=gap.reason)
    for each in lost:
        why = f"round {each.round + 1}: {each.reason}"
        yield UnclearTime(architecture=each.architecture, metric=each.metric, status="failed", reason=why)
