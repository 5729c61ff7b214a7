"""What `reporter ab --walk` has found: the comparisons of versions, those that were skipped, and the step."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from reporter.documents.comparisons import SpeedVerdict

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
    """The result of a walk; `step` is None if the last version is not slower than the first."""

    package: str
    first: str
    last: str
    versions: tuple[str, ...]
    comparisons: tuple[VersionComparison, ...] = ()
    skipped: dict[str, str] = {}
    step: VersionStep | None = None
