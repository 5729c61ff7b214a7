"""benchmarks/mode_controls.py: it resumes from its file, ends in time and evaluates the samples as a report does."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT

from reporter.compare.mode_gains import MIN_GAIN
from reporter.model.modes import AGREEMENT
from reporter.model.settings import PRESETS, Conditions

NAMES = runpy.run_path(str(ROOT / "benchmarks" / "mode_controls.py"), run_name="mode_controls")
Sampled, Samples, Unit = NAMES["Sampled"], NAMES["Samples"], NAMES["Unit"]
NETWORKS = ("resnet18", "alexnet", "googlenet", "vgg16")
CONDITIONS = Conditions(**PRESETS["standard"])


def rounds(unit: Any, mode: str, factor: float, alone: float = 1.0) -> list[Any]:
    """Three rounds in which a mode takes `factor` of eager's 10 ms in turns."""
    wobble = (0.999, 1.0, 1.001)
    return [
        Sampled(unit, mode, key, number, [0.01] * 3, [0.01 * factor * each] * 3, [0.01 * factor / alone * each] * 3)
        for key in NAMES["KEYS"]
        for number, each in enumerate(wobble)
    ]


def filled(path: Path) -> Any:
    samples = Samples(path)
    for name in NETWORKS:
        unit = Unit(name, ("again", "slowed"))
        samples.add([*rounds(unit, "again", 1.0), *rounds(unit, "slowed", 1.05)])
    samples.add(rounds(Unit("resnet18", ("openvino",), alone=True), "openvino", 0.5, alone=1.2))
    return samples


def test_samples_are_read_again(tmp_path: Path) -> None:
    written = filled(tmp_path / "raw.jsonl")
    read = Samples(tmp_path / "raw.jsonl")
    assert read.all == written.all
    assert not any(read.lacks(Unit("alexnet", ("again", "slowed")), number) for number in range(3))
    assert read.lacks(Unit("alexnet", ("again", "slowed"), 1), 0)
    with (tmp_path / "raw.jsonl").open("a") as file:
        file.write('{"mode": "again", "ke')
    assert Samples(tmp_path / "raw.jsonl").all == written.all, "a line that was cut off is left out"


def test_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    NAMES["tables"](filled(tmp_path / "raw.jsonl"), 3)
    printed = capsys.readouterr().out
    assert "| again | 8 | 0 | 0 | 1.000 |" in printed
    assert "| slowed | 8 | 8 | 8 | 0.952 |" in printed
    assert "| resnet18 | openvino | latency_cpu | 5.00 ms | 4.17 ms | +20.0% |" in printed
    assert "0 of 2 times of engines in turns and alone agree within 5%." in printed


def test_the_committed_samples() -> None:
    """Real calls: eager against itself is never stated; a slowdown of 5 % is in all networks but alexnet."""
    samples = Samples(ROOT / "benchmarks" / "mode_controls.jsonl")
    found = {
        mode: NAMES["stated_gains"]([pair for pair in samples.by_pair(3) if pair[0].mode == mode])
        for mode in ("again", "slowed")
    }
    assert [len(gains) for gains in found.values()] == [40, 40]
    assert not any(gain.stated for gain in found["again"])
    assert sum(not gain.low <= 1 <= gain.high for gain in found["again"]) <= 5
    stated = [gain for gain in found["slowed"] if gain.stated]
    assert len(stated) >= 36
    assert all(gain.ratio < 1 for gain in stated)
    others = [gain.ratio for gain in found["slowed"] if not gain.stated]
    assert all(1 / (1 + MIN_GAIN) < ratio < 1 + MIN_GAIN for ratio in others), "all that lost 2 % are stated"
    engines = [pair for pair in samples.by_pair(3) if pair[0].unit.alone]
    assert len(engines) == 16
    assert all(abs(NAMES["difference"](pair)) <= AGREEMENT for pair in engines)


def test_nothing_is_started_when_the_time_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = Samples(tmp_path / "raw.jsonl")
    wanted = NAMES["units"](["resnet18", "alexnet"], 2, ["resnet18"], ["openvino"])
    assert [unit.alone for unit in wanted] == [False, False, True, False, False]
    NAMES["run"](wanted, samples, CONDITIONS, end=0.0)
    assert not samples.all
    assert "run the same command again to resume" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timing
def test_a_small_network_in_turns_and_alone(tmp_path: Path) -> None:
    """One round in this process: real calls of the controls, with the samples of eager, of turns and alone."""
    conditions = CONDITIONS.model_copy(update={"seconds": 0.1, "weights": "random"}).model_dump_json()
    unit = Unit("shufflenet_v2_x0_5", ("again", "slowed"), alone=True)
    found = NAMES["measure"](unit, 0, conditions, str(tmp_path / "made" / "here"))
    assert [(each.mode, each.key) for each in found] == [(m, k) for m in unit.modes for k in NAMES["KEYS"]]
    for each in found:
        assert not each.reason
        assert min(len(side) for side in (each.eager, each.turns, each.alone)) >= 3
    assert "in turns over alone" in NAMES["described"](found[:1])
