"""Operators and stages of execution modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial

from reporter.model import Metric, Quantity, Reading, UnsupportedError, Verdict, absent, exact
from reporter.model.attempts import attempt
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


class ModeProfiles:
    """What the profiles of a job measure in each mode: a count for each metric, and its coverage in each setting.

    `kernels` has no coverage: nothing is timed, and the ledger is in its count.
    """

    def __init__(self, subject: Subject, metrics: Sequence[Metric]) -> None:
        self.subject = subject
        self.metrics = {metric.name: metric for metric in metrics}
        self._effort = Effort(subject.conditions.seconds * operator_pass.SHARE, fewest=1)

    @property
    def settings(self) -> list[str]:
        """The settings that are measured, `cpu_1thread` and `cpu`."""
        keys = [each.key for metric in self.metrics.values() for each in metric.quantities]
        found = [key.partition(COVERAGE)[2] for key in keys if COVERAGE in key]
        alone = [key.removeprefix(LEDGER) for key in keys if key.startswith(LEDGER)]
        return list(dict.fromkeys((*found, *alone)))

    def running(self, setting: str) -> AbstractContextManager[None]:
        """The threads of a setting."""
        return operator_pass.setting(self.subject, setting.endswith("1thread"))

    def readings(self, setting: str, variant: Variant, call: Call) -> Iterator[Reading]:
        """The readings of a prepared mode in a setting; what is not available has the reason."""
        groups = self._groups if variant.module is not None and "stages" in self.metrics else ()
        found = operator_pass.Profiler(call, variant.module, self._effort, groups)
        for name, metric in self.metrics.items():
            quantities = _of(metric, setting)
            measure = {"operators": self._operators, "kernels": self._kernels}.get(name, self._stages)
            readings, verdict = attempt(partial(measure, quantities, setting, variant, found))
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
        return [exact(each, len(found.rows), **operator_pass.ledger_detail(setting, found.rows)) for each in quantities]

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

    @cached_property
    def _groups(self) -> Groups:
        """The parts of the stages; none where the network has none."""
        return attempt(partial(stage_groups, self.subject))[0] or ()


def _of(metric: Metric, setting: str) -> list[Quantity]:
    """The count of a profile and its coverage in a setting; of kernels, which have none, those of the setting."""
    keys = (metric.name, f"{metric.name}{COVERAGE}{setting}", f"{LEDGER}{setting}")
    return [quantity for key in keys for quantity in metric.quantities if quantity.key == key]
