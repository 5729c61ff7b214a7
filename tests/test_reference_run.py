"""The rounds of a run with --against: which are planned, and which are not needed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, get_args

import numpy as np
import pytest
from commands import call, errors_so_far, wait_for, without_seconds
from compare_simulation import LATENCY
from samples import few

from reporter.cli import heartbeat, main
from reporter.cli.progress import Quiet
from reporter.compare import ratio_history, reference_file, reference_rule
from reporter.compare.environments import About, Import
from reporter.host import files, interrupts, machine
from reporter.host.exit_codes import INTERRUPTED
from reporter.host.job import Job
from reporter.model import Engine, Metric, Reading, ReporterError, Verdict
from reporter.model.profiles import LayerKernel, digest
from reporter.model.settings import FailOn, settings
from reporter.nightly import one_run, reference_findings, state
from reporter.nightly.run_folder import Folder
from reporter.registry.catalog import collect
from reporter.report.between_runs import reference_section
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.run import input_sizes, mode_plan, preparation
from reporter.run.executors.local import LocalExecutor
from reporter.run.paired import (
    against,
    interleaving,
    paired_run,
    pinned,
    reference_counts,
    reference_move,
    reference_run,
)
from reporter.run.paired.against import Against
from reporter.run.paired.reference_run import ReferenceRequest
from reporter.run.preparation import prepare


def test_as_many_rounds_are_planned_as_there_is_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_run, "monotonic", lambda: 100.0)
    looks = (3, 5, 8)
    for seconds, last in ((60.0, 8), (100.0, 5), (200.0, 3), (300.0, None)):
        assert reference_run._affordable(looks, lambda look, each=seconds: each * look, 0.0) == last
    measured = {3: 0.0, 5: 0.0, 8: 1.0}  # by the run that is resumed, which took longer
    assert reference_run._affordable(looks, lambda look: measured[look], -2 * reference_run.LONGEST) == 5


def test_a_row_with_enough_rounds_is_closed() -> None:
    work = SimpleNamespace(
        enough=lambda row: row.rounds >= 3, times={"m": SimpleNamespace(quantities=[SimpleNamespace(key="m")])}
    )
    job = SimpleNamespace(metrics=("m",), modes=(), architecture="net")
    for rounds, is_open in ((1, True), (3, False)):
        found = SimpleNamespace(rows={("m", "eager", "net"): SimpleNamespace(rounds=rounds)})
        assert reference_run._is_open(job, work, found) is is_open


NAMES = ("alexnet", "resnet18", "resnet50")
NOISE = 0.03
COUNT = Reading(quantity=LATENCY.model_copy(update={"key": "parameters", "unit": "1"}), samples=(5,))
METRICS = collect("reporter.metrics", Metric)


def kernels(*names: str) -> dict[str, Any]:
    """The detail of a reading with these kernels in the layers conv1, conv2, …"""
    rows = [
        LayerKernel(
            layer=f"conv{number}", operator="aten::convolution", kernel=name, shapes="1x3", dtype="float32",
            layout="contiguous",
        )
        for number, name in enumerate(names, 1)
    ]  # fmt: skip
    return {"kernels": digest(rows), "calls": {"cpu_1thread": [row.model_dump(mode="json") for row in rows]}}


def about(place: str) -> About:
    """An environment of its own."""
    torch = Import(version="2.14.1", file=f"/{place}/torch/__init__.py")
    return About(
        machine="here", machine_facts={}, environment={}, imports={"torch": torch}, places=(place,), variables={}
    )


def samples(job: Job, side: int) -> tuple[float, ...]:
    """Times that depend on the architecture and the round; one architecture varies more and needs more rounds."""
    seed = hashlib.sha256(f"{job.architecture} {job.round}".encode()).digest()
    chance = np.random.default_rng([*seed, side])
    noise = NOISE if job.architecture == "resnet18" else 0.0002
    return tuple((0.02 * np.exp(chance.normal(0, noise) + chance.normal(0, noise / 3, 12))).tolist())


class Simulated:
    """Both environments, which measure in no time; `calls` are the jobs, `slower` is by how much the second one is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.opened = 0
        self.kept: set[Sequence[str]] = set()
        self.sizes: set[str | None] = set()
        self.before: Callable[[], None] = lambda: None
        self.slower: dict[str, float] = {}
        monkeypatch.setattr(paired_run, "sides", self.sides)
        monkeypatch.setattr(against, "find_spec", lambda _: None)  # the torch of the sides is simulated, too
        monkeypatch.setattr(interleaving, "measure", self.measure)
        monkeypatch.setattr(interleaving, "alone", self.alone)

    @contextmanager
    def sides(self, *_: object, keep: Sequence[str] = (), **__: object) -> Iterator[list[Any]]:
        self.opened += 1
        self.kept.add(keep)
        yield [
            SimpleNamespace(name=name, about=about(name), number=number, unknown=[]) for number, name in enumerate("ab")
        ]

    def measure(self, sides: list[Any], jobs: tuple[Job, Job], _: float) -> list[Verdict]:
        self.before()
        self.sizes.add(jobs[0].conditions.input_size)
        for side, job in zip(sides, jobs, strict=True):
            factor = self.slower.get(job.architecture, 1.0) if side.number else 1.0
            taken = tuple(factor * seconds for seconds in samples(job, side.number))
            side.readings = [Reading(quantity=LATENCY, samples=taken, rounds=(12,))]
        self.calls.append(f"{jobs[0].architecture} {jobs[0].round}")
        return [Verdict("ok", None)] * 2

    def alone(self, side: Any, job: Job, _: float) -> Verdict:
        """Counts and kernels are equal on both sides."""
        quantities = [each for name in job.metrics for each in METRICS[name].quantities]
        side.readings = [Reading(quantity=each, samples=(5,), detail=kernels("jit")) for each in quantities]
        self.calls.append(f"{job.architecture} counts {side.number} {job.metrics} {job.modes}")
        return Verdict("ok", None)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Simulated:
    return Simulated(monkeypatch)


def request(folder: Path, **more: object) -> ReferenceRequest:
    folder.mkdir(exist_ok=True)
    options = {"architectures": ",".join(NAMES), "metrics": "size,latency_cpu_1thread", "device": "cpu", **more}
    work = reference_run.prepare(prepare(folder, settings(options), LocalExecutor()), Path("reference"))
    return ReferenceRequest(**{**vars(work), "journal": folder / reference_file.PARTIAL})


def measured(work: ReferenceRequest) -> reference_run.ReferenceRun:
    return reference_run.run(work, Quiet(sys.stderr))


def interrupt(simulated: Simulated, count: int) -> None:
    """The measurement after so many is interrupted."""

    def before() -> None:
        if sum("counts" not in call for call in simulated.calls) == count:
            raise KeyboardInterrupt

    simulated.before = before


def test_an_interrupted_measurement_resumes_with_the_same_result(simulated: Simulated, tmp_path: Path) -> None:
    """At whatever measurement it is interrupted, none is repeated; also with a line that was cut short."""
    whole = measured(request(tmp_path / "whole"))
    expected = simulated.calls
    assert {name: whole.rows["latency_cpu_1thread", "eager", name].rounds for name in NAMES} == {
        "alexnet": 3, "resnet18": 8, "resnet50": 3,
    }  # fmt: skip
    for count in (0, 1, 4, 10, len(expected) - 7):
        folder = tmp_path / str(count)
        simulated.calls = []
        interrupt(simulated, count)
        with pytest.raises(KeyboardInterrupt):
            measured(request(folder))
        with (folder / reference_file.PARTIAL).open("a") as file:
            file.write('{"job": "resnet50')
        simulated.before, simulated.opened = lambda: None, 0
        found = measured(request(folder))
        assert sorted(simulated.calls) == sorted(expected)
        assert found.rows == whole.rows
        assert found.changes == whole.changes
    assert simulated.opened < 9, "no process is started for a round that is complete"


def test_a_reference_has_the_engines_of_the_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that this environment has, by the name of the distribution that has the module; torch compiles itself."""
    runtime = Engine("onnxruntime", "ONNX Runtime", lambda *_: None, modules=("onnxruntime", "onnx"))
    compiler = Engine("compile", "torch.compile", lambda *_: None)
    versions = {"onnxruntime": ["onnxruntime-gpu", "onnxruntime"], "onnx": ["onnx"]}
    monkeypatch.setattr(reference_run.metadata, "packages_distributions", lambda: versions)
    options = settings({"architectures": "alexnet", "metrics": LATENCY.key, "device": "cpu", "modes": "channels_last"})
    asked = prepare(tmp_path, options, LocalExecutor())
    asked = replace(asked, engines={"onnxruntime": runtime, "compile": compiler}, modes=("compile", "onnxruntime"))
    monkeypatch.setattr(reference_run.mode_plan, "unavailable", lambda *_: "")
    assert reference_run.packages(asked, modes=True) == ("onnxruntime-gpu", "onnx")
    assert reference_run.packages(asked, modes=False) == ()
    made: list[Sequence[str]] = []

    def environment(_: str, __: Path, ___: object, needs: Sequence[str]) -> Path:
        made.append(needs)
        return Path("reference")

    here = about("b").model_copy(update={"imports": {}})
    work = ReferenceRequest(asked, {}, {}, (Path(), Path()), (about("a"), here))
    monkeypatch.setattr(pinned, "environment", environment)
    monkeypatch.setattr(reference_run, "prepare", lambda *_, **__: work)
    for chosen in (options, settings({"architectures": "alexnet"})):
        against.prepare(chosen.model_copy(update={"against": "torch==1.0"}), asked, tmp_path, print)
    assert made == [("onnxruntime-gpu", "onnx"), ()]


@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_a_run_that_imports_another_torch_than_its_side_is_refused(
    package: str, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with PYTHONPATH, which the sides do not inherit: the verdicts would be on another torch than the records."""
    installed = {name: f"/b/{name}/__init__.py" for name in ("torch", "torchvision")}
    imports = {name: Import(version="2.14.1", file=file) for name, file in installed.items()}
    plain = about
    monkeypatch.setitem(globals(), "about", lambda place: plain(place).model_copy(update={"imports": imports}))
    monkeypatch.setattr(pinned, "environment", lambda *_: tmp_path)
    monkeypatch.setattr(against, "find_spec", lambda name: SimpleNamespace(origin=installed[name]), raising=False)
    options = {"architectures": "alexnet", "metrics": LATENCY.key, "device": "cpu", "against": "reference"}
    asked = prepare(tmp_path, settings(options), LocalExecutor())
    assert against.prepare(settings(options), asked, tmp_path, print)
    installed[package] = f"/pythonpath/{package}/__init__.py"
    line = f"--against: this run imports {package} from /pythonpath/{package}/__init__.py, the comparison"
    with pytest.raises(ReporterError, match=re.escape(line)):
        against.prepare(settings(options), asked, tmp_path, print)


def test_a_known_slowdown_is_measured_until_its_growth_would_be_found(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is new is clear after the first look, however coarse its size is; also in both commands."""
    simulated.slower = {"resnet18": 1.5}
    plain = Against(request(tmp_path))
    first = plain.measure(Quiet(sys.stderr))
    new = next(row for row in first.verdicts if row.architecture == "resnet18")
    assert (new.verdict, new.rounds, (new.detectable or 0) > reference_rule.GOAL) == ("slower", 3, True)
    _, entries = reference_findings.accepted(first, {"architecture": ["resnet18"]}, "a new kernel", "2026-11-29")
    state.save(Folder(tmp_path).accepted_file, state.Acceptances(accepted=tuple(entries)))
    monkeypatch.setattr(against, "prepare", lambda *_: plain)
    options = {"architectures": "resnet18", "metrics": "latency_cpu_1thread", "device": "cpu"}
    nightly = one_run.plan(tmp_path, None, options, {}).against
    _, job = main._prepared(tmp_path, settings(options), LocalExecutor(), {}, print)
    for made in (nightly, job):
        assert made
        rounds = {row.architecture: row.rounds for row in made.measure(Quiet(sys.stderr)).verdicts}
        assert rounds == {"alexnet": 3, "resnet18": 8, "resnet50": 3}
    elsewhere = [entry.model_copy(update={"machine": "another processor"}) for entry in entries]
    row = SimpleNamespace(place=(LATENCY.key, "eager", "resnet18"), decided=True, is_precise=False)
    for others in (elsewhere, [entry.model_copy(update={"reference": "torch==1.0"}) for entry in entries], []):
        made = reference_findings.measured_for_growth(plain, others)
        assert made
        assert made.work.enough(row)  # type: ignore[arg-type]


def test_a_budget_does_not_change_the_rounds(simulated: Simulated, tmp_path: Path) -> None:
    """They are those of the preset; the rounds of a request with a budget are the most that fit."""
    for preset, clear, unclear in (("standard", 3, 8), ("thorough", 10, 26)):
        rows = measured(request(tmp_path / preset, preset=preset, budget="20m")).rows.values()
        assert {row.architecture: row.rounds for row in rows} == {
            "alexnet": clear, "resnet18": unclear, "resnet50": clear,
        }  # fmt: skip


def test_each_round_passes_on_the_same_variables(simulated: Simulated, tmp_path: Path) -> None:
    measured(request(tmp_path, keep_env="HF_TOKEN", architectures="alexnet"))
    assert simulated.opened > 1
    assert simulated.kept == {("HF_TOKEN",)}


@pytest.mark.parametrize("change", ["fresh", "metrics", "torch", "file"])
def test_the_measurements_of_another_command_are_not_used(
    change: str, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(simulated, 4)
    with pytest.raises(KeyboardInterrupt):
        measured(request(tmp_path))
    simulated.before, simulated.calls = lambda: None, []
    journal = tmp_path / reference_file.PARTIAL
    options: dict[str, object] = {}
    if change == "file":
        journal.write_text("no journal\n")
    elif change == "torch":
        plain = about
        newer = {"torch": Import(version="2.15.0", file="/b/torch/__init__.py")}
        monkeypatch.setitem(globals(), "about", lambda place: plain(place).model_copy(update={"imports": newer}))
    else:
        options = {"fresh": True} if change == "fresh" else {"metrics": "latency_cpu_1thread"}
    measured(request(tmp_path, **options))
    assert {f"{name} {number}" for name in NAMES for number in range(3)} <= set(simulated.calls)
    assert len(json.loads(journal.read_text().splitlines()[0])["digest"]) == 64


def test_loading_both_environments_is_part_of_the_time_that_is_left(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No round is begun whose loading alone would take the run beyond the limit."""
    plain, clock = simulated.sides, [0.0]

    @contextmanager
    def slow(*given: object, **more: object) -> Iterator[list[Any]]:
        clock[0] += 100.0
        with plain(*given, **more) as both:
            yield both

    work = request(tmp_path)
    monkeypatch.setattr(paired_run, "sides", slow)
    monkeypatch.setattr(reference_run, "monotonic", lambda: clock[0])
    assert measured(work).rows[LATENCY.key, "eager", "resnet18"].rounds == 5, "three more would take 800 s in all"


@pytest.mark.parametrize(("status", "failed"), [("failed", True), ("timeout", True), ("unsupported", False)])
def test_a_side_that_fails_for_one_architecture(
    status: str, failed: bool, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have verdicts; whatever --fail-on is, the run does not pass if it was a failure."""
    plain = simulated.measure

    def measure(sides: list[Any], jobs: tuple[Job, Job], seconds: float) -> list[Verdict]:
        verdicts = plain(sides, jobs, seconds)
        return [Verdict(status, "no kernel"), verdicts[1]] if jobs[0].architecture == "alexnet" else verdicts

    monkeypatch.setattr(interleaving, "measure", measure)
    work = request(tmp_path)
    done = measured(work)
    found = reference_file.document(work.examined, list(done.rows.values()), gaps=done.gaps, changes=[])
    reason = "the 1200 s for this architecture were over" if status == "timeout" else "no kernel"
    assert [(gap.architecture, gap.reason, gap.failed, gap.sides) for gap in found.gaps] == [
        ("alexnet", f"{status} in reference: {reason}", failed, ("reference",))
    ]
    assert {row.architecture for row in found.verdicts} == {"resnet18", "resnet50"}
    assert [found.passes(on) for on in ("exact", "timing", "any", "never")] == [not failed] * 4


def test_a_round_that_fails_is_no_pass(simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is measured in later rounds, so that there is a verdict; the failure and its side are in the document."""
    plain = simulated.measure

    def measure(sides: list[Any], jobs: tuple[Job, Job], seconds: float) -> list[Verdict]:
        verdicts = plain(sides, jobs, seconds)
        broken = [interleaving.NOT_TIMED, Verdict("failed", "killed by SIGSEGV")]
        return broken if (jobs[0].architecture, jobs[0].round) == ("alexnet", 1) else verdicts

    monkeypatch.setattr(interleaving, "measure", measure)
    against = Against(request(tmp_path, architectures="alexnet,resnet50"))
    found = against.measure(Quiet(sys.stderr))
    assert {row.architecture: (row.verdict, row.rounds) for row in found.verdicts} == {
        "alexnet": ("unchanged", 4), "resnet50": ("unchanged", 3),
    }  # fmt: skip
    [lost] = found.lost
    assert (lost.architecture, lost.metric, lost.mode, lost.round) == ("alexnet", LATENCY.key, "eager", 1)
    assert lost.reason == "failed in tonight: killed by SIGSEGV"
    assert not any(found.passes(on) for on in get_args(FailOn))
    assert not any(found.fails(on) for on in get_args(FailOn))
    text = "\n".join(reference_section.lines(found, against.titles))
    assert "rounds that failed: 1" in text
    assert "- alexnet: a round of Latency, CPU, 1 thread failed: failed in tonight: killed by SIGSEGV" in text
    section = reference_section.section(found, compare(few()), language("ru"))
    assert "раунд не удался: failed in tonight: killed by SIGSEGV" in str(section)


ENDED = "the 110 s of --timeout for this architecture leave no time for more rounds"


def test_an_architecture_has_its_seconds_for_all_measurements(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the main job; more rounds are measured only if they fit, so that none is lost for the time alone."""
    clock, limits, plain = [0.0], [], simulated.measure

    def measure(sides: list[Any], jobs: tuple[Job, Job], seconds: float) -> list[Verdict]:
        limits.append((jobs[0].architecture, seconds))
        clock[0] += 10
        return plain(sides, jobs, seconds)

    def alone(side: Any, job: Job, seconds: float) -> Verdict:
        limits.append((job.architecture, seconds))
        clock[0] += 5
        return Simulated.alone(simulated, side, job, seconds)

    for module in (reference_run, paired_run, reference_counts):
        monkeypatch.setattr(module, "monotonic", lambda: clock[0], raising=False)
    monkeypatch.setattr(interleaving, "measure", measure)
    monkeypatch.setattr(interleaving, "alone", alone)
    for _ in range(2):  # the second one measures nothing
        found = measured(request(tmp_path, architectures="resnet18", timeout=110))
        row = found.rows[LATENCY.key, "eager", "resnet18"]
        assert (row.rounds, row.decided, found.lost) == (5, False, []), "50 s are left, and more rounds may take 60 s"
        assert [seconds for _, seconds in limits] == [55, 105, 100, 90, 80, 70, 60]
        assert (row.verdict, row.reason) == ("noisy", ENDED)


def test_of_counts_each_side_has_its_share_of_the_time(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first side needs 40 s, the other one 4 s: only the first one is late."""
    clock, needs, begun = [0.0], {"a": 40.0, "b": 4.0}, []

    def alone(side: Any, _: Job, seconds: float) -> Verdict:
        begun.append((side.name, seconds))
        clock[0] += min(seconds, needs[side.name])
        side.readings = [COUNT] if needs[side.name] <= seconds else []
        return Verdict("ok", None) if side.readings else Verdict("timeout", f"not done after {seconds:.0f} s")

    monkeypatch.setattr(reference_counts, "monotonic", lambda: clock[0])
    monkeypatch.setattr(interleaving, "alone", alone)
    job: Any = SimpleNamespace(architecture="net")
    with simulated.sides() as sides:
        a, b = reference_counts.count(job, sides, [COUNT.quantity], 60.0, 10.0)
        assert (begun, b) == ([("a", 25.0), ("b", 25.0)], [COUNT])
        late = ("timeout", "not done in its share of the 60 s for this architecture")
        assert [(each.status, each.reason) for each in a] == [late]
        found = reference_counts.count(job, sides, [COUNT.quantity], 60.0, 61.0)
        over = "not begun: the 60 s for this architecture were over"
        assert [(each.status, each.reason) for side in found for each in side] == [("timeout", over)] * 2
        assert len(begun) == 2, "neither side is started"


def test_a_metric_of_a_package_that_the_reference_lacks_is_no_failure(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker of the reference has counted besides is kept."""

    def alone(side: Any, _: Job, seconds: float) -> Verdict:
        side.readings, side.unknown = [COUNT], [] if side.number else ["convolutions"]
        return Verdict("ok", None)

    monkeypatch.setattr(interleaving, "alone", alone)
    added = COUNT.quantity.model_copy(update={"key": "convolutions"})
    job: Any = SimpleNamespace(architecture="net")
    with simulated.sides() as sides:
        reference, tonight = reference_counts.count(job, sides, [COUNT.quantity, added])
    assert [(each.quantity.key, each.status) for each in reference] == [
        ("parameters", "ok"), ("convolutions", "unsupported"),
    ]  # fmt: skip
    assert "has no metric 'convolutions'" in (reference[1].reason or "")
    assert tonight[1].status == "failed"


def test_a_side_without_the_only_metric_of_a_job_does_not_support_it() -> None:
    side: Any = object.__new__(interleaving.Side)
    side.ended, side.readings = 0, []
    for side.unknown, status in ((["convolutions"], "unsupported"), ([], "failed")):
        assert interleaving.Side.finish(side).status == status


def test_a_verdict_that_lacks_time_is_not_blamed_on_the_machine(simulated: Simulated, tmp_path: Path) -> None:
    found = Against(request(tmp_path, architectures="resnet18")).measure(Quiet(sys.stderr))
    (row,) = found.verdicts
    noisy = row.model_copy(update={"verdict": "noisy", "reason": "only a change of 7% or more would be detected"})
    ended = noisy.model_copy(update={"reason": ENDED})
    texts = []
    for rows in ((noisy,), (ended,), (noisy, ended)):
        of_rows = found.model_copy(update={"verdicts": rows, "too_noisy": True})
        texts.append(reference_section.advice(of_rows, {}, language("en")))
        assert texts[-1] in [*reference_section.lines(of_rows, {})][2]
    assert ["--timeout" in text for text in texts] == [False, True, True]
    assert ["The machine was too noisy" in text for text in texts] == [True, False, True]
    assert "110 с по --timeout" in reference_section.described(ended, language("ru"))


def test_a_round_that_fails_has_its_number_in_all_modes(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers get the rounds of modes as later ones."""
    plain = simulated.measure

    def measure(sides: list[Any], jobs: tuple[Job, Job], seconds: float) -> list[Verdict]:
        verdicts = plain(sides, jobs, seconds)
        broken = [interleaving.NOT_TIMED, Verdict("failed", "killed by SIGSEGV")]
        return broken if jobs[0].round == 1 + len(jobs[0].modes) else verdicts

    monkeypatch.setattr(interleaving, "measure", measure)
    work = request(tmp_path, architectures="alexnet", metrics=LATENCY.key, modes="channels_last")
    found = Against(replace(work, modes=True)).measure(Quiet(sys.stderr))
    assert [(lost.mode, lost.round) for lost in found.lost] == [("eager", 1), ("channels_last", 1)]


def test_a_named_mode_that_is_not_available_here_is_a_gap(simulated: Simulated, tmp_path: Path) -> None:
    """Its engine is missing in the environment under test; as one that the reference lacks, it is no failure."""
    work = request(tmp_path, architectures="alexnet,resnet50", metrics=LATENCY.key, modes="channels_last")
    engine = Engine("broken", "Broken", lambda *_: None, unavailable=lambda: "it does not start")
    on_gpu = replace(engine, name="on_gpu", title="On GPU", devices=("cuda",))
    engines = {each.name: each for each in (engine, on_gpu)}
    asked = replace(work.request, engines=engines, modes=("broken", "on_gpu", "all"))
    found = Against(replace(work, request=asked, modes=True)).measure(Quiet(sys.stderr))
    reasons = {
        "broken": "unsupported in tonight: it does not start",
        "on_gpu": "unsupported in tonight: On GPU runs on cuda",
    }
    assert [(gap.architecture, gap.metric, gap.mode, gap.reason) for gap in found.gaps] == [
        (name, LATENCY.key, mode, reason) for mode, reason in reasons.items() for name in ("alexnet", "resnet50")
    ]
    assert {gap.sides for gap in found.gaps} == {("tonight",)}
    assert found.passes("any")
    assert not any("broken" in call for call in simulated.calls)
    eager = Against(replace(work, request=asked)).measure(Quiet(sys.stderr))
    assert eager.gaps == ()


MOVE = ("--architectures", ",".join(NAMES), "--metrics", LATENCY.key, "--device", "cpu")


def test_an_interrupted_move_of_the_reference_resumes(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old lock file stays until the move is complete; no measurement is repeated, and no line is added twice."""
    for name in ("old", "new"):
        (tmp_path / f"{name}.lock").write_text(f"torch=={name}\n")
        (tmp_path / name).mkdir()
    monkeypatch.setattr(pinned, "_made", lambda frozen, note: tmp_path / frozen[0].removeprefix("torch=="))
    folder = tmp_path / "out"
    folder.mkdir()
    lock = folder / pinned.LOCK
    lock.write_text("torch==old\n")
    command = ("move", folder, "--to", tmp_path / "new.lock", *MOVE)
    with files.lock(folder):
        second = call(*command)
    assert second.returncode == 2
    assert f"DIR: {folder} is in use by process {os.getpid()}" in second.stderr
    interrupt(simulated, 4)
    monkeypatch.setattr(interrupts, "leave", lambda: sys.exit(INTERRUPTED))
    stopped = call(*command)
    assert stopped.returncode == 130
    assert "the reference is not moved; run the same command again to resume" in stopped.stderr
    assert (lock.read_text(), ratio_history.load(folder)) == ("torch==old\n", [])
    assert list(tmp_path.glob("out/.against*")) == [], "what --against measured is another file"
    before, simulated.before = len(simulated.calls), lambda: None
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert f"{before} earlier measurements are used again" in done.stderr
    assert len(set(simulated.calls)) == len(simulated.calls)
    [line] = ratio_history.load(folder)
    assert (line.kind, len(line.rows)) == ("move", 3)
    assert lock.read_text() == "torch==new\n"
    assert not (folder / reference_move.PARTIAL).exists()
    again = call(*command)
    assert again.returncode == 2
    assert "is already the reference of" in again.stderr
    assert ratio_history.load(folder) == [line]


@pytest.mark.parametrize("step", ["append", "_replace_lock"])
def test_a_move_that_is_interrupted_at_its_end_is_completed(
    step: str, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while the results are written changes nothing; a failure is completed by the same command."""
    folder, new = before_a_move(tmp_path, monkeypatch), tmp_path / "new.lock"
    owner: Any = ratio_history if step == "append" else reference_move
    plain = getattr(owner, step)

    def interrupted(*arguments: Any) -> None:
        plain(*arguments)
        handler = signal.getsignal(signal.SIGTERM)
        assert callable(handler), handler
        handler(signal.SIGTERM, None)

    command = ("move", folder, "--to", new, *MOVE)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, interrupted)
        patch.setattr(interrupts, "_thread", SimpleNamespace(start_new_thread=lambda *_: None))
        done = call(*command)
    assert done.returncode == 0
    assert "moved; use --against" in done.stderr
    assert (folder / pinned.LOCK).read_text() == "torch==new\n"
    assert [line.kind for line in ratio_history.load(folder)] == ["move"]
    (folder / pinned.LOCK).write_text("torch==old\n")  # as if the process had been killed in between
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, refused)
        failed = call(*command)
    assert failed.returncode == 2, failed.stderr
    assert call(*command).returncode == 0
    assert (folder / pinned.LOCK).read_text() == "torch==new\n"
    assert len({line.model_dump_json(exclude={"started"}) for line in ratio_history.load(folder)}) == 1


def test_a_lock_file_with_another_encoding_is_moved_to(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run with --against reads it; only a comment can have such bytes."""
    folder, new = before_a_move(tmp_path, monkeypatch), tmp_path / "new.lock"
    new.write_bytes("# das Café\ntorch==new\n".encode("latin-1"))
    done = call("move", folder, "--to", new, *MOVE)
    assert done.returncode == 0, done.stderr
    assert (folder / pinned.LOCK).read_text(encoding="utf-8") == "# das Caf\ufffd\ntorch==new\n"


def test_a_move_names_the_modes_that_are_not_available(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are measured."""
    reasons = {"bf16": "it does not start", "torchscript": "it is not installed"}
    monkeypatch.setattr(mode_plan, "unavailable", lambda request, mode, device: reasons.get(mode, ""))
    folder, new = before_a_move(tmp_path, monkeypatch), tmp_path / "new.lock"
    done = call("move", folder, "--to", new, *MOVE, "--modes", "bf16,channels_last,torchscript")
    assert done.returncode == 0, done.stderr
    modes = "bf16 (it does not start), torchscript (it is not installed)"
    line = f"note: modes that are not available on cpu are not measured: {modes}"
    assert [each for each in done.stderr.splitlines() if "not available" in each] == [line]
    [move] = ratio_history.load(folder)
    assert {row.mode for row in move.rows} == {"eager", "channels_last"}


def before_a_move(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with the lock of one reference, and that of another one beside it; neither is installed."""
    for name in ("old", "new", "out"):
        (place / name).mkdir()
    (place / "new.lock").write_text("torch==new\n")
    (place / "out" / pinned.LOCK).write_text("torch==old\n")
    monkeypatch.setattr(pinned, "_made", lambda frozen, note: place / frozen[0].removeprefix("torch=="))
    return place / "out"


def refused(*_: object) -> None:
    raise ReporterError("the disk is full")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--to", "torch=2.15"], "--to: 'torch=2.15' is neither an environment nor exact versions"),
        (["--to", "torch==2", "--from", "torch=2"], "--from: 'torch=2' is neither an environment nor exact versions"),
        (["--to", "torchvision==0.29.1"], "--to: 'torchvision==0.29.1' does not name a version of torch"),
        (["--to", "missing/against.lock"], "--to: there is no lock file 'missing/against.lock'; try 'torch=="),
        (["--to", "torch==2"], "--to: the reference environment cannot be installed: no index; check"),
    ],
)
def test_what_is_wrong_with_a_reference_names_its_option(
    options: list[str], line: str, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolved(*_: object) -> NoReturn:
        raise pinned.InstallationError("no index")

    folder = before_a_move(tmp_path, monkeypatch)
    monkeypatch.setattr(pinned, "_resolved", resolved)
    done = call("move", folder, *options, *MOVE)
    assert (done.returncode, simulated.calls) == (2, [])
    assert done.stderr.startswith(f"reporter: {line}")
    assert "--against" not in done.stderr


def test_environments_are_compared_on_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `reporter ab` and `reporter move`."""
    gpus = ("cuda:0", "cuda:1")
    monkeypatch.setattr(preparation, "choose_devices", lambda *_: ({"cuda": "cuda:0"}, gpus, ""))
    line = "--device: environments are compared on one CUDA device at a time, not cuda:0,cuda:1"
    with pytest.raises(ReporterError, match=line):
        preparation.prepare_ab(None, settings({"device": ",".join(gpus)}))


def test_a_move_measures_noisy_rows_further_and_refuses_those_that_remain(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their ratios would be in all later ones; the same command measures all of them again."""
    folder = before_a_move(tmp_path, monkeypatch)
    simulated.slower = {"resnet18": 1.5}  # clear after the first rounds, but by how much is not
    command = ("move", folder, "--to", tmp_path / "new.lock", *MOVE)
    monkeypatch.setitem(globals(), "NOISE", 0.08)
    for _ in range(2):
        simulated.calls = []
        done = call(*command)
        assert done.returncode == 2
        assert f"the reference is not moved: too noisy: resnet18 {LATENCY.key} (only a change of" in done.stderr
        assert len(simulated.calls) == 3 + 8 + 3
    assert ((folder / pinned.LOCK).read_text(), ratio_history.load(folder)) == ("torch==old\n", [])
    monkeypatch.setitem(globals(), "NOISE", 0.03)
    simulated.calls = []
    assert call(*command).returncode == 0
    assert sum(each.startswith("resnet18") for each in simulated.calls) > 3
    [line] = ratio_history.load(folder)
    assert {row.architecture: round(row.ratio, 1) for row in line.rows}["resnet18"] == 1.5


def test_a_move_names_the_curves_that_it_does_not_continue(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with the options of the runs it continues all of them, those of modes, too."""
    folder = before_a_move(tmp_path, monkeypatch)
    rows = [
        {"architecture": name, "metric": LATENCY.key, "mode": mode, "ratio": 1.0}
        for name in ("resnet18", "vgg16")
        for mode in ("eager", "channels_last")
    ]
    about_run = {"kind": "run", "started": "2026-01-01", "machine_kind": machine.kind({}), "reference": "torch==2.14.1"}
    ratio_history.append(folder, ratio_history.RatioLine.model_validate({**about_run, "rows": rows}))
    names = ("--architectures", "resnet18,vgg16", "--metrics", LATENCY.key, "--device", "cpu")
    command = ("move", folder, "--to", tmp_path / "new.lock")
    interrupt(simulated, 0)
    monkeypatch.setattr(interrupts, "leave", lambda: sys.exit(INTERRUPTED))
    few = call(*command, *MOVE)
    missing = f"resnet18 (channels_last) {LATENCY.key}, vgg16 {LATENCY.key}, vgg16 (channels_last) {LATENCY.key}"
    assert f"note: the history of {missing} is not continued" in few.stderr
    assert "--modes" in few.stderr
    simulated.before = lambda: None
    done = call(*command, *names, "--modes", "channels_last")
    assert done.returncode == 0, done.stderr
    assert "is not continued" not in done.stderr
    moved = ratio_history.load(folder)[-1]
    assert {row.name for row in moved.rows} == {(row["architecture"], row["metric"], row["mode"]) for row in rows}


def test_a_move_chains_ratios_of_one_image_size(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is stored with the ratios of the runs and of the move; a move at another size continues none of them."""
    folder = before_a_move(tmp_path, monkeypatch)
    ratio_history.add(folder, Against(request(folder, input_size="128")).measure(Quiet(sys.stderr)))
    simulated.calls = []
    command = ("move", folder, "--to", tmp_path / "new.lock", *MOVE)
    interrupt(simulated, 0)
    monkeypatch.setattr(interrupts, "leave", lambda: sys.exit(INTERRUPTED))
    named = ", ".join(f"{name} {LATENCY.key} (128 px)" for name in NAMES)
    assert f"note: the history of {named} is not continued" in call(*command).stderr
    simulated.before = lambda: None
    done = call(*command, "--input-size", "128")
    assert done.returncode == 0, done.stderr
    assert "is not continued" not in done.stderr
    assert simulated.sizes == {"128"}
    lines = ratio_history.load(folder)
    assert [line.kind for line in lines] == ["run", "move"]
    assert {row.input_size for line in lines for row in line.rows} == {"128"}


def test_a_move_chains_ratios_of_one_number_of_threads(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of times that are measured on all threads."""
    folder = before_a_move(tmp_path, monkeypatch)
    row = {"architecture": "alexnet", "metric": "latency_cpu", "mode": "eager", "ratio": 1.0}
    about_run = {"kind": "run", "started": "2026-01-01", "machine_kind": machine.kind({}), "reference": "torch==2.14.1"}
    ratio_history.append(folder, ratio_history.RatioLine.model_validate({**about_run, "threads": 1, "rows": [row]}))
    monkeypatch.setattr(input_sizes, "usable_threads", lambda: 2)
    monkeypatch.setattr(interrupts, "leave", lambda: sys.exit(INTERRUPTED))
    interrupt(simulated, 0)
    command = ("move", folder, "--to", tmp_path / "new.lock", "--architectures", "alexnet", "--device", "cpu")
    for options, is_named in (((), True), (("--threads", "1"), False)):
        noted = call(*command, "--metrics", "latency_cpu", *options).stderr
        assert ("note: the history of alexnet latency_cpu (1 thread) is not continued" in noted) is is_named
    simulated.before = lambda: None
    assert "--threads: 3 is too many" in call(*command, "--threads", "3").stderr
    assert call(*command, "--threads", "1").returncode == 0
    assert ratio_history.load(folder)[-1].threads == 1


def test_a_move_prints_lines_while_it_is_prepared(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While architectures are looked up, and while both references are loaded for the first time."""

    def slow(line: str, *_: object, **__: object) -> NoReturn:
        wait_for(line, lambda: without_seconds(errors_so_far()))
        raise ReporterError("no such torch")

    folder = before_a_move(tmp_path, monkeypatch)
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    for owner, name, line in (
        (preparation, "prepare_ab", "note: still preparing the comparison, after 0 s"),
        (paired_run, "sides", "still preparing the measurement"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, partial(slow, line))
            lines = call("move", folder, "--to", tmp_path / "new.lock", *MOVE).stderr.splitlines()
        assert line in map(without_seconds, lines)
        assert lines[-1] == "reporter: no such torch"
