"""What is measured once per execution mode, on a machine with a CPU and a GPU: each of them has its own."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import mode_samples
import pytest
from networks import CONDITIONS, own
from pydantic import JsonValue
from simulated import METRICS

from reporter.cli.progress import Lines
from reporter.host.job import Job
from reporter.metrics.latency import LATENCY
from reporter.model import ComparedRecord, Engine, Quantity, Reading, Record, Status, absent
from reporter.model.device_readings import DEVICES, of_device, on_devices, with_device
from reporter.model.modes import CHECK_FAILED, ONCE, OUTPUT_ERROR, PREPARE, output_decision
from reporter.model.records import EAGER
from reporter.registry.execution_modes import conditions_of
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.modes import mode_words
from reporter.run import failure_counts, mode_jobs
from reporter.run.ledger import Ledger
from reporter.run.request import Request
from reporter.store import record_files
from reporter.tables import mode_table

CPU: Mapping[str, str] = {"cpu": "cpu", "any": "cpu"}
BOTH: Mapping[str, str] = {"cpu": "cpu", "cuda": "cuda:0", "any": "cuda:0"}
MODE = "channels_last"
SETTINGS: dict[str, JsonValue] = {}
"""Those of these readings in modes of torch, without --input-size."""
LIMIT = 0.1
NAN = "the outputs contain NaN"
NO_FLOAT64 = "the model does not run in float64 on the CPU"


def ledger(folder: Path, mode: str = MODE, devices: Mapping[str, str] = BOTH, **more: Any) -> Ledger:
    about = {"machine": "here", "machine_facts": {"gpu_precisions": ["tf32"]}, "environment": {}}
    metrics = {key: METRICS[key] for key in ("latency_cpu", "latency_cuda")}
    return Ledger(own(), Request(folder, [own()], metrics, devices, CONDITIONS, about=about, modes=[mode], **more))


def keep(made: Ledger, device: str, reading: Reading, mode: str = MODE, crashed: bool = False) -> Record:
    """The record of the mode as it is read again after a job of its first round on a device sent a reading."""
    job = Job(
        architecture="small", metrics=(f"latency_{device}",), device=BOTH[device], conditions=CONDITIONS,
        process=f"modes {device}", modes=(MODE,),
    )  # fmt: skip
    made.keep(reading, job, Lines(StringIO()), "", mode, crashed=crashed)
    [path] = made.request.folder.glob("records/*/*.json")
    return {each.mode: each for each in record_files.load_modes(path)}[mode]


def once(quantity: Quantity, value: float, device: str = "cpu") -> Reading:
    """A reading as a worker sends it."""
    detail = {"limit": LIMIT} if quantity == OUTPUT_ERROR else {}
    about = {"device": {"name": "simulated"}} if device == "cuda" else {}
    return Reading(quantity=quantity, samples=(value,), settings=SETTINGS, detail={**detail, **about})


def lost(quantity: Quantity = OUTPUT_ERROR, status: Status = "failed", reason: str = NAN) -> Reading:
    [found] = absent([quantity], status, reason)
    return found.model_copy(update={"settings": SETTINGS})


@pytest.mark.parametrize("wrong", ["cpu", "cuda"])
@pytest.mark.parametrize("order", [("cpu", "cuda"), ("cuda", "cpu")], ids=" then ".join)
def test_a_mode_that_is_wrong_on_one_device_is_wrong(order: tuple[str, str], wrong: str, tmp_path: Path) -> None:
    """Whichever was measured last; until it is measured again there."""
    made = ledger(tmp_path)
    for device in order:
        record = keep(made, device, once(OUTPUT_ERROR, 0.5 if device == wrong else 0.01, device))
    assert output_decision(record).verdict == "wrong"
    error = record.readings[OUTPUT_ERROR.key]
    assert error.value == 0.5
    assert {kind: each.value for kind, each in on_devices(error).items()} == {
        device: 0.5 if device == wrong else 0.01 for device in order
    }
    [path] = tmp_path.glob("records/*/*.json")
    compared = {each.mode: each for each in record_files.load_modes(path, ComparedRecord)}
    assert output_decision(compared[MODE]).verdict == "wrong", "compare sees it, too"
    assert output_decision(keep(made, wrong, once(OUTPUT_ERROR, 0.02, wrong))).verdict == "within"


def test_on_the_cpu_alone_nothing_is_stored_besides(tmp_path: Path) -> None:
    record = keep(ledger(tmp_path, devices=CPU), "cpu", once(OUTPUT_ERROR, 0.01))
    assert record.readings[OUTPUT_ERROR.key].detail == {"limit": LIMIT}


def test_the_limit_of_eager_holds_for_its_device(tmp_path: Path) -> None:
    """Eager exceeds its limit on the GPU: there an error is unchecked, on the CPU it is wrong."""
    made = ledger(tmp_path)
    errors = {EAGER: {"cpu": 0.01, "cuda": 0.5}, MODE: {"cpu": 0.5, "cuda": 0.01}}
    for mode, values in errors.items():
        for device, value in values.items():
            keep(made, device, once(OUTPUT_ERROR, value, device), mode)
    assert output_decision(made.records[MODE], made.record).verdict == "wrong"
    keep(made, "cpu", once(OUTPUT_ERROR, 0.01))
    keep(made, "cuda", once(OUTPUT_ERROR, 0.5, "cuda"))
    assert output_decision(made.records[MODE], made.record).verdict == "unchecked"
    assert output_decision(made.records[EAGER]).verdict == "unchecked"


def test_an_output_that_cannot_be_compared_on_a_device_counts_with_its_times(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    keep(made, "cpu", Reading(quantity=LATENCY["cpu"], samples=(1.0,), rounds=(1,), settings=SETTINGS))
    keep(made, "cpu", once(OUTPUT_ERROR, 0.01))
    record = keep(made, "cuda", lost(reason="no compiler"))
    assert output_decision(record).verdict == "within", "it does not run there"
    assert record.value(OUTPUT_ERROR.key) == 0.01
    record = keep(made, "cuda", Reading(quantity=LATENCY["cuda"], samples=(1.0,), rounds=(1,), settings=SETTINGS))
    verdict, reading, devices = output_decision(record)
    assert (verdict, reading and reading.reason, devices) == ("wrong", "no compiler", ("cuda",))
    assert failure_counts.failed(made) == 1
    assert failure_counts.failed(ledger(tmp_path, devices=CPU)) == 0, "this run asks for the CPU"


def test_the_reason_is_that_of_the_device(tmp_path: Path) -> None:
    """In the report, the error of the CPU is not above its limit."""
    base = mode_samples.reference()[0]
    mode = mode_samples.mode(base, "bf16")
    error = with_device(mode.readings[OUTPUT_ERROR.key], lost(), "cuda")
    time = Reading(quantity=LATENCY["cuda"], samples=(1.0,) * 3, rounds=(3,))
    readings = mode.readings | {OUTPUT_ERROR.key: error, time.quantity.key: time}
    both = compare([base, mode.model_copy(update={"readings": readings})])
    assert mode_words.wrong(both, language("en")) == [f"bf16: {base.architecture} (GPU: {NAN})"]


def test_an_output_whose_check_failed_is_not_wrong() -> None:
    base = mode_samples.reference()[0]
    mode = mode_samples.mode(base, "bf16")
    error = lost(reason="RuntimeError: the device is busy").model_copy(update={"detail": {CHECK_FAILED: True}})
    both = compare([base, mode.model_copy(update={"readings": mode.readings | {OUTPUT_ERROR.key: error}})])
    assert output_decision(both.modes[0]).verdict == "unchecked"
    assert mode_words.marked(both.modes[0], both, language("en")).text == "bf16?"
    note = "its output cannot be checked: RuntimeError: the device is busy"
    assert mode_words.wrong_output(both.modes[0], both, language("en")) == note


@pytest.mark.parametrize(
    ("errors", "word", "mark", "note"),
    [
        ({"cpu": 0.01}, "1", "bf16", ""),
        ({"cpu": 0.5}, "wrong: 50 > 10", "bf16 (wrong)", "wrong output: "),
        ({"cpu": 0.01, "cuda": 0.5}, "wrong (GPU): 50 > 10", "bf16 (GPU: wrong)", "GPU: wrong output: "),
        ({"cpu": 0.5, "cuda": 0.01}, "wrong (CPU): 50 > 10", "bf16 (CPU: wrong)", "CPU: wrong output: "),
        ({"cpu": 0.5, "cuda": 0.6}, "wrong (CPU, GPU): 50 > 10", "bf16 (CPU, GPU: wrong)", "CPU, GPU: wrong output: "),
    ],
)
def test_a_wrong_output_has_its_device_where_several_were_checked(
    errors: dict[str, float], word: str, mark: str, note: str
) -> None:
    """In the table of modes with its tooltip, and in the mark at the name of the mode."""
    base = mode_samples.reference()[0]
    mode = mode_samples.mode(base, "bf16")
    kept = dict(mode.readings)
    del kept[OUTPUT_ERROR.key]
    for device, value in errors.items():
        before = kept.get(OUTPUT_ERROR.key)
        kept[OUTPUT_ERROR.key] = with_device(before, once(OUTPUT_ERROR, value, device), device)
    both = compare([base, mode.model_copy(update={"readings": kept})])
    table = mode_table.make(both, language("en"))
    assert table
    cell = table.rows[1][[column.key for column in table.columns].index(OUTPUT_ERROR.key)]
    assert cell.text.startswith(word)
    assert mode_words.marked(both.modes[0], both, language("en")).text == mark
    assert (cell.note or "").startswith(note)
    assert bool(cell.note) == bool(note)


def test_the_durations_are_those_of_the_first_device_that_has_them(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    keep(made, "cpu", once(PREPARE, 30.0))
    reading = keep(made, "cuda", once(PREPARE, 1.0, "cuda")).readings[PREPARE.key]
    assert reading.value == 30.0
    assert [each and each.value for each in (of_device(reading, "cpu"), of_device(reading, "cuda"))] == [30.0, 1.0]
    assert keep(made, "cpu", lost(PREPARE)).value(PREPARE.key) == 1.0


def test_a_crash_on_the_cpu_is_known_after_the_gpu_was_measured(tmp_path: Path) -> None:
    """The next round on the CPU times the preparation and checks the outputs; that on the GPU does not."""
    made = ledger(tmp_path)
    for quantity in ONCE:
        keep(made, "cpu", lost(quantity, "oom", "the worker was killed"), crashed=True)
        keep(made, "cuda", once(quantity, 0.01, "cuda"))
    assert made.crashed(MODE, "cpu")
    assert not made.crashed(MODE, "cuda:0")
    keep(made, "cpu", once(OUTPUT_ERROR, 0.01))
    keep(made, "cpu", once(PREPARE, 1.0))
    assert made.crashed(MODE, "cpu"), "the first call is still missing"
    keep(made, "cpu", once(ONCE[-1], 1.0))
    assert not made.crashed(MODE, "cpu")


def test_a_curve_of_a_device_has_its_outputs_checked_there(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    keep(made, "cpu", once(OUTPUT_ERROR, 0.01))
    curves = [METRICS[f"best_throughput_{device}"] for device in ("cpu", "cuda")]
    assert [mode_jobs.needs(made, metric, 0, MODE) for metric in curves] == [False, True]
    keep(made, "cuda", once(OUTPUT_ERROR, 0.01, "cuda"))
    assert [mode_jobs.needs(made, metric, 0, MODE) for metric in curves] == [False, False]


def test_a_device_that_does_not_have_the_mode_is_not_kept(tmp_path: Path) -> None:
    made = ledger(tmp_path, "tf32")
    assert made.records["tf32"].readings[OUTPUT_ERROR.key].reason == "tf32 is a precision of GPUs"
    record = keep(made, "cuda", once(OUTPUT_ERROR, 0.01, "cuda"), "tf32")
    assert on_devices(record.readings[OUTPUT_ERROR.key]).keys() == {"cuda"}
    assert ledger(tmp_path, "tf32").records["tf32"].readings[OUTPUT_ERROR.key].value == 0.01


def test_the_reason_of_a_device_that_does_not_have_the_mode_replaces_none_of_another(tmp_path: Path) -> None:
    keep(ledger(tmp_path, "tf32"), "cuda", lost(status="unsupported", reason=NO_FLOAT64), "tf32")
    error = ledger(tmp_path, "tf32").records["tf32"].readings[OUTPUT_ERROR.key]
    assert {kind: each.reason for kind, each in on_devices(error).items()} == {"cuda": NO_FLOAT64}
    assert error.reason == NO_FLOAT64


def test_outputs_of_a_curve_are_checked_where_only_another_device_does_not_have_the_mode(tmp_path: Path) -> None:
    """The reason of the GPU is stored before anything is measured."""
    swift = Engine("swift", "Swift", print, devices=("cpu",))
    made = ledger(tmp_path, "swift", engines={"swift": swift})
    assert made.records["swift"].readings[OUTPUT_ERROR.key].reason == "Swift runs on cpu"
    assert mode_jobs.needs(made, METRICS["best_throughput_cpu"], 0, "swift")
    refused = lost(status="unsupported", reason=NO_FLOAT64)
    keep(made, "cpu", refused.model_copy(update={"settings": conditions_of("swift", {"swift": swift})}), "swift")
    assert not mode_jobs.needs(made, METRICS["best_throughput_cpu"], 0, "swift")


@pytest.mark.parametrize("order", [("cpu", "cuda"), ("cuda", "cpu")], ids=" then ".join)
def test_outputs_that_can_be_checked_on_no_device_are_not_checked_again(order: tuple[str, str], tmp_path: Path) -> None:
    """Each device keeps its reason, also one on which nothing was measured."""
    made = ledger(tmp_path)
    curves = {device: METRICS[f"best_throughput_{device}"] for device in order}
    missing = list(order)
    for device in order:
        assert [each for each in order if mode_jobs.needs(made, curves[each], 0, MODE)] == missing
        record = keep(made, device, lost(status="unsupported", reason=f"{NO_FLOAT64} ({device})"))
        missing.remove(device)
    assert not [each for each in order if mode_jobs.needs(made, curves[each], 0, MODE)]
    error = record.readings[OUTPUT_ERROR.key]
    assert {kind: each.reason for kind, each in on_devices(error).items()} == {
        device: f"{NO_FLOAT64} ({device})" for device in order
    }
    assert output_decision(record).verdict == "within", "it has no times"


def test_what_a_budget_left_out_on_one_device_is_not_kept(tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):
        (tmp_path / device).mkdir()
        made = ledger(tmp_path / device)
        keep(made, device, lost(status="skipped", reason="cut off"))
        other = "cuda" if device == "cpu" else "cpu"
        record = keep(made, other, once(OUTPUT_ERROR, 0.01, other))
        assert on_devices(record.readings[OUTPUT_ERROR.key]).keys() == {other}


@pytest.mark.parametrize("kept", [None, 1, [], {"cpu": 1}, {"cpu": {"samples": ["one"]}}, {"cpu": {"status": "ok"}}])
def test_a_detail_that_was_edited_is_not_used(kept: object) -> None:
    error = once(OUTPUT_ERROR, 0.5).model_copy(update={"detail": {"limit": LIMIT, DEVICES: kept}})
    assert on_devices(error) == {"cpu": error}
    base = mode_samples.mode(mode_samples.reference()[0], "bf16")
    record = base.model_copy(update={"readings": base.readings | {OUTPUT_ERROR.key: error}})
    assert output_decision(record).verdict == "wrong"


@pytest.mark.parametrize(
    ("mode", "error", "verdict"),
    [
        ("openvino", once(OUTPUT_ERROR, 0.01), "within"),
        ("openvino", once(OUTPUT_ERROR, 0.5), "unchecked"),
        ("openvino", lost(), "unchecked"),
        ("bf16", once(OUTPUT_ERROR, 0.5), "wrong"),
        ("bf16", lost(), "wrong"),
        ("bf16", lost(status="unsupported"), "unchecked"),
    ],
)
def test_where_eager_cannot_be_compared_no_fp32_mode_is_wrong(mode: str, error: Reading, verdict: str) -> None:
    base = mode_samples.reference()[0]
    base = base.model_copy(update={"readings": base.readings | {OUTPUT_ERROR.key: lost()}})
    made = mode_samples.mode(base, mode)
    made = made.model_copy(update={"readings": made.readings | {OUTPUT_ERROR.key: error}})
    assert output_decision(made, base).verdict == verdict
    assert output_decision(base).verdict == "unchecked"


@pytest.mark.parametrize("error", [once(OUTPUT_ERROR, 0.5), lost()], ids=["larger", "NaN"])
def test_a_check_of_eager_that_failed_does_not_disprove_a_limit(error: Reading) -> None:
    base = mode_samples.reference()[0]
    busy = lost(reason="RuntimeError: the device is busy").model_copy(update={"detail": {CHECK_FAILED: True}})
    base = base.model_copy(update={"readings": base.readings | {OUTPUT_ERROR.key: busy}})
    made = mode_samples.mode(base, "openvino")
    made = made.model_copy(update={"readings": made.readings | {OUTPUT_ERROR.key: error}})
    assert output_decision(made, base).verdict == "wrong"
