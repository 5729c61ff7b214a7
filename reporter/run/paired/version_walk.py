"""`reporter ab --walk`: finds the version of a package at which an architecture became slower.

Every comparison and every skipped version is saved at once, so that the same command resumes after an interruption. At
most two environments are on the disk at a time.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from reporter.compare import bisection, reference_file
from reporter.compare.bisection import Effect, SkippedVersionError
from reporter.compare.changed_calls import changed_calls
from reporter.compare.environments import About
from reporter.compare.reference_rule import ReferenceTime
from reporter.compare.walk_result import HALF, KernelStep, VersionComparison, VersionStep, WalkResult, unclear_times
from reporter.host import files
from reporter.host.job import Job
from reporter.model import ReporterError
from reporter.model.profiles import LayerKernel
from reporter.run.paired import pinned, reference_run, single_side, walk_state
from reporter.run.paired.paired_run import PairProgress
from reporter.run.paired.reference_run import ReferenceRequest
from reporter.run.paired.version_environments import FULL_DISK, VersionEnvironments, listed
from reporter.run.request import Request
from reporter.store import kernel_files

TRIED = ("size", "counting")
"""Counted once with every version: shows that architectures can be built with it."""
PARAMETERS = "parameters"
CALLS = ("operators", "profiling")
CALLS_CUDA = ("operators_cuda", "profiling cuda")


class InterruptedWalkError(ReporterError):
    """What ends a walk whose state is kept: the same command resumes it."""


@dataclass
class Walk:
    """A walk over `versions` of a package; its state is saved in the folder of the environments."""

    request: Request
    versions: Sequence[str]
    environments: VersionEnvironments
    progress: PairProgress

    def __post_init__(self) -> None:
        self.state = walk_state.load(self._file)
        for first in self.state.comparisons[:1]:  # development versions before 0.2.0 could skip it
            self.state.skipped.pop(first.before, None)
        self.examined: dict[str, About] = {}

    @property
    def _file(self) -> Path:
        return self.environments.folder / walk_state.NAME

    @property
    def package(self) -> str:
        return self.environments.package

    def run(self) -> WalkResult:
        """Searches, and removes all environments and the state when it is done."""
        lock = files.lock(self.environments.folder, "--walk")
        try:
            found = bisection.search(len(self.versions), self._compare, partial(self._compare, confirms=True))
            if found is None:
                reasons = "; ".join(f"{version}: {why}" for version, why in self.state.skipped.items())
                self._file.unlink(missing_ok=True)  # the same command tries them again
                raise ReporterError(
                    f"--walk: fewer than two versions of {self.package} can be measured: {reasons}; the same command "
                    "tries all of them again"
                )
            result = WalkResult(
                package=self.package,
                first=self.versions[found.first],
                last=self.versions[found.last],
                versions=tuple(self.versions),
                comparisons=tuple(self.state.comparisons),
                skipped=self.state.skipped,
                step=self._step(found.step) if found.step else None,
                unclear=tuple(self.state.unclear),
            )
            shutil.rmtree(self.environments.folder, ignore_errors=True)
            return result
        finally:
            lock.close()

    def _compare(self, before: int, after: int, *, confirms: bool = False) -> Effect:
        """One comparison, from the state if it was made already; to confirm a step, only if it has a verdict."""
        versions = self.versions[before], self.versions[after]
        for place, version in zip((before, after), versions, strict=True):
            if version in self.state.skipped:
                raise SkippedVersionError(place)
        known = [each for each in self.state.comparisons if (each.before, each.after) == versions]
        known = [each for each in known if not (confirms and HALF in (each.reason or ""))]
        row = known[0] if known else self._measured(before, after, confirms=confirms)
        return Effect(math.log(row.ratio), row.verdict == "slower")

    def _measured(self, before: int, after: int, *, confirms: bool = False) -> VersionComparison:
        self.progress.restart()
        versions = self.versions[before], self.versions[after]
        self.environments.keep_only(versions)
        places = [self._environment(number) for number in (before, after)]
        options = (f"{self.package} {versions[0]}", f"{self.package} {versions[1]}")
        examined = self.examined[versions[0]], self.examined[versions[1]]
        both = (places[0], places[1])
        journal = self.environments.folder / reference_file.PARTIAL
        work = ReferenceRequest(
            self.request, self.request.metrics, {}, both, examined, options=options, shared=True, journal=journal
        )
        if self.state.comparisons:
            work = self._followed_only(work, confirms=confirms)
        self.progress.note(f"comparing {self.package} {versions[0]} with {versions[1]}")
        found = reference_run.run(work, self.progress)
        row = self._followed(list(found.rows.values()))
        if row is None:
            why = "; ".join(dict.fromkeys(f"{gap.architecture}: {gap.reason}" for gap in found.gaps))
            only_before = {gap.sides for gap in found.gaps} == {("reference",)}
            base_too = self._is_base(versions[0]) and all("reference" in gap.sides for gap in found.gaps)
            self._skip(before if only_before or base_too else after, why)
        made = VersionComparison(
            before=versions[0],
            after=versions[1],
            architecture=row.architecture,
            metric=row.quantity.key,
            verdict=row.verdict,
            ratio=row.ratio,
            low=row.low,
            high=row.high,
            reason=(None if confirms else self._half(row)) or row.reason,
        )
        if not self.state.comparisons:
            self.state.unclear = list(unclear_times(found.rows.values(), found.gaps, found.lost))
        self.state.comparisons.append(made)
        self._save()
        return made

    def _followed_only(self, work: ReferenceRequest, *, confirms: bool) -> ReferenceRequest:
        """The same for the row of the first comparison only.

        Unless it confirms the step, it is measured until it is clear whether more or less than half of the slowdown
        is in it, which takes fewer rounds than a verdict.
        """
        first = self.state.comparisons[0]
        chosen = [each for each in self.request.architectures if each.name == first.architecture]
        times = {name: each for name, each in work.times.items() if each.quantities[0].key == first.metric}
        work = replace(work, request=replace(self.request, architectures=chosen), times=times)
        middle = math.sqrt(first.ratio)
        return work if confirms else replace(work, enough=lambda row: row.decided or excludes(row, middle))

    def _half(self, row: ReferenceTime) -> str | None:
        """What a comparison shows that is no verdict: how much of the slowdown of the first one is in it."""
        first = self.state.comparisons[0] if self.state.comparisons else None
        if first is None or row.decided or not excludes(row, math.sqrt(first.ratio)):
            return None
        return f"{'more' if row.ratio > math.sqrt(first.ratio) else 'less'} {HALF}"

    def _followed(self, rows: Sequence[ReferenceTime]) -> ReferenceTime | None:
        """The row of the first comparison again; in the first one the largest slowdown, else the largest ratio."""
        if self.state.comparisons:
            place = self.state.comparisons[0].place
            return next((row for row in rows if (row.architecture, row.quantity.key) == place), None)
        return max(rows, key=lambda row: (row.verdict == "slower", row.ratio), default=None)

    def _environment(self, number: int) -> Path:
        """The environment of a version, in which all architectures can be built; else the version is skipped."""
        version = self.versions[number]
        try:
            place = self.environments.make(version, self.progress.note)
        except pinned.InstallationError as error:
            if FULL_DISK in error.why:
                raise InterruptedWalkError(f"--walk: {error.why}; free space and rerun the command to resume") from None
            try:
                listed(self.package)
            except ReporterError as unreachable:  # it ends the walk, and no version is skipped
                raise InterruptedWalkError(str(unreachable)) from None
            self._skip(number, f"cannot be installed: {error.why}")
        if version not in self.examined:
            try:
                self.examined[version] = self._try(version, place)
            except ReporterError as error:
                self._skip(number, str(error))
            self.state.packages[version] = self.environments.versions(version)
            self._save()
        return place

    def _try(self, version: str, place: Path) -> About:
        """Imports all packages and builds each architecture; ReporterError with the reason if this fails."""
        with single_side.opened(f"{self.package} {version}", place, self.request) as side:
            for name in (architecture.name for architecture in self.request.architectures):
                for reading in single_side.done(side, self._job(name, *TRIED)):
                    if not reading.measured and reading.quantity.key == PARAMETERS:
                        raise ReporterError(f"{name} cannot be built: {reading.reason}")
            return side.about

    def _job(self, name: str, metric: str, process: str, device: str = "cpu") -> Job:
        entry = next(each for each in self.request.architectures if each.name == name)
        conditions = self.request.conditions_of(name)
        return Job(
            architecture=name,
            metrics=(metric,),
            device=device,
            conditions=conditions,
            process=process,
            reference=entry.reference,
        )

    def _is_base(self, version: str) -> bool:
        """Whether all others are compared with this version, which the first comparison has measured."""
        return bool(self.state.comparisons) and version == self.state.comparisons[0].before

    def _skip(self, number: int, why: str) -> NoReturn:
        """Skips a version; ReporterError if it is the one that all others are compared with."""
        version, why = self.versions[number], " ".join(why.split())
        if self._is_base(version):
            raise ReporterError(
                f"--walk: {self.package} {version}, which the other versions are compared with, was measured before "
                f"and now fails: {why}; run the command again to resume, or start with a later version"
            )
        self.state.skipped[version] = why
        self._save()
        self.progress.note(f"{self.package} {version} is skipped: {self.state.skipped[version]}")
        shutil.rmtree(self.environments.place(version), ignore_errors=True)
        raise SkippedVersionError(number)

    def _save(self) -> None:
        files.write(self._file, files.dumps(self.state.model_dump(mode="json")))

    def _step(self, step: bisection.FoundStep) -> VersionStep:
        """The step with the packages and kernels that differ."""
        before, after = self.versions[step.before], self.versions[step.after]
        packages = [self.state.packages[version] for version in (before, after)]
        names = sorted({name for each in packages for name in each})
        kernels: tuple[KernelStep, ...] | None = None
        why = ""
        try:
            kernels = tuple(self._kernels(step.before, step.after))
        except InterruptedWalkError:
            raise
        except SkippedVersionError as skipped:  # it was measured before
            why = self.state.skipped.pop(self.versions[skipped.number])
        except ReporterError as error:
            why = str(error)
        return VersionStep(
            before=before,
            after=after,
            skipped=tuple(self.versions[number] for number in step.skipped),
            ratio=math.exp(step.effect.log_ratio),
            confirmed=step.effect.slower,
            packages={
                name: (packages[0].get(name), packages[1].get(name))
                for name in names
                if packages[0].get(name) != packages[1].get(name)
            },
            kernels=kernels,
            no_kernels=why,
        )

    def _kernels(self, before: int, after: int) -> Iterator[KernelStep]:
        """The layers that run another kernel after the step."""
        self.progress.restart()
        versions = self.versions[before], self.versions[after]
        self.progress.note(f"recording the kernels of {self.package} {versions[0]} and {versions[1]}")
        name, metric = self.state.comparisons[0].place
        cuda = self.request.metrics[metric].device != "cpu"
        job = self._job(name, *(CALLS_CUDA if cuda else CALLS), self.request.devices["cuda" if cuda else "cpu"])
        self.environments.keep_only(versions)
        old, new = (self._calls(number, job) for number in (before, after))
        for setting in sorted(old.keys() & new.keys()):
            swaps, _, _ = changed_calls(old[setting], new[setting])
            for swap in swaps:
                for layer in swap.layers:
                    yield KernelStep(layer=layer, setting=setting, before=swap.base, after=swap.new)

    def _calls(self, number: int, job: Job) -> Mapping[str, Sequence[LayerKernel]]:
        """The calls of all layers by thread setting."""
        place = self._environment(number)
        version = f"{self.package} {self.versions[number]}"
        found: dict[str, Sequence[LayerKernel]] = {}
        with single_side.opened(version, place, self.request) as side:
            for reading in single_side.done(side, job):
                found |= kernel_files.CALLS.validate_python(reading.detail.get("calls") or {})
        if not found:
            raise ReporterError(f"{version}: no kernels were recorded")
        return found


def excludes(row: ReferenceTime, ratio: float) -> bool:
    """Whether a ratio is outside of the interval of a row."""
    return row.low is not None and row.high is not None and not row.low <= ratio <= row.high
