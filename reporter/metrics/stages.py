"""Stages: the time of each stage of an architecture in one inference, beside its MACs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

STAGES = Quantity(
    key="stages",
    title="Stages",
    unit="1",
    group="profile",
    better="neither",
    definition="Stages of the architecture, as its card lists them: blocks and linear layers, and other layers "
    "together as long as the resolution of their feature maps is the same.",
)


def _coverage(setting: str, title: str) -> Quantity:
    return Quantity(
        key=f"stages_coverage_{setting}",
        title=f"Stages over latency, {title}",
        unit="1",
        group="profile",
        better="neither",
        definition="Seconds of all stages over the latency of calls just before and after in which no module notes the "
        "time; the fastest call of each kind counts. A stage lasts from the beginning of one of its modules to the "
        "beginning of a module of another stage.",
    )


COVERAGE = {
    "cpu_1thread": _coverage("cpu_1thread", "CPU, 1 thread"),
    "cpu": _coverage("cpu", "CPU"),
}
ON_GPU = Quantity(
    key="stages_coverage_cuda",
    title="Stages over latency, GPU",
    unit="1",
    group="profile",
    better="neither",
    definition="Seconds of all stages over the latency of calls in which no module notes the time; the fastest call of "
    "each kind counts. Each stage begins once the GPU is done with the one before it, so the sum is above the latency "
    "by what a call otherwise queues meanwhile.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Times the stages with one thread and with all; their number is no reading without their times."""
    from reporter.worker.profiling.operator_pass import profilers, read_stages, setting

    count, found = len(profilers(subject).groups), []
    for name, quantity in COVERAGE.items():
        with setting(subject, name == "cpu_1thread"):
            found.append(read_stages(quantity, profilers(subject).of(name, stages=True)))
    yield exact(STAGES, count)
    yield from found


def measure_cuda(subject: Subject) -> Iterator[Reading]:
    """Times the stages on a GPU."""
    from reporter.worker.profiling.operator_pass import profilers, read_stages_of_device

    yield read_stages_of_device(ON_GPU, profilers(subject).of("cuda", stages=True), subject.place)


ENTRIES = (
    Metric("stages", (STAGES, *COVERAGE.values()), measure, process="profiling", device="cpu", profile=True),
    Metric("stages_cuda", (ON_GPU,), measure_cuda, process="profiling cuda", device="cuda", profile=True),
)
