"""Two environments in turns: laws of the judgement, where the truth is known, and real ones through the command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, NoReturn, get_args

import numpy as np
import pytest
from commands import BRIEF, TINY, WIDE, call, copy_of_the_checkout, run
from compare_simulation import LATENCY, NETWORKS, SLOWED, records
from forked_sides import ForkedSide, without_onednn_in_the_second
from hypothesis import given, settings
from hypothesis import strategies as st
from test_run import FAULTY

from reporter.cli import heartbeat
from reporter.cli.commands import ab
from reporter.compare import paired
from reporter.compare.differences import Basis, Change, Differences, TimeVerdict, Timing
from reporter.compare.environments import About, Import
from reporter.host import printing
from reporter.metrics.operators import COVERAGE
from reporter.model import Architecture, Metric, Reading, Record, ReporterError, Verdict
from reporter.model.origins import UNKNOWN
from reporter.model.profiles import LayerKernel, digest
from reporter.model.readings import LostRound, Status
from reporter.model.settings import PRESETS, Conditions, Settings
from reporter.registry.catalog import collect
from reporter.report.between_runs import ab_verdicts
from reporter.run import preparation
from reporter.run.paired import imports, interleaving, kernels, paired_run
from reporter.run.paired.kernels import Kernels
from reporter.run.request import Request
from reporter.store import record_files

SEEDS = st.integers(0, 2**32 - 1)
QUICK = ("--preset", "quick", "--metrics", "latency_cpu_1thread")


def side(seconds: np.ndarray) -> list[Record]:
    """Records of networks x rounds x calls of seconds."""
    rounds = (seconds.shape[2],) * seconds.shape[1]
    made = zip(NETWORKS, seconds, strict=True)
    return records(
        {name: Reading(quantity=LATENCY, samples=tuple(own.ravel().tolist()), rounds=rounds) for name, own in made}
    )


def sides(seed: int, rounds: int = 10, calls: int = 20, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of both sides: pairs scatter by 10 % with heavy tails, processes by 0.5 %, and the machine drifts."""
    chance = np.random.default_rng(seed)
    shape = (len(NETWORKS), rounds, calls)
    drift = chance.normal(0, 0.2, shape)
    made = [chance.standard_t(4, shape) * 0.05 + chance.normal(0, 0.005, (*shape[:2], 1)) + drift for _ in "ab"]
    made[1][NETWORKS.index(SLOWED)] += np.log(factor)
    return np.exp(made[0]) / 50, np.exp(made[1]) / 50


def judged(seed: int, rounds: int = 10, calls: int = 20, factor: float = 1.0) -> Differences:
    a, b = sides(seed, rounds, calls, factor)
    return paired.compare_sides(side(a), side(b))


def slower(found: Differences) -> Sequence[str]:
    return [timing.architecture for timing in found.with_verdict("regressed")]


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_an_environment_does_not_differ_from_itself(seed: int) -> None:
    a, _ = sides(seed)
    found = paired.compare_sides(side(a), side(a))
    assert not found.changed
    assert {timing.ratio for timing in found.timings} == {1.0}


def test_what_is_measured_once_in_a_round_is_not_compared_in_turns() -> None:
    metrics = collect("reporter.metrics", Metric)
    found = paired_run.timed(metrics, {"cpu": "cpu"})
    assert set(found) == {"latency_cpu_1thread", "latency_cpu", "throughput_cpu", "train_step_cpu"}
    assert metrics["cold_start"].timed


@pytest.mark.parametrize("other", ["size", "macs", "latency_cuda", "latency_cpu_default_malloc"])
def test_a_metric_that_would_not_be_compared_is_refused(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside a time; `reporter move` takes the metrics of the runs, of which it needs the times."""
    monkeypatch.setattr(preparation, "check_networks", lambda *_: None)
    asked = Settings(architectures=["alexnet"], metrics=["latency_cpu_1thread", other], device=["cpu"])
    with pytest.raises(ReporterError, match=f"--metrics: '{other}' names no time that can be interleaved on cpu;"):
        preparation.prepare_ab(None, asked)
    assert set(preparation.prepare_ab(None, asked, skips_others=True).metrics) == {"latency_cpu_1thread"}
    words = asked.model_copy(update={"metrics": ("latency", "train_step", "throughput_cpu")})
    times = {"latency_cpu_1thread", "latency_cpu", "throughput_cpu", "train_step_cpu"}
    assert set(preparation.prepare_ab(None, words).metrics) == times


@given(SEEDS, st.floats(0.5, 2))
@settings(max_examples=5, deadline=None)
def test_swapping_the_sides_swaps_the_judgement(seed: int, factor: float) -> None:
    a, b = sides(seed, factor=factor)
    there, back = paired.compare_sides(side(a), side(b)), paired.compare_sides(side(b), side(a))
    opposite = {"regressed": "improved", "improved": "regressed"}
    assert [opposite.get(t.verdict, t.verdict) for t in there.timings] == [t.verdict for t in back.timings]
    assert [t.ratio * u.ratio for t, u in zip(there.timings, back.timings, strict=True)] == pytest.approx([1] * 18)


@given(SEEDS, SEEDS)
@settings(max_examples=5, deadline=None)
def test_drift_that_falls_on_both_calls_of_a_pair_changes_nothing(seed: int, other: int) -> None:
    a, b = sides(seed)
    drift = np.exp(np.random.default_rng(other).normal(0, 0.5, a.shape))
    plain, drifted = paired.compare_sides(side(a), side(b)), paired.compare_sides(side(a * drift), side(b * drift))
    assert [t.ratio for t in drifted.timings] == pytest.approx([t.ratio for t in plain.timings])
    assert [t.verdict for t in drifted.timings] == [t.verdict for t in plain.timings]


def test_no_false_alarm_in_60_comparisons() -> None:
    assert [seed for seed in range(60) if judged(seed, rounds=3, calls=6).changed] == []


@pytest.mark.parametrize(
    ("factor", "rounds", "calls", "least"),
    [
        (1.1, 3, 15, 36),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((1.1, 10, 20, 40), (1.05, 10, 40, 36))),
    ],
)
def test_a_slower_network_is_found_and_hardly_another(factor: float, rounds: int, calls: int, least: int) -> None:
    found = [slower(judged(seed, rounds=rounds, calls=calls, factor=factor)) for seed in range(1000, 1040)]
    assert sum(SLOWED in names for names in found) >= least
    assert sum(set(names) > {SLOWED} for names in found) <= 2  # one in a hundred comparisons is allowed to


def test_few_rounds_are_not_judged() -> None:
    found = judged(1, rounds=2, factor=2.0)
    slowed = next(timing for timing in found.timings if timing.architecture == SLOWED)
    assert (slowed.verdict, slowed.low) == ("noisy", None)
    assert "fewer than 3 rounds" in (slowed.reason or "")


@pytest.mark.parametrize(("rounds", "left"), [(10, 9), (3, 2)])
def test_a_lost_round_does_not_take_the_verdict_from_the_others(rounds: int, left: int) -> None:
    """That of the network itself is based on the rounds that are left, if they are enough; the loss is listed."""
    a, b = (side(seconds) for seconds in sides(3, rounds=rounds, factor=1.3))
    lost = LostRound(number=1, status="timeout", reason="timeout in B: over 60 s", origin=UNKNOWN)
    for made in (a, b):
        reading = made[0].readings[LATENCY.key]
        cut = {"samples": reading.samples[20:], "rounds": reading.rounds[1:], "lost": (lost,)}
        made[0] = made[0].model_copy(update={"readings": {LATENCY.key: reading.model_copy(update=cut)}})
    found = paired.compare_sides(a, b)
    rows = {timing.architecture: timing for timing in found.timings}
    assert slower(found) == [SLOWED]
    assert NETWORKS[0] != SLOWED
    assert {name for name, timing in rows.items() if timing.floor is None} == (set() if left > 2 else {NETWORKS[0]})
    assert (rows[NETWORKS[0]].low is None) == (left < 3)
    assert found.bases[0].floor
    (gap,) = found.gaps
    assert (gap.architectures, gap.why) == ((NETWORKS[0],), "not compared in round 2: timeout in B: over 60 s")
    assert f"- {NETWORKS[0]}: {LATENCY.title} {gap.why}" in ab_verdicts.in_words(found, (about(), about())).splitlines()
    assert gap.why in json.dumps(ab_verdicts.document(found, (about(), about()), "ab"))


NAME = NETWORKS[0]


def about(torch: str = "2.14.1", folder: str = "/a", **variables: str) -> About:
    imports = {
        "python": Import(version="3.11.7", file=f"{folder}/bin/python"),
        "torch": Import(version=torch, file=f"{folder}/torch/__init__.py"),
    }
    return About(
        machine="m", machine_facts={}, environment={"torch": "metadata"}, imports=imports, places=(folder,),
        variables=variables,
    )  # fmt: skip


def row(verdict: TimeVerdict, low: float | None, high: float | None) -> Timing:
    ratio = (low * high) ** 0.5 if low and high else 1.04
    floor = 0.081 if low else None
    return Timing(NAME, "m", LATENCY, verdict, 1.0, ratio, False, ratio, low, high, floor, None, None)


def basis(floor: float | None) -> Basis:
    return Basis("m", LATENCY, 1, False, 1.0, floor)


FAILED = Change("failed", NAME, "m", LATENCY, reason="no memory")


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            Differences(timings=(row("unchanged", 0.99, 1.01),), bases=(basis(0.05),)),
            "Nothing changed beyond the noise, which reaches 8.1%.",
        ),
        (
            Differences(timings=(row("noisy", 0.97, 1.11),), bases=(basis(0.05),)),
            "Nothing changed beyond the noise, which reaches 8.1%.",
        ),
        (
            Differences(timings=(row("noisy", 1.039, 1.109),), bases=(basis(0.05),)),
            f"Not resolved: {NAME} {LATENCY.title} +7.3% (+3.9% … +10.9%).",
        ),
        (
            Differences(timings=(row("noisy", 0.90, 0.95),), bases=(basis(0.05),)),
            f"Not resolved: {NAME} {LATENCY.title} -7.5% (-10.0% … -5.0%).",
        ),
        (
            Differences(timings=(row("noisy", None, None),), bases=(basis(None),)),
            f"No verdict on times ({LATENCY.title}): too few rounds to estimate the noise; try --preset standard.",
        ),
        (Differences(), "No verdict on times: none was measured on both sides."),
        (
            Differences((FAILED,), (row("regressed", 1.1, 1.2), row("noisy", 1.01, 1.1)), (basis(0.05),)),
            f"Changed: 1 newly failed, 1 slower. Not resolved: {NAME} {LATENCY.title} +5.4% (+1.0% … +10.0%).",
        ),
    ],
)
def test_the_headline_claims_no_more_than_was_resolved(found: Differences, line: str) -> None:
    assert ab_verdicts.headline(found) == line
    assert ab_verdicts.document(found, (about(), about()), ("A", "B"))["headline"] == line


def test_a_row_claims_no_more_than_its_noise() -> None:
    """A change below the least that is reported shows nothing if its noise is larger, or unknown."""
    quiet, loud = row("unchanged", 0.99, 1.01), replace(row("unchanged", 0.8, 1.3), floor=0.4)
    unknown = replace(row("unchanged", None, None), ratio=1.004)
    known, none = basis(0.05), basis(None)
    for timing, words in (
        (quiet, "no difference above 8.1%"),
        (loud, "no difference above 40.0%"),
        (unknown, "not resolved: too few rounds to estimate the noise; try --preset standard"),
    ):
        text = ab_verdicts.in_words(Differences(timings=(timing,), bases=(known,)), (about(), about()))
        assert text.splitlines()[-1].endswith(f")  {words}"), text
    line = f"Not resolved: {NAME} {LATENCY.title} +0.4% (no interval), too few rounds to estimate the noise; try "
    assert ab_verdicts.headline(Differences(timings=(quiet, unknown), bases=(known,))).startswith(line)
    assert "Not resolved" not in ab_verdicts.headline(Differences(timings=(unknown,), bases=(none,)))


def test_versions_are_those_that_were_imported() -> None:
    a, b, capped = about(), about("9.9.9", "/b"), about(ONEDNN_MAX_CPU_ISA="SSE41")
    assert not ab_verdicts.document(Differences(), (a, b), "ab")["control"]
    assert ab_verdicts.document(Differences(), (a, b), "ab")["environments"]["b"]["torch"] == "9.9.9"
    text = ab_verdicts.in_words(Differences(), (a, b))
    assert "torch 9.9.9 (/b/torch/__init__.py)" in text
    assert "same" not in text
    assert "Both sides imported the same versions" in ab_verdicts.in_words(Differences(), (a, about(folder="/b")))
    assert ab_verdicts.CONTROL in ab_verdicts.in_words(Differences(), (a, a))
    text = ab_verdicts.in_words(Differences(), (a, capped))
    assert ab_verdicts.CONTROL not in text
    assert "ONEDNN_MAX_CPU_ISA: not set in A, SSE41 in B." in text


def test_two_environments_with_one_torch_are_refused() -> None:
    """`test_ab_installed.py` has two real ones."""
    a, b = about(), about().model_copy(update={"places": ("/b",)})
    places = (Path("/a"), Path("/b"))
    imports.check((a, a), places)
    imports.check((a, about(folder="/b")), places)
    with pytest.raises(ReporterError, match=r"import torch from the same path, /a/torch/__init__\.py; install torch"):
        imports.check((a, b), places)
    with pytest.raises(ReporterError, match="see different machines"):
        imports.check((a, about(folder="/b").model_copy(update={"machine": "other"})), places)


def test_what_fails_in_a_is_no_change_of_b() -> None:
    good = Reading(quantity=LATENCY, samples=(1.0, 1.0), rounds=(2,))
    bad = Reading(quantity=LATENCY, status="failed", reason="no memory")
    skipped = Reading(quantity=LATENCY, status="skipped", reason="not timed")
    for a, b, why in (
        (bad, good, "failed in A: no memory"),
        (bad, skipped, "failed in A: no memory; skipped in B: not timed"),
        (bad, bad, "failed in A and B: no memory"),
        (good, skipped, "skipped in B: not timed"),
    ):
        found = paired.compare_sides(records({NAME: a}), records({NAME: b}))
        assert not found.changed
        assert [gap.why for gap in found.gaps] == [why]
        assert why in ab_verdicts.in_words(found, (about(), about()))
    assert paired.compare_sides(records({NAME: skipped}), records({NAME: bad})).changes == (
        Change("failed", NAME, "made-up", LATENCY, reason="no memory"),
    )


@pytest.mark.parametrize("kind", [pytest.param("interpreters", marks=[pytest.mark.slow, pytest.mark.timing]), "forked"])
def test_an_environment_against_itself(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real run: equally many samples on both sides, kept as records, and verdicts for every network.

    No time fails it, so that the brief one of forked sides may run beside other tests.
    """
    if kind == "forked":
        monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=ForkedSide, PIPE=None))
    names = ("tiny",)
    here = ("--a", sys.executable, "--b", sys.prefix)
    process = call("ab", *here, *QUICK, *TINY, "--json", "--out", tmp_path, seconds=BRIEF)
    assert process.returncode == 0, process.stderr
    answer = json.loads(process.stdout)
    assert [row["architecture"] for row in answer["times"]] == sorted(names, key=names.index)
    assert answer["environments"]["a"] == answer["environments"]["b"]
    assert answer["imports"]["a"] == answer["imports"]["b"]
    assert answer["control"]
    assert process.stderr.splitlines()[0].startswith("[1/2] tiny latency_cpu_1thread, round 1: A ")
    kept = [
        {r.architecture: r.readings["latency_cpu_1thread"] for r in record_files.load_all(tmp_path / s)[0]}
        for s in "ab"
    ]
    for name in names:
        a, b = (readings[name] for readings in kept)
        assert a.rounds == b.rounds
        assert len(a.samples) == len(b.samples) >= 2
    assert (answer["changes"], answer["not_compared"]) == ([], []), "the kernels of both sides are equal"


@pytest.mark.slow
def test_layers_that_run_another_kernel_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """B is this environment without oneDNN."""
    monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=without_onednn_in_the_second(), PIPE=None))
    here = ("--a", sys.executable, "--b", sys.prefix)
    process = call("ab", *here, *QUICK, *WIDE, "--json", "--fail-on", "exact", seconds=BRIEF)
    assert process.returncode == 1, process.stderr
    answer = json.loads(process.stdout)
    assert {row["metric"] for row in answer["changes"]} == {"kernels_cpu_1thread", "kernels_cpu"}
    for row in answer["changes"]:
        assert (row["kind"], row["architecture"]) == ("exact", "wide")
        [swap] = [swap for swap in row["kernels"]["swaps"] if "3" in swap["layers"]]
        assert "jit" in swap["base"]
        assert "jit" not in swap["new"]
    assert "1 with changed kernels" in answer["headline"]
    assert answer["fails"] == ["exact", "any"]


def recorded(kernel: str = "jit:avx512_core", layer: str = "conv1", **fields: Any) -> Record:
    """A record with the kernel of one layer, as a side of `ab` records it."""
    row = LayerKernel(
        layer=layer, operator="aten::convolution", kernel=kernel, shapes="1x3", dtype="float32", layout="contiguous"
    )
    detail = {"kernels": digest([row]), "calls": {"cpu_1thread": [row.model_dump(mode="json")]}}
    reading = Reading(quantity=COVERAGE["cpu_1thread"], samples=(1.0,), detail=detail, **fields)
    return records({NAME: reading})[0]


def test_changed_kernels_are_beside_the_times() -> None:
    a, b = recorded(), recorded("ref:any", settings={"variables": {"ONEDNN_MAX_CPU_ISA": "SSE41"}})
    slower = replace(row("regressed", 1.3, 1.4), machine=a.machine)
    times = Differences(timings=(slower,), bases=(basis(0.05),))
    found = Kernels(({NAME: a}, {NAME: b})).with_changes(times)
    text = ab_verdicts.in_words(found, (about(), about(folder="/b")))
    [line] = [line for line in text.splitlines() if f"Kernels of {NAME} changed" in line]
    assert "jit:avx512_core → ref:any in conv1" in line
    assert "time, one CPU thread: slower" in line
    assert "ONEDNN_MAX_CPU_ISA: not set → SSE41" in line
    assert "failed in B" not in text
    same = Kernels(({NAME: a}, {NAME: recorded()})).with_changes(times)
    assert (same.changes, same.gaps) == ((), ())
    lost = Kernels(missing={("cpu", "not recorded in B: timeout: not done after 9 s"): [NAME]}).with_changes(times)
    assert "not recorded in B: timeout" in ab_verdicts.in_words(lost, (about(), about()))


def test_a_job_has_the_time_that_earlier_jobs_left_to_its_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 10 seconds: after 0, 4 and 10."""
    limits: list[float] = []

    def measure(sides: object, jobs: object, limit: float) -> list[Verdict]:
        limits.append(limit)
        return [Verdict("skipped", "not measured by this test")] * 2

    monkeypatch.setattr(interleaving, "measure", measure)
    name = "latency_cpu_1thread"
    architecture = Architecture(name="small", family="Test", year=2026, paper="none", build=list, input_size=32)
    metrics = {name: collect("reporter.metrics", Metric)[name]}
    request = Request(tmp_path, [architecture], metrics, {"cpu": "cpu"}, Conditions(**PRESETS["quick"]), timeout=10)
    here = SimpleNamespace(about=about(), readings=[])
    readings = [
        paired_run.measure_pair(next(paired_run.plan(request)), (here, here), ({}, {}), request, spent)
        for spent in (0, 4, 10)
    ]
    assert limits == [10, 6]
    late = Verdict("timeout", "not done after 6 s")
    monkeypatch.setattr(interleaving, "measure", lambda *_: [late, interleaving.NOT_TIMED])
    job = next(paired_run.plan(request))
    for spent, reason in ((0, late.reason), (4, "the 10 s for this architecture were over")):
        a, b = paired_run.measure_pair(job, (here, here), ({}, {}), request, spent)
        assert (a.status, a.reason, b.status) == ("timeout", reason, "skipped")
    assert [(a.status, b.status) for a, b in readings] == [("skipped",) * 2, ("skipped",) * 2, ("timeout",) * 2]


def test_a_comparison_prints_lines_while_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While architectures are looked up, and while both environments are loaded for the first time."""
    lines: list[str] = []
    printed = Event()

    def note(line: str) -> None:
        lines.append(line)
        printed.set()

    def slow(*_: object) -> NoReturn:
        lines.clear()
        printed.clear()
        printed.wait(60)
        raise ReporterError("no such torch")

    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    monkeypatch.setattr(printing, "note", note)
    names = ("--architectures", "alexnet", "--metrics", "latency_cpu_1thread", "--device", "cpu")
    for owner, name in ((preparation, "prepare_ab"), (paired_run, "examine")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, slow)
            done = call("ab", "--a", tmp_path, "--b", tmp_path, *names)
        assert (done.returncode, done.stderr) == (2, "reporter: no such torch\n")
        assert {line.partition(",")[0] for line in lines} == {"still preparing the comparison"}


def test_what_an_environment_does_not_support_is_no_failure() -> None:
    """As in a run of the main job, but if no time at all was compared it cannot pass a gate on times."""

    def ended(*statuses: Status) -> list[Record]:
        named = zip(NETWORKS, statuses, strict=False)
        return records({name: Reading(quantity=LATENCY, status=each, reason="why") for name, each in named})

    codes = {each: ab._exit_code(Differences(), (ended(each), ()), "never") for each in get_args(Status)[2:]}
    assert codes == {"failed": 3, "oom": 3, "timeout": 3, "skipped": 0, "unsupported": 0}
    assert ab._exit_code(Differences(), (ended("unsupported"), ()), "timing") == 3
    compared = Differences(timings=(row("unchanged", 1.0, 1.0),))
    assert ab._exit_code(compared, (ended("unsupported"), ()), "timing") == 0


CRASHED = Verdict("failed", "the worker was killed by signal 11")
DONE = Verdict("ok", None)
LATE = Verdict("timeout", "not done after 1 s")
UNSUPPORTED = Reading(quantity=COVERAGE["cpu_1thread"], status="unsupported", reason="torch is built without Kineto")


@pytest.mark.parametrize(
    ("spent", "ended", "readings", "why", "code"),
    [
        (9, (DONE, CRASHED), (1, 0), "not recorded in B: failed: the worker was killed by signal 11", 3),
        (9, (DONE, CRASHED), (UNSUPPORTED, 0), "not recorded in B: failed: the worker was killed by signal 11", 3),
        (9, (CRASHED, CRASHED), (0, 0), "not recorded in A: failed: the worker was killed by signal 11", 3),
        (9, (DONE, LATE), (1, 0), "not recorded in B: timeout: the 10 s for this architecture were over", 3),
        (9, (DONE, DONE), (UNSUPPORTED, 1), "not recorded in A: unsupported: torch is built without Kineto", 0),
        (9, (DONE, DONE), (1, 1), "", 0),
        (10, (), (), "not begun: the 10 s for this architecture were over", 3),
    ],
)
def test_kernels_that_could_not_be_recorded_pass_no_gate(
    *,
    spent: float,
    ended: Sequence[Verdict],
    readings: Sequence[Any],
    why: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A crash while they are recorded, or no time left for it; what is not supported is no failure."""
    good = recorded().readings["operators_coverage_cpu_1thread"]
    small = Architecture(name="small", family="Test", year=2026, paper="none", build=list, input_size=32)
    metrics = {name: metric for name, metric in collect("reporter.metrics", Metric).items() if name == QUICK[-1]}
    request = Request(tmp_path, [small], metrics, {"cpu": "cpu"}, Conditions(**PRESETS["quick"]), timeout=10)
    both = [
        SimpleNamespace(about=about(), readings=[each if isinstance(each, Reading) else good] * bool(each))
        for each in readings
    ]
    verdicts, found, measured = iter(ended), Kernels(), {"small": recorded()}
    monkeypatch.setattr(interleaving, "alone", lambda *_: next(verdicts))
    [job] = kernels.plan(request)
    paired_run._record_kernels(job, both, (measured, measured), request, recorded=found, spent=spent)  # type: ignore[arg-type]
    monkeypatch.setattr(preparation, "prepare_ab", lambda *_: request)
    monkeypatch.setattr(paired_run, "examine", lambda *_: (about(), about(folder="/b")))
    monkeypatch.setattr(ab, "_measured", lambda *_: (({}, {}), found))
    assert ab._compared((Path("a"), Path("b")), None, {}, "exact", as_json=False) == code
    assert why in capsys.readouterr().out
    assert bool(found.missing) == bool(why)


@pytest.mark.slow
def test_what_fails_in_turns_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    root = copy_of_the_checkout(tmp_path / "checkout")
    (root / "reporter" / "architectures" / "faulty.py").write_text(FAULTY)
    here = ("--a", sys.executable, "--b", sys.executable)
    names = ("--architectures", "raises,exits,hangs,prints", "--timeout", "4")
    process = run("ab", *here, *QUICK, *names, "--json", "--out", tmp_path / "out", root=root)
    assert process.returncode == 3, process.stderr
    document = json.loads(process.stdout)
    assert [row["architecture"] for row in document["times"]] == ["prints"]
    reasons = {
        r.architecture: r.readings["latency_cpu_1thread"].reason
        for r in record_files.load_all(tmp_path / "out" / "b")[0]
    }
    assert "it does not like" in str(reasons["raises"])
    assert "exit code 7" in str(reasons["exits"])
    assert "not done after 4 s" in str(reasons["hangs"])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--a", "{nowhere}", "--b", sys.executable), "--a: {nowhere} is no Python environment"),
        pytest.param(
            ("--a", sys.executable, "--b", "{bare}"), "--b: {bare} cannot measure", marks=pytest.mark.slow, id="bare"
        ),
        (("--a", sys.executable, "--b", sys.executable, "--metrics", "macs"), "only times can be interleaved"),
    ],
)
def test_bad_environments_are_one_line(tmp_path: Path, options: tuple[str, ...], line: str) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # an interpreter without site-packages
    bare.chmod(0o755)
    places = {"nowhere": str(tmp_path / "nowhere"), "bare": str(bare)}
    process = call("ab", *(option.format(**places) for option in options), "--architectures", "alexnet")
    assert (process.returncode, process.stdout) == (2, "")
    assert line.format(**places) in process.stderr
    assert process.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the slower environment is one that x86 can have")
def test_a_torch_that_is_really_slower_is_found(tmp_path: Path) -> None:
    """B is the same environment with oneDNN's vector instructions held down to SSE 4.1."""
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nexec env ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default {sys.executable} "$@"\n')
    slow.chmod(0o755)
    names = ("--architectures", "resnet18,googlenet,alexnet", "--metrics", "latency_cpu_1thread", "--fail-on", "timing")
    process = run("ab", "--a", sys.executable, "--b", slow, *names)
    assert process.returncode == 1, process.stdout + process.stderr
    assert "resnet18" in process.stdout
    assert "B is slower" in process.stdout
