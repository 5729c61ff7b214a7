"""Nightly runs: a named baseline, a budget that leaves readings out, and a history that cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nights import Nights, made, main_job, with_reading

from reporter.compare import baseline_file
from reporter.host.machine import key as this_machine
from reporter.model import ReporterError
from reporter.nightly import one_run, outlets
from reporter.nightly.main_job_findings import is_of_main_job
from reporter.nightly.run_folder import Folder
from reporter.report.language import SOURCE, language
from reporter.report.sections import Text, changed
from reporter.store import record_files

MACS = with_reading("alexnet", "macs", samples=(714_188_481,))


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """A folder after its first run."""
    played = Nights(tmp_path / "out")
    assert played.play(made()) == 0
    return played


def test_a_named_baseline_decides_the_headline_and_the_exit_code(nights: Nights, tmp_path: Path) -> None:
    """They are of one comparison; without the option the last accepted run is the baseline again."""
    fixed = Nights(tmp_path / "fixed")
    assert fixed.play(made(), MACS) == 0
    assert nights.play(made()) == 0
    assert nights.play(made(), baseline=str(fixed.out)) == 1
    assert nights.headline.startswith("Changed: 1 exact;")
    assert nights.headline.endswith("baseline: run of 1 November 2026, 02:17 UTC.")
    assert "714,188,481 -> 714,188,480" in nights.lines[0]
    assert nights.play(made()) == 0
    assert nights.headline.endswith("baseline: run of 2 November 2026, 02:17 UTC.")


def test_a_named_baseline_has_its_name_and_run_in_the_report_and_for_programs(nights: Nights, tmp_path: Path) -> None:
    """And is not called the last accepted run; the comparison remains one of a nightly run."""
    fixed = Nights(tmp_path / "committed")
    assert fixed.play(made()) == 0
    record_files.append_history(fixed.out, main_job(1, made()))
    assert nights.play(made(), MACS, baseline=str(fixed.out)) == 1
    comparison = outlets.read(nights.out).comparison
    assert comparison is not None
    side = comparison.sides.base
    assert (comparison.base, side.name, side.run) == ("committed", "committed", "main 1")
    assert not is_of_main_job(comparison)
    assert is_of_main_job(comparison.model_copy(update={"nightly": False}))
    stored = baseline_file.load(nights.out)
    assert stored is not None
    summary = changed(stored, language(SOURCE)).blocks[0]
    assert isinstance(summary, Text)
    assert summary.text.startswith("Compared with committed, measured on ")


def test_a_named_baseline_may_be_in_the_home_folder(
    nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a configuration file, in which no shell expands the path."""
    assert Nights(tmp_path / "fixed").play(made(), MACS) == 0
    monkeypatch.setenv("HOME", str(tmp_path))
    assert nights.play(made(), baseline="~/fixed") == 1
    assert nights.headline.startswith("Changed: 1 exact;")


def test_a_named_baseline_without_records_is_an_error(tmp_path: Path) -> None:
    """With a path that is mistyped, every run would pass as the first one."""
    with pytest.raises(ReporterError, match=r"--baseline: .*fixde cannot be compared with: .*; name a folder of"):
        Nights(tmp_path / "new").play(made(), baseline=str(tmp_path / "fixde"))
    assert not (tmp_path / "new").exists()


def test_a_named_baseline_without_times_to_compare_with_is_no_gate_on_times(tmp_path: Path) -> None:
    """As with `compare`: each run would measure everything and pass, because no time is compared."""
    fixed, out, here = tmp_path / "fixed", tmp_path / "out", this_machine()
    asked = {"architectures": "alexnet", "metrics": "size", "device": "cpu", "baseline": str(fixed)}
    record_files.save_all(fixed, made(["alexnet"], here))
    one_run.plan(out, None, asked | {"fail_on": "timing"}, {})
    once = with_reading("alexnet", "latency_cpu_1thread", samples=(0.1,), rounds=(1,))
    record_files.save_all(fixed, map(once, made(["alexnet"], here)))
    with pytest.raises(ReporterError, match=r"--fail-on timing: .*fixed: its times have 1 of the 3 rounds that"):
        one_run.plan(out, None, asked | {"fail_on": "timing"}, {})
    elsewhere = tmp_path / "elsewhere"
    record_files.save_all(elsewhere, made(["alexnet"], "quiet"))
    asked |= {"baseline": str(elsewhere)}
    with pytest.raises(ReporterError, match=r"--fail-on timing: .*elsewhere is of another machine, and times are"):
        one_run.plan(out, None, asked | {"fail_on": "timing"}, {})
    one_run.plan(out, None, asked | {"fail_on": "any"}, {})
    assert not out.exists()


def test_a_gate_that_is_mistyped(tmp_path: Path) -> None:
    """An error also on the first run, which has nothing to compare with."""
    with pytest.raises(ReporterError, match="exakt"):
        Nights(tmp_path / "new").play(made(), fail_on="exakt")
    assert not (tmp_path / "new").exists()


def test_acceptances_that_cannot_be_read_are_refused_before_anything_is_measured(nights: Nights) -> None:
    """Such as those with a merge conflict, also after a run without findings; the last run stays as it is."""
    (nights.out / "accepted.json").write_text("<<<<<<< HEAD\n")
    with pytest.raises(ReporterError, match=r"accepted\.json: cannot be read"):
        one_run.plan(nights.out, None, {"architectures": "alexnet"}, {})
    assert not Folder(nights.out).tonight.exists()


def test_what_a_budget_left_out_is_in_the_headline(nights: Nights) -> None:
    """It is no failure, so the exit code is 0, but not everything was compared."""
    left_out = {"status": "skipped", "reason": "not within the budget of 8 s", "samples": (), "rounds": ()}
    changes = [with_reading(name, "latency_cpu_1thread", **left_out) for name in ("resnet18", "resnet50")]
    assert nights.play(made(), *changes) == 0
    assert nights.headline.startswith(
        "Nothing changed among what was compared; not compared: "
        '"Latency, CPU, 1 thread" of resnet18, resnet50 (only BASE has it);'
    )


def test_the_headline_has_the_noise_of_times(nights: Nights) -> None:
    """Without it, a run whose times vary by a third would read as one in which no time changed by more than 3 %."""
    samples = made(["vgg16"])[0].readings["latency_cpu_1thread"].samples
    third = len(samples) // 3
    scattered = (*samples[:third], *(1.4 * each for each in samples[third:]))
    assert nights.play(made(), with_reading("vgg16", "latency_cpu_1thread", samples=scattered)) == 0
    found = re.search(r"; noise of times: (\d+)% to (\d+)%; baseline: ", nights.headline)
    assert found, nights.headline
    assert 3 < int(found[1]) < 20 < int(found[2])


def test_a_history_of_random_bytes_is_one_line(nights: Nights) -> None:
    """Its runs are part of the noise that times are judged by."""
    (nights.out / "history.jsonl").write_bytes(b"\x80\n" * 1000)
    assert nights.play(made()) == 0
    (line,) = nights.messages
    assert line.endswith("history.jsonl: no line of it can be read; earlier runs are left out")
    assert nights.play(made()) == 0
    assert nights.messages == []
