"""Nightly runs against a pinned reference, played with a clock of their own: what is known, red again, or too noisy."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import nights
import pytest
from commands import call, errors_so_far, wait_for
from nights import Nights, made, slower, with_reading

from reporter.cli import heartbeat
from reporter.cli.progress import Lines
from reporter.compare import ratio_curves, ratio_history, reference_file
from reporter.documents.reference_verdicts import (
    AgainstReference,
    ReferenceChange,
    ReferenceGap,
    ReferenceLoss,
    ReferenceSide,
    ReferenceVerdict,
)
from reporter.host.job import Job
from reporter.model import ReporterError
from reporter.model.settings import PRESETS, Conditions
from reporter.nightly import one_run, outlet_files, outlets, reference_findings
from reporter.nightly.run_folder import Folder
from reporter.report import build
from reporter.report.between_runs import reference_section
from reporter.report.language import language
from reporter.run import experiment
from reporter.run.request import Outcome, Request
from reporter.store import record_files

KEY = "latency_cpu_1thread"
CONDITIONS = Conditions(**PRESETS["quick"])


def found(ratio: float, verdict: str = "slower", kind: str = "a processor", noisy: bool = False) -> AgainstReference:
    """What a run measured: one architecture."""
    row = ReferenceVerdict(
        architecture="resnet18", metric=KEY, mode="eager", verdict=verdict, ratio=ratio, low=ratio - 0.01,
        high=ratio + 0.01, detectable=0.02, rounds=3,
    )  # fmt: skip
    side = ReferenceSide(versions={"torch": "2.14.1"}, torch_file="/torch/__init__.py")
    return AgainstReference(
        reference=side, tonight=side, control=False, detectable=0.02, verdicts=(row,), started="2026-01-01",
        machine_kind=kind, too_noisy=noisy,
    )  # fmt: skip


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[AgainstReference]:
    """What the next run measures, as the only element; the measurement of an empty list fails."""
    next_one: list[AgainstReference] = []

    def measure(_: object) -> AgainstReference:
        if not next_one:
            raise ReporterError("the process of an environment ended")
        return next_one[0]

    pair = SimpleNamespace(measure=measure, quantities=[], titles={})
    plan, output = one_run.plan, one_run.Output
    monkeypatch.setattr(nights.one_run, "plan", lambda *given: replace(plan(*given), against=pair))
    monkeypatch.setattr(nights.one_run, "Output", lambda *given: output(*given, nullcontext))
    return next_one


def play(played: Nights, measured: list[AgainstReference], night: AgainstReference) -> int:
    measured[:] = [night]
    return played.play(made(), fail_on="timing", metrics="size,latency", preset="standard")


def test_a_slowdown_is_known_after_it_is_accepted_and_red_again_when_it_grows(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert play(played, measured, found(1.05)) == 1
    first = played.day()
    assert play(played, measured, found(1.05)) == 1, "a pinned reference does not forget"
    assert first in "".join(played.lines), "with the day of the first run that had it"
    assert played.accept("resnet18", KEY) == 1
    assert play(played, measured, found(1.055)) == 0
    assert f"1 known to be slower since {first}" in played.headline
    assert play(played, measured, found(1.055, kind="another processor")) == 1, "not known on another kind"
    assert play(played, measured, found(1.05)) == 0
    assert play(played, measured, found(1.1)) == 1, "it grew"
    assert play(played, measured, found(0.9, "faster")) == 0
    lines = ratio_history.load(tmp_path / "out")
    assert [line.rows[0].ratio for line in lines] == [1.0, 1.05, 1.05, 1.055, 1.055, 1.05, 1.1, 0.9]
    kinds = {curve.machine_kind: len(curve.ratios) for curve in ratio_curves.curves(lines)}
    assert kinds == {"a processor": 7, "another processor": 1}


def test_findings_stay_known_under_the_longer_names_of_a_machine_and_a_reference(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    """What earlier versions stored has fewer instructions, no threads, and fewer packages of the reference."""
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert play(played, measured, found(1.05)) == 1
    first = played.day()
    side = found(1.05).reference.model_copy(update={"packages": {"timm": "1.0.30"}})
    night = found(1.05, kind="a processor; avx512_bf16").model_copy(update={"threads": 2, "reference": side})
    assert play(played, measured, night) == 1
    assert first in "".join(played.lines), "with the day of the first run that had it"
    assert played.accept("resnet18", KEY) == 1
    assert play(played, measured, night) == 0
    assert f"1 known to be slower since {first}" in played.headline
    changed = side.model_copy(update={"packages": {"timm": "1.0.31"}})
    for other in ({"reference": changed}, {"machine_kind": "a processor; avx_vnni"}):
        assert play(played, measured, night.model_copy(update=other)) == 1
    (curve, *others) = ratio_curves.curves(ratio_history.load(tmp_path / "out"))
    assert (curve.ratios, curve.references) == ([1.0, 1.05, 1.05, 1.05], ["torch==2.14.1 timm==1.0.30"])
    assert [each.ratios for each in others] == [[1.05], [1.05]]


def test_a_time_on_all_threads_is_open_until_a_run_on_as_many_refutes_it(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    def on(threads: int, ratio: float) -> AgainstReference:
        night = found(ratio, "slower" if ratio > 1 else "unchanged")
        rows = tuple(row.model_copy(update={"metric": "latency_cpu"}) for row in night.verdicts)
        return night.model_copy(update={"verdicts": rows, "threads": threads})

    played = Nights(tmp_path / "out")
    assert play(played, measured, on(64, 1.0)) == 0
    assert play(played, measured, on(64, 1.05)) == 1
    first = played.day()
    assert play(played, measured, on(2, 1.0)) == 0
    assert play(played, measured, on(64, 1.05)) == 1
    assert first in "".join(played.lines)
    assert play(played, measured, on(64, 1.0)) == 0
    assert play(played, measured, on(64, 1.05)) == 1
    assert first not in "".join(played.lines)


def test_a_slowdown_is_open_until_a_run_with_images_of_its_size_refutes_it(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    def at(sizes: dict[str, str], ratio: float) -> AgainstReference:
        night = found(ratio, "slower" if ratio > 1 else "unchanged")
        return night.model_copy(update={"input_sizes": sizes})

    own, small = partial(at, {}), partial(at, {"resnet18": "128"})
    played = Nights(tmp_path / "out")
    assert play(played, measured, own(1.0)) == 0
    assert play(played, measured, own(1.05)) == 1
    first = played.day()
    assert play(played, measured, small(1.0)) == 0
    assert play(played, measured, own(1.05)) == 1
    assert first in "".join(played.lines)
    assert played.accept("resnet18", KEY) == 1
    assert play(played, measured, own(1.05)) == 0
    assert play(played, measured, small(1.05)) == 1


def test_a_run_has_its_own_ratio_in_the_report(measured: list[AgainstReference], tmp_path: Path) -> None:
    """The history is complete when the report is written."""
    seen: list[int] = []

    def report(folder: Path, _: object) -> None:
        nights.summarize(folder)
        seen.append(len(ratio_history.load(folder)))

    played = Nights(tmp_path / "out", report=report)
    for _ in range(3):
        play(played, measured, found(1.0, "unchanged"))
    assert seen == [1, 2, 3]
    assert len(ratio_history.load(tmp_path / "out")) == 3


def test_a_noisy_machine_does_not_pass_and_the_text_has_what_to_do(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert "a change of 2.0 % would have been detected" in played.headline
    assert play(played, measured, found(1.02, "noisy", noisy=True)) == 3
    assert "too noisy" in played.headline
    assert "If this lasts: run on a machine without other work" in played.headline
    noisy = outlets.read(played.out)
    assert "Architecture report: no verdict" in outlets.comment(noisy, "nightly", "")
    assert b'errors="1"' in outlet_files.junit(noisy), "and JUnit XML does not pass"
    assert play(played, measured, found(1.05)) == 1
    assert play(played, measured, found(1.05, "noisy", noisy=True)) == 1, "a slowdown remains until it is refuted"
    assert play(played, measured, found(1.0, "unchanged")) == 0


def test_a_known_slowdown_whose_growth_is_hidden_by_noise_does_not_pass(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    """Its own verdict is clear, and it is not above what was accepted by more than what would be found."""
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert play(played, measured, found(1.2)) == 1
    first = played.day()
    assert played.accept("resnet18", KEY) == 1
    for ratio, share, code in ((1.36, 0.05, 1), (1.1, 0.15, 0), (1.36, 0.15, 3)):
        night = found(ratio)
        rows = tuple(row.model_copy(update={"detectable": share}) for row in night.verdicts)
        assert play(played, measured, night.model_copy(update={"verdicts": rows})) == code
    assert f"1 known to be slower since {first} 2026, 02:17 UTC, 1 too noisy to show growth" in played.headline
    assert "If this lasts: run on a machine without other work" in played.headline
    assert "Architecture report: no verdict" in outlets.comment(outlets.read(played.out), "nightly", "")
    noisy = reference_findings.mark_accepted(measured[0], Folder(played.out).acceptances().accepted)
    assert [noisy.passes(on) for on in ("timing", "any", "exact")] == [False, False, True]
    text = "\n".join(reference_section.lines(noisy, {}))
    assert "(+20.0 %), too noisy to show whether it grew: meant" in text
    assert "слишком шумно, чтобы увидеть рост: 1" in reference_section.headline(noisy, language("ru"))
    run = published(played, noisy)
    for each in (run, replace(run, comparison=None)):  # of a nightly run and of the main job
        assert [row.accepted for row in each.rows] == [f"known since {first}, too noisy to show whether it grew"]
    assert play(played, measured, found(1.2)) == 0


def test_an_accepted_slowdown_that_a_run_does_not_have_is_named(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    """It stays accepted, as the machine's noise may hide it; an interval that contains it does not refute it."""
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.05)) == 1
    assert played.accept("resnet18", KEY) == 1
    line = f"accepted, but not slower in this run: resnet18 {KEY} (if it is fixed, remove it from accepted.json)"
    for night, named in (
        (found(1.05), False),
        (found(1.045, "unchanged"), False),
        (found(1.0, "unchanged", kind="another processor"), False),
        (found(1.0, "unchanged"), True),
        (found(0.9, "faster"), True),
        (found(1.05), False),
    ):
        assert play(played, measured, night) == 0
        assert (line in played.headline) == named


def test_an_acceptance_is_about_one_mode(measured: list[AgainstReference], tmp_path: Path) -> None:
    night = found(1.05)
    rows = tuple(row.model_copy(update={"mode": mode}) for row in night.verdicts for mode in ("eager", "bf16"))
    night = night.model_copy(update={"verdicts": rows})
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert play(played, measured, night) == 1
    assert played.accept(mode="eager") == 1
    assert play(played, measured, night) == 1
    assert "1 slower, 1 known to be slower since" in played.headline
    [line] = [line for line in played.lines if "differs from the reference" in line]
    assert "resnet18 (bf16) +5.0% time" in line
    assert played.accept(mode="bf16") == 1
    assert play(played, measured, night) == 0


def test_what_differs_and_what_has_no_verdict_is_named(measured: list[AgainstReference], tmp_path: Path) -> None:
    """A count is no time that is worse; a time that the reference cannot measure has its reason on the screen."""
    changed = ReferenceChange(architecture="alexnet", metric="macs", reference=5, tonight=6)
    gap = ReferenceGap(architecture="vgg16", metric=KEY, mode="eager", reason="timeout in reference: not done")
    night = found(1.05).model_copy(update={"changes": (changed,), "gaps": (gap,)})
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert play(played, measured, night) == 1
    assert "1 slower, counts that differ: 1, not measured on both sides: 1" in played.headline
    text = "\n".join(played.lines)
    assert "- macs differs from the reference: alexnet 5 -> 6" in text
    assert f"- {KEY} differs from the reference: resnet18 +5.0% time" in text
    assert f"- vgg16: {KEY} was not compared: timeout in reference: not done" in text
    results = {row.result for row in outlets.read(played.out).rows}
    assert results == {"differs from the reference: 5 → 6", "worse than the reference (+5.0 %)"}


def test_a_comparison_that_fails_hides_no_other_finding(measured: list[AgainstReference], tmp_path: Path) -> None:
    """And the last complete run stays."""
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    measured.clear()
    assert played.play(made(), preset="standard") == 2
    assert "comparison with the pinned reference failed: the process of an environment ended" in played.messages[-1]
    assert "the last complete run stays in" in played.messages[-1]
    assert played.play(made(), with_reading("alexnet", "macs", samples=(714_188_481,)), preset="standard") == 1
    assert "1 exact" in played.headline
    assert len(ratio_history.load(tmp_path / "out")) == 1


def published(played: Nights, night: AgainstReference) -> outlets.PublishedRun:
    """The run as other systems get it; the summary of these tests has no comparison with a reference."""
    run = outlets.read(played.out)
    return replace(run, summary=run.summary.model_copy(update={"against": night}))


def test_what_failed_in_the_reference_does_not_pass(measured: list[AgainstReference], tmp_path: Path) -> None:
    """A slowdown of the last run remains until it is refuted, and no other system shows a pass."""
    gap = ReferenceGap(
        architecture="resnet18", metric=KEY, mode="eager", reason="failed in reference: no kernel", failed=True
    )
    failed = found(1.0).model_copy(update={"verdicts": (), "gaps": (gap,)})
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    assert play(played, measured, failed) == 3
    run = published(played, failed)
    assert not run.passes
    text = outlets.comment(run, "nightly", "")
    assert "Architecture report: no verdict" in text
    assert "not compared: failed in reference: no kernel" in text
    assert b'errors="2"' in outlet_files.junit(run), "the time, and the run"
    assert play(played, measured, found(1.05)) == 1
    first = played.day()
    assert play(played, measured, failed) == 1
    assert f"since {first}" in "".join(played.lines)
    assert "not compared in this run: failed in reference: no kernel" in "".join(played.lines)
    assert played.accept("resnet18", KEY) == 1
    assert play(played, measured, failed) == 3, "known, but not measured"
    assert play(played, measured, found(1.05)) == 0
    new = gap.model_copy(update={"mode": "bf16", "reason": "unsupported in reference: no such mode", "failed": False})
    assert play(played, measured, found(1.0, "unchanged").model_copy(update={"gaps": (new,)})) == 0
    assert play(played, measured, failed.model_copy(update={"gaps": (new,)})) == 3, "no verdict at all"


def test_a_round_that_failed_does_not_pass(measured: list[AgainstReference], tmp_path: Path) -> None:
    """As in the main job and in `ab`: the times of the other rounds have verdicts, and the exit code is 3."""
    lost = ReferenceLoss(architecture="alexnet", metric=KEY, mode="eager", round=1, reason="failed in tonight: a crash")
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.0, "unchanged")) == 0
    night = found(1.0, "unchanged").model_copy(update={"lost": (lost,)})
    assert play(played, measured, night) == 3
    assert "rounds that failed: 1" in played.headline
    assert f"- alexnet: a round of {KEY} failed: failed in tonight: a crash" in played.shown
    run = published(played, night)
    assert "### Architecture report: no verdict" in outlets.comment(run, "x", "")
    assert outlet_files.junit(run).count(b"<error message") == 2, "the round, and the run"
    headline = replace(run, comparison=None).headline
    assert headline == "No verdict: rounds that failed in one of both environments: 1."
    assert play(played, measured, found(1.1).model_copy(update={"lost": (lost,)})) == 1


def test_a_main_job_without_a_number_is_no_pass(measured: list[AgainstReference], tmp_path: Path) -> None:
    gap = ReferenceGap(architecture="vgg16", metric=KEY, mode="eager", reason="timeout in reference: 9 s", failed=True)
    played = Nights(tmp_path / "out")
    play(played, measured, found(1.0, "unchanged"))
    night = found(0.9, "faster").model_copy(update={"gaps": (gap,)})
    run = replace(published(played, night), comparison=None)
    assert (run.has_regression, run.passes) == (False, False)
    assert run.headline == "No verdict: times that failed in one of both environments: 1."
    assert [row.result for row in run.rows] == ["not compared: timeout in reference: 9 s", "faster (-10.0 % time)"]
    better = replace(published(played, found(0.9, "faster")), comparison=None)
    assert (better.passes, better.headline, len(better.rows)) == (True, "No regression.", 1)


def test_what_the_main_job_compared_after_a_nightly_run_is_accepted(tmp_path: Path) -> None:
    """Instead of the findings of the nightly run, which the report does not have any more."""
    played = Nights(tmp_path / "out")
    assert played.play(made()) == 0
    assert played.play(made(), with_reading("alexnet", "macs", samples=(714_188_481,))) == 1
    Folder(played.out).supersede()
    reference_file.save(played.out, found(1.3).model_copy(update={"started": "2026-11-02T20:00:00+00:00"}), "timing", 1)
    assert played.accept() == 1
    [entry] = Folder(played.out).acceptances().accepted
    assert (entry.kind, entry.architecture) == ("reference", "resnet18")
    reference_file.save(played.out, None, "timing", 0)
    assert played.accept() == 1
    with pytest.raises(ReporterError, match=r"nothing to accept; .*its results were replaced by those of the main job"):
        played.accept()


def test_an_acceptance_is_about_one_reference(measured: list[AgainstReference], tmp_path: Path) -> None:
    """After the reference is moved, a slowdown is a new one, however small."""
    played = Nights(tmp_path / "out")
    play(played, measured, found(1.0, "unchanged"))
    assert play(played, measured, found(1.1)) == 1
    played.accept("resnet18", KEY)
    for ratio, verdict in ((1.1, "slower"), (1.05, "slower"), (1.0, "unchanged"), (1.1, "slower")):
        assert play(played, measured, found(ratio, verdict)) == 0, "also when it shrinks and is back"
    moved = ReferenceSide(versions={"torch": "2.15.0"}, torch_file="/torch/__init__.py")
    assert play(played, measured, found(1.05).model_copy(update={"reference": moved})) == 1
    assert f"since {played.day()}" in "".join(played.lines)


def test_each_progress_of_a_run_ends_before_the_next_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both groups of GitHub's log are closed, and the report is named while it is written."""

    def measure(request: Request, _: object, shown: Lines) -> Outcome:
        shown.plan([job()], 1, len)
        shown.job_finished(job(), 0.0)
        record_files.save_all(request.folder, made(["alexnet"]))
        return Outcome()

    def in_turns(shown: Lines) -> AgainstReference:
        shown.plan([job()], 1, len)
        shown.job_finished(job(), 0.0)
        return found(1.0, "unchanged")

    def write(folder: Path, _: object) -> None:
        wait_for("still writing the report", errors_so_far)
        nights.summarize(folder)

    pair = SimpleNamespace(measure=in_turns, quantities=[], titles={})
    monkeypatch.setattr(one_run.against, "prepare", lambda *_: pair)
    monkeypatch.setattr(experiment, "run", measure)
    monkeypatch.setattr(build, "write", write)
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    process = call("nightly", "--out", tmp_path, "--architectures", "alexnet", "--metrics", "size", "--device", "cpu")
    assert process.returncode == 0, process.stderr
    marks = [line for line in process.stderr.splitlines() if line.startswith("::")]
    assert marks == ["::group::Measurements", "::endgroup::"] * 2
    end = process.stderr.rpartition("::endgroup::")[2].splitlines()
    assert {line.partition(",")[0] for line in end if line} == {"note: still writing the report"}


def job() -> Job:
    return Job(architecture="alexnet", metrics=("m",), device="cpu", conditions=CONDITIONS, process="timing cpu")


def test_a_slowdown_has_its_date_on_each_kind_of_machine(measured: list[AgainstReference], tmp_path: Path) -> None:
    """Hosted runners differ from night to night: what one kind has is neither forgotten nor new on another."""

    def a(ratio: float, kind: str = "A") -> AgainstReference:
        return found(ratio, "slower" if ratio > 1 else "unchanged", kind)

    def b(ratio: float) -> AgainstReference:
        return a(ratio, "B")

    played = Nights(tmp_path / "out")
    noisy = found(1.04, "noisy", "A", noisy=True)
    assert play(played, measured, a(1.0)) == 0
    assert play(played, measured, a(1.05)) == 1
    first = played.day()
    assert play(played, measured, b(1.0)) == 0, "not slower on this kind"
    without = reference_findings.elsewhere(None, Folder(played.out).last())
    assert [each.machine for each in without] == ["A"], "a run without --against changes nothing"
    assert play(played, measured, a(1.05)) == 1
    assert f"since {first}" in "".join(played.lines)
    assert play(played, measured, b(1.05)) == 1
    assert f"since {played.day()}" in "".join(played.lines)
    assert play(played, measured, noisy) == 1, "not refuted since the last run on this kind"
    assert f"since {first}" in "".join(played.lines)
    assert played.accept("resnet18", KEY) == 1
    assert play(played, measured, b(1.05)) == 1, "accepted on the other kind only"
    assert play(played, measured, noisy) == 3
    assert play(played, measured, a(1.0)) == 0
    assert play(played, measured, b(1.0)) == 0
    last = Folder(played.out).last()
    assert last
    assert not last.elsewhere


@pytest.mark.parametrize("gate", ["timing", "any"])
def test_slower_than_the_night_before_is_for_information(
    gate: str, measured: list[AgainstReference], tmp_path: Path
) -> None:
    """With a reference, times are judged by it: most networks became faster, and one did not."""
    options = {"fail_on": gate, "metrics": "size,latency", "preset": "standard"}
    improved = [slower(name, 0.8) for name in ("alexnet", "vgg16", "resnet18")] + [slower("resnet50", 1.001)]
    played = Nights(tmp_path / "out")
    measured[:] = [found(1.0, "unchanged")]
    assert played.play(made(), **options) == 0
    assert played.play(made(), *improved, **options) == 0
    assert "1 slower than before, for information" in played.headline
    [line] = [line for line in played.lines if "resnet50" in line]
    assert "not gated: resnet50 +25.1% time" in line
    assert "verdicts on times are based on the reference" in line
    run = outlets.read(played.out)
    assert (run.has_regression, run.passes) == (False, True)
    assert b'failures="0"' in outlet_files.junit(run)
    assert "| `resnet50` | Latency, CPU, 1 thread | slower (+25.1 %) (for information) |" in outlets.comment(
        run, "x", ""
    )
    assert run.comparison
    assert run.comparison.fails == ()
    with pytest.raises(ReporterError, match="nothing to accept"):
        played.accept()
    assert played.play(made(), *improved, with_reading("alexnet", "macs", samples=(5,)), **options) == (gate == "any")
    assert "slower" not in played.headline, "the run of the night before is the baseline"
    measured[:] = [found(1.05)]
    assert played.play(made(), *improved, **options) == 1, "the reference finds it"
    last = Folder(played.out).last()
    assert last
    assert [each.kind for each in last.findings] == ["reference"]


def test_without_a_reference_a_slowdown_of_the_night_before_is_one(
    measured: list[AgainstReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was shown for information, and is still there, is a regression in a run without --against."""
    options = {"fail_on": "any", "metrics": "size,latency", "preset": "standard"}
    macs = with_reading("alexnet", "macs", samples=(5,))
    played = Nights(tmp_path / "out")
    measured[:] = [found(1.0, "unchanged")]
    assert played.play(made(), **options) == 0
    assert played.play(made(), macs, slower("resnet50", 1.5), **options) == 1
    first = played.day()
    assert "1 slower than before, for information" in played.headline
    plan = nights.one_run.plan
    monkeypatch.setattr(nights.one_run, "plan", lambda *given: replace(plan(*given), against=None))
    assert (
        played.play(made(), slower("resnet50", 1.5), fail_on="timing", metrics="size,latency", preset="standard") == 1
    )
    assert f"1 slower since {first}" in played.headline


def test_a_level_is_no_gate_with_a_reference(tmp_path: Path) -> None:
    """It would never fail; one line before anything is installed or measured."""
    for command in ("nightly", "--quiet"):
        process = call(command, "--out", tmp_path / "out", "--against", "torch==2.14.1", "--fail-on", "level")
        assert process.returncode == 2
        assert "--fail-on level: with --against, verdicts on times are based on the reference" in process.stderr
        assert process.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
