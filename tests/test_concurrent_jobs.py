"""Jobs that run on one machine at a time, on a GPU each: their share of the processors, and whose time is whose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from networks import CONDITIONS
from torch import Tensor, nn

from reporter.host import concurrent_jobs, machine
from reporter.host.job import Job
from reporter.worker import entry, torch_state
from reporter.worker.variants.output_check import Reference

SIBLING, CHILD = 4_000_001, 4_000_002
"""Above the largest number of a process."""


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    concurrent_jobs.share(1)


class Proc:
    """A folder as /proc with this process, its parent, a sibling and a child of that; times are seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.below = {os.getppid(): [os.getpid(), SIBLING], SIBLING: [CHILD]}
        self.own = dict.fromkeys((SIBLING, CHILD), 0.0)
        self.waited = dict.fromkeys((os.getppid(), SIBLING, CHILD), 0.0)
        self.busy = 0.0
        self.elsewhere: tuple[float, ...] = ()

    def load(self, passed: float) -> machine.Load:
        """The load by this folder after so many seconds."""
        ticks = os.sysconf("SC_CLK_TCK")
        shares = [self.busy / 2, self.busy / 2, *self.elsewhere]
        lines = [f"{share * ticks:.0f} 0 0 5000 0 0 0 0 0 0" for share in (sum(shares), *shares)]
        names = ("cpu ", *(f"cpu{number}" for number in range(len(shares))))
        stat = "".join(f"{name} {line}\n" for name, line in zip(names, lines, strict=True))
        (self.folder / "stat").write_text(f"{stat}ctxt 1\n")
        for process, waited in self.waited.items():
            task = self.folder / str(process) / "task" / str(process)
            task.mkdir(parents=True, exist_ok=True)
            (task / "children").write_text(" ".join(map(str, self.below.get(process, []))))
            times = f"{self.own.get(process, 7.0) * ticks:.0f} 0 {waited * ticks:.0f} 0"
            (self.folder / str(process) / "stat").write_text(f"{process} (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 {times} 20 0")
        found = machine.load(self.folder)
        assert found is not None
        return replace(found, passed=passed)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proc:
    monkeypatch.setattr(os, "times", lambda: (0.0,) * 5)
    monkeypatch.setattr(machine, "affinity", lambda: frozenset({0, 1}))
    return Proc(tmp_path)


@pytest.mark.parametrize(("jobs", "load"), [(2, 0.0), (1, 0.75)])
def test_the_runs_other_worker_is_no_other_program(jobs: int, load: float, proc: Proc) -> None:
    """It waits for its GPU on one processor, and what it started computes; without a second job, they are others."""
    concurrent_jobs.share(jobs)
    proc.own[SIBLING] = 30.0
    before = proc.load(0.0)
    proc.own[SIBLING] += 2.0
    proc.own[CHILD] += 0.9
    proc.waited[SIBLING] += 0.1
    proc.busy += 3.0
    assert proc.load(2.0).background_load_since(before) == pytest.approx(load)


@pytest.mark.parametrize("processors", [{0, 1}, {0}, {7}], ids=str)
def test_the_load_is_that_of_the_processors_of_this_process(
    processors: set[int], proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container with a set of processors on a large machine; one that numbers them anew has the load of all."""
    monkeypatch.setattr(machine, "affinity", lambda: frozenset(processors))
    proc.elsewhere = (0.0, 0.0)
    before = proc.load(0.0)
    proc.busy, proc.elsewhere = 1.0, (2.0, 2.0)
    expected = (1.0 + 4.0) / (2.0 * 4) if processors == {7} else 0.25
    assert proc.load(2.0).background_load_since(before) == pytest.approx(expected)


def test_the_affinity_is_that_before_one_processor_is_chosen() -> None:
    machine.affinity.cache_clear()
    with machine.one_core(1):
        inside = machine.affinity()
    assert inside == os.sched_getaffinity(0)


def test_a_worker_that_ends_takes_no_time_back(proc: Proc) -> None:
    """Its parent has waited for it: what it used before and since counts for the run, what others used does not."""
    concurrent_jobs.share(2)
    proc.own[SIBLING], proc.waited[SIBLING] = 30.0, 1.0
    before = proc.load(0.0)
    proc.below[os.getppid()] = [os.getpid()]
    proc.waited[os.getppid()] += 30.0 + 1.0 + 1.5
    proc.busy += 1.5 + 1.0
    assert proc.load(2.0).background_load_since(before) == pytest.approx(0.25)


def test_a_system_without_lists_of_children_counts_this_process_only(proc: Proc) -> None:
    concurrent_jobs.share(2)
    proc.own[SIBLING] = 30.0
    assert proc.load(0.0).own == pytest.approx(30.0)
    for path in proc.folder.glob("*/task/*/children"):
        path.unlink()
    assert concurrent_jobs.seconds(proc.folder) == 0.0


class Threads(nn.Module):
    """Keeps with how many threads it was called."""

    seen: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(torch.get_num_threads())
        return images.flatten(1)[:, :4]


@pytest.mark.parametrize(("jobs", "threads"), [(1, 6), (2, 3), (4, 1), (9, 1)])
def test_the_float64_run_has_its_share_of_the_processors(
    jobs: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "usable_threads", lambda: 6)
    monkeypatch.setattr(Threads, "seen", [])
    concurrent_jobs.share(jobs)
    Reference(Threads(), torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert set(Threads.seen) == {threads}


def test_a_worker_takes_the_number_from_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "limit_memory", lambda device: None)
    monkeypatch.setattr(torch_state, "settle", lambda threads: None)
    job = Job(
        architecture="nowhere", metrics=("latency_cuda",), device="cuda:1", conditions=CONDITIONS, process="timing cuda"
    )
    for jobs in (2, 1):
        entry.run(job.model_copy(update={"concurrent": jobs}), lambda message: None)
        assert concurrent_jobs.count() == jobs
