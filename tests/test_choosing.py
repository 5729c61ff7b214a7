"""Choosing by limits: the rule, what is listed apart, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import samples
from commands import run

from reporter import choosing, store
from reporter.telling.comparison import compare
from reporter.telling.limits import candidates, choose
from reporter.types import Record, ReporterError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("choose")
    for record in samples.lecture():
        store.save(folder, late(record) if record.architecture == "vgg19" else record)
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
    done = run("choose", folder, "--max-latency-cpu", "0.05", "--max-parameters", "30e6", "--json")
    found = json.loads(done.stdout)
    assert found["limits"] == {"parameters": 30e6, "latency_cpu": 0.05}
    assert [row["architecture"] for row in found["fits"]][:2] == ["se_resnext50_32x4d", "resnext50_32x4d"]
    wrong = run("choose", folder, "--max-macs", "many")
    assert wrong.returncode == 2
    assert "--max-macs" in wrong.stderr
