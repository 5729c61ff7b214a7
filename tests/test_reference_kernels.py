"""--against compares the kernels of both environments, once for each architecture and mode, without times."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from commands import WIDE, call
from forked_sides import without_onednn_in_the_second
from test_against_published import MAIN, measured
from test_reference_run import NAMES, Simulated, interrupt, kernels, request, simulated

from reporter.cli.progress import JsonLines, Quiet
from reporter.compare import reference_file
from reporter.documents.reference_verdicts import AgainstReference, ReferenceSide, ReferenceVerdict
from reporter.host.job import Job
from reporter.metrics.operators import KERNELS
from reporter.model import Reading, Verdict
from reporter.model.settings import FailOn, settings
from reporter.nightly import outlet_files, outlets
from reporter.report.between_runs import reference_section
from reporter.report.language import language
from reporter.run.executors.local import LocalExecutor
from reporter.run.paired import interleaving, paired_run, pinned, reference_counts, reference_kernels, reference_run
from reporter.run.paired.against import Against
from reporter.run.paired.against import prepare as prepare_against
from reporter.run.paired.paired_run import RecordsByPair
from reporter.run.preparation import prepare

__all__ = ["measured", "simulated"]
CHANGED = {"resnet18": ("jit", "ref:any", "jit")}
"""The kernels of tonight that differ."""


REASON = "failed in tonight: killed by SIGSEGV"


def recording(monkeypatch: pytest.MonkeyPatch, **kept: Any) -> None:
    """Tonight, the second convolution of resnet18 runs another kernel; `kept` replaces the result of architectures."""

    def alone(side: Any, job: Job, _: float) -> Verdict:
        if job.architecture in kept and side.number:
            side.readings = []
            return Verdict(*kept[job.architecture])
        names = CHANGED.get(job.architecture, ("jit",) * 3) if side.number else ("jit",) * 3
        side.readings = [Reading(quantity=KERNELS, samples=(3,), detail=kernels(*names))]
        return Verdict("ok", None)

    monkeypatch.setattr(interleaving, "alone", alone)


def against(folder: Path, **more: object) -> Against:
    return Against(replace(request(folder, metrics="latency_cpu_1thread", **more), kernels=True))


def test_a_kernel_that_changed_is_an_exact_finding(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the layer and both names, and the verdict on the time beside it."""
    recording(monkeypatch)
    work = against(tmp_path)
    found = work.measure(Quiet(sys.stderr))
    [change] = found.changes
    assert (change.architecture, change.metric, change.mode) == ("resnet18", "kernels_cpu_1thread", "eager")
    assert (change.reference, change.tonight) == (None, None)
    assert change.kernels
    assert [(swap.base, swap.new, swap.layers) for swap in change.kernels.swaps] == [("jit", "ref:any", ("conv2",))]
    assert (change.kernels.time, change.kernels.compared) == ("not resolved", 3)
    assert change.kernels.ratio == next(row.ratio for row in found.verdicts if row.architecture == "resnet18")
    assert {on: found.fails(on) for on in get_args(FailOn)} == {
        "exact": True, "any": True, "timing": False, "level": False, "never": False,
    }  # fmt: skip
    assert (found.gaps, len(found.verdicts)) == ((), 3)
    text = "\n".join(reference_section.lines(found, work.titles))
    assert "1 with changed kernels; in half of the times, a change of" in text
    assert "- resnet18: Kernels, CPU, 1 thread differ from the reference: jit → ref:any in conv2" in text
    assert "с другими ядрами: 1" in reference_section.headline(found, language("ru"))


def test_an_interrupted_run_records_no_kernels_twice(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(simulated, 1)
    with pytest.raises(KeyboardInterrupt):
        against(tmp_path).measure(Quiet(sys.stderr))
    before, simulated.before = [call for call in simulated.calls if "kernels" in call], lambda: None
    assert len(before) == 2 * len(NAMES)
    assert against(tmp_path).measure(Quiet(sys.stderr)).changes == ()
    assert [call for call in simulated.calls if "kernels" in call] == before


@pytest.mark.parametrize(("status", "failed"), [("failed", True), ("timeout", True), ("unsupported", False)])
def test_kernels_that_were_not_recorded_are_named(
    status: Any, failed: bool, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are compared; a failure is no pass."""
    recording(monkeypatch, alexnet=(status, "no profiler"))
    found = against(tmp_path).measure(Quiet(sys.stderr))
    [gap] = found.gaps
    assert (gap.architecture, gap.metric, gap.failed) == ("alexnet", KERNELS.key, failed)
    assert gap.reason == f"{status} in tonight: no profiler"
    assert [change.architecture for change in found.changes] == ["resnet18"]
    assert found.passes("exact") != failed


def test_kernels_that_failed_are_named_beside_a_mode_without_times(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an architecture that fails in a mode as a whole, the time alone is listed."""
    recording(monkeypatch, alexnet=("failed", "no profiler"))
    plain = simulated.measure

    def measure(sides: list[Any], jobs: tuple[Job, Job], seconds: float) -> list[Verdict]:
        verdicts = plain(sides, jobs, seconds)
        return [Verdict("unsupported", "no such mode")] * 2 if jobs[0].modes else verdicts

    monkeypatch.setattr(interleaving, "measure", measure)
    work = replace(against(tmp_path, architectures="alexnet", modes="channels_last").work, modes=True)
    found = Against(work).measure(Quiet(sys.stderr))
    assert [(gap.metric, gap.mode) for gap in found.gaps] == [
        ("latency_cpu_1thread", "channels_last"), (KERNELS.key, "eager"),
    ]  # fmt: skip
    assert not found.passes("exact")


def test_counts_that_failed_are_named(simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were not compared, so that nothing is known to be equal."""
    plain = simulated.alone

    def alone(side: Any, job: Job, seconds: float) -> Verdict:
        verdict = plain(side, job, seconds)
        side.readings = side.readings[: -side.number or None]  # the last one is missing tonight
        return Verdict("failed", "killed by SIGSEGV") if side.number else verdict

    monkeypatch.setattr(interleaving, "alone", alone)
    work = request(tmp_path, metrics="macs,latency_cpu_1thread", architectures="alexnet")
    found = Against(work).measure(Quiet(sys.stderr))
    [gap] = found.gaps
    assert (gap.metric, gap.reason) == ([*work.exact.values()][-1].quantities[-1].key, REASON)
    assert not found.passes("never")


def test_what_is_recorded(simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eager with one thread, and the modes of torch if modes are named; nothing without a time on the CPU."""
    work = request(tmp_path, architectures="alexnet", modes="channels_last,bf16+channels_last")
    for modes, expected in ((False, [()]), (True, [(), ("channels_last",), ("bf16+channels_last",)])):
        jobs = reference_kernels.plan(work.request, work.times, modes)
        assert [job.modes for job in jobs] == expected
        assert {job.metrics for job in jobs} == {("kernels",)}
    assert reference_kernels.plan(work.request, {}, True) == []
    monkeypatch.setattr(pinned, "environment", lambda *_: tmp_path)
    made = prepare_against(settings({"against": "reference"}), work.request, tmp_path, print)
    assert made
    assert [job.metrics for job in made.work.exact_values.jobs] == [("kernels",), (*work.exact,)]


@pytest.mark.parametrize(("metric", "control", "ending"), [
    ("latency_cuda", False, "; use reporter ab to compare them."), ("latency_xpu", False, "."),
    ("latency_cuda", True, ""), ("latency_cpu_1thread", False, ""),
])  # fmt: skip
def test_the_output_states_that_kernels_on_a_gpu_are_not_compared(metric: str, control: bool, ending: str) -> None:
    """No job records them, so that a kernel that changed there would be no finding."""
    side = ReferenceSide(versions={"torch": "2.14.1"}, torch_file="/torch/__init__.py")
    row = ReferenceVerdict(
        architecture="alexnet", metric=metric, mode="eager", verdict="unchanged", ratio=1.0, low=0.99, high=1.01
    )
    found = AgainstReference(reference=side, tonight=side, control=control, detectable=0.02, verdicts=(row,))
    line = "- Kernels on the GPU are not compared with the reference"
    stated = [each for each in reference_section.lines(found, {}) if each.startswith(line)]
    assert stated == ([f"{line}{ending}"] if ending else [])


def test_the_progress_has_the_kernels(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They take a minute or two of 18 architectures, in which a job must not be silent."""
    shown = JsonLines(sys.stderr)
    against(tmp_path).measure(shown)
    errors = capsys.readouterr().err
    assert errors.count('"event": "started"') == errors.count('"event": "finished"') == 3 + shown_rounds(simulated)
    assert '"process": "profiling"' in errors


def shown_rounds(simulated: Simulated) -> int:
    return sum("counts" not in call for call in simulated.calls)


@pytest.mark.slow
def test_real_processes_record_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tonight's torch does not use oneDNN; also in a mode."""
    monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=without_onednn_in_the_second(), PIPE=None))
    asked = {"architecture": WIDE[1:], "metrics": "latency_cpu_1thread", "modes": "channels_last", "device": "cpu"}
    made = prepare(tmp_path, settings(asked), LocalExecutor())
    work = replace(reference_run.prepare(made, Path(sys.prefix), modes=True), kernels=True)
    exact, books = work.exact_values, ({}, {})
    with paired_run.sides(work.environments) as both:
        record(exact.jobs, both, books, work)
    changes, gaps = exact.changes(books, [])
    assert [(change.architecture, change.mode) for change in changes] == [("wide", "eager"), ("wide", "channels_last")]
    assert gaps == list(exact.failures(books)) == []
    for change in changes:
        assert change.kernels
        [swap] = [swap for swap in change.kernels.swaps if "3" in swap.layers]
        assert swap.base.startswith(("jit", "brg"))
        assert not swap.new.startswith(("jit", "brg"))


def record(
    jobs: Sequence[Job], both: Any, books: tuple[RecordsByPair, RecordsByPair], work: reference_run.ReferenceRequest
) -> None:
    for job in jobs:
        taken = reference_counts.count(job, both, work.exact_values.quantities(job))
        reference_counts.add(job, taken, books, work.request, work.examined)


def test_every_output_has_changed_kernels(
    simulated: Simulated, measured: list[AgainstReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the main job and of a nightly run, which accepts them on one kind of processor."""
    recording(monkeypatch)
    found = against(tmp_path / "measured").measure(Quiet(sys.stderr))
    measured[:] = [found]
    for gate, code in (("exact", 1), ("any", 1), ("timing", 0)):
        process = call("--out", tmp_path / "main", *MAIN, "--fail-on", gate)
        assert process.returncode == code, process.stderr
        check(tmp_path / "main", code)
    nightly = ("nightly", "--out", tmp_path / "night", *MAIN, "--fail-on", "exact")
    for _ in range(2):
        process = call(*nightly)
        assert process.returncode == 1, process.stderr
        assert "differs from the reference: resnet18 conv2: jit -> ref:any" in process.stdout
        check(tmp_path / "night", 1)
    assert call("accept", tmp_path / "night", "--reason", "a new kernel").returncode == 0
    assert call(*nightly).returncode == 0
    assert "(known since " in outlets.comment(outlets.read(tmp_path / "night"), "x", "")
    measured[:] = [found.model_copy(update={"machine_kind": "another processor"})]
    assert call(*nightly).returncode == 1
    assert reference_file.load(tmp_path / "night")


def check(folder: Path, code: int) -> None:
    run = outlets.read(folder)
    assert (run.has_regression, run.passes) == (code == 1, code == 0)
    [row] = [row for row in run.rows if "conv2" in row.result]
    assert (row.name, row.red) == ("resnet18", code == 1)
    assert row.result == "differs from the reference: conv2: jit -> ref:any"
    assert f'failures="{code}"'.encode() in outlet_files.junit(run)
    assert os.fspath(folder)
