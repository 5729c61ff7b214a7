"""Modes in the comparison of records, in summary.json, in history.jsonl and in frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mode_samples
import numpy as np
import pytest
import samples
from commands import call

import reporter
from reporter import documents
from reporter.compare.log_times import history_noise
from reporter.compare.rounds import with_intervals
from reporter.documents.run_files import HistoryLine, Summary
from reporter.model import Record, ReporterError
from reporter.registry.execution_modes import kinds_here, resolve
from reporter.report import build
from reporter.report.comparison import compare
from reporter.report.drawing import drawn_charts
from reporter.report.output.summary import summary
from reporter.store import record_files
from reporter.store.history import recent


@pytest.fixture(scope="module")
def pairs() -> list[Record]:
    """Two architectures of results/reference with five modes each, one of which is not available."""
    chosen = [record for record in mode_samples.reference() if record.architecture in ("resnet18", "googlenet")]
    return mode_samples.with_modes(chosen)


def test_a_comparison_keeps_modes_apart_from_eager_records(pairs: list[Record]) -> None:
    comparison = compare(pairs)
    assert [record.architecture for record in comparison.records] == ["googlenet", "resnet18"]
    assert {record.mode for record in comparison.records} == {"eager"}
    stored = ["bf16", "bf16+channels_last", "channels_last", "openvino", "onnxruntime"]
    for record in comparison.records:
        assert [each.mode for each in comparison.modes_of(record)] == stored
        assert {each.architecture for each in comparison.modes_of(record)} == {record.architecture}
    assert not {"speedup_latency_cpu", "prepare_seconds", "output_error"} & comparison.quantities.keys()


def test_modes_belong_to_the_machine_that_they_were_measured_on() -> None:
    old = samples.record(samples.ROWS[0], machine="old", slower=3.0)
    records = [samples.record(samples.ROWS[0]), old]
    comparison = compare([*records, mode_samples.mode(old)])
    assert [len(comparison.modes_of(record)) for record in records] == [0, 1]


def test_modes_do_not_change_the_intervals_of_eager(pairs: list[Record]) -> None:
    """The rounds of a mode vary more than those of eager; each mode has the spread of its own rounds."""
    eager = list(mode_samples.reference())
    wild = [mode_samples.mode(record, "openvino", 0.5, wobble=0.3) for record in eager]
    calm = [mode_samples.mode(record, "channels_last", 0.8) for record in eager]
    alone = {record.architecture: record.readings for record in with_intervals(eager)}
    together = with_intervals([*eager, *wild, *calm])
    widths: dict[str, list[float]] = {}
    for record in together:
        for key, reading in record.readings.items():
            before = alone[record.architecture].get(key)
            if record.mode == "eager":
                assert before is not None
                assert (reading.value, reading.interval, reading.verdict) == (
                    before.value, before.interval, before.verdict)  # fmt: skip
            elif reading.interval and reading.value and key.startswith("speedup_"):
                low, high = reading.interval
                widths.setdefault(record.mode, []).append((high - low) / reading.value)
    assert min(widths["openvino"]) > 0.1
    assert max(widths["channels_last"]) < 1e-9


def test_intervals_of_speedups_are_pooled_within_a_mode() -> None:
    """Architectures whose speedup varies widen the intervals of the others in that mode and key only."""
    eager = list(mode_samples.reference())
    varied, others = eager[:12], eager[12:]

    def widths(wobble: float) -> dict[tuple[str, str], float]:
        made = [mode_samples.mode(record, "bf16", 0.6, wobble=0.02) for record in others]
        made += [mode_samples.mode(record, "openvino", 0.5, wobble=0.02) for record in others]
        made += [mode_samples.mode(record, "bf16", 0.6, times=["latency_cpu"], wobble=wobble) for record in varied]
        found = {}
        for record in with_intervals([*eager, *made]):
            if record.architecture == others[0].architecture and record.mode != "eager":
                for key in ("speedup_latency_cpu", "speedup_latency_cpu_1thread"):
                    low, high = record.readings[key].interval or (0.0, 0.0)
                    found[record.mode, key] = high - low
        return found

    calm, wild = widths(0.02), widths(0.5)
    assert wild["bf16", "speedup_latency_cpu"] > 1.2 * calm["bf16", "speedup_latency_cpu"]
    unchanged = calm.keys() - {("bf16", "speedup_latency_cpu")}
    assert {place: wild[place] for place in unchanged} == {place: calm[place] for place in unchanged}


def test_a_report_is_made_of_eager_records_with_their_modes(
    pairs: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`build.write` reads the modes of every record into the comparison."""
    record_files.save_all(tmp_path, pairs)
    seen = []
    monkeypatch.setattr(
        build, "streamed", lambda comparison, *_: seen.append(comparison) or {"failed": [], "records": []}
    )
    monkeypatch.setattr(drawn_charts, "_sketch", lambda *_: None)
    build.write(tmp_path, ["en"])
    (comparison,) = seen
    assert len(comparison.records) == 2
    assert len(comparison.modes) == 10
    before = {(each.architecture, each.mode): each.readings for each in compare(pairs).modes}
    for record in comparison.modes:
        for key, reading in record.readings.items():
            assert reading.interval == before[record.architecture, record.mode][key].interval


def test_modes_alone_are_no_records_to_report(pairs: list[Record]) -> None:
    with pytest.raises(ReporterError, match="no records to report"):
        compare([record for record in pairs if record.mode != "eager"])


def test_summary_json_has_modes_inside_their_record(pairs: list[Record]) -> None:
    made = json.loads(json.dumps(summary(compare(pairs)), allow_nan=False))
    Summary.model_validate(made)
    for row in made["records"]:
        assert list(row["modes"]) == ["bf16", "bf16+channels_last", "channels_last", "openvino", "onnxruntime"]
        assert "speedup_latency_cpu" not in row["readings"]
        mode = row["modes"]["bf16+channels_last"]["readings"]
        assert mode.keys() >= {"latency_cpu", "speedup_latency_cpu", "output_error", "prepare_seconds"}
        speedup = mode["speedup_latency_cpu"]
        assert (speedup["unit"], speedup["better"], speedup["status"]) == ("1", "higher", "ok")
        assert speedup["value"] == pytest.approx(2)
        assert speedup["low"] <= speedup["value"] <= speedup["high"]
        assert mode["latency_cpu"]["value"] == pytest.approx(row["readings"]["latency_cpu"]["value"] / 2)
        assert not mode.keys() & {"parameters", "macs", "weights_bytes"}
        missing = row["modes"]["onnxruntime"]["readings"]["latency_cpu"]
        assert (missing["value"], missing["status"]) == (None, "unsupported")
        assert missing["reason"] == mode_samples.NOT_INSTALLED
    assert made["schema"] == documents.SUMMARY


def test_summary_json_lists_modes_that_failed(pairs: list[Record]) -> None:
    eager = pairs[0]
    broken = mode_samples.without(eager, "compile", "failed", "RuntimeError: no compiler", ["latency_cpu"])
    made = summary(compare([eager, broken]))
    assert {(row["architecture"], row["mode"], row["metric"], row["reason"]) for row in made["failed"]} == {
        (eager.architecture, "compile", key, "RuntimeError: no compiler")
        for key in ("latency_cpu", "speedup_latency_cpu", "output_error", "prepare_seconds", "first_call_seconds")
    }
    assert made["counts"]["failed"] == len(made["failed"])


def test_summary_json_without_modes_has_none_of_their_keys() -> None:
    made = summary(compare(mode_samples.reference()))
    assert not [row for row in made["records"] if "modes" in row]
    alone = summary(compare(mode_samples.reference()[:1]))["records"]
    both = summary(compare(mode_samples.with_modes(mode_samples.reference()[:1])))["records"]
    assert [{key: row[key] for key in row if key != "modes"} for row in both] == alone


def line(day: int, architecture: str, modes: object) -> dict[str, Any]:
    about = {"generated": f"2026-11-{day + 1:02}T00:00:00+00:00", "architecture": architecture, "machine": "quiet"}
    values = {"latency_cpu": 1.0 + day, "macs": 7}
    return {**about, "run": str(day), "environment": {}, "values": values, "modes": modes}


def test_the_history_is_read_with_modes(tmp_path: Path) -> None:
    measured = {"bf16": {"values": {"latency_cpu": 0.5, "output_error": 0.1}, "unmeasured": {}}}
    strange = ([], "text", {"bf16": 3}, {"bf16": {"values": ["x"]}}, {"bf16": {"values": {"latency_cpu": "fast"}}})
    lines = [line(0, "a", measured), *(line(day, "a", modes) for day, modes in enumerate(strange, start=1))]
    record_files.append_history(tmp_path, lines)
    found = recent(tmp_path / "history.jsonl", ["quiet"])
    assert [run.value("a", "latency_cpu") for run in found] == [1.0 + day for day in range(6)]
    assert found[0].value("a", "latency_cpu", "bf16") == 0.5
    assert found[0].value("a", "latency_cpu", "openvino") is None
    assert found[0].value("b", "latency_cpu", "bf16") is None
    assert [run.value("a", "latency_cpu", "bf16") for run in found[1:]] == [None] * 5
    (first, *_) = recent(tmp_path / "history.jsonl", ["quiet"], keys=["latency_cpu"])
    assert first.modes == {"a": {"bf16": {"latency_cpu": 0.5}}}
    assert first.values == {"a": {"latency_cpu": 1.0}}


def test_the_noise_of_a_mode_between_runs_is_its_own(tmp_path: Path) -> None:
    """Eager varies by 1 % between runs, and the mode by 10 %."""
    chance, names = np.random.default_rng(0), [f"network{number}" for number in range(6)]
    for day in range(12):
        for number, name in enumerate(names):
            made = line(day, name, {"bf16": {"values": {"latency_cpu": (number + 1) * chance.lognormal(0, 0.1)}}})
            made["values"] = {"latency_cpu": (number + 1) * chance.lognormal(0, 0.01)}
            record_files.append_history(tmp_path, [made])
    past = recent(tmp_path / "history.jsonl", ["quiet"])
    eager, bf16 = (history_noise(past, "quiet", "latency_cpu", names, mode) for mode in ("eager", "bf16"))
    assert eager is not None
    assert bf16 is not None
    assert bf16.mean() > 4 * eager.mean()
    assert history_noise(past, "quiet", "latency_cpu", names, "openvino") is None


def test_a_run_with_modes_writes_all_files(real_run: tuple[Path, Any]) -> None:
    """From the measurement of a real network to its history, summary, comparison and frames."""
    out, _ = real_run
    for text in (out / "history.jsonl").read_text(encoding="utf-8").splitlines():
        HistoryLine.model_validate(json.loads(text))
    (history,) = (each for each in map(json.loads, (out / "history.jsonl").open()) if each["architecture"] == "tiny")
    modes = {mode for kind in kinds_here() for mode in resolve(("default", "tf32"), kind)}
    assert modes >= {"channels_last", "tf32"}
    assert history["modes"].keys() == modes
    values = history["modes"]["channels_last"]["values"]
    keys = {"latency_cpu_1thread", "speedup_latency_cpu_1thread", "output_error", "prepare_seconds"}
    assert values.keys() >= keys
    missing = history["modes"]["tf32"]["unmeasured"]
    assert missing.keys() >= keys
    assert {each["status"] for each in missing.values()} == {"unsupported"}
    written = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    Summary.model_validate(written)
    (row,) = (each for each in written["records"] if each["architecture"] == "tiny")
    readings = row["modes"]["channels_last"]["readings"]
    assert {key: readings[key]["value"] for key in values} == values
    frame = reporter.load(out, modes=True).values
    assert set(frame["mode"]) == {"eager", *modes}
    again = recent(out / "history.jsonl", [row["machine"]])
    assert again[0].value("tiny", "latency_cpu_1thread", "channels_last") == values["latency_cpu_1thread"]
    same = call("compare", out, out, "--json")
    assert json.loads(same.stdout)["changed"] is False
    chosen = json.loads(call("choose", out, "--max-latency-cpu-1thread", "10", "--json").stdout)
    assert [each["mode"] for part in ("fits", "unknown") for each in chosen[part]][-1] == "tf32"


SMALLER = "160px"
"""A later variant of the measured model: other images, with other MACs."""


def of_smaller_images(eager: Record, factor: float = 0.5) -> Record:
    """An architecture with images of 160 pixels, which take half of its MACs and a part of its times."""
    macs = eager.readings["macs"]
    made = mode_samples.mode(eager, SMALLER, factor)
    fewer = macs.model_copy(update={"samples": (int(macs.samples[0]) // 2,)})
    return made.model_copy(update={"readings": {**made.readings, "macs": fewer}, "input_size": 160})


def folder_of(path: Path, factor: float = 0.5) -> Path:
    """A folder of results with the eager records of two architectures and this variant of each."""
    chosen = [record for record in mode_samples.reference() if record.architecture in ("resnet18", "googlenet")]
    for record in chosen:
        record_files.save(path, record, [of_smaller_images(record, factor)])
    return path


def test_a_variant_with_other_images_is_stored_with_its_size_and_its_own_readings(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    every = record_files.load_all_modes(folder)[0]
    assert {(each.mode, each.input_size) for each in every} == {("eager", 224), (SMALLER, 160)}
    (file,) = folder.glob("records/*/resnet18.json")
    stored = json.loads(file.read_text())
    assert stored["modes"][SMALLER]["input_size"] == 160
    assert stored["input_size"] == 224
    frame = reporter.load(folder, modes=True).values.reset_index().set_index(["architecture", "mode"])
    macs = {mode: frame.loc[("resnet18", mode), "macs"] for mode in ("eager", SMALLER)}
    assert macs[SMALLER] == macs["eager"] // 2
    assert frame.loc[("resnet18", SMALLER), "input_size"] == 160


def test_a_variant_with_other_images_is_chosen_by_its_own_macs_rendered_and_compared(tmp_path: Path) -> None:
    base, slower = folder_of(tmp_path / "base"), folder_of(tmp_path / "slower", 0.8)
    done = call("choose", base, "--max-macs", "1e9", "--json")
    assert done.returncode == 0, done.stderr
    fitting = json.loads(done.stdout)["fits"]
    assert {(each["architecture"], each["mode"]) for each in fitting} == {("resnet18", SMALLER), ("googlenet", SMALLER)}
    done = call("render", base)
    assert done.returncode == 0, done.stderr
    content = json.loads((base / "summary.json").read_text())
    found = {each["architecture"]: each["modes"][SMALLER]["readings"]["macs"]["value"] for each in content["records"]}
    assert found["resnet18"] == content["records"][1]["readings"]["macs"]["value"] // 2
    assert {each["modes"][SMALLER]["input_size"] for each in content["records"]} == {"160"}
    assert SMALLER in (base / "report.md").read_text()
    same = json.loads(call("compare", base, base, "--json").stdout)
    assert not same["changes"]
    found = json.loads(call("compare", base, slower, "--json").stdout)
    assert not found["changes"]
    verdicts = {(each["architecture"], each["mode"]): each["verdict"] for each in found["times"]}
    assert {verdicts[name, SMALLER] for name in ("googlenet", "resnet18")} == {"slower"}
    assert {verdicts[name, "eager"] for name in ("googlenet", "resnet18")} == {"unchanged"}
