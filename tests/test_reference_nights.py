"""The simulation of runs with --against from real rounds: it finds what is slowed and hardly anything else."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import reference_nights
from repeatability import FILE, SLOWED

from reporter.compare import reference_rule


@cache
def rounds() -> dict[str, Any]:
    """The real rounds, read once."""
    return reference_nights.rounds(FILE)


def test_simulated_runs_from_real_rounds() -> None:
    real = rounds()
    plain = {name: pool for name, pool in real.items() if name not in SLOWED}
    chance = np.random.default_rng(1)
    alarms = sum(bool(reference_nights.slower(reference_nights.night(chance, plain, {}))) for _ in range(30))
    assert alarms <= 2
    found, taken = 0, set()
    for _ in range(20):
        rows = reference_nights.night(chance, plain, {"resnet50": math.log(1.05)})
        found += "resnet50" in reference_nights.slower(rows)
        taken |= {row.rounds for row in rows.values()}
    assert found >= 18
    assert taken <= set(reference_rule.looks(3))
    assert min(taken) == 3, "a row that is clear stops early"
    assert len(taken) > 1, "a row in doubt gets more rounds"


def collected(night: int, changes: dict[str, float]) -> dict[str, Any]:
    """A line of a collected run, with real rounds: as many of each architecture as its looks need."""
    real = rounds()
    pools = {name: pool for name, pool in real.items() if name not in SLOWED}
    pools |= dict.fromkeys(reference_nights.TONIGHT, real["resnet18"])
    chance = np.random.default_rng(night)
    drawn = {name: [pool[place] for place in chance.integers(0, len(pool), 8)] for name, pool in pools.items()}
    pairs = {
        name: [
            [before.tolist() for before, _ in taken],
            [(after * math.exp(changes.get(name, 0.0))).tolist() for _, after in taken],
        ]
        for name, taken in drawn.items()
    }
    rows = reference_nights.replayed(pairs)
    for row in rows.values():
        pairs[row.architecture] = [side[: row.rounds] for side in pairs[row.architecture]]
    return {"pairs": pairs, "seconds": 300.0 + night, "machine_kind": "a processor"}


def test_collected_runs_are_tested_from_their_samples() -> None:
    slow, slower = reference_nights.TONIGHT
    runs = [collected(night, {slow: math.log(1.03), slower: math.log(1.05)}) for night in range(5)]
    lines = list(reference_nights.rates(runs))
    assert lines[0] == "5 of 20 runs, of 18 architectures on a processor"
    rate = "0 of 5 (95 % interval 0% to 43%); goal: at most 1 of 100: 5 runs cannot show it, see simulate"
    assert f"| {rate} |" in lines[1]
    assert lines[3].endswith("5 of 5 (95 % interval 57% to 100%); goal 19 of 20: open, 15 runs are missing |")
    assert "median 5.0, longest 5.1; bound 12 for the median: holds |" in lines[-1]
    wrong = list(reference_nights.rates([collected(9, {"resnet50": math.log(1.2)})]))
    assert "| 1 of 1 (95 % interval 21% to 100%)" in wrong[1]
    assert wrong[2] == "| false positives | resnet50: 1 |"
    rows = reference_nights.replayed(runs[0]["pairs"])
    assert {row.rounds for row in rows.values()} <= set(reference_rule.looks(3)), "stopped rows have no more rounds"
    assert list(reference_nights.rates([])) == ["no runs are collected yet"]


def test_the_rate_of_false_positives_is_shown_by_many_runs_only() -> None:
    found = {at: reference_nights.against_rate(*at) for at in ((0, 20), (0, 1000), (30, 1000))}
    expected = ["20 runs cannot show it, see simulate", "met", "missed"]
    assert [text.rpartition(": ")[2] for text in found.values()] == expected


def test_runs_are_simulated_from_collected_ones() -> None:
    """First the rates of the copies that were really slowed, in the runs as they were measured and drawn again."""
    changes = dict(zip(reference_nights.TONIGHT, (math.log(1.03), math.log(1.05)), strict=True))
    runs = [collected(night, changes) for night in range(4)]
    pools = reference_nights.of_runs(runs)
    assert {name: len(pool) for name, pool in pools.items()} == {
        name: sum(len(run["pairs"][name][0]) for run in runs) for name in runs[0]["pairs"]
    }
    lines = list(reference_nights.simulate(10, 1, runs))
    assert lines[0] == "10 simulated runs of 18 architectures from the rounds of 4 collected runs, seed 1"
    assert [line.split("|")[1].strip() for line in lines[1:5]] == [
        f"{name}: found in {title} runs" for name in changes for title in ("measured", "simulated")
    ]
    assert "| 4 of 4 (" in lines[3]


def test_a_goal_is_met_missed_or_open() -> None:
    found = {hits: reference_nights.against_goal(hits, count, 19) for hits, count in ((19, 19), (8, 9), (7, 9))}
    assert found == {
        19: "goal 19 of 20: met",
        8: "goal 19 of 20: open, 11 runs are missing",
        7: "goal 19 of 20: missed",
    }
    assert reference_nights.against_goal(37, 40, 19) == "goal 19 of 20: missed"
    assert reference_nights.against_goal(38, 40, 19) == "goal 19 of 20: met"


def test_an_interrupted_run_is_completed_by_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurements of both sides are kept, in an environment at the same place."""
    journals, folder = [], tmp_path / "folder"

    def run(work: Any, _: object) -> None:
        journals.append((work.journal, work.environments))
        raise KeyboardInterrupt

    sides = [SimpleNamespace(about=None)] * 2
    monkeypatch.setattr(reference_nights.reference_run, "run", run)
    monkeypatch.setattr(reference_nights.paired_run, "sides", lambda *_, **__: nullcontext(sides))
    monkeypatch.setattr(reference_nights, "prepare_ab", lambda *_: SimpleNamespace(metrics={}))
    monkeypatch.setenv(reference_nights.REFERENCE, "")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            reference_nights.collect(1, tmp_path / "runs.jsonl", "lecture", math.inf, folder)
    assert journals[0] == journals[1]
    assert journals[0][0].is_relative_to(folder)
    assert list((folder / "reference").glob("lib/python*/site-packages/shared.pth"))


def test_collecting_resumes_with_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.jsonl"
    monkeypatch.setattr(reference_nights, "measured", lambda *_: {"seconds": 60.0})
    reference_nights.collect(2, file, "lecture", math.inf, tmp_path)
    file.write_text(file.read_text() + '{"run": 2, "sec')  # cut off
    assert [run["run"] for run in reference_nights.collected(file)] == [0, 1]
    reference_nights.collect(4, file, "lecture", math.inf, tmp_path)
    assert [run["run"] for run in reference_nights.collected(file)] == [0, 1, 2, 3]
    reference_nights.collect(9, file, "lecture", 0.9, tmp_path)
    assert len(reference_nights.collected(file)) == 4, "no run is begun that would not end in time"
    assert "4 of 9; the next run takes up to 1 min; repeat the command" in capsys.readouterr().out


def test_what_is_printed_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    reference_nights.show(iter(["5 runs", "| a | 1 |", "| b | 2 |"]))
    assert capsys.readouterr().out == "5 runs\n\n| | |\n| --- | --- |\n| a | 1 |\n| b | 2 |\n"
