"""Modes in the comparison of records, in summary.json, in history.jsonl and in frames."""

from __future__ import annotations

import json
from pathlib import Path

import mode_samples
import pytest
import samples

from reporter import documents
from reporter.compare.rounds import with_intervals
from reporter.documents.run_files import Summary
from reporter.model import Record, ReporterError
from reporter.report import build
from reporter.report.comparison import compare
from reporter.report.summary import summary
from reporter.store import record_files


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
    monkeypatch.setattr(build, "summary", lambda comparison: seen.append(comparison) or {"failed": [], "records": []})
    monkeypatch.setattr(build, "draw", lambda *_: [])
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
