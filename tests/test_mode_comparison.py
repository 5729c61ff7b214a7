"""Modes in `reporter compare`, `--fail-on`, nightly runs and `reporter accept`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from time import process_time
from typing import Any

import mode_samples
import numpy as np
import pytest
from commands import call
from compare_simulation import LATENCY, NETWORKS, SLOWED, Case, past, records, times
from nights import Nights, made

from reporter.compare import baseline_file, document, folders
from reporter.compare.baseline_file import BaselineComparison
from reporter.compare.differences import Differences
from reporter.compare.folders import compare
from reporter.compare.matching import is_time
from reporter.documents.comparisons import ComparisonDocument
from reporter.model import Reading, Record
from reporter.model.device_readings import on_devices, with_device
from reporter.model.modes import OUTPUT_ERROR, PREPARE
from reporter.nightly import baseline, findings, level
from reporter.nightly.run_folder import Folder
from reporter.nightly.state import Acceptance, Finding, NightlyRun
from reporter.report.between_runs.changes import Words, as_json, in_markdown, in_words
from reporter.report.language import language
from reporter.store import record_files

KEY = LATENCY.key
CASE = Case(rounds=3, samples=8, of_round=0.01)
MODES = {"bf16+channels_last": 0.5, "openvino": 0.6}


def run(seed: int, modes: Sequence[str] = tuple(MODES)) -> list[Record]:
    """A simulated run of 18 architectures: each mode has noise of its own."""
    chance = np.random.default_rng(seed)
    made = records(times(chance, CASE, {}))
    for name in modes:
        again = records(times(chance, CASE, {}))
        of_mode = [mode_samples.mode(record, name, MODES[name], times=[KEY]) for record in again]
        made += [each.model_copy(update={"started": made[0].started}) for each in of_mode]
    return made


def changed(records: Sequence[Record], mode: str, key: str, name: str = SLOWED, **fields: object) -> list[Record]:
    """The records with a reading of one mode of one architecture replaced."""

    def one(record: Record) -> Record:
        if (record.architecture, record.mode) != (name, mode):
            return record
        reading = record.readings[key].model_copy(update=fields)
        return record.model_copy(update={"readings": record.readings | {key: reading}})

    return [one(record) for record in records]


def slower(records: Sequence[Record], mode: str, factor: float, names: Sequence[str] = (SLOWED,)) -> list[Record]:
    """The records with a time of one mode multiplied."""
    found = list(records)
    for record in records:
        if record.mode == mode and record.architecture in names:
            samples = tuple(sample * factor for sample in record.readings[KEY].samples)
            found = changed(found, mode, KEY, record.architecture, samples=samples)
    return found


def replaced(records: Sequence[Record], mode: str, other: Record | None, name: str = SLOWED) -> list[Record]:
    """The records with one mode of one architecture replaced, or without it."""
    kept = [each for each in records if (each.architecture, each.mode) != (name, mode)]
    return [*kept, other] if other else kept


def eager_of(records: Sequence[Record], name: str = SLOWED) -> Record:
    return next(record for record in records if record.architecture == name)


def regressed(found: Differences) -> set[tuple[str, str]]:
    return {(row.architecture, row.mode) for row in found.with_verdict("regressed")}


def test_modes_of_a_run_do_not_differ_from_themselves() -> None:
    base = run(1)
    found = compare(base, base)
    assert not found.changed
    assert {(row.architecture, row.mode) for row in found.timings} == {(each.architecture, each.mode) for each in base}
    assert in_words(found).startswith("Nothing changed.")


@pytest.mark.parametrize("mode", ["eager", *MODES])
def test_a_slowdown_in_one_mode_is_detected_in_that_mode_only(mode: str) -> None:
    base, new = run(1), slower(run(2), mode, 1.3)
    found = compare(base, new)
    assert regressed(found) == {(SLOWED, mode)}
    assert found.fails("timing")
    assert not found.fails("exact")
    made = as_json(found, "before", "after")
    ComparisonDocument.model_validate(made)
    (row,) = [row for row in made["times"] if row["verdict"] == "slower"]
    assert (row["architecture"], row["mode"], row["metric"]) == (SLOWED, mode, KEY)
    assert row["slowdown"] == pytest.approx(1.3, rel=0.1)
    assert {row["mode"] for row in made["times"]} == {row["mode"] for row in made["bases"]} == {"eager", *MODES}
    name = SLOWED if mode == "eager" else f"{SLOWED} ({mode})"
    assert f"slower: {name} +" in in_words(found)
    assert f"{name}` +" in in_markdown(found)


def test_times_of_a_mode_are_relative_to_those_of_the_same_mode() -> None:
    """What all architectures share in a mode is drift of that mode, and moves no other."""
    base = run(1)
    found = compare(base, slower(run(2), "openvino", 1.5, NETWORKS))
    plain = compare(base, run(2))
    assert regressed(found) == regressed(plain) == set()
    common = {(basis.mode, basis.quantity.key): basis.common for basis in found.bases}
    before = {(basis.mode, basis.quantity.key): basis.common for basis in plain.bases}
    assert common["openvino", KEY] == pytest.approx(1.5 * before["openvino", KEY])
    assert common["eager", KEY] == before["eager", KEY]
    ratios = {(row.architecture, row.mode): row.ratio for row in plain.timings}
    assert {(row.architecture, row.mode): pytest.approx(row.ratio) for row in found.timings} == ratios


def test_modes_raise_no_false_alarms() -> None:
    alarms = [regressed(compare(run(seed), run(1000 + seed))) for seed in range(15)]
    assert sum(map(len, alarms)) <= 1


def test_an_output_error_above_its_limit_is_a_finding() -> None:
    base = run(1)
    wrong = changed(run(2), "openvino", OUTPUT_ERROR.key, samples=(0.3,))
    found = compare(base, wrong)
    (change,) = found.changes
    assert (change.kind, change.architecture, change.mode) == ("failed", SLOWED, "openvino")
    assert (change.base, change.new) == (mode_samples.ERROR, 0.3)
    assert found.fails("exact")
    assert f"of {SLOWED} (openvino): output error 0.3 exceeds the limit 0.02" in in_words(found)
    (row,) = as_json(found, "before", "after")["changes"]
    assert (row["kind"], row["mode"], row["metric"], row["ratio"]) == ("failed", "openvino", "output_error", 60)
    (back,) = compare(wrong, base).changes
    assert back.kind == "recovered"
    assert not compare(wrong, base).fails("any")
    assert not compare(wrong, wrong).changes
    larger = changed(run(2), "openvino", OUTPUT_ERROR.key, samples=(0.019,))
    assert not compare(base, larger).changes, "below the limit"


@pytest.mark.parametrize("how", ["not asked for", "not available"])
def test_a_mode_that_is_gone_is_a_finding(how: str) -> None:
    base, after = run(1), run(2)
    other = mode_samples.without(eager_of(after), "openvino") if how == "not available" else None
    new = replaced(after, "openvino", other)
    found = compare(base, new)
    (change,) = found.changes
    assert (change.kind, change.architecture, change.mode, change.quantity) == ("removed", SLOWED, "openvino", None)
    assert change.reason == (mode_samples.NOT_INSTALLED if other else None)
    assert found.fails("exact")
    assert not found.gaps
    why = f" ({mode_samples.NOT_INSTALLED})" if other else ""
    assert f"not measured any more{why}: {SLOWED} (openvino);" in in_words(found)
    (back,) = compare(new, base).changes
    assert (back.kind, back.mode) == ("new", "openvino")
    assert not compare(new, base).fails("any")


def test_a_mode_that_fails_is_a_finding() -> None:
    base, after = run(1), run(2)
    broken = mode_samples.without(eager_of(after), "openvino", "failed", "RuntimeError: no operator", [KEY])
    new = replaced(after, "openvino", broken)
    found = compare(base, new)
    assert {(change.kind, change.mode) for change in found.changes} == {("failed", "openvino")}
    assert found.fails("exact")
    assert f"readings of {SLOWED} (openvino): RuntimeError: no operator" in in_words(found)
    assert {change.kind for change in compare(new, base).changes} == {"recovered"}
    failing = list(document.still_failing(new, new))
    assert {(row.architecture, row.mode) for row in failing} == {(SLOWED, "openvino")}


def test_a_mode_that_a_budget_left_out_is_no_finding() -> None:
    base, after = run(1), run(2)
    skipped = mode_samples.without(eager_of(after), "openvino", "skipped", "the budget was spent", [KEY])
    found = compare(base, replaced(after, "openvino", skipped))
    assert not found.changes
    assert {(gap.mode, gap.why, gap.architectures) for gap in found.gaps} == {
        ("openvino", "only BASE has it", (SLOWED,))
    }
    assert f"Latency (openvino): not compared for {SLOWED}: only BASE has it." in in_words(found)


def test_what_is_not_compared_has_its_mode_also_where_architectures_are_counted() -> None:
    """Eager is compared for all of them."""
    base, after = run(1), run(2)
    for name in NETWORKS[:5]:
        skipped = mode_samples.without(eager_of(after, name), "openvino", "skipped", "the budget was spent", [KEY])
        after = replaced(after, "openvino", skipped, name)
    found = compare(base, after)
    assert "\n- Latency (openvino): not compared for 5 architectures: only BASE has it." in in_words(found)
    assert "- Latency (openvino): not compared for 5 architectures" in in_markdown(found).replace("\\", "")
    only_gaps = Differences(gaps=found.gaps)
    assert Words(only_gaps, language("en")).headline() == (
        "No verdict: Latency (openvino) of 5 architectures (only BASE has it). Nothing else changed."
    )
    both = Differences(gaps=(*found.gaps, *(replace(gap, mode="eager") for gap in found.gaps)))
    assert Words(both, language("en")).grounds() == [
        "Latency (openvino); Latency: not compared for 5 architectures: only BASE has it."
    ]


def computing_in(records: Sequence[Record], *precisions: str) -> list[Record]:
    """The records of a machine whose processor has instructions for these precisions besides fp32."""
    facts = {"native_precisions": list(precisions)}
    return [each.model_copy(update={"machine_facts": facts}) for each in records]


@pytest.mark.parametrize("listed", [False, True], ids=["left out", "unsupported"])
def test_a_mode_that_the_processor_of_one_side_computes_natively_is_not_compared(listed: bool) -> None:
    """`default` leaves it out where it would be emulated, and the machines have one key."""
    mode, after = "bf16+channels_last", run(2)
    lacking = [each for each in after if each.mode != mode]
    if listed:
        lacking += [mode_samples.without(each, mode, times=[KEY]) for each in after if each.mode == "eager"]
    base, new = computing_in(run(1), "bf16"), computing_in(lacking)
    for sides, words in (((base, new), "fp32, bf16, then fp32"), ((new, base), "fp32, then fp32, bf16")):
        found = compare(*sides)
        assert not found.changes
        why = f"the processors compute in other precisions ({words})"
        assert {(gap.mode, gap.why, len(gap.architectures)) for gap in found.gaps} == {(mode, why, len(NETWORKS))}
        assert "openvino" in {row.mode for row in found.timings}
    for other in (computing_in(lacking, "bf16"), computing_in(lacking, "bf16", "fp16"), lacking):
        assert {change.kind for change in compare(base, other).changes} == {"removed"}
    without_engine = [each for each in new if each.mode != "openvino"]
    assert {change.mode for change in compare(base, without_engine).changes} == {"openvino"}


RATE = "throughput_cpu"


def with_rate(records: Sequence[Record], latency: bool) -> list[Record]:
    """The records with a throughput of eager, which the modes of `default` do not take, with or without latencies."""
    found = []
    for record in records:
        time = record.readings[KEY]
        rate = time.model_copy(update={"quantity": time.quantity.model_copy(update={"key": RATE})})
        readings = (record.readings if latency else {}) | ({RATE: rate} if record.mode == "eager" else {})
        found += [record.model_copy(update={"readings": readings})] if readings else []
    return found


def test_modes_without_the_times_that_eager_has_on_both_sides_are_not_compared() -> None:
    """As with other --metrics: `default` takes single images only."""
    sides = {"BASE": with_rate(run(1), latency=True), "NEW": with_rate(run(2), latency=False)}
    for (has, some), (_, other) in (sides.items(), [*sides.items()][::-1]):
        found = compare(some, other)
        assert not found.changes
        assert {
            (gap.mode, gap.quantity and gap.quantity.key, gap.why, len(gap.architectures)) for gap in found.gaps
        } == {(mode, KEY, f"only {has} has it", len(NETWORKS)) for mode in ("eager", *MODES)}
        assert {row.quantity.key for row in found.timings} == {RATE}
    gone = with_rate(run(2, ["openvino"]), latency=True)
    assert {(row.kind, row.mode) for row in compare(sides["BASE"], gone).changes} == {("removed", "bf16+channels_last")}


def test_an_architecture_that_is_gone_is_one_finding() -> None:
    base = run(1)
    found = compare(base, [each for each in run(2) if each.architecture != SLOWED])
    assert [(change.kind, change.mode) for change in found.changes] == [("removed", "eager")]
    failed = eager_of(base).readings[KEY].model_copy(update={"samples": (), "rounds": (), "status": "failed"})
    broken = eager_of(base).model_copy(update={"readings": {KEY: failed}})
    found = compare(base, [each for each in run(2) if each.architecture != SLOWED] + [broken])
    assert [(change.kind, change.mode) for change in found.changes] == [("failed", "eager")]


def test_modes_of_another_machine_are_not_compared() -> None:
    other = [record.model_copy(update={"machine": "another"}) for record in run(2)]
    found = compare(run(1), other)
    assert not found.changes
    assert not found.timings
    assert {gap.mode for gap in found.gaps} == {"eager"}


def test_times_that_are_measured_once_have_no_verdict() -> None:
    base = run(1)
    found = compare(base, changed(run(2), "openvino", PREPARE.key, samples=(99.0,)))
    assert not found.changed
    assert {row.quantity.key for row in found.timings} == {KEY}
    assert not found.gaps
    assert not is_time(PREPARE)


def test_the_exact_gate_does_not_look_at_modes() -> None:
    count = mode_samples.reference()[0].readings["macs"]

    def counted(seed: int, value: int, mode: str) -> list[Record]:
        added = {"macs": count.model_copy(update={"samples": (value,)})}
        return [
            record.model_copy(update={"readings": record.readings | added}) if record.mode == mode else record
            for record in run(seed)
        ]

    assert compare(counted(1, 10, "eager"), counted(2, 20, "eager")).of("exact")
    assert not compare(counted(1, 10, "openvino"), counted(2, 20, "openvino")).changes


def test_levels_of_earlier_runs_are_those_of_eager() -> None:
    chance = np.random.default_rng(3)
    earlier = [past(times(chance, CASE, {}), number) for number in range(9)]
    new = run(2)
    eager = [record for record in new if record.mode == "eager"]
    levels = compare(run(1), slower(new, "openvino", 3.0), earlier).levels
    assert levels == compare(run(1), eager, earlier).levels
    assert len(levels) == len(NETWORKS)


def test_findings_of_modes_leave_the_levels_of_eager_alone() -> None:
    slow = {"kind": "slower", "architecture": "a", "metric": KEY, "machine": "m", "since": "x", "accepted": "y"}
    assert len(level.starts(None, [Acceptance.model_validate(slow)])) == 1
    assert level.starts(None, [Acceptance.model_validate({**slow, "mode": "openvino"})]) == []
    finding = Finding.model_validate({**slow, "accepted": False})
    night = NightlyRun(started="x", exit_code=1, findings=(finding,))
    assert [red.architectures for red in level.red(night)] == [("a",)]
    of_mode = finding.model_copy(update={"mode": "openvino"})
    assert list(level.red(night.model_copy(update={"findings": (of_mode,)}))) == []


def test_a_comparison_without_modes_can_still_be_read(tmp_path: Path) -> None:
    found = compare(run(1), slower(run(2), "openvino", 1.3))
    baseline_file.save(tmp_path, BaselineComparison("before", "now", found))
    assert baseline_file.load(tmp_path) == BaselineComparison("before", "now", found)
    path = tmp_path / baseline_file.NAME
    stored = json.loads(path.read_text())
    for rows in stored["differences"].values():
        for row in rows:
            row.pop("mode", None)
    path.write_text(json.dumps(stored))
    loaded = baseline_file.load(tmp_path)
    assert loaded is not None
    assert {row.mode for row in loaded.differences.timings} == {"eager"}


def test_the_command_compares_modes(tmp_path: Path) -> None:
    folders_ = [tmp_path / "before", tmp_path / "after"]
    for folder, content in zip(folders_, (run(1), slower(run(2), "openvino", 1.3)), strict=True):
        record_files.save_all(folder, content)
    done = call("compare", *folders_, "--json", "--fail-on", "timing")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    slow = [(row["architecture"], row["mode"]) for row in found["times"] if row["verdict"] == "slower"]
    assert slow == [(SLOWED, "openvino")]
    assert call("compare", *folders_, "--fail-on", "exact").returncode == 0


# Nightly runs

TIME = "latency_cpu_1thread"


def night(*modes: str) -> list[Record]:
    """The records of a night with these modes of each architecture."""
    found = []
    for record in made():
        found += [record, *(mode_samples.mode(record, name, MODES[name], times=[TIME]) for name in modes)]
    return found


def test_a_night_has_findings_of_modes(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    names = tuple(MODES)
    assert nights.play(night(*names)) == 0
    assert nights.play(night(*names)) == 0
    wrong = changed(night(*names), "openvino", OUTPUT_ERROR.key, "resnet18", samples=(0.3,))
    assert nights.play(wrong) == 1
    (line,) = nights.lines
    assert "of resnet18 (openvino): output error 0.3 exceeds the limit 0.02" in line
    assert "--architecture resnet18 --mode openvino --metric output_error" in line
    (row,) = json.loads((tmp_path / "comparison.json").read_text())["findings"]
    assert (row["architecture"], row["mode"], row["metric"]) == ("resnet18", "openvino", "output_error")
    assert nights.play(wrong) == 1, "it stays until it is accepted"
    assert nights.accept(mode="openvino") == 1
    assert nights.play(wrong) == 0
    assert nights.play(night(*names)) == 0


def test_a_mode_that_is_gone_is_red_until_it_is_accepted(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(night(*MODES)) == 0
    assert nights.play(night("openvino")) == 1
    assert "not measured any more: alexnet (bf16+channels_last)" in nights.lines[0]
    assert "add it to --modes again" in nights.lines[0]
    assert "--mode bf16+channels_last" in nights.lines[0]
    last = Folder(tmp_path).last()
    assert last is not None
    assert {(each.kind, each.mode, each.metric) for each in last.findings} == {("removed", "bf16+channels_last", "")}
    assert nights.play(night("openvino")) == 1
    assert nights.accept() == 4
    assert nights.play(night("openvino")) == 0


def test_a_night_on_a_processor_without_the_instructions_is_no_finding(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(computing_in(night(*MODES), "bf16")) == 0
    assert nights.play(computing_in(night("openvino"))) == 0
    assert "the processors compute in other precisions (fp32, bf16, then fp32)" in nights.headline


def test_the_baseline_keeps_modes(tmp_path: Path) -> None:
    nights = Nights(tmp_path)

    def stored() -> set[tuple[str, str]]:
        kept, _ = record_files.load_all_modes(tmp_path / ".nightly" / "base")
        return {(each.architecture, each.mode) for each in kept}

    every = {(each.architecture, each.mode) for each in night(*MODES)}
    nights.play(night(*MODES))
    assert stored() == every
    nights.play(changed(night(*MODES), "openvino", OUTPUT_ERROR.key, "resnet18", samples=(0.3,)))
    assert stored() == every
    nights.accept()
    assert stored() == every
    kept, _ = record_files.load_all_modes(tmp_path / ".nightly" / "base")
    assert {each.value("output_error") for each in kept if each.mode == "openvino"} == {0.3, mode_samples.ERROR}
    shown, _ = record_files.load_all_modes(tmp_path)
    assert {(each.architecture, each.mode) for each in shown} == every


def test_records_of_the_main_job_are_a_baseline_with_modes(tmp_path: Path) -> None:
    """The first nightly run in a folder takes over the records of the main job."""
    record_files.save_all(tmp_path, night(*MODES))
    nights = Nights(tmp_path)
    assert nights.play(night("openvino")) == 1
    assert "(bf16+channels_last)" in nights.lines[0]


def test_a_slower_mode_is_a_finding_of_its_own(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    options = {"fail_on": "timing", "preset": "standard"}
    assert nights.play(night(*MODES), **options) == 0
    slow = slower(night(*MODES), "openvino", 3.0, ["resnet50"])
    assert nights.play(slow, **options) == 1
    (line,) = nights.lines
    assert "resnet50 (openvino) +" in line
    assert "--mode openvino" in line
    last = Folder(tmp_path).last()
    assert last is not None
    assert [(each.kind, each.architecture, each.mode) for each in last.findings] == [("slower", "resnet50", "openvino")]
    assert nights.accept("resnet50", mode="openvino") == 1
    assert nights.play(slow, **options) == 0


def without_times() -> list[Record]:
    """The records of a night with --metrics size,compute, which measures no mode, whatever --modes names."""
    return [
        each.model_copy(update={"readings": {key: one for key, one in each.readings.items() if key != TIME}})
        for each in night()
    ]


def wrong_output(*modes: str) -> list[Record]:
    """The records of a night in which OpenVINO's output of one architecture exceeds its limit."""
    return changed(night(*modes), "openvino", OUTPUT_ERROR.key, "resnet18", **EXCEEDING)


LEFT_OUT: dict[str, Any] = {"status": "skipped", "reason": "left out: the budget was spent", "samples": ()}


def left_out(records: Sequence[Record]) -> list[Record]:
    """The records of a night whose budget left out the times of eager."""
    names = dict.fromkeys(record.architecture for record in records)
    return reduce(lambda made, name: changed(made, "eager", TIME, name, **LEFT_OUT, rounds=()), names, list(records))


def uninstalled() -> list[Record]:
    """The records of a night without OpenVINO."""
    found = []
    for record in night("bf16+channels_last"):
        gone = mode_samples.without(record, "openvino", reason="openvino is not installed", times=[TIME])
        found += [record, gone] if record.mode == "eager" else [record]
    return found


@pytest.mark.parametrize("has_modes", [True, False])
def test_a_mode_that_is_gone_is_red_in_a_night_that_cannot_refute_it(tmp_path: Path, has_modes: bool) -> None:
    nights, between = Nights(tmp_path), left_out(night("openvino")) if has_modes else without_times()
    assert nights.play(night(*MODES)) == 0
    for measured in (night("openvino"), between, between, night("openvino")):
        assert nights.play(measured) == 1
        assert "not measured any more: alexnet (bf16+channels_last)" in nights.lines[0]
        assert "since 2 November; add it to --modes again" in nights.lines[0]
    assert nights.play(between) == 1
    assert nights.accept("alexnet", mode="bf16+channels_last") == 1
    assert nights.play(between) == 1
    assert "alexnet" not in nights.lines[0]
    assert nights.play(night("openvino")) == 1
    assert "alexnet" not in nights.lines[0], "an acceptance stays one while the mode cannot be compared"
    assert nights.accept() == 3
    assert nights.play(between) == 0
    assert "4 accepted" in nights.headline
    for _ in range(2):
        assert nights.play(night("openvino")) == 0
        assert "accepted" not in nights.headline


def test_a_mode_that_is_back_is_no_finding_without_times_of_eager(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for measured, code in ((night(*MODES), 0), (night("openvino"), 1), (left_out(night(*MODES)), 0)):
        assert nights.play(measured) == code


def test_a_mode_that_is_not_available_is_red_in_a_night_that_cannot_compare_it(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(night(*MODES)) == 0
    for measured in (uninstalled(), left_out(uninstalled()), uninstalled()):
        assert nights.play(measured) == 1
        assert "not measured any more (openvino is not installed): alexnet (openvino)" in nights.lines[0]
        assert "since 2 November" in nights.lines[0]
    assert nights.accept() == 4
    assert nights.play(uninstalled()) == 0
    assert nights.play(night(*MODES)) == 0


def test_a_mode_that_is_not_available_leaves_the_baseline_when_that_is_accepted(tmp_path: Path) -> None:
    """A night without times of eager cannot find that it is gone; the next one does."""
    nights = Nights(tmp_path)
    for measured in (night(*MODES), left_out(uninstalled())):
        assert nights.play(measured) == 0
    kept, _ = record_files.load_all_modes(tmp_path / ".nightly" / "base")
    assert {each.value(OUTPUT_ERROR.key) for each in kept if each.mode == "openvino"} == {mode_samples.ERROR}
    assert nights.play(uninstalled()) == 1
    assert nights.accept() == 4
    kept, _ = record_files.load_all_modes(tmp_path / ".nightly" / "base")
    assert {each.value(OUTPUT_ERROR.key) for each in kept if each.mode == "openvino"} == {None}


def without_modes_in_budget() -> list[Record]:
    """The records of a night whose budget left out all modes."""
    found = []
    for record in night():
        found += [record, *(mode_samples.without(record, name, "skipped", "not within 8 s", [TIME]) for name in MODES)]
    return found


def test_a_wrong_mode_is_found_after_a_night_that_left_it_out(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for measured in (night(*MODES), without_modes_in_budget(), without_modes_in_budget()):
        assert nights.play(measured) == 0
    assert nights.play(wrong_output(*MODES)) == 1
    assert "of resnet18 (openvino): output error 0.3 exceeds the limit 0.02" in nights.lines[0]
    assert nights.accept() == 1
    for measured in (without_modes_in_budget(), wrong_output(*MODES)):
        assert nights.play(measured) == 0, "an accepted error is not found again"


def test_a_mode_without_an_output_is_not_found_again_after_a_night_that_left_it_out(tmp_path: Path) -> None:
    nights, broken = Nights(tmp_path), changed(night(*MODES), "openvino", OUTPUT_ERROR.key, "resnet18", **NAN)
    for measured, code in ((night(*MODES), 0), (broken, 1)):
        assert nights.play(measured) == code
    assert nights.accept() == 1
    for measured, code in ((without_modes_in_budget(), 0), (broken, 3)):
        assert nights.play(measured) == code, "it still fails, and that was accepted"


def test_the_baseline_keeps_the_output_error_of_a_device_that_was_left_out() -> None:
    """Also if this run does not name the device; one that it checked or found not supported is replaced."""

    def record(**of_devices: Reading) -> Record:
        kept: Reading | None = None
        for kind, each in of_devices.items():
            kept = with_device(kept, each, kind)
        eager = eager_of(night(), "resnet18")
        return mode_samples.of_mode(eager, "openvino", [kept] if kept else [])

    def value(number: float) -> Reading:
        return Reading(quantity=OUTPUT_ERROR, samples=(number,), detail={"limit": mode_samples.LIMIT})

    def kept(base: Record, tonight: Record) -> dict[str, float | None]:
        eager = eager_of(night(), "resnet18")
        made = {each.mode: each for each in baseline.merged([eager, base], [eager, tonight], ())}
        found = on_devices(made["openvino"].readings.get(OUTPUT_ERROR.key))
        return {kind: each.value for kind, each in found.items()}

    base = record(cpu=value(0.001), cuda=value(0.002))
    skipped = Reading(quantity=OUTPUT_ERROR, status="skipped", reason="not within the budget of 8 s")
    unsupported = Reading(quantity=OUTPUT_ERROR, status="unsupported", reason="the scores hardly vary")
    assert kept(base, record(cpu=value(0.003), cuda=skipped)) == {"cpu": 0.003, "cuda": 0.002}
    assert kept(base, record(cpu=skipped, cuda=skipped)) == {"cpu": 0.001, "cuda": 0.002}
    assert kept(base, record(cpu=value(0.003), cuda=value(0.004))) == {"cpu": 0.003, "cuda": 0.004}
    assert kept(base, record(cpu=value(0.003), cuda=unsupported)) == {"cpu": 0.003, "cuda": None}
    assert kept(base, record(cpu=value(0.003))) == {"cpu": 0.003, "cuda": 0.002}
    assert kept(record(cpu=skipped), record(cpu=skipped)) == {"cpu": None}


def test_a_wrong_mode_stays_a_finding_while_it_is_not_available(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(night(*MODES)) == 0
    for measured in (wrong_output(*MODES), left_out(uninstalled()), wrong_output(*MODES)):
        assert nights.play(measured) == 1
        assert "of resnet18 (openvino): " in nights.lines[0]
        assert "since 2 November" in nights.lines[0]


def test_a_wrong_mode_stays_a_finding_in_a_night_without_modes(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(night(*MODES)) == 0
    for measured in (wrong_output(*MODES), without_times(), without_times(), wrong_output(*MODES)):
        assert nights.play(measured) == 1
        assert "resnet18 (openvino)" in nights.lines[0]
        assert ("not compared in this run" in nights.lines[0]) == (len(measured) == len(night()))
        assert "since 2 November" in nights.lines[0]
    assert nights.play(night(*MODES)) == 0
    assert nights.play(without_times()) == 0, "it is gone"


def test_a_night_without_modes_leaves_them_in_the_baseline(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for measured in (night(*MODES), without_times(), without_times()):
        assert nights.play(measured) == 0
    assert nights.play(wrong_output(*MODES)) == 1
    assert "of resnet18 (openvino): output error 0.3 exceeds the limit 0.02" in nights.lines[0]


def test_a_mode_whose_removal_was_accepted_is_not_in_the_baseline(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for measured, code in ((night(*MODES), 0), (night("openvino"), 1)):
        assert nights.play(measured) == code
    assert nights.accept() == 4
    assert nights.play(without_times()) == 0
    kept, _ = record_files.load_all_modes(tmp_path / ".nightly" / "base")
    assert {each.mode for each in kept} == {"eager", "openvino"}


def test_a_slower_mode_stays_a_finding_in_a_night_without_modes(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    options = {"fail_on": "timing", "preset": "standard"}
    slow = slower(night(*MODES), "openvino", 3.0, ["resnet50"])
    assert nights.play(night(*MODES), **options) == 0
    for measured in (slow, without_times(), slow):
        assert nights.play(measured, **options) == 1
        assert "resnet50 (openvino) +" in nights.lines[0]
        assert "since 2 November" in nights.lines[0]
    gone = night("bf16+channels_last")
    assert nights.play(gone) == 1
    last = Folder(tmp_path).last()
    assert last is not None
    assert {each.kind for each in last.findings} == {"removed"}, "a mode that is removed has no other finding"


@pytest.mark.parametrize("machine", ["quiet", "other"])
def test_a_kernel_of_a_mode_stays_a_finding_on_its_machine_in_a_night_without_modes(machine: str) -> None:
    about = {"kind": "exact", "architecture": "vgg16", "mode": "openvino", "metric": "operators_coverage_cpu"}
    changed_kernel = Finding.model_validate({**about, "kernels": "a -> b", "machine": machine, "since": "x"})
    last = NightlyRun(started="x", exit_code=1, findings=(changed_kernel,))
    left = findings.findings(Differences(), without_times(), last, (), "y")
    assert [(each.kernels, each.since, each.reason) for each in left] == (
        [("a -> b", "x", findings.NOT_COMPARED)] if machine == "quiet" else []
    )


def test_a_mode_that_fails_is_named_in_the_headline(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.play(night(*MODES))
    records = night(*MODES)
    eager = eager_of(records, "vgg16")
    broken = mode_samples.without(eager, "openvino", "failed", "RuntimeError: no operator", [TIME])
    broken_night = replaced(records, "openvino", broken, "vgg16")
    assert nights.play(broken_night) == 1
    assert "of vgg16 (openvino): RuntimeError: no operator" in nights.lines[0]
    nights.play(broken_night)
    assert "Still failing since 2 November: vgg16 (openvino) (5 readings: RuntimeError: no operator)" in nights.headline


def test_findings_of_earlier_versions_are_those_of_eager() -> None:
    finding = Finding.model_validate({"kind": "exact", "architecture": "a", "metric": "macs", "since": "x"})
    other = finding.model_copy(update={"mode": "bf16"})
    accepted = {"kind": "exact", "architecture": "a", "metric": "macs", "since": "x", "accepted": "y"}
    assert finding.identity != other.identity
    assert Acceptance.model_validate(accepted).covers(finding)
    assert not Acceptance.model_validate(accepted).covers(other)
    assert not Acceptance.model_validate({**accepted, "mode": "bf16"}).covers(finding)


@pytest.mark.slow
@pytest.mark.timing
def test_a_crowd_with_modes_is_compared_in_five_seconds(tmp_path: Path) -> None:
    from load import records as crowd

    for side, seed in (("before", 1), ("after", 2)):
        eager = [Record.model_validate(each) for each in crowd(1300, 1, seed)]
        record_files.save_all(tmp_path / side, mode_samples.with_modes(eager, unavailable=()))
    start = process_time()
    base, new = (folders.read(tmp_path / side, side) for side in ("before", "after"))
    found = folders.compare_results(base, new)
    in_words(found)
    spent = process_time() - start
    assert len({row.mode for row in found.timings}) == 5
    assert len(found.timings) > 1000 * 2 * 5
    assert spent < 10, "processor seconds of a busy machine; an idle one takes half of that"


# Verdicts on outputs

RIGHT: dict[str, object] = {"samples": (mode_samples.ERROR,)}
EXCEEDING: dict[str, object] = {"samples": (0.3,)}
NAN: dict[str, object] = {"samples": (), "status": "failed", "reason": "the outputs contain NaN"}
UNSUPPORTED: dict[str, object] = {"samples": (), "status": "unsupported", "reason": "the scores hardly vary"}


def with_eager(records: Sequence[Record], error: float) -> list[Record]:
    """The records with an output error of eager, all with the same limit."""
    own = Reading(quantity=OUTPUT_ERROR, samples=(error,), detail={"limit": mode_samples.LIMIT})
    return [
        each.model_copy(update={"readings": each.readings | {own.quantity.key: own}}) if each.mode == "eager" else each
        for each in records
    ]


def output_of(seed: int, fields: dict[str, object], eager: float = 1e-6, mode: str = "openvino") -> list[Record]:
    """A run in which a mode of one architecture has this output error, and eager of all of them that one."""
    return with_eager(changed(run(seed), mode, OUTPUT_ERROR.key, **fields), eager)


@pytest.mark.parametrize(
    ("before", "after", "kind", "reason"),
    [
        (RIGHT, EXCEEDING, "failed", "output error 0.3 exceeds the limit 0.02"),
        (RIGHT, NAN, "failed", "the outputs contain NaN"),
        (UNSUPPORTED, EXCEEDING, "failed", "output error 0.3 exceeds the limit 0.02"),
        (UNSUPPORTED, NAN, "failed", "the outputs contain NaN"),
        (EXCEEDING, RIGHT, "recovered", "output error 0.3 exceeds the limit 0.02"),
        (NAN, RIGHT, "recovered", "the outputs contain NaN"),
        (RIGHT, UNSUPPORTED, "information", "the scores hardly vary"),
        (EXCEEDING, UNSUPPORTED, "information", "the scores hardly vary"),
        (UNSUPPORTED, RIGHT, "information", "its output can be checked again and is within the limit"),
        (NAN, EXCEEDING, None, None),
        (EXCEEDING, EXCEEDING, None, None),
        (UNSUPPORTED, UNSUPPORTED, None, None),
    ],
)
def test_every_change_of_a_verdict_on_an_output_is_reported(
    before: dict[str, object], after: dict[str, object], kind: str | None, reason: str | None
) -> None:
    found = compare(output_of(1, before), output_of(2, after))
    rows = [(each.kind, each.architecture, each.mode, each.reason) for each in found.changes]
    assert rows == ([(kind, SLOWED, "openvino", reason)] if kind else [])
    assert found.fails("exact") == (kind == "failed")
    assert f"{SLOWED} (openvino)" in in_words(found) or not kind
    made = as_json(found, "before", "after")
    ComparisonDocument.model_validate(made)
    assert [row["kind"] for row in made["changes"]] == ([kind] if kind else [])


@pytest.mark.parametrize("error", [mode_samples.ERROR, 0.3])
def test_an_output_that_can_no_longer_be_checked_because_of_eager_is_information(error: float) -> None:
    """Eager exceeds the limit: it is not called wrong, and an fp32 mode above the limit cannot be; others are."""
    base, new = output_of(1, {"samples": (error,)}), output_of(2, EXCEEDING, eager=0.3)
    found = compare(base, new)
    of_modes = {(each.kind, each.architecture, each.mode) for each in found.changes if each.mode != "eager"}
    assert of_modes == {("information", SLOWED, "openvino")}
    of_eager = [each for each in found.changes if each.mode == "eager"]
    assert {each.kind for each in of_eager} == {"information"}
    assert {each.reason for each in of_eager} == {"output error 0.3 exceeds the limit 0.02"}
    assert len(of_eager) == len(NETWORKS)
    assert not found.fails("any")
    words = in_words(found)
    assert (
        f"Output error of {SLOWED} (openvino), not gated: its output cannot be checked: eager itself differs from the "
        "float64 run by more than the limit; no action needed"
    ) in words
    assert "changed by more than chance" not in words
    assert {each.kind for each in compare(new, new).changes} == set()
    bf16 = output_of(2, EXCEEDING, 0.3, "bf16+channels_last")
    (wrong,) = compare(output_of(1, RIGHT, 0.3), bf16).changes
    assert (wrong.kind, wrong.mode) == ("failed", "bf16+channels_last"), "the limit of another precision holds"


def test_an_output_of_a_mode_that_did_not_run_has_no_verdict() -> None:
    after = run(2)
    skipped = mode_samples.without(eager_of(after), "openvino", "skipped", "the budget was spent", [KEY])
    without = with_eager(replaced(after, "openvino", skipped), 1e-6)
    for fields in (RIGHT, EXCEEDING, UNSUPPORTED):
        for sides in ((output_of(1, fields), without), (without, output_of(1, fields))):
            assert not compare(*sides).changes


def on(device: str, error: float) -> str:
    """The reason of a change on one of several devices."""
    return f"on {device}: output error {error} exceeds the limit {mode_samples.LIMIT}"


def on_several(**errors: float | str) -> list[Record]:
    """A record with eager, and one of fp16 whose output has this error on each device, or cannot be compared there."""
    eager = eager_of(run(1, []))
    mode = mode_samples.mode(eager, "fp16", times=[KEY])
    own: Reading | None = None
    for device, error in errors.items():
        made = Reading(quantity=OUTPUT_ERROR, samples=(0.0,), detail={"limit": mode_samples.LIMIT})
        number = {"samples": (error,)}
        own = with_device(own, made.model_copy(update=NAN if isinstance(error, str) else number), device)
    assert own is not None
    other = mode.readings[KEY].quantity.model_copy(update={"key": "latency_cuda"})
    timed = mode.readings[KEY].model_copy(update={"quantity": other})
    readings = mode.readings | {OUTPUT_ERROR.key: own, other.key: timed}
    return [eager, mode.model_copy(update={"readings": readings})]


@pytest.mark.parametrize(
    ("before", "after", "kind", "reason"),
    [
        ({"cpu": 0.5, "cuda": 0.01}, {"cpu": 0.5, "cuda": 0.3}, "failed", on("CUDA", 0.3)),
        ({"cpu": 0.01, "cuda": 0.5}, {"cpu": 0.3, "cuda": 0.5}, "failed", on("CPU", 0.3)),
        ({"cpu": 0.5, "cuda": 0.01}, {"cpu": 0.01, "cuda": 0.3}, "failed", on("CUDA", 0.3)),
        ({"cpu": 0.5, "cuda": 0.01}, {"cpu": 0.5, "cuda": "NaN"}, "failed", "on CUDA: the outputs contain NaN"),
        ({"cpu": 0.01}, {"cpu": 0.01, "cuda": 0.3}, "failed", on("CUDA", 0.3)),
        ({"cpu": 0.5, "cuda": 0.5}, {"cpu": 0.5, "cuda": 0.01}, None, None),
        ({"cpu": 0.5, "cuda": 0.01}, {"cuda": 0.01}, None, None),
        ({"cpu": 0.01, "cuda": 0.5}, {"cpu": 0.01, "cuda": 0.01}, "recovered", on("CUDA", 0.5)),
        ({"cpu": 0.5}, {"cpu": 0.01}, "recovered", "output error 0.5 exceeds the limit 0.02"),
    ],
)
def test_outputs_are_compared_on_each_device(
    before: dict[str, float | str], after: dict[str, float | str], kind: str | None, reason: str | None
) -> None:
    """A device on which a mode is wrong already does not hide another one."""
    found = compare(on_several(**before), on_several(**after))
    assert [(each.kind, each.mode, each.reason) for each in found.changes] == ([(kind, "fp16", reason)] if kind else [])
    assert found.fails("exact") == (kind == "failed")


def test_reasons_of_verdicts_are_translated() -> None:
    found = compare(output_of(1, RIGHT), output_of(2, EXCEEDING))
    (line,) = Words(found, language("ru")).changes()
    assert "погрешность результата 0.3 больше допустимой 0.02" in line
    found = compare(on_several(cpu=0.5, cuda=0.01), on_several(cpu=0.5, cuda=0.3))
    assert "на CUDA: погрешность результата 0.3 больше допустимой 0.02" in Words(found, language("ru")).changes()[0]
    found = compare(on_several(cpu=0.5, cuda=0.01), on_several(cpu=0.5, cuda="NaN"))
    assert "на CUDA: выходы содержат NaN" in Words(found, language("ru")).changes()[0]
    found = compare(output_of(1, UNSUPPORTED), output_of(2, RIGHT))
    (line,) = Words(found, language("ru")).changes()
    assert "результат снова можно проверить" in line
    assert "на код завершения не влияет" in line


def test_a_night_counts_a_verdict_that_is_no_finding(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    right = with_eager(night("openvino"), 1e-6)
    unchecked = changed(with_eager(night("openvino"), 1e-6), "openvino", OUTPUT_ERROR.key, "resnet18", **UNSUPPORTED)
    wrong = changed(with_eager(night("openvino"), 1e-6), "openvino", OUTPUT_ERROR.key, "resnet18", **EXCEEDING)
    assert nights.play(right) == 0
    assert nights.play(unchecked) == 0
    assert "1 for information" in nights.headline
    assert nights.play(wrong) == 1, "the base is that of the last accepted run"
