"""Jobs that only count run side by side on one machine, and never beside others."""

from __future__ import annotations

from networks import CONDITIONS

from reporter.host.job import Job
from reporter.run.schedule import Schedule, Task
from reporter.run.slots import Slot

MACHINE = {"machine": "a"}
ALONE, FIRST, SECOND = Slot("", "", MACHINE), Slot("", "", MACHINE, counts=True), Slot("", "", MACHINE, counts=True)
SLOTS = (ALONE, FIRST, SECOND)


def task(name: str, counts: bool) -> Task:
    job = Job(architecture=name, metrics=("size",), device="cpu", conditions=CONDITIONS, process="any")
    return Task(job, "a", timed=not counts, counts=counts)


def started(schedule: Schedule) -> list[str]:
    found = []
    while due := schedule.due(SLOTS):
        found.append(due[1].job.architecture)
    return found


def test_counting_jobs_run_side_by_side_and_times_alone() -> None:
    schedule = Schedule([*(task(f"c{number}", True) for number in range(4)), task("t0", False), task("c4", True)])
    assert started(schedule) == ["c0", "c1", "c2"]
    schedule.finish(FIRST)
    assert started(schedule) == ["c3"]
    schedule.finish(ALONE)
    assert started(schedule) == [], "a time waits for the machine, and nothing overtakes it"
    schedule.finish(FIRST)
    schedule.finish(SECOND)
    assert started(schedule) == ["t0"]
    assert list(schedule.running) == [ALONE]
    schedule.finish(ALONE)
    assert started(schedule) == ["c4"]


def test_a_slot_for_counting_takes_nothing_else() -> None:
    schedule = Schedule([task("t0", False)])
    assert schedule.due([FIRST]) is None
    (dropped,) = schedule.drop([FIRST])
    assert dropped.job.architecture == "t0"
