"""--against: the verdict against a pinned environment, in the main job and in nightly runs, and what is accepted."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import samples
from commands import TINY, WIDE, call, run, start
from compare_simulation import LATENCY
from forked_sides import ForkedSide, SlowedSide
from installed import environment

from reporter.cli.progress import Quiet
from reporter.compare import baseline_file, noisy_times, reference_file, reference_rule, stored_comparison
from reporter.compare.baseline_file import BaselineComparison
from reporter.compare.differences import Differences
from reporter.compare.environments import About, Import
from reporter.compare.reference_names import RowPlace
from reporter.compare.reference_rule import ReferenceTime
from reporter.documents.reference_verdicts import AgainstReference, ReferenceChange, ReferenceSide, ReferenceVerdict
from reporter.documents.run_files import Summary
from reporter.model import Origin, Reading
from reporter.model.records import EAGER
from reporter.model.settings import FailOn, settings
from reporter.nightly import reference_findings
from reporter.report import build
from reporter.report.between_runs import reference_section
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.output.summary import summary as made_summary
from reporter.run.executors.local import LocalExecutor
from reporter.run.paired import interleaving, pinned
from reporter.run.paired.against import prepare as prepare_reference
from reporter.run.preparation import prepare
from reporter.store import record_files

NAMES = tuple(f"network{number:02}" for number in range(18))
ALEXNET = ("--architectures", "alexnet")
"""An architecture that is known without a worker."""
OPTIONS = (*TINY, *WIDE, "--metrics", "macs,latency_cpu_1thread", "--preset", "quick", "--modes", "eager", "--quiet")


def sides(
    chance: np.random.Generator, rounds: int = 3, noise: float = 0.007, **changes: float
) -> dict[RowPlace, tuple[Reading, Reading]]:
    """Readings of 18 architectures on both sides; pairs vary by 2 %, processes by `noise`; `changes` are log ratios."""
    made = {}
    for name in NAMES:
        base = np.exp(chance.normal(0, 0.2, (rounds, 12))) / 50
        logs = chance.normal(0, 0.02, (rounds, 12)) + chance.normal(0, noise, (rounds, 1)) + changes.get(name, 0.0)
        readings = [
            Reading(quantity=LATENCY, samples=tuple(seconds.ravel().tolist()), rounds=(12,) * rounds)
            for seconds in (base, base * np.exp(logs))
        ]
        made[RowPlace("latency_cpu_1thread", "eager", name)] = (readings[0], readings[1])
    return made


def slower(rows: list[ReferenceTime]) -> set[str]:
    return {row.architecture for row in rows if row.verdict == "slower"}


def test_no_false_positive_in_100_runs_and_3_percent_is_found() -> None:
    chance = np.random.default_rng(7)
    found = [slower(reference_rule.verdicts(sides(chance, network03=np.log(1.03)))) for _ in range(100)]
    assert sum("network03" in names for names in found) >= 70
    assert sum(bool(names - {"network03"}) for names in found) <= 1


def test_a_creep_of_2_percent_a_night_is_found_once_it_adds_up() -> None:
    """Each night is compared with the same reference, not with the night before."""
    chance = np.random.default_rng(11)
    nights = [slower(reference_rule.verdicts(sides(chance, network03=night * np.log(1.02)))) for night in range(6)]
    assert "network03" not in nights[0]
    assert all("network03" in names for names in nights[3:])


def test_an_improvement_is_faster_and_never_slower() -> None:
    rows = reference_rule.verdicts(sides(np.random.default_rng(1), network05=np.log(0.9)))
    assert [row.architecture for row in rows if row.verdict == "faster"] == ["network05"]
    assert not slower(rows)


def test_a_run_reports_the_size_that_it_would_have_found_and_finds_it() -> None:
    chance = np.random.default_rng(3)
    size = reference_rule.detectable(reference_rule.verdicts(sides(chance)))
    assert size is not None
    assert 0.01 < size < 0.04
    found = [slower(reference_rule.verdicts(sides(chance, network03=np.log1p(size)))) for _ in range(40)]
    assert sum("network03" in names for names in found) >= 30


def test_a_noisy_machine_has_no_verdict() -> None:
    rows = reference_rule.verdicts(sides(np.random.default_rng(1), noise=0.05))
    assert {row.verdict for row in rows} == {"noisy"}
    assert all("would be detected" in str(row.reason) for row in rows)
    assert noisy_times.too_noisy(map(reference_file.as_verdict, rows)) == [("latency_cpu_1thread", "eager")]
    quiet = sides(np.random.default_rng(1))
    assert not noisy_times.too_noisy(map(reference_file.as_verdict, reference_rule.verdicts(quiet)))


def test_a_mode_without_a_verdict_does_not_pass() -> None:
    """Eager has a verdict on each time, and the other mode, which is as many times, on none."""
    both = sides(np.random.default_rng(1), noise=0.003)
    noisy = sides(np.random.default_rng(1), noise=0.05)
    both |= {place._replace(mode="bf16"): readings for place, readings in noisy.items()}
    found = document(reference_rule.verdicts(both))
    assert {row.mode for row in found.verdicts if row.verdict == "noisy"} == {"bf16"}
    assert sum(row.verdict == "noisy" for row in found.verdicts) == len(NAMES)
    assert [found.passes(on) for on in ("timing", "any", "exact", "never")] == [False, False, True, True]
    text = "\n".join(reference_section.lines(found, {"latency_cpu_1thread": "Latency"}))
    assert "Most times have no verdict: Latency (bf16). The machine was too noisy" in text


def document(rows: list[ReferenceTime]) -> AgainstReference:
    """The document of a run in which both environments are the same."""
    torch = Import(version="2.14.1", file="/torch/__init__.py")
    side = About(
        machine="here", machine_facts={}, environment={}, imports={"torch": torch}, places=("/env",), variables={}
    )
    return reference_file.document((side, side), rows, gaps=[], changes=[])


def test_too_few_rounds_have_no_verdict() -> None:
    rows = reference_rule.verdicts(sides(np.random.default_rng(1), rounds=2, network03=1.0))
    assert {(row.verdict, row.low, row.detectable) for row in rows} == {("noisy", None, None)}
    assert reference_rule.detectable(rows) is None


def test_rows_with_different_numbers_of_rounds_are_tested_together() -> None:
    chance = np.random.default_rng(5)
    few, many = sides(chance), sides(chance, rounds=8, network03=np.log(1.02))
    place = RowPlace("latency_cpu_1thread", "eager", "network03")
    rows = {row.architecture: row for row in reference_rule.verdicts({**few, place: many[place]})}
    assert (rows["network03"].rounds, rows["network04"].rounds) == (8, 3)
    assert rows["network03"].verdict == "slower"
    assert float(rows["network03"].floor or 1) < float(rows["network04"].floor or 0)


def test_the_first_look_has_the_rounds_that_a_verdict_needs() -> None:
    assert reference_rule.looks(1) == reference_rule.looks(3) == (3, 5, 8)
    assert reference_rule.looks(10) == (10, 16, 26)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sides from the fork server."""
    monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=ForkedSide, PIPE=None))
    return monkeypatch


def summary(folder: Path) -> dict[str, Any]:
    text = (folder / "summary.json").read_text("utf-8")
    Summary.model_validate_json(text)
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.slow
@pytest.mark.timing
def test_a_control_of_one_architecture(forked: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The smallest measurement with both sides; test_ratio_history.py runs the whole command by default."""
    forked.setattr(reference_rule, "LOOKS", 1)
    options = {"architecture": TINY[1:], "metrics": "latency_cpu_1thread", "preset": "quick", "modes": "eager"}
    chosen = settings({**options, "against": sys.prefix})
    request = prepare(tmp_path, chosen, LocalExecutor())
    request = replace(request, conditions=request.conditions.model_copy(update={"seconds": 0.05}))
    work = prepare_reference(chosen, request, tmp_path, print)
    assert work
    found = work.measure(Quiet(sys.stderr))
    [row] = found.verdicts
    assert (row.architecture, row.metric, row.mode, row.rounds) == ("tiny", "latency_cpu_1thread", "eager", 3)
    assert 0.5 < row.ratio < 2
    assert found.control
    assert found.reference == found.tonight
    few = compare(samples.few())
    assert AgainstReference.model_validate(made_summary(few, found)["against"]) == found
    assert "both sides are the same environment" in "".join(reference_section.lines(found, work.titles))
    assert reference_section.section(found, few, language("ru")).title == "Сравнение с эталоном"


@pytest.mark.slow
def test_a_real_environment_is_the_reference(tmp_path: Path) -> None:
    """An environment of its own, whose torch is loaded from another path in a process of its own."""
    made = environment(tmp_path / "reference")
    options = (*TINY, "--metrics", "latency_cpu_1thread", "--preset", "quick", "--modes", "eager", "--quiet")
    process = call("--out", tmp_path / "out", *options, "--against", made.folder)
    assert process.returncode == 0, process.stderr
    against = summary(tmp_path / "out")["against"]
    assert not against["control"]
    assert against["reference"]["versions"]["torch"] == against["tonight"]["versions"]["torch"]
    assert Path(against["reference"]["torch_file"]).is_relative_to(tmp_path)
    assert not Path(against["tonight"]["torch_file"]).is_relative_to(tmp_path)
    assert [(row["architecture"], row["mode"]) for row in against["verdicts"]] == [("tiny", "eager")]
    assert "Against the reference" in (tmp_path / "out" / "report.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timing
def test_a_control_is_measured_and_reported(forked: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = call("--out", tmp_path, *OPTIONS, "--against", sys.prefix)
    assert process.returncode == 0, process.stderr
    against = summary(tmp_path)["against"]
    assert against["control"] is True
    assert against["reference"] == against["tonight"]
    assert set(against["reference"]["versions"]) >= {"torch", "torchvision"}
    assert Path(against["reference"]["torch_file"]).name == "__init__.py"
    rows = {(row["architecture"], row["metric"], row["mode"]) for row in against["verdicts"]}
    assert rows == {(name, "latency_cpu_1thread", "eager") for name in ("tiny", "wide")}
    assert all(row["rounds"] >= 3 and 0.5 < row["ratio"] < 2 for row in against["verdicts"])
    assert against["detectable"] > 0
    assert "both sides are the same environment" in process.stderr
    report = (tmp_path / "report.md").read_text("utf-8")
    assert "## Against the reference" in report
    assert call("render", tmp_path, "--lang", "ru").returncode == 0
    assert summary(tmp_path)["against"] == against
    assert "Сравнение с эталоном" in (tmp_path / "report.ru.md").read_text("utf-8")
    assert call("--out", tmp_path, *OPTIONS).returncode == 0
    assert "against" not in summary(tmp_path)


@pytest.mark.slow
@pytest.mark.timing
def test_each_named_mode_has_a_verdict(forked: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = [word if word != "eager" else "channels_last,bf16" for word in OPTIONS]
    process = call("--out", tmp_path, *options, "--against", sys.prefix)
    assert process.returncode == 0, process.stderr
    against = summary(tmp_path)["against"]
    modes = {(row["architecture"], row["mode"]) for row in against["verdicts"]}
    assert modes == {(name, mode) for name in ("tiny", "wide") for mode in ("eager", "channels_last", "bf16")}
    assert against["gaps"] == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_interrupted_comparison_resumes(tmp_path: Path) -> None:
    """Nothing is lost, the folder can be read, and the same command measures only what is missing."""
    command = ("--out", tmp_path, *OPTIONS[:-1], "--against", sys.prefix)
    journal, kept, end = tmp_path / reference_file.PARTIAL, 0, monotonic() + 1200
    for number in (signal.SIGTERM, signal.SIGINT):
        process = start(*command)
        while not journal.exists() or journal.read_text("utf-8").count("\n") < kept + 2:
            assert process.poll() is None, process.communicate()
            assert monotonic() < end
            sleep(0.05)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 130
        assert "rerun the same command to resume" in errors
        assert (" used again" in errors) == (kept > 0)
        kept = len(journal.read_text("utf-8").splitlines()) - 1
        assert call("render", tmp_path).returncode == 0
        assert len(summary(tmp_path)["records"]) == 2
    done = run(*command, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert f"{kept} earlier measurement" in done.stderr
    measured = re.findall(r"\] (?:tiny|wide) \S+, round \d+: reference", done.stderr)
    assert len(measured) + kept == sum(row["rounds"] for row in summary(tmp_path)["against"]["verdicts"])
    assert not journal.exists()


def slow(forked: pytest.MonkeyPatch, share: float) -> None:
    """Makes the second side, which is this environment, spend `share` more time in convolutions."""
    made = SlowedSide.factory(share)
    forked.setattr(interleaving, "subprocess", SimpleNamespace(Popen=made, PIPE=None))


def test_acceptances_that_cannot_be_read_are_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before an environment is made."""
    monkeypatch.setattr(pinned, "environment", lambda *_: pytest.fail("an environment was made"))
    (tmp_path / "accepted.json").write_text("<<<<<<< HEAD\n")
    names = ("--architectures", "alexnet", "--metrics", "latency_cpu_1thread", "--modes", "eager")
    process = call("--out", tmp_path, *names, "--against", "torch==2.12.0", "--device", "cpu")
    assert (process.returncode, process.stdout) == (2, ""), process.stderr
    assert "accepted.json: cannot be read" in process.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["accepted.json"]


@pytest.mark.usefixtures("blank_charts")
def test_a_comparison_is_not_shown_beside_the_results_of_a_later_run(tmp_path: Path) -> None:
    """As after a run that was interrupted: its records are stored, and the comparison is of the run before."""
    record = next(each for each in samples.few() if each.mode == EAGER)
    compared, later = ("2026-01-02T04:00:00+00:00", "2026-01-02T05:00:00+00:00")
    found = document(reference_rule.verdicts(sides(np.random.default_rng(1))))
    found = found.model_copy(update={"started": compared, "machine": record.machine})
    reference_file.save(tmp_path, found, "never", 0)
    key, time = next((key, each) for key, each in record.readings.items() if each.samples)
    origins = (Origin(run="2", started=later),)
    round_after = time.model_copy(update={"rounds": (len(time.samples),), "origins": origins})
    for changes, is_shown in (
        ({}, True),
        ({"started": later, "machine": "another"}, True),
        ({"started": later}, False),
        ({"readings": record.readings | {key: round_after}}, False),
    ):
        record_files.save_all(tmp_path, [record.model_copy(update=changes)])
        build.write(tmp_path)
        assert ("against" in summary(tmp_path)) is is_shown
        text = (tmp_path / "report.md").read_text()
        assert ("Against the reference" in text) is is_shown
        assert ("older than the newest results; compare again with" in text) is not is_shown
    assert reference_file.load(tmp_path)


@pytest.mark.usefixtures("blank_charts")
def test_changes_are_not_shown_beside_the_results_of_a_later_run(tmp_path: Path) -> None:
    """As after a run with --baseline and another one that was interrupted; a file without the time is used."""
    record = next(each for each in samples.few() if each.mode == EAGER)
    key, time = next((key, each) for key, each in record.readings.items() if each.samples)
    origins = (Origin(run="2", started="2099-01-02T05:00:00+00:00"),)
    later = time.model_copy(update={"rounds": (len(time.samples),), "origins": origins})
    found = BaselineComparison("before", record.started, Differences(), stored_comparison.newest([record]))
    older = replace(found, newest="")
    for compared, reading, is_shown in ((found, time, True), (found, later, False), (older, later, True)):
        baseline_file.save(tmp_path, compared)
        again = record.model_copy(update={"readings": record.readings | {key: reading}})
        record_files.save_all(tmp_path, [again])
        build.write(tmp_path)
        text = (tmp_path / "report.md").read_text()
        assert ("Compared with before" in text) is is_shown
        assert ("older than the newest results; compare again with" in text) is not is_shown


@pytest.mark.slow
@pytest.mark.timing
def test_a_known_slowdown_is_red_again_when_it_grows(forked: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow(forked, 0.3)
    options = ("--out", tmp_path, *OPTIONS, "--against", sys.prefix, "--fail-on", "timing")
    process = call(*options)
    assert process.returncode == 1, process.stderr
    against = summary(tmp_path)["against"]
    assert not against["control"]
    assert {row["verdict"] for row in against["verdicts"]} == {"slower"}
    accepted = call("accept", tmp_path, "--architecture", "tiny", "--reason", "a new kernel")
    assert accepted.returncode == 0, accepted.stderr
    assert "accepted: tiny" in accepted.stderr
    assert call(*options).returncode == 1, "wide is not accepted"
    assert call("accept", tmp_path, "--metric", "latency_cpu_1thread").returncode == 0
    process = call(*options)
    assert process.returncode == 0, process.stderr
    assert "known since" in process.stderr
    assert {row["known"]["reason"] for row in summary(tmp_path)["against"]["verdicts"]} == {"a new kernel", ""}
    nothing = call("accept", tmp_path)
    assert (nothing.returncode, "nothing to accept" in nothing.stderr) == (2, True)
    slow(forked, 1.0)
    process = call(*options)
    assert process.returncode == 1, process.stderr
    assert {row["known"] for row in summary(tmp_path)["against"]["verdicts"]} == {None}


@pytest.mark.slow
@pytest.mark.timing
def test_a_nightly_run_has_findings_against_the_reference(forked: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow(forked, 0.3)
    out = tmp_path / "out"
    options = ("nightly", "--out", out, *OPTIONS, "--against", sys.prefix, "--fail-on", "timing")
    process = call(*options)
    assert process.returncode == 1, process.stdout + process.stderr
    assert "differs from the reference" in process.stdout
    assert {row["verdict"] for row in summary(out)["against"]["verdicts"]} == {"slower"}
    assert call("accept", out, "--reason", "known").returncode == 0
    process = call(*options)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "2 known to be slower" in process.stdout
    comparison = json.loads((out / "comparison.json").read_text("utf-8"))
    rows = [row for row in comparison["findings"] if row["kind"] == "reference"]
    assert [(row["architecture"], row["accepted"]) for row in rows] == [("tiny", True), ("wide", True)]


def test_what_cannot_be_compared_is_one_line(tmp_path: Path) -> None:
    for named, line in (
        ("torch>=2", "is neither an environment nor exact versions"),
        ("", "is neither an environment nor exact versions"),
        (str(tmp_path / "nowhere"), "is neither an environment nor exact versions"),
        ("torchvision==0.29.1", "does not name a version of torch"),
        (os.fspath(tmp_path), "is no Python environment"),
    ):
        process = call("--out", tmp_path / "out", *ALEXNET, "--metrics", "latency_cpu_1thread", "--against", named)
        assert (process.returncode, process.stdout) == (2, ""), process.stderr
        assert line in process.stderr
        assert process.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()
    process = call("--out", tmp_path / "out", *ALEXNET, "--metrics", "size", "--against", sys.prefix)
    assert process.returncode == 2
    assert "--metrics names no time" in process.stderr


def test_a_config_file_may_name_the_reference(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f'against = "{tmp_path}"\nmetrics = "latency_cpu_1thread"\n')
    assert settings({}, config).against == str(tmp_path)
    assert settings({"against": "torch==2.14.1"}, config).against == "torch==2.14.1"
    process = call("--config", config, "--out", tmp_path / "out", *ALEXNET)
    assert process.returncode == 2, process.stderr
    assert "--against" in process.stderr
    assert "is no Python environment" in process.stderr


def test_the_size_that_is_found_in_half_of_the_times_is_beside_the_largest() -> None:
    """In other times, only larger changes would be found; if all are alike, there is one size."""
    row = ReferenceVerdict(
        architecture="tiny", metric="latency_cpu", mode="eager", verdict="unchanged", ratio=1.0, low=0.99, high=1.01
    )
    sizes = [0.025] * 10 + [0.06] * 8
    verdicts = tuple(row.model_copy(update={"detectable": size}) for size in sizes)
    about = {"changes": (), "gaps": (), "lost": (), "detectable": 0.025}
    found = AgainstReference.model_construct(verdicts=verdicts, **about)
    assert reference_section.headline(found, language("en")).endswith(
        "; in half of the times, a change of 2.5 % would have been detected with a probability of 90 %; the largest "
        "such change is 6.0 %."
    )
    assert reference_section.headline(found, language("ru")).endswith("наибольшее такое изменение — 6,0 %.")
    alike = AgainstReference.model_construct(verdicts=verdicts[:10], **about)
    text = "no difference; a change of 2.5 % would have been detected with a probability of 90 %."
    assert reference_section.headline(alike, language("en")) == text


def test_an_interval_that_excludes_1_is_not_called_no_difference() -> None:
    """A verdict on one of many rows takes more; the verdict itself and the exit code are those of an unchanged row."""
    row = ReferenceVerdict(
        architecture="tiny", metric="latency_cpu", mode="eager", verdict="unchanged", ratio=1.018, low=1.006,
        high=1.03, detectable=0.025,
    )  # fmt: skip
    small = row.model_copy(update={"architecture": "small", "ratio": 1.004, "low": 1.001, "high": 1.007})
    equal = row.model_copy(update={"architecture": "equal", "ratio": 1.01, "low": 0.998})
    side = ReferenceSide(versions={"torch": "2.14.1"}, torch_file="/torch/__init__.py")
    found = AgainstReference(reference=side, tonight=side, control=True, detectable=0.025, verdicts=(small, equal, row))
    texts = [reference_section.described(each, language("en")).partition(": ")[2] for each in (row, small, equal)]
    assert texts == ["not resolved", "no difference above 2.5 %", "no difference"]
    lines = list(reference_section.lines(found, {}))
    assert "1 not resolved; a change of 2.5 % would have been detected" in lines[1]
    assert lines[2:] == ["- tiny latency_cpu +1.8 % (+0.6 % … +3.0 %): not resolved"]
    assert [found.passes(on) for on in get_args(FailOn)] == [True] * 5
    text = reference_section.described(row, language("ru"))
    assert text.endswith(": разница не установлена"), text


@pytest.mark.parametrize(("code", "point"), [("en", "."), ("ru", ",")])
def test_a_verdict_has_the_numbers_of_its_language(code: str, point: str) -> None:
    row = ReferenceVerdict(
        architecture="tiny", metric="latency_cpu", mode="eager", verdict="noisy", ratio=1.05, low=0.99, high=1.06
    )
    text = reference_section.described(row, language(code))
    assert text.startswith(f"+5{point}0 % (−1{point}0 % … +6{point}0 %): ")


@pytest.mark.parametrize(
    ("code", "values", "half"),
    [("en", ("11,689,512", "11,689,513"), "1,234.5"), ("ru", ("11 689 512", "11 689 513"), "1 234,5")],
)
def test_counts_that_differ_have_separators(code: str, values: tuple[str, str], half: str) -> None:
    row = partial(ReferenceChange, architecture="tiny", metric="parameters")
    changes = (row(reference=11_689_512, tonight=11_689_513.0), row(reference=1234.5, tonight=2))
    found = AgainstReference.model_construct(changes=changes)
    lines = reference_section._changes(found, {}, language(code))
    whole, part = (re.sub(r"[\u00a0\u202f]", " ", line) for line in lines)
    assert all(re.search(rf"\b{value}\b(?![.,]\d)", whole) for value in values), whole
    assert f" {half} " in part


def test_a_slowdown_is_known_for_its_instructions_threads_and_images() -> None:
    """Threads are of no importance to a time that is measured on one."""
    side = ReferenceSide(versions={"torch": "2.14.1"}, torch_file="/torch/__init__.py")
    for metric, with_64 in (("latency_cpu", 1), ("latency_cpu_1thread", 0)):
        row = ReferenceVerdict(
            architecture="tiny", metric=metric, mode="eager", verdict="slower", ratio=1.05, low=1.04, high=1.06,
            detectable=0.02,
        )  # fmt: skip
        about = {"control": False, "detectable": 0.02, "verdicts": (row,)}
        found = AgainstReference(reference=side, tonight=side, machine_kind="A", threads=2, **about)
        _, entries = reference_findings.accepted(found, {}, "", "2026-11-28")
        for update, slower_rows in (
            ({}, 0), ({"threads": 64}, with_64), ({"machine_kind": "A; avx512_bf16"}, 1), ({"machine_kind": "B"}, 1),
            ({"input_sizes": {"tiny": "128"}}, 1), ({"input_sizes": {"other": "128"}}, 0),
        ):  # fmt: skip
            other = found.model_copy(update=update)
            assert len(reference_findings.mark_accepted(other, entries).slower) == slower_rows, (metric, update)


def test_a_slowdown_is_known_on_one_kind_of_machine() -> None:
    row = ReferenceVerdict(
        architecture="tiny", metric="latency_cpu", mode="eager", verdict="slower", ratio=1.05, low=1.04, high=1.06,
        detectable=0.02,
    )  # fmt: skip
    side = ReferenceSide(versions={"torch": "2.14.1"}, torch_file="/torch/__init__.py")
    found = AgainstReference(
        reference=side, tonight=side, control=False, detectable=0.02, verdicts=(row,), machine_kind="with AVX-512"
    )
    _, entries = reference_findings.accepted(found, {}, "a kernel without AVX-512", "2026-11-28")
    assert not reference_findings.mark_accepted(found, entries).slower
    of_earlier_versions = [entry.model_copy(update={"reference": ""}) for entry in entries]
    assert not reference_findings.mark_accepted(found, of_earlier_versions).slower
    elsewhere = found.model_copy(update={"machine_kind": "AVX2 only"})
    assert reference_findings.mark_accepted(elsewhere, entries).slower == (row,)
    for ratio, slower_rows in ((1.06, 0), (1.08, 1)):
        grown = found.model_copy(update={"verdicts": (row.model_copy(update={"ratio": ratio}),)})
        assert len(reference_findings.mark_accepted(grown, entries).slower) == slower_rows
    for there, threads, known in (
        ("with AVX-512; avx512_bf16", 2, True),  # entries of earlier versions have no threads and fewer instructions
        ("with AVX-512; avx512_bf16", 64, True),
        ("AVX2 only", 2, False),
    ):
        other = found.model_copy(update={"machine_kind": there, "threads": threads})
        assert bool(reference_findings.mark_accepted(other, entries).slower) is not known
    noisy = found.model_copy(update={"too_noisy": True})
    assert [noisy.passes(on) for on in ("timing", "any", "exact", "never")] == [False, False, True, True]
