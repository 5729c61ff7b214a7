"""Choosing by limits: the rule, what is listed apart, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import samples
from commands import call

from reporter.cli import choosing
from reporter.model import Record, ReporterError
from reporter.report.choosing.choice import choice
from reporter.report.choosing.limits import candidates, choose
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.store import record_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("choose")
    for record in samples.lecture():
        record_files.save(folder, late(record) if record.architecture == "vgg19" else record)
    return folder


def late(record: Record) -> Record:
    reading = samples.reading("latency_cpu", status="timeout", reason="took longer than 60 s")
    return record.model_copy(update={"readings": {**record.readings, "latency_cpu": reading}})


def test_best_first_and_what_the_papers_say_is_marked(folder: Path) -> None:
    found = choosing.chosen(folder, {})
    scores = [row["imagenet_top1"] or 0 for row in found["fits"]]
    assert scores == sorted(scores, reverse=True)
    assert {row["architecture"]: row["source"] for row in found["fits"]}["se_resnet50"] == "paper"
    assert "*" in next(line for line in choosing.in_words(found).splitlines() if " se_resnet50 " in line)


def test_a_limit_includes_its_own_value(folder: Path) -> None:
    names = [row["architecture"] for row in choosing.chosen(folder, {"parameters": 25557032})["fits"]]
    assert "resnet50" in names
    assert "resnet50" not in [r["architecture"] for r in choosing.chosen(folder, {"parameters": 25557031})["fits"]]


def test_what_lacks_a_limited_value_is_listed_apart(folder: Path) -> None:
    found = choosing.chosen(folder, {"latency_cpu": 1.0})
    assert [(row["architecture"], row["reasons"]) for row in found["unknown"]] == [
        ("vgg19", {"latency_cpu": "timeout: took longer than 60 s"})
    ]
    assert "vgg19: latency_cpu: timeout: took longer than 60 s" in choosing.in_words(found)
    above = choosing.chosen(folder, {"latency_cpu": 1.0, "parameters": 1e8})
    assert not above["unknown"], "what is above one limit is out, whatever another value would have been"
    assert {row["architecture"]: row["above"] for row in above["out"]}["vgg19"] == ["parameters"]
    everyone = [row["architecture"] for part in ("fits", "unknown", "out") for row in above[part]]
    assert len(everyone) == len(set(everyone)) == 18, "nobody is dropped"


def test_memory_is_that_of_one_inference() -> None:
    (alexnet,) = candidates(compare([samples.record(samples.ROWS[0])]))
    assert alexnet.values["memory"] == 4 * 61100840 + 714188480 // 100


def test_a_time_of_another_machine_does_not_count() -> None:
    old = samples.record(samples.ROWS[0], machine="old").model_copy(update={"started": "2025-01-01T00:00:00+00:00"})
    found = choose(candidates(compare([old, samples.record(samples.ROWS[10])])), {"latency_cpu": 1.0})
    assert [each.record.architecture for each in found.unknown] == ["alexnet"]
    assert found.unknown[0].reasons["latency_cpu"] == "measured on old, not on quiet"


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_a_number_above_zero(folder: Path, limit: float) -> None:
    with pytest.raises(ReporterError, match=r"--max-latency-cpu: .* is no limit"):
        choosing.chosen(folder, {"latency_cpu": limit})


def test_the_command(folder: Path) -> None:
    done = call("choose", folder, "--max-latency-cpu", "0.05", "--max-parameters", "30e6", "--json")
    found = json.loads(done.stdout)
    assert found["limits"] == {"parameters": 30e6, "latency_cpu": 0.05}
    assert [row["architecture"] for row in found["fits"]][:2] == ["se_resnext50_32x4d", "resnext50_32x4d"]
    wrong = call("choose", folder, "--max-macs", "many")
    assert wrong.returncode == 2
    assert "--max-macs" in wrong.stderr


KEY = "latency_cpu"


def timed(folder: Path, **times: tuple[float, ...]) -> Path:
    """A folder of networks of the lecture with these samples of a latency."""
    rows = {row[0]: row for row in samples.ROWS}
    for name, taken in times.items():
        record = samples.record(rows[name])
        readings = {**record.readings, KEY: samples.reading(KEY, *taken)}
        record_files.save(folder, record.model_copy(update={"readings": readings}))
    return folder


def names(found: dict[str, Any], part: str) -> list[str]:
    return [row["architecture"] for row in found[part]]


def test_what_the_interval_includes_is_undecided(tmp_path: Path) -> None:
    wide, narrow = samples.times(0.05, 0.2), samples.times(0.05, 0.002)
    timed(tmp_path, resnet50=wide, resnet18=samples.times(0.03, 0.2), alexnet=samples.times(0.09), vgg16=narrow)
    limit = 0.0503
    found = choosing.chosen(tmp_path, {KEY: limit})
    assert [names(found, part) for part in ("fits", "undecided", "unknown", "out")] == [
        ["vgg16", "resnet18"], ["resnet50"], [], ["alexnet"]]  # fmt: skip
    (row,) = found["undecided"]
    figure = row["figures"][KEY]
    assert figure["low"] < limit < figure["high"]
    assert figure["status"] == "noisy"
    assert row["straddles"] == [KEY]
    assert row["values"][KEY] == figure["value"]
    text = choosing.in_words(found)
    assert text.startswith("2 of 4 architectures fit, 1 undecided")
    assert "undecided, because the 95 % interval" in text
    assert "latency_cpu ≈ 51 ms [" in next(line for line in text.splitlines() if line.startswith("- resnet50"))
    assert "no reliable" not in text


@pytest.mark.parametrize("factor", [1 / 3, 1 / 1.5, 1.5, 3])
def test_a_time_without_interval_is_decided_only_from_afar(tmp_path: Path, factor: float) -> None:
    found = choosing.chosen(timed(tmp_path, resnet50=(1.6481, 1.7, 1.6)), {KEY: 1.6481 * factor})
    part = "out" if factor < 0.5 else "fits" if factor > 2 else "undecided"
    assert names(found, part) == ["resnet50"]
    assert found["unreliable"] == [KEY]
    text = choosing.in_words(found)
    assert f"no reliable {KEY}: all values are noisy or without an interval" in text
    assert "≈ 1.6 s" in text
    assert found[part][0]["figures"][KEY] == {"value": 1.6481, "low": None, "high": None, "status": "noisy"}


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_an_interval_within_one_process_is_named(tmp_path: Path, rounds: int) -> None:
    record = samples.record(samples.ROWS[0])
    reading = samples.reading(KEY, *samples.times(0.05, 0.002, 10) * rounds)
    reading = reading.model_copy(update={"rounds": (10,) * rounds})
    record_files.save(tmp_path, record.model_copy(update={"readings": record.readings | {KEY: reading}}))
    found = choosing.chosen(tmp_path, {KEY: 1.0})
    assert found["within_one_process"] == ([KEY] if rounds < 3 else [])
    line = f"fewer than three rounds: interval within one process only for {KEY}"
    assert (line in choosing.in_words(found)) == (rounds < 3)


def test_the_page_has_the_bounds_that_limits_are_compared_with(tmp_path: Path) -> None:
    """Each stop of a slider leaves the network that it was taken from, and words have no more digits than are known."""
    timed(tmp_path, resnet50=samples.times(0.05, 0.2), resnet18=(0.0165, 0.017, 0.016), alexnet=samples.times(0.09))
    comparison = compare(record_files.load_all(tmp_path)[0])
    made = choice(comparison, language("en"))
    assert made is not None
    (at,) = [rank for rank, column in enumerate(made.table.columns) if column.key == KEY]
    known = {each.record.architecture: each for each in candidates(comparison)}
    for row in made.table.rows:
        assert (row[at].low, row[at].high) == known[row[0].text].figures[KEY].bounds
    assert {row[0].text: row[at].text for row in made.table.rows}["resnet18"] == "17 ≈"
    (slider,) = [slider for slider in made.sliders if slider.key == KEY]
    for name, each in known.items():
        high = each.figures[KEY].bounds[1]
        limit, text = next((limit, text) for limit, text in slider.stops if limit and high <= limit < 1.01 * high)
        assert limit == pytest.approx(float(text.split()[1]) / 1000), "the limit is the one that is printed"
        assert name in [kept.record.architecture for kept in choose(known.values(), {KEY: limit or 0}).fits]


@pytest.mark.parametrize(("code", "text"), [("en", "n/a"), ("ru", "н/д")])
def test_the_page_translates_why_there_are_no_best_weights(code: str, text: str) -> None:
    tongue, key, why = language(code), "imagenet_best_top1", "timm names no tag of weights"
    top1 = samples.reading("imagenet_top1", 0.8, weights="V2")
    best = top1.model_copy(update={"quantity": top1.quantity.model_copy(update={"key": key})})
    without = best.model_copy(update={"samples": (), "status": "unsupported", "reason": why, "detail": {}})
    first, second, third = (samples.record(row) for row in samples.ROWS[9:12])
    first, second = (
        record.model_copy(update={"readings": record.readings | {key: reading}})
        for record, reading in ((first, best), (second, without))
    )
    made = choice(compare([first, second, third]), tongue)
    assert made is not None
    (at,) = [rank for rank, column in enumerate(made.table.columns) if column.key == key]
    cells = {row[0].text: row[at] for row in made.table.rows}
    absent, unmeasured = cells[second.architecture], cells[third.architecture]
    assert (absent.text, absent.status, absent.note) == (text, "unsupported", tongue.translate(why))
    assert (unmeasured.text, unmeasured.note) == ("–", tongue._("not measured"))


def test_it_names_a_best_only_where_all_have_the_accuracy_of_weights(folder: Path, tmp_path: Path) -> None:
    assert "13 of 18 have an accuracy of named weights" in choosing.in_words(choosing.chosen(folder, {}))
    assert "best first" not in choosing.in_words(choosing.chosen(folder, {}))
    timed(tmp_path, resnet50=samples.times(0.05), alexnet=samples.times(0.02))
    assert "best first: " in choosing.in_words(choosing.chosen(tmp_path, {}))


def test_image_sizes_are_listed(folder: Path) -> None:
    found = choosing.chosen(folder, {})
    assert {row["architecture"]: row["input_size"] for row in found["fits"]}["inception_v3"] == 299
    line = next(line for line in choosing.in_words(found).splitlines() if " inception_v3 " in line)
    assert "299 px" in line
