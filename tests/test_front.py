"""benchmarks/front.py: the most accurate architectures for each latency budget, and the section in docs/choosing.md."""

from __future__ import annotations

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import front
import pytest
import samples
from commands import ROOT, call

from reporter import facts
from reporter.model import Reading, Record
from reporter.model.modes import OUTPUT_ERROR
from reporter.model.settings import Settings, read_config
from reporter.report.comparison import compare
from reporter.store import record_files

FOLDER, WITH_BF16 = Path("results/reference-backbones"), Path("results/reference-backbones-bf16")
KEY = front.KEY


def network(name: str, top1: float | None, *latency: float) -> Record:
    """A network with this published accuracy and these times."""
    made = samples.record(samples.ROWS[10])
    readings: dict[str, Reading] = {**made.readings, KEY: samples.reading(KEY, *latency)}
    readings.pop("imagenet_top1")
    if top1 is not None:
        readings["imagenet_top1"] = samples.reading("imagenet_top1", top1)
    return made.model_copy(update={"architecture": name, "readings": readings, "published": {}})


def names(found: list[front.Candidate]) -> list[str]:
    return [each.record.architecture for each in found]


def rated(*networks: Record) -> list[front.Candidate]:
    return front.rated(compare(networks), eager_only=True)


def test_a_network_whose_interval_includes_the_budget_is_not_inside() -> None:
    pairs = rated(
        network("sure", 0.70, *samples.times(0.02)),
        network("wide", 0.80, *samples.times(0.024, 0.2)),
        network("slow", 0.90, *samples.times(0.04)),
        network("few", 0.85, 0.0249, 0.0249),
    )
    low, high = next(each for each in pairs if each.record.architecture == "wide").figures[KEY].bounds
    assert low < 0.025 < high
    assert names(front.inside(pairs, 0.025)) == ["sure"]
    assert names(front.undecided(pairs, 0.025)) == ["few", "wide"]
    assert names(front.inside(pairs, 0.05)) == ["sure", "wide", "slow"]
    assert not front.undecided(pairs, 0.05), "all that is undecided is less accurate than what fits"


def test_eager_above_the_limit_of_its_output_error_stays(tmp_path: Path) -> None:
    good, bad = network("good", 0.70, *samples.times(0.02)), network("bad", 0.80, *samples.times(0.02))
    error = Reading(quantity=OUTPUT_ERROR, samples=(0.3,), detail={"limit": 0.1})
    made = bad.model_copy(update={"readings": {**bad.readings, OUTPUT_ERROR.key: error}})
    for each in (good, made):
        record_files.save(tmp_path, each)
    text = " ".join(front.section(tmp_path).split())
    assert "2 of 2 architectures are compared." in text


@pytest.mark.parametrize("rounds", [2, 3])
def test_intervals_within_one_process_are_named(tmp_path: Path, rounds: int) -> None:
    for name, latency in (("small", 0.006), ("large", 0.04)):
        record = network(name, 0.7, *samples.times(latency, 0.002, 10) * rounds)
        reading = record.readings[KEY].model_copy(update={"rounds": (10,) * rounds})
        record_files.save(tmp_path, record.model_copy(update={"readings": {**record.readings, KEY: reading}}))
    text = front.section(tmp_path)
    assert "≈" not in text
    assert (front.FEW_ROUNDS in text) == (rounds < 3)


def test_networks_of_equal_accuracy_are_listed_together_only_where_their_intervals_overlap() -> None:
    pairs = rated(
        network("quick", 0.80, *samples.times(0.010)),
        network("alike", 0.80, *samples.times(0.0101, 0.05)),
        network("slower", 0.80, *samples.times(0.020)),
        network("worse", 0.79, *samples.times(0.015)),
        network("cheap", 0.60, *samples.times(0.005)),
    )
    assert names(front.inside(pairs, 0.05)) == ["cheap", "quick", "alike"]


def test_a_network_without_a_published_accuracy_of_weights_is_counted_only() -> None:
    paper = network("of_a_paper", None, *samples.times(0.01))
    paper = paper.model_copy(update={"published": {"paper_1crop_top1_err": "10.0"}})
    networks = [network("rated", 0.7, *samples.times(0.02)), network("unrated", None, *samples.times(0.01)), paper]
    assert names(rated(*networks)) == ["rated"]
    assert names(front.inside(rated(*networks), 0.1)) == ["rated"]


def test_the_section_names_each_network_at_its_first_budget(tmp_path: Path) -> None:
    made = [network("small", 0.6, *samples.times(0.006)), network("large", 0.8, *samples.times(0.04))]
    edge = network("edge", 0.9, *samples.times(0.1, 0.2))
    for record in (*made, edge, network("unrated", None, *samples.times(0.01))):
        record_files.save(tmp_path, record)
    text = front.section(tmp_path)
    rows = [line.split(" | ")[:2] for line in text.splitlines() if line.startswith("| ") and " ms |" in line]
    assert rows == [
        ["| 10 ms", "small"],
        ["| 25 ms", "no more accurate one"],
        ["| 50 ms", "large"],
        ["| 100 ms", "no more accurate one"],
    ]
    assert "3 of 4 architectures are compared" in " ".join(text.split())
    assert "- 100 ms: edge (90.0 %, ≈ " in text
    assert "2026-01-02" in text
    assert "`quiet`" in text
    page = f"before\n{front.START.format(folder=tmp_path.as_posix())}old\n{front.END}after\n"
    assert front.written(page, tmp_path) == page.replace("old\n", text)


@pytest.mark.parametrize("folder", [FOLDER, WITH_BF16])
def test_the_section_in_the_docs_is_that_of_the_committed_records(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    assert page == front.written(page, folder), f"run python benchmarks/front.py {folder} --write docs/choosing.md"


def rounds_of(folder: Path, mode: str = "") -> Counter[int]:
    """How many networks have so many rounds of both latencies."""
    records = [json.loads(path.read_bytes()) for path in (ROOT / folder / "records").glob("*/*.json")]
    readings = [(record["modes"][mode] if mode else record)["readings"] for record in records]
    return Counter(min(len(each[key]["rounds"]) for key in (KEY, f"{KEY}_1thread")) for each in readings)


def test_the_docs_state_the_rounds_of_the_committed_records() -> None:
    text = " ".join((ROOT / "docs" / "choosing.md").read_text(encoding="utf-8").split())
    eager, other = rounds_of(FOLDER), rounds_of(FOLDER, "channels_last")
    assert set(eager) == {4}
    assert set(other) == {3, 4}
    stated = f"in four for {other[4]} of the {eager[4]} architectures and in three for {other[3]}"
    assert f"eager in four rounds, `channels_last` {stated}" in text
    before = rounds_of(WITH_BF16)
    assert set(before) == {2, 3}
    assert f"two rounds for {before[2]} of the {before.total()} architectures and in three for {before[3]}" in text
    whole = read_config(ROOT / "benchmarks" / "backbones.toml")["budget"]
    assert f"a budget of {whole.removesuffix('m')} minutes" in text


def test_the_config_of_the_run_names_backbones_with_a_published_accuracy() -> None:
    given = read_config(ROOT / "benchmarks" / "backbones.toml")
    settings = Settings(**given)
    names = [name.removeprefix("timm:") for name in settings.architectures]
    assert len(names) == len(set(names)) >= 100
    assert set(names) <= {weights.partition(".")[0] for weights in facts.timm_accuracies()}
    assert settings.metrics == ("size", "macs", "memory", "latency_cpu", "latency_cpu_1thread")
    assert settings.modes == ("default",)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
def test_the_config_has_every_family_of_timm_that_can_be_compared() -> None:
    """All but VGG, which has more than 100 M parameters."""
    listed = {entry["name"]: entry for entry in json.loads(call("list", "--all", "--json").stdout)["architectures"]}
    every = {each["family"] for name, each in listed.items() if name.startswith("timm:") and each["imagenet_top1"]}
    named = read_config(ROOT / "benchmarks" / "backbones.toml")["architectures"]
    assert every - {listed[name]["family"] for name in named} == {"VGG"}
