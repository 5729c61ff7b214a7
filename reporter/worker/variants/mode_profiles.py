"""Operators and stages of execution modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial

from reporter.model import Metric, Quantity, Reading, UnsupportedError, Verdict, absent, exact
from reporter.model.attempts import attempt
from reporter.model.devices import ONE_THREAD, is_accelerator
from reporter.worker.latency.alternation import Effort
from reporter.worker.profiling import operator_pass
from reporter.worker.profiling.instruction_sets import instruction_sets
from reporter.worker.profiling.stage_times import Groups, stage_groups
from reporter.worker.subject import Subject
from reporter.worker.variants.mode_variants import Variant

Call = Callable[[], object]
NO_MODULES = "an engine does not run the modules that begin the stages"
COVERAGE = "_coverage_"
LEDGER = "kernels_"
"""The key of a ledger without times; the setting follows."""
Measure = Callable[[Sequence[Quantity], str, Variant, operator_pass.Profiler], list[Reading]]
"""Gives the readings of some quantities, in a setting, of a mode that was prepared."""


class ModeProfiles:
    """What the profiles of a job measure in each mode: a count for each metric, and its coverage in each setting.

    `kernels` has no coverage: nothing is timed, and the ledger is in its count.
    """

    def __init__(self, subject: Subject, metrics: Sequence[Metric]) -> None:
        self.subject = subject
        self.metrics = {metric.name: metric for metric in metrics}
        seconds, brief = subject.conditions.seconds * operator_pass.SHARE, subject.conditions.rounds == 1
        self._effort = Effort(seconds, fewest=1, brief=brief)
        self._measures: dict[str, Measure] = {
            "operators": self._operators,
            "kernels": self._kernels,
            "stages": self._stages,
            "operators_cuda": self._operators_of_device,
            "stages_cuda": self._stages_of_device,
        }

    @property
    def settings(self) -> list[str]:
        """The settings that are measured: `cpu_1thread` and `cpu`, or the accelerator's."""
        keys = [each.key for metric in self.metrics.values() for each in metric.quantities]
        found = [key.partition(COVERAGE)[2] for key in keys if COVERAGE in key]
        alone = [key.removeprefix(LEDGER) for key in keys if key.startswith(LEDGER)]
        return list(dict.fromkeys((*found, *alone)))

    def running(self, setting: str) -> AbstractContextManager[None]:
        """The threads of a setting of the CPU; torch's own for an accelerator."""
        if is_accelerator(setting):
            return nullcontext()
        return operator_pass.setting(self.subject, setting.endswith(ONE_THREAD))

    def readings(self, setting: str, variant: Variant, call: Call) -> Iterator[Reading]:
        """The readings of a prepared mode in a setting; what is not available has the reason."""
        has_stages = not self.metrics.keys().isdisjoint(("stages", "stages_cuda"))
        groups = self._groups if variant.module is not None and has_stages else ()
        found = operator_pass.Profiler(call, variant.module, self._effort, groups)
        for name, metric in self.metrics.items():
            quantities = _of(metric, setting)
            readings, verdict = attempt(partial(self._measures[name], quantities, setting, variant, found))
            yield from readings or absent(quantities, verdict.status, verdict.reason or "")

    def lost(self, verdict: Verdict) -> Iterator[Reading]:
        """The readings of a mode that cannot be prepared or run."""
        for metric in self.metrics.values():
            yield from absent(metric.quantities, verdict.status, verdict.reason or "")

    def _kernels(
        self, quantities: Sequence[Quantity], setting: str, variant: Variant, found: operator_pass.Profiler
    ) -> list[Reading]:
        if hasattr(variant.run, "operators") and quantities:
            raise UnsupportedError("an engine lists its operators only while it times them; use --metrics operators")
        return [operator_pass.read_kernels(each, setting, found) for each in quantities]

    def _operators(
        self, quantities: Sequence[Quantity], setting: str, variant: Variant, found: operator_pass.Profiler
    ) -> list[Reading]:
        count, coverage = quantities
        if operators := getattr(variant.run, "operators", None):
            images = variant.form(self.subject.input(1))
            reading, rows = operator_pass.read_engine(coverage, setting, found.call, partial(operators, images))
        else:
            reading, rows = operator_pass.read(coverage, setting, found, layers=False), found.rows
        return [reading, exact(count, len(rows), instruction_sets=instruction_sets(row.kernel for row in rows))]

    def _stages(
        self, quantities: Sequence[Quantity], setting: str, variant: Variant, found: operator_pass.Profiler
    ) -> list[Reading]:
        count, coverage = quantities
        if variant.module is None:
            return list(absent((count, coverage), "unsupported", NO_MODULES))
        groups = found.groups or stage_groups(self.subject)
        return [operator_pass.read_stages(coverage, found), exact(count, len(groups))]

    def _operators_of_device(
        self, quantities: Sequence[Quantity], setting: str, variant: Variant, found: operator_pass.Profiler
    ) -> list[Reading]:
        """Of engines, too: the profiler sees the kernels of the whole process."""
        return [operator_pass.read_device(each, setting, found.call, self.subject.place) for each in quantities]

    def _stages_of_device(
        self, quantities: Sequence[Quantity], setting: str, variant: Variant, found: operator_pass.Profiler
    ) -> list[Reading]:
        if variant.module is None:
            return list(absent(quantities, "unsupported", NO_MODULES))
        found.groups = found.groups or stage_groups(self.subject)
        return [operator_pass.read_stages_of_device(each, found, self.subject.place) for each in quantities]

    @cached_property
    def _groups(self) -> Groups:
        """The parts of the stages; none where the network has none."""
        return attempt(partial(stage_groups, self.subject))[0] or ()


def _of(metric: Metric, setting: str) -> list[Quantity]:
    """What a profile measures in a setting: its count, which is the same in all, and what is named after it."""
    found = [each for each in metric.quantities if each.key == metric.name or each.key.endswith(f"_{setting}")]
    return sorted(found, key=lambda each: each.key != metric.name)
