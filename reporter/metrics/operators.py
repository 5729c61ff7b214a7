"""Operators and kernels: the time of each in one inference, and the implementation that ran in every layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

OPERATORS = Quantity(
    key="operators",
    title="Operator calls",
    unit="1",
    group="profile",
    better="neither",
    definition="Backend operators that one inference calls with one thread, each listed with its layer and kernel in "
    "the ledger.",
)


def _coverage(setting: str, title: str) -> Quantity:
    return Quantity(
        key=f"operators_coverage_{setting}",
        title=f"Operators over latency, {title}",
        unit="1",
        group="profile",
        better="neither",
        definition="Seconds of all operators, by torch.profiler, over the latency of calls without the profiler that "
        "are timed in alternation with those under it; the median over the alternations. What the profiler adds for "
        "each operator that another one calls is measured with a small pooling and subtracted. The seconds of the "
        "operators are then scaled to that latency.",
    )


COVERAGE = {
    "cpu_1thread": _coverage("cpu_1thread", "CPU, 1 thread"),
    "cpu": _coverage("cpu", "CPU"),
}


def measure(subject: Subject) -> Iterator[Reading]:
    """Records the kernels of one inference and profiles others, with one thread and with all."""
    from reporter.worker.instruction_sets import instruction_sets
    from reporter.worker.operator_pass import read, setting

    network, images = subject.network, subject.inputs(1)
    calls = []
    for name, quantity in COVERAGE.items():
        with setting(subject, name == "cpu_1thread"):
            reading, rows = read(quantity, name, lambda: network(next(images)), network, subject.conditions.seconds)
        yield reading
        calls.append(rows)
    yield exact(OPERATORS, len(calls[0]), instruction_sets=instruction_sets(row.kernel for row in calls[0]))


ENTRIES = (Metric("operators", (OPERATORS, *COVERAGE.values()), measure, process="profiling", device="cpu"),)
