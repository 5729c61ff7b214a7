"""Nightly runs: what each prints, its exit code, and what it leaves in the folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nights import (
    BROKEN_LIBRARY,
    NAMES,
    Change,
    Nights,
    failed,
    killed,
    made,
    main_job,
    plug_in,
    reload_packages,
    slower,
    with_reading,
)

from reporter.cli import main
from reporter.documents.run_files import HistoryLine
from reporter.host.exit_codes import INTERRUPTED
from reporter.model import Record, ReporterError
from reporter.nightly.run_folder import Folder
from reporter.report import build
from reporter.run import experiment, roster
from reporter.run.request import Outcome, Request
from reporter.store import record_files

MACS = with_reading("alexnet", "macs", samples=(714_188_481,))
OTHER_MACS = with_reading("alexnet", "macs", samples=(714_188_482,))
LEFT_OUT: dict[str, Any] = {
    "status": "skipped", "reason": "left out: the budget was spent", "samples": (), "rounds": ()
}  # fmt: skip


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """A folder after its first night."""
    played = Nights(tmp_path / "out")
    assert played.play(made()) == 0
    assert played.headline == "First run: there is no readable baseline to compare with."
    return played


@pytest.fixture
def without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of torchvision's architectures, for which a worker imports torch, is not asked for."""
    monkeypatch.setattr(roster, "discovered", lambda _: ())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_torchvision: None) -> Iterator[Path]:
    """A folder of packages with a plug-in that adds the architecture teamnet."""
    plug_in(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    reload_packages()
    yield tmp_path / "site"
    monkeypatch.undo()
    reload_packages()


def test_a_finding_stays_until_it_is_accepted(nights: Nights) -> None:
    """Playing the same night again never makes it pass; accepting makes it the baseline."""
    for since in ("", " since 2 November", " since 2 November"):
        assert nights.play(made(torch="2.15.0"), MACS) == 1
        assert nights.headline == (
            f"Changed: 1 exact{since}; torch 2.14.1 -> 2.15.0; noise of times: 3%; "
            "baseline: run of 1 November 2026, 02:17 UTC."
        )
        [line] = nights.lines
        assert "alexnet 714,188,480 -> 714,188,481" in line
        assert "since 2 November" in line
        assert f"reporter accept {nights.out} --architecture alexnet --metric macs" in line
    assert nights.value("alexnet", "macs") == 714_188_481
    assert nights.value("alexnet", "macs", ".nightly/base") == 714_188_480
    assert nights.accept() == 1
    assert nights.play(made(torch="2.15.0"), MACS) == 0
    assert nights.headline.startswith("Nothing changed; same versions (torch 2.15.0); noise of times: 3%;")
    assert nights.headline.endswith("baseline: run of 4 November 2026, 02:17 UTC.")
    assert nights.play(made(torch="2.15.0")) == 1
    entries = json.loads((nights.out / "accepted.json").read_text())["accepted"]
    assert [(entry["architecture"], entry["metric"], entry["reason"]) for entry in entries] == [
        ("alexnet", "macs", "meant")
    ]


def test_a_finding_that_is_gone_needs_no_acceptance(nights: Nights) -> None:
    assert nights.play(made(), MACS) == 1
    assert nights.play(made()) == 0
    with pytest.raises(ReporterError, match="nothing to accept"):
        nights.accept()
    assert nights.play(made(), MACS) == 1
    assert "since 4 November" in nights.lines[0]


def test_a_finding_stays_while_it_is_not_measured(nights: Nights) -> None:
    """As with a budget: a count that changed, and a reading that failed. An acceptance stays one until then, too."""
    broken = with_reading("vgg16", "depth", status="failed", reason="RuntimeError: no graph", samples=(), rounds=())
    without = [with_reading(name, key, **LEFT_OUT) for name, key in (("alexnet", "macs"), ("vgg16", "depth"))]
    assert nights.play(made(), MACS, broken) == 1
    for _ in range(2):
        assert nights.play(made(), *without) == 1
        assert nights.headline.startswith("Changed: 1 exact since 2 November, 1 failed since 2 November;")
        text = "".join(nights.lines)
        assert "alexnet 714,188,480 -> 714,188,481 (+0.00%) (not compared in this run); since 2 November" in text
        assert "of vgg16: not compared in this run; before: RuntimeError: no graph; since 2 November" in text
    assert nights.accept() == 2
    assert nights.play(made(), *without) == 0
    assert nights.play(made(), MACS) == 0
    assert nights.play(made()) == 1


def test_a_changed_count_is_open_until_a_run_with_images_of_its_size_refutes_it(nights: Nights) -> None:
    """As with --input-size in every second run; it was gone, and the baseline was replaced."""
    small = with_reading("alexnet", "macs", samples=(5,), settings={"input_size": "64"})
    assert nights.play(made(), MACS) == 1
    for change in (small, MACS, small):
        assert nights.play(made(), change) == 1
        assert ("not compared in this run" in nights.lines[0]) == (change is small)
        assert "since 2 November" in nights.lines[0]
    assert nights.value("alexnet", "macs", ".nightly/base") == 714_188_480
    assert nights.play(made()) == 0
    assert nights.play(made(), small) == 0


def test_some_findings_are_accepted(nights: Nights) -> None:
    """The others stay, and so does the baseline; an acceptance is of one change, not of all later ones."""
    depth = with_reading("vgg16", "depth", samples=(17,))
    assert nights.play(made(), MACS, depth) == 1
    with pytest.raises(ReporterError, match="alexnet macs, vgg16 depth"):
        nights.accept("resnet18")
    assert nights.accept("alexnet", "macs") == 1
    assert nights.play(made(), MACS, depth) == 1
    assert nights.headline.startswith("Changed: 1 exact since 2 November; 1 accepted;")
    assert [line for line in nights.lines if "alexnet" in line] == []
    other = with_reading("alexnet", "macs", samples=(714_188_482,))
    assert nights.play(made(), other, depth) == 1
    assert nights.headline.startswith("Changed: 1 exact, 1 exact since 2 November;")
    assert nights.accept() == 2
    assert nights.play(made(), other, depth) == 0


def test_a_committed_file_accepts_in_a_folder_that_has_none(nights: Nights, tmp_path: Path) -> None:
    """As a job does whose folder comes from a cache: the file is put there before the next run."""
    assert nights.play(made(), MACS) == 1
    elsewhere = Nights(Path(shutil.copytree(nights.out, tmp_path / "copy")), nights.count)
    assert elsewhere.accept() == 1
    shutil.copy(elsewhere.out / "accepted.json", nights.out)
    assert nights.play(made(), MACS) == 0


def test_what_the_main_job_measured_is_not_accepted(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records are in the place of those of the nightly run whose findings are accepted; it was interrupted here."""

    def interrupted(request: Request, *_: object) -> Outcome:
        record_files.save_all(request.folder, [depth(MACS(each)) for each in made()])
        raise KeyboardInterrupt

    depth = with_reading("vgg16", "depth", samples=(17,))
    assert nights.play(made(), MACS) == 1
    monkeypatch.setattr(experiment, "run", interrupted)
    options: dict[str, Any] = {"architectures": "alexnet", "metrics": "size", "preset": "quick", "device": "cpu"}
    assert main.measure_and_report(nights.out, None, options, {}, quiet=True) == INTERRUPTED
    assert nights.accept() == 1
    assert nights.play(made(), MACS, depth) == 1
    assert nights.headline.startswith("Changed: 1 exact; 1 accepted;")
    assert nights.accept() == 1
    assert nights.play(made(), MACS, depth) == 0


def test_what_is_not_measured_is_not_compared_with_itself(nights: Nights) -> None:
    """An architecture that is no longer asked for is removed, from the records too, and is never slower."""
    fewer = [name for name in NAMES if name != "vgg16"]
    for since in ("", " since 2 November"):
        assert nights.play(made(fewer)) == 1
        assert nights.headline.startswith(f"Changed: 1 removed{since};")
        assert nights.lines[0].startswith("- not measured any more: vgg16; since 2 November; add it to --architectures")
        assert not list(nights.out.glob("records/*/vgg16.json"))
    document = json.loads((nights.out / "comparison.json").read_text())
    assert {row["architecture"] for row in document["differences"]["timings"]} == set(fewer)
    assert nights.accept() == 1
    assert nights.play(made(fewer)) == 0
    assert nights.play(made()) == 0
    assert nights.headline.startswith("Changed: 1 new;")


def test_another_machine(nights: Nights) -> None:
    """Counts are compared with the newest record of any machine, times are not, and the headline gives the reason."""
    assert nights.play(made(machine="other"), MACS) == 1
    assert "not compared: times of alexnet, resnet18, resnet50, vgg16 (BASE was measured on quiet" in nights.headline
    assert nights.accept() == 1
    assert nights.play(made(), MACS) == 0
    assert nights.headline.startswith("Nothing changed; same versions")
    assert {path.name for path in nights.out.glob("records/*")} == {"quiet"}
    assert nights.play(made()) == 1


def test_a_run_that_was_killed(nights: Nights) -> None:
    """The last complete run stays, the next one mentions the other, and no copy is left."""
    killed(nights, [MACS(each) for each in made()])
    assert nights.value("alexnet", "macs") == 714_188_480
    assert nights.play(made(), MACS) == 1
    assert nights.headline.startswith("Changed: 1 exact; the run of 2 November 2026, 02:17 UTC did not finish;")
    assert sorted(path.name for path in Folder(nights.out).area.iterdir()) == ["base", "recent.json", "run.json"]
    assert nights.play(made(), MACS) == 1
    assert "did not finish" not in nights.headline


@pytest.mark.parametrize("moves", range(1, 11))
def test_a_run_killed_while_it_is_put_in_place(nights: Nights, moves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run finishes that first: everything in the folder is of one run."""
    real, left = os.replace, iter(range(moves))

    def replace(self: Path, target: Path) -> Path:
        if self.parent.name == "complete" and next(left, None) is None:
            raise KeyboardInterrupt
        real(self, target)
        return target

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        try:
            nights.play(made(torch="2.15.0"), failed("vgg16"), MACS)
        except KeyboardInterrupt:
            assert Folder(nights.out).complete.exists()
    folder = Folder(nights.out)
    folder.recover()
    assert not folder.complete.exists()
    assert nights.value("alexnet", "macs") == 714_188_481
    summary = json.loads((nights.out / "summary.json").read_text())
    values = {each["architecture"]: each["readings"]["macs"]["value"] for each in summary["records"]}
    assert (values["alexnet"], values["vgg16"]) == (714_188_481, None)
    assert folder.last() is not None
    assert {each.kind for each in folder.last().findings} == {"exact", "failed"}


def test_a_failure_has_its_reason_and_its_first_day(nights: Nights) -> None:
    """One line for all readings with one reason; a value that comes back is compared with the last one."""
    for _ in range(2):
        assert nights.play(made(), failed("resnet18")) == 1
        [line] = nights.lines
        assert line.startswith("- failed: 4 readings of resnet18: RuntimeError: no kernel; since 2 November;")
    assert nights.headline.startswith("Still failing since 2 November: resnet18 (4 readings: RuntimeError: no kernel);")
    doubled = with_reading("resnet18", "macs", samples=(2 * 1_814_073_344,))
    assert nights.play(made(), doubled) == 1
    assert "resnet18 1,814,073,344 -> 3,628,146,688 (+100.00%)" in nights.lines[0]


def test_a_failure_that_was_accepted(nights: Nights) -> None:
    """The exit code is 3, the headline has the first day, and the value of before is still the baseline."""
    assert nights.play(made(), failed("resnet18")) == 1
    nights.accept()
    for _ in range(2):
        assert nights.play(made(), failed("resnet18")) == 3
        still = "Still failing since 2 November: resnet18 (4 readings: RuntimeError: no kernel); 3 accepted;"
        assert nights.headline.startswith(still)
    doubled = with_reading("resnet18", "macs", samples=(2 * 1_814_073_344,))
    assert nights.play(made(), doubled) == 1


def test_a_network_that_never_worked(tmp_path: Path) -> None:
    played = Nights(tmp_path / "out")
    assert played.play(made(), failed("resnet18")) == 3
    assert "failing: resnet18 (4 readings: RuntimeError: no kernel)" in played.headline
    assert played.play(made(), failed("resnet18")) == 3
    assert played.headline.startswith("Still failing since 1 November: resnet18")


def test_many_findings_are_one_screen(nights: Nights) -> None:
    """386 readings with one reason are one line with a count."""
    everything = [failed(name, "OSError: libtorch.so cannot be loaded") for name in NAMES]
    assert nights.play(made(), *everything) == 1
    [line] = nights.lines
    assert line.startswith("- failed: 16 readings of alexnet, resnet18, resnet50, vgg16: OSError: libtorch.so")
    each = [failed(name, f"OSError: {name}") for name in NAMES]
    assert nights.play(made(), *each) == 1
    assert len(nights.lines) == 4


def test_no_readable_baseline_is_a_first_run(nights: Nights) -> None:
    """It heals: the next run has a baseline again."""
    for path in nights.out.glob(".nightly/base/records/*/*.json"):
        path.write_text("{")
    (nights.out / "history.jsonl").unlink()
    assert nights.play(made(), MACS) == 0
    assert nights.headline.startswith("First run: there is no readable baseline to compare with (")
    assert nights.play(made()) == 1


def test_one_record_that_cannot_be_read(nights: Nights) -> None:
    """The last value of the history takes its place."""
    (path,) = nights.out.glob(".nightly/base/records/*/alexnet.json")
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert nights.play(made(), MACS) == 1
    assert "no baseline for alexnet: its record cannot be read; compared with the last values" in nights.headline
    assert "alexnet 714,188,480 -> 714,188,481" in nights.lines[0]
    assert nights.play(made(), MACS) == 1
    assert "alexnet 714,188,480 -> 714,188,481" in nights.lines[0]
    assert nights.play(made()) == 0


@pytest.mark.parametrize(("size", "code"), [(None, 1), ("192", 0)])
def test_values_of_other_settings_take_the_place_of_no_record(nights: Nights, size: str | None, code: int) -> None:
    """As after the size of the images was changed: the counts of the history are those at the former one."""
    usual = {"preset": "quick", "dataset": "digits"}
    history = nights.out / "history.jsonl"
    lines = [json.loads(line) | {"settings": usual} for line in history.read_text().splitlines()]
    history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (path,) = nights.out.glob(".nightly/base/records/*/alexnet.json")
    path.write_text("{")

    def resized(each: Record) -> Record:
        return each.model_copy(update={"settings": usual | ({"input_size": size} if size else {})})

    assert nights.play(made(), MACS, resized) == code
    assert ("compared with the last values of history.jsonl" in nights.headline) == (code == 1)


@pytest.mark.parametrize(("before", "after"), [([], []), ([MACS], []), ([MACS], [OTHER_MACS])])
def test_a_value_of_a_red_run_takes_the_place_of_no_record(
    nights: Nights, before: list[Change], after: list[Change]
) -> None:
    """The record of the baseline is lost after a regression, which is not accepted by that.

    Nor is one of the main job, whose values are in the history of the folder, too.
    """
    for change in before:
        assert nights.play(made(), change) == 1
    record_files.append_history(nights.out, main_job(nights.count, map(MACS, made())))
    for change in after:
        assert nights.play(made(), change) == 1
    (path,) = nights.out.glob(".nightly/base/records/*/alexnet.json")
    path.write_text("{")
    assert nights.play(made(), MACS) == 1
    assert "alexnet 714,188,480 -> 714,188,481" in nights.lines[0]
    assert ("since 2 November" in nights.lines[0]) == (after == [])


@pytest.mark.parametrize("step", ["partial", "promoted"])
def test_a_baseline_that_was_not_put_in_place(nights: Nights, step: str) -> None:
    """A half-written one is removed; a complete one replaces the one that was removed for it."""
    area = nights.out / ".nightly"
    shutil.copytree(area / "base", area / step)
    if step == "promoted":
        shutil.rmtree(area / "base")
    assert nights.play(made(), MACS) == 1
    assert sorted(path.name for path in area.iterdir()) == ["base", "recent.json", "run.json"]


def test_a_slowdown_stays_while_it_is_not_refuted(nights: Nights) -> None:
    """Gated by --fail-on timing; a run on another machine says nothing about it."""
    options = {"preset": "standard", "metrics": "size,latency", "fail_on": "timing"}
    for _ in range(2):
        assert nights.play(made(), slower("resnet50", 1.5), **options) == 1
        assert "resnet50 +50.0% time" in nights.lines[0]
        assert "since 2 November" in nights.lines[0]
    assert nights.play(made(machine="other"), **options) == 1
    assert "not compared in this run" in nights.lines[0]
    assert nights.play(made(), slower("resnet50", 1.5), preset="standard", fail_on="exact") == 0
    assert nights.accept() == 1
    assert nights.play(made(), slower("resnet50", 1.5), **options) == 0
    assert nights.play(made(), slower("resnet50", 2.0), **options) == 1


def test_a_slowdown_stays_while_too_few_architectures_are_timed(nights: Nights) -> None:
    """Of two, only absolute times are compared, which show changes of more than 20 %."""
    options = {"preset": "standard", "metrics": "size,latency", "fail_on": "timing"}
    slow = slower("resnet50", 1.1)
    few = [with_reading(name, "latency_cpu_1thread", **LEFT_OUT) for name in ("alexnet", "vgg16")]
    for changes in ([slow], [slow, *few], few):
        assert nights.play(made(), *changes, **options) == 1
        assert "resnet50 +10.0% time" in nights.lines[0]
        assert "since 2 November" in nights.lines[0]
        assert ("(not compared in this run with other architectures)" in nights.lines[0]) == (changes != [slow])
    assert nights.play(made(), **options) == 0


def test_a_regression_outranks_a_disk_that_is_full(nights: Nights) -> None:
    """While measuring and while the report is written: exit 1, the findings are printed, the last run stays."""
    assert nights.play(made(), MACS, room=2) == 1
    assert nights.lines[0].startswith("- MACs changed: alexnet")
    assert nights.headline.startswith("Changed: 1 exact;")
    (line,) = nights.messages
    assert re.match(
        r"reporter: .*\.json: cannot be written \(File too large\); .* the last complete run stays in", line
    )
    assert nights.play(made(), room=2) == 2
    assert nights.headline.startswith("Nothing changed")
    assert nights.value("resnet18", "macs") == 1_814_073_344
    assert nights.play(made(), MACS, room=len(NAMES)) == 1
    assert nights.value("alexnet", "macs") == 714_188_480
    assert nights.play(made(), MACS) == 1
    assert "did not finish" in nights.headline


@pytest.mark.slow
def test_the_report_has_the_comparison(nights: Nights) -> None:
    nights.report = build.write
    assert nights.play(made(), MACS, lang="en,ru") == 1
    assert "714,188,480 → 714,188,481" in (nights.out / "report.md").read_text()
    assert "Сравнение с последним принятым запуском" in (nights.out / "report.ru.md").read_text()


def test_times_that_cannot_be_judged(nights: Nights) -> None:
    """One round is no verdict, and the headline has that instead of "Nothing changed"."""
    few = [with_reading(name, "latency_cpu_1thread", rounds=(24,)) for name in NAMES]
    assert nights.play(made(), *few, slower("alexnet", 1.01)) == 0
    assert nights.headline.startswith(
        "Nothing changed among what was compared; not compared: times of alexnet (too few"
    )
    with pytest.raises(ReporterError, match="--fail-on timing: --preset quick measures 1 of the 3 rounds"):
        nights.play(made(), fail_on="timing")


def test_names_that_are_unknown_are_rows(nights: Nights, without_torchvision: None) -> None:
    """The others are measured; exit 1 because the baseline had it."""
    options = {"architectures": "alexnet,vgg16,resnet18,resnet_50"}
    others = [name for name in NAMES if name != "resnet50"]
    assert nights.play(made(others), **options) == 1
    assert nights.headline.startswith("Changed: 1 removed, 1 new;")
    assert "failing: resnet_50 (" in nights.headline
    assert "unknown architecture 'resnet_50'; did you mean 'resnet50'?" in nights.headline
    assert nights.value("resnet_50", "macs") is None


def test_a_name_like_no_other_has_a_short_reason(nights: Nights, site: Path) -> None:
    """The plug-in that was left out is named, with its error, and not after all names there are."""
    plug_in(site, first=BROKEN_LIBRARY)
    reload_packages()
    assert nights.play(made(), architectures=",".join((*NAMES, "qqqq"))) == 3
    lines = [json.loads(line) for line in (nights.out / "history.jsonl").read_text().splitlines()]
    (line,) = (line for line in lines if line["architecture"] == "qqqq")
    assert (line["finished"], line["exit_code"], line["values"]) == (True, 3, {})
    assert {each["status"] for each in line["unmeasured"].values()} == {"failed"}
    assert {each["reason"][:28] for each in line["unmeasured"].values()} == {"unknown architecture 'qqqq';"}
    HistoryLine.model_validate(line)
    reason = next(part for part in nights.headline.split("; failing: ") if part.startswith("qqqq"))
    assert len(reason) < 600
    assert "'teamnet' of team-nets is left out: OSError: libteam.so" in reason


@pytest.mark.slow
def test_a_first_run_with_nothing_to_measure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReporterError, match="unknown architecture 'resnet51'"):
        Nights(tmp_path / "out").play([], architectures="resnet51")
    assert not (tmp_path / "out").exists()


def test_the_records_of_the_main_job_are_the_first_baseline(nights: Nights) -> None:
    """And they stay it after a run with findings, whose own records are in their place."""
    shutil.rmtree(nights.out / ".nightly")
    for _ in range(2):
        assert nights.play(made(), MACS) == 1
        assert "baseline: run of 1 November 2026" in nights.headline


def teamnet() -> list[Record]:
    """The record of a plug-in's architecture."""
    return [each.model_copy(update={"architecture": "teamnet", "family": "Team"}) for each in made(["alexnet"])]


@dataclass
class Row:
    """Nights in a row: of each the exit code, the begin of the headline and the baseline are checked."""

    nights: Nights
    base: int = 1
    """The number of the night that is the baseline."""
    played: int = 0

    def night(
        self, code: int, headline: str, *changes: Change, names: Sequence[str] = NAMES, machine: str = "quiet",
        also: Sequence[Record] = (), **more: Any,
    ) -> None:  # fmt: skip
        """Plays one; it is the next baseline if it has no finding and is complete."""
        nights = self.nights
        assert nights.play([*made(names, machine), *also], *changes, **more) == code, nights.headline
        assert nights.headline.startswith(headline), (nights.count, nights.headline)
        assert f"baseline: run of {nights.day(self.base)}" in nights.headline
        self.played += 1
        self.base = self.base if code else nights.count

    def accept(self, architecture: str | None = None) -> None:
        """Accepts all findings of the last night, which are of one architecture."""
        assert self.nights.accept(architecture) == 1
        self.base = self.nights.count


def test_thirty_nights_in_a_row(nights: Nights, site: Path) -> None:
    row = Row(nights)
    row.night(0, "Nothing changed; same versions")
    _a_count_changes(row)
    _the_disk_is_full(row)
    _a_network_fails(row)
    _a_plug_in_fails(row, site)
    _another_machine(row)
    _records_that_cannot_be_read(row)
    row.night(1, "Changed: 1 exact;", with_reading("vgg16", "depth", samples=(17,)), machine="other")
    row.night(0, "Nothing changed; same versions", machine="other")
    assert row.played + 2 == nights.count == 30, "the first was not compared, and one was killed"


def _a_count_changes(row: Row) -> None:
    row.night(1, "Changed: 1 exact;", MACS)
    row.night(1, "Changed: 1 exact since 3 November;", MACS)
    killed(row.nights, [MACS(each) for each in made()])
    unfinished = "the run of 5 November 2026, 02:17 UTC did not finish;"
    row.night(1, f"Changed: 1 exact since 3 November; {unfinished}", MACS)
    row.accept()
    row.night(0, "Nothing changed; same versions", MACS)
    fewer = [name for name in NAMES if name != "vgg16"]
    row.night(1, "Changed: 1 removed;", MACS, names=fewer)
    row.night(1, "Changed: 1 removed since 8 November;", MACS, names=fewer)
    row.night(0, "Nothing changed;", MACS)


def _the_disk_is_full(row: Row) -> None:
    """While records are stored, then while the report is written."""
    row.night(2, "Nothing changed", MACS, room=3)
    row.night(2, "Nothing changed", MACS, room=len(NAMES))
    row.night(1, "Changed: 1 exact;", room=len(NAMES))
    row.night(0, "Nothing changed; the run of 13 November 2026, 02:17 UTC did not finish", MACS)


def _a_network_fails(row: Row) -> None:
    row.night(1, "Changed: 4 newly failed;", MACS, failed("resnet18"))
    row.night(1, "Still failing since 15 November: resnet18 (4 readings", MACS, failed("resnet18"))
    row.night(0, "Nothing changed;", MACS)


def _a_plug_in_fails(row: Row, site: Path) -> None:
    """When it is loaded, so that its architecture is unknown."""
    architectures = ",".join((*NAMES, "teamnet"))
    row.night(0, "Changed: 1 new;", MACS, architectures=architectures, also=teamnet())
    plug_in(site, first=BROKEN_LIBRARY)
    for headline in ("Changed: 3 newly failed;", "Still failing since 19 November: teamnet ("):
        reload_packages()
        row.night(1, headline, MACS, architectures=architectures)
        (line,) = row.nights.lines
        assert "OSError: libteam.so: cannot open shared object file" in line
    plug_in(site)
    reload_packages()
    row.night(0, "Nothing changed;", MACS, architectures=architectures, also=teamnet())
    row.night(1, "Changed: 1 removed;", MACS)
    row.accept("teamnet")


def _another_machine(row: Row) -> None:
    row.night(0, "Nothing changed among what was compared; not compared: times of", MACS, machine="other")
    row.night(1, "Changed: 1 exact;", machine="other")
    row.accept("alexnet")
    row.night(0, "Nothing changed", machine="other")


def _records_that_cannot_be_read(row: Row) -> None:
    records = row.nights.out / ".nightly" / "base" / "records"
    (path,) = records.glob("other/alexnet.json")
    path.write_text("torn")
    for older in records.glob("quiet/alexnet.json"):
        older.unlink()
    row.night(1, "Changed: 1 exact;", MACS, machine="other")
    assert "no baseline for alexnet" in row.nights.headline
    row.night(0, "Nothing changed", machine="other")
    shutil.rmtree(records / "quiet")
    row.night(0, "Nothing changed; same versions", machine="other")
