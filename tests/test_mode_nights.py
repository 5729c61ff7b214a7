"""Findings of execution modes over several nights: on several devices, and after nights that left modes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mode_samples
import pytest
from nights import Nights, made

from reporter.documents.comparisons import FindingRow
from reporter.model import Reading, Record
from reporter.model.device_readings import with_device
from reporter.model.modes import CHECK_FAILED, OUTPUT_ERROR
from reporter.nightly import outlet_files, outlet_rows, outlets, state
from reporter.nightly.run_folder import Folder

TIME = "latency_cpu_1thread"
NAME = "resnet18"
MODE = "fp16"
RIGHT, WRONG = mode_samples.ERROR, 0.3


def output(value: float) -> Reading:
    return Reading(quantity=OUTPUT_ERROR, samples=(value,), detail={"limit": mode_samples.LIMIT})


def on_devices(**errors: Reading | float) -> list[Record]:
    """The records of a night in which the mode of one architecture has these output errors, and times there."""
    found: list[Record] = []
    for eager in made():
        found.append(eager)
        if eager.architecture != NAME:
            continue
        mode = mode_samples.mode(eager, MODE, times=[TIME])
        time = mode.readings[TIME]
        own: Reading | None = None
        readings: dict[str, Reading] = {}
        for kind, error in errors.items():
            own = with_device(own, output(error) if isinstance(error, float) else error, kind)
            if isinstance(error, float):
                quantity = time.quantity.model_copy(update={"key": TIME if kind == "cpu" else f"latency_{kind}"})
                readings[quantity.key] = time.model_copy(update={"quantity": quantity})
        assert own is not None
        found.append(mode.model_copy(update={"readings": readings | {OUTPUT_ERROR.key: own}}))
    return found


def on_machine(records: list[Record], name: str) -> list[Record]:
    return [each.model_copy(update={"machine": name}) for each in records]


def test_an_accepted_wrong_output_on_one_device_does_not_cover_another_device(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0
    assert nights.play(on_devices(cpu=WRONG, cuda=RIGHT)) == 1
    assert nights.accept() == 1
    for _ in range(2):
        assert nights.play(on_devices(cpu=WRONG, cuda=WRONG)) == 1
        assert "on CUDA: output error 0.3" in nights.lines[0]
        assert "since 3 November" in nights.lines[0]
    assert nights.accept() == 1
    assert nights.play(on_devices(cpu=WRONG, cuda=WRONG)) == 0


def test_an_accepted_wrong_output_on_one_machine_does_not_cover_another_machine(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for machine in ("quiet", "other"):
        assert nights.play(on_machine(on_devices(cpu=RIGHT), machine)) == 0
    assert nights.play(on_machine(on_devices(cpu=WRONG), "quiet")) == 1
    assert nights.accept() == 1
    assert nights.play(on_machine(on_devices(cpu=WRONG), "other")) == 1
    assert nights.accept() == 1
    for machine in ("quiet", "other"):
        assert nights.play(on_machine(on_devices(cpu=WRONG), machine)) == 0


def test_each_device_with_a_wrong_output_is_a_finding(tmp_path: Path) -> None:
    """One that is not reported would be accepted with the other."""
    nights = Nights(tmp_path)
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0
    assert nights.play(on_devices(cpu=WRONG, cuda=0.4)) == 1
    assert [line.split(";")[0] for line in nights.lines] == [
        f"- failed: Output error of {NAME} ({MODE}): on {device}: output error {value} exceeds the limit 0.02"
        for device, value in (("CPU", 0.3), ("CUDA", 0.4))
    ]
    assert nights.accept() == 2


def test_a_wrong_output_stays_a_finding_while_its_device_is_left_out(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    skipped = Reading(quantity=OUTPUT_ERROR, status="skipped", reason="not within the budget of 8 s")
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0
    for records in (on_devices(cpu=RIGHT, cuda=WRONG), on_devices(cpu=RIGHT, cuda=skipped), on_devices(cpu=RIGHT)):
        assert nights.play(records) == 1
        assert "since 2 November" in nights.lines[0]
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0


def without_mode() -> list[Record]:
    return [each for each in on_devices(cpu=RIGHT) if each.mode != MODE]


def of_mode(fields: dict[str, Any] | None = None, times: dict[str, Any] | None = None) -> list[Record]:
    """The records of a night in which fields of the mode's output error, and of its times, are replaced."""
    (record,) = [each for each in on_devices(cpu=RIGHT) if each.mode == MODE]
    changes = {key: fields if key == OUTPUT_ERROR.key else times for key in record.readings}
    readings = {key: record.readings[key].model_copy(update=update or {}) for key, update in changes.items()}
    return [*without_mode(), record.model_copy(update={"readings": readings})]


SKIPPED: dict[str, Any] = {"status": "skipped", "reason": "not within the budget of 8 s", "samples": (), "rounds": ()}
CRASHED: dict[str, Any] = {"status": "failed", "reason": "RuntimeError: no kernel", "samples": (), "rounds": ()}
UNSUPPORTED: dict[str, Any] = {"samples": (), "status": "unsupported", "reason": "the scores hardly vary"}
NOT_REACHED: dict[str, Any] = {"samples": (), "status": "timeout", "reason": "no result within 60 s"}
NAN: dict[str, Any] = {"samples": (), "status": "failed", "reason": "the outputs contain NaN"}
EXCEEDING: dict[str, Any] = {"samples": (WRONG,)}
BUSY: dict[str, Any] = {
    "samples": (), "status": "failed", "reason": "RuntimeError: the device is busy", "detail": {CHECK_FAILED: True}
}  # fmt: skip


@pytest.mark.parametrize("checked", [RIGHT, UNSUPPORTED])
def test_a_mode_that_is_gone_after_nights_that_left_it_out_is_a_finding(tmp_path: Path, checked: Any) -> None:
    nights, first = Nights(tmp_path), of_mode(checked if isinstance(checked, dict) else None)
    for records in (first, of_mode(SKIPPED, SKIPPED), of_mode(SKIPPED, SKIPPED)):
        assert nights.play(records) == 0
    for _ in range(2):
        assert nights.play(without_mode()) == 1
        assert f"not measured any more: {NAME} ({MODE}); since 4 November" in nights.lines[0]
    assert nights.accept() == 1
    for records in (without_mode(), of_mode(SKIPPED, SKIPPED), without_mode()):
        assert nights.play(records) == 0


def test_a_mode_that_was_never_measured_is_not_gone(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for records in (of_mode(SKIPPED, SKIPPED), of_mode(SKIPPED, SKIPPED), without_mode()):
        assert nights.play(records) == 0


@pytest.mark.parametrize("checked", [UNSUPPORTED, NOT_REACHED, SKIPPED])
def test_a_wrong_output_is_found_after_it_could_not_be_checked_and_was_left_out(
    tmp_path: Path, checked: dict[str, Any]
) -> None:
    nights = Nights(tmp_path)
    for records in (of_mode(checked), of_mode(SKIPPED, SKIPPED), of_mode(SKIPPED, SKIPPED)):
        assert nights.play(records) in (0, 3)
    assert nights.play(of_mode(EXCEEDING)) == 1
    assert f"Output error of {NAME} ({MODE}): output error 0.3 exceeds the limit 0.02" in nights.lines[0]


def test_a_wrong_output_is_found_after_the_mode_failed_and_was_left_out(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(of_mode()) == 0
    assert nights.play(of_mode(CRASHED, CRASHED)) == 1
    nights.accept()
    assert nights.play(of_mode(SKIPPED, SKIPPED)) == 0
    assert nights.play(of_mode(EXCEEDING)) == 1
    assert "output error 0.3 exceeds the limit 0.02" in nights.lines[0]


def test_a_wrong_output_that_was_accepted_is_not_found_again_after_it_was_left_out(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(of_mode()) == 0
    assert nights.play(of_mode(NAN)) == 1
    nights.accept()
    for records in (of_mode(SKIPPED, SKIPPED), of_mode(SKIPPED), of_mode(NAN), of_mode(SKIPPED, SKIPPED)):
        assert nights.play(records) in (0, 3)
    assert nights.play(of_mode(EXCEEDING)) == 0, "it is wrong as before"


def test_a_mode_that_is_gone_is_a_finding_of_the_first_run_with_times(tmp_path: Path) -> None:
    """The run before had none, as with other metrics, and became the baseline."""
    nights = Nights(tmp_path)
    untimed = [
        each.model_copy(update={"readings": {key: one for key, one in each.readings.items() if key != TIME}})
        for each in without_mode()
    ]
    for records, code in ((of_mode(), 0), (untimed, 0), (without_mode(), 1)):
        assert nights.play(records) == code
    assert f"not measured any more: {NAME} ({MODE}); since 3 November" in nights.lines[0]


@pytest.mark.parametrize("between", [[], [SKIPPED]], ids=["at once", "after it was left out"])
@pytest.mark.parametrize("first", [BUSY, {}], ids=["never checked", "checked before"])
def test_a_wrong_output_is_found_after_its_check_failed(
    tmp_path: Path, first: dict[str, Any], between: list[dict[str, Any]]
) -> None:
    nights = Nights(tmp_path)
    codes = [nights.play(of_mode(fields)) for fields in (first, BUSY)]
    if first:
        assert codes == [3, 3]
    else:
        assert codes == [0, 1]
        assert nights.accept() == 1
    for fields in between:
        assert nights.play(of_mode(fields, fields)) == 0
    assert nights.play(of_mode(EXCEEDING)) == 1
    assert "output error 0.3 exceeds the limit 0.02" in nights.lines[0]


def test_a_wrong_output_stays_a_finding_in_runs_on_another_machine_without_the_mode(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(on_machine(of_mode(), "quiet")) == 0
    assert nights.play(on_machine(of_mode(EXCEEDING), "quiet")) == 1
    for records in (without_mode(), of_mode(SKIPPED, SKIPPED)):
        assert nights.play(on_machine(records, "other")) == 1
        assert "not compared in this run; before: output error 0.3 exceeds the limit 0.02" in nights.lines[0]
        assert "since 2 November" in nights.lines[0]
    assert nights.play(on_machine(of_mode(), "quiet")) == 0


def test_an_accepted_output_of_a_device_is_the_baseline_after_a_run_without_that_device(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0
    assert nights.play(on_devices(cpu=RIGHT, cuda=WRONG)) == 1
    assert nights.accept() == 1
    for devices in ({"cpu": RIGHT, "cuda": WRONG}, {"cpu": RIGHT}, {"cpu": RIGHT}, {"cpu": RIGHT, "cuda": WRONG}):
        assert nights.play(on_devices(**devices)) == 0
    assert nights.play(on_devices(cpu=WRONG)) == 1
    assert nights.accept() == 1
    assert nights.play(on_devices(cuda=RIGHT)) == 0
    assert nights.play(on_devices(cpu=WRONG, cuda=WRONG)) == 1, "wrong again on one device, as accepted on the other"
    assert len(nights.lines) == 1
    assert "on CUDA" in nights.lines[0]


def test_outputs_that_cannot_be_compared_on_two_devices_have_their_devices(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    lost = output(0.0).model_copy(update=NAN)
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0
    assert nights.play(on_devices(cpu=lost, cuda=lost)) == 1
    assert [line.split(";")[0] for line in nights.lines] == [
        f"- failed: Output error of {NAME} ({MODE}): on {device}: the outputs contain NaN" for device in ("CPU", "CUDA")
    ]
    found = json.loads((tmp_path / "comparison.json").read_text())
    for part in ("findings", "changes"):
        assert [each["device"] for each in found[part]] == ["cpu", "cuda"]
    run = outlets.read(tmp_path, 1)
    suite = ElementTree.fromstring(outlet_files.junit(run))
    names = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert names == ["Output error: comparison", "Output error (CUDA): comparison"]
    whole = FindingRow.model_validate(found["findings"][0] | {"device": None, "title": None})
    assert run.comparison is not None
    (slower,) = outlet_rows.rows(run.comparison.model_copy(update={"findings": (whole,)}), None, "any")
    assert slower.metric == "all metrics"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_finding_or_acceptance_that_was_stored_without_a_device_is_of_any(tmp_path: Path, device: str) -> None:
    nights = Nights(tmp_path)
    assert nights.play(on_devices(cpu=RIGHT, cuda=RIGHT)) == 0
    for _ in range(2):
        assert nights.play(on_devices(**{"cpu": RIGHT, "cuda": RIGHT, device: WRONG})) == 1
        assert "since 2 November" in nights.lines[0]
        assert len(nights.lines) == 1
        run = state.load(Folder(tmp_path).run_file, state.NightlyRun)
        assert run
        (finding,) = run.findings
        assert finding.device == device
        stored = run.model_copy(update={"findings": (finding.model_copy(update={"device": ""}),)})
        state.save(Folder(tmp_path).run_file, stored)
    about = finding.model_dump(include=set(state.Acceptance.model_fields) - {"device", "accepted"})
    acceptance = state.Acceptance(**about, accepted="2026-11-03")
    assert acceptance.covers(finding)
    assert not acceptance.model_copy(update={"device": "xpu"}).covers(finding)
