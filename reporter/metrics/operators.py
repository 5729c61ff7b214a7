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
        definition="Seconds of all operators, by torch.profiler, over the latency of calls without the profiler just "
        "before and after; the fastest call of each kind counts. What the profiler adds for each operator is measured "
        "with operators on a single pixel and subtracted. Python code between the operators is listed as one more; "
        "each gap between two counts as three times the median gap at most, so that an operator that is missed "
        "lowers the ratio. All seconds are then scaled to the latency.",
    )


COVERAGE = {
    "cpu_1thread": _coverage("cpu_1thread", "CPU, 1 thread"),
    "cpu": _coverage("cpu", "CPU"),
}
ON_GPU = Quantity(
    key="operators_coverage_cuda",
    title="Operators over latency, GPU",
    unit="1",
    group="profile",
    better="neither",
    definition="Seconds of all kernels on the GPU, by torch.profiler, over the latency of calls without the profiler. "
    "The rest of the latency is GPU idle time, listed as one more: a call with one image may be bound by kernel "
    "launches. The seconds of kernels that sum to more than the latency are scaled to it.",
)
KERNELS = Quantity(
    key="kernels_cpu_1thread",
    title="Kernels, CPU, 1 thread",
    unit="1",
    group="profile",
    better="neither",
    definition="Backend operators that one inference calls with one thread, each listed with its layer and kernel in "
    "the ledger; nothing is timed.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Records the kernels of one inference and profiles others, with one thread and with all."""
    from reporter.worker.profiling.instruction_sets import instruction_sets
    from reporter.worker.profiling.operator_pass import profilers, read, setting

    calls = []
    for name, quantity in COVERAGE.items():
        with setting(subject, name == "cpu_1thread"):
            found = profilers(subject).of(name)
            yield read(quantity, name, found)
        calls.append(found.rows)
    yield exact(OPERATORS, len(calls[0]), instruction_sets=instruction_sets(row.kernel for row in calls[0]))


def measure_kernels(subject: Subject) -> Iterator[Reading]:
    """Records the kernels of one inference with one thread."""
    from reporter.worker.profiling.operator_pass import profilers, read_kernels, setting

    with setting(subject, one_thread=True):
        yield read_kernels(KERNELS, "cpu_1thread", profilers(subject).of("cpu_1thread"))


def measure_cuda(subject: Subject) -> Iterator[Reading]:
    """Profiles the kernels of a GPU."""
    from reporter.worker.profiling.operator_pass import read_device

    network, images = subject.network, subject.inputs(1)
    yield read_device(ON_GPU, "cuda", lambda: network(next(images)), subject.place)


ENTRIES = (
    Metric("operators", (*COVERAGE.values(), OPERATORS), measure, process="profiling", device="cpu", profile=True),
    Metric("kernels", (KERNELS,), measure_kernels, process="profiling", device="cpu", on_request=True, profile=True),
    Metric("operators_cuda", (ON_GPU,), measure_cuda, process="profiling cuda", device="cuda", profile=True),
)
