"""The simulation of runs with --against from real rounds: it finds what is slowed and hardly anything else."""

from __future__ import annotations

import json
import math
import os
import re
import sys
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
    assert lines[4].endswith("5 of 5 (95 % interval 57% to 100%); goal 19 of 20: open, 15 runs are missing |")
    for line, name, expected in ((lines[3], slow, 3), (lines[5], slower, 5)):
        shown = rf"\| {name}, slowed by convolutions: how much slower it is \| ([\d.]+)%, {expected}% expected; "
        found = re.fullmatch(shown + r"the 95 % interval ([\d.]+)% to ([\d.]+)% contains it \|", line)
        assert found, line
        assert float(found[2]) < float(found[1]) < float(found[3])
        assert float(found[1]) == pytest.approx(expected, abs=0.5)
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


def test_the_size_of_a_slowdown_has_its_interval() -> None:
    assert reference_nights.size([1.061], 0.05) == "6.1%, 5% expected; too few runs for an interval"
    assert reference_nights.size([1.06, 1.061, 1.062], 0.05).endswith("interval 5.9% to 6.3% excludes it")


def test_runs_with_other_copies_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The committed runs and new ones are numbered and tested apart."""
    file = tmp_path / "runs.jsonl"
    committed = reference_nights.collected(reference_nights.RUNS)
    file.write_text("".join(f"{json.dumps(run)}\n" for run in committed if "copies" not in run))
    former = len(file.read_text().splitlines())
    assert len(reference_nights.chosen(file, None)) == former == 4
    monkeypatch.setattr(reference_nights, "measured", lambda *_: {"seconds": 60.0})
    reference_nights.collect(2, file, "lecture", math.inf, tmp_path)
    capsys.readouterr()
    for copies, numbers, left_out in (
        (None, [0, 1], former),
        ("own work", [0, 1], former),
        ("convolutions", range(4), 2),
    ):
        assert [run["run"] for run in reference_nights.chosen(file, copies)] == [*numbers]
        printed = f"left out, as other copies were measured: {left_out} of {former + 2} runs; see --copies\n"
        assert capsys.readouterr().out == printed
    with pytest.raises(ValueError, match="too many values"):
        list(reference_nights.rates([committed[0], committed[0] | {"copies": "own work"}]))


def test_a_copy_repeats_a_share_of_its_own_work_unless_it_is_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    import slowed
    import torch

    shares = []

    def slower(network: Any, pieces: list[str], share: float) -> Any:
        shares.append((pieces, share))
        return lambda images: network(images) + share

    monkeypatch.setattr(slowed.lookup, "find", lambda _: SimpleNamespace(build=lambda _: torch.nn.Linear(4, 2)))
    monkeypatch.setattr(slowed, "slower", slower)
    monkeypatch.setattr(slowed, "pieces_of", lambda network, images, share: ["a piece"])
    monkeypatch.setenv(slowed.REFERENCE, os.path.realpath(sys.prefix))
    for entry in (slowed.resnet18_3_tonight, slowed.resnet18_5_tonight):
        assert isinstance(entry.build(1000), torch.nn.Linear)
    monkeypatch.setenv(slowed.REFERENCE, "/another/environment")
    images = torch.ones(1, 4)
    for entry, share in ((slowed.resnet18_3_tonight, 0.03), (slowed.resnet18_5_tonight, 0.05)):
        assert share == reference_nights.EXPECTED[entry.name]
        made, shares[:] = entry.build(1000), []
        for _ in range(2):
            torch.testing.assert_close(made(images), made.network(images) + share)
        made(torch.ones(2, 4))
        assert made.to("meta")(images.to("meta")).is_meta
        assert shares == [(["a piece"], share)] * 2, "prepared once for each shape"


def test_what_is_printed_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    reference_nights.show(iter(["5 runs", "| a | 1 |", "| b | 2 |"]))
    assert capsys.readouterr().out == "5 runs\n\n| | |\n| --- | --- |\n| a | 1 |\n| b | 2 |\n"


@pytest.mark.slow
def test_the_committed_runs_meet_their_goals() -> None:
    """By the present rule, from their samples: both copies are found often enough, nothing else is slower."""
    runs = reference_nights.chosen(reference_nights.RUNS, None)
    lines = list(reference_nights.rates(runs))
    assert lines[0].startswith("20 of 20 runs, of 18 architectures")
    assert sum("is found" in line and line.endswith(": met |") for line in lines) == 2
    assert any("any architecture | 0 of 20" in line for line in lines)
    assert any("bound 12 for the median: holds" in line for line in lines)
