"""The committed experiments: the rates in use are those of the range test, and the runs agree on the ranking."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pretrained
import pytest
import training
import training_rates

from reporter import facts
from reporter.registry.selection import sets
from reporter.stats.shares import SeedShares, Shares

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "benchmarks" / "training.md").read_text(encoding="utf-8")


def test_the_rates_in_use_are_those_of_the_range_test() -> None:
    assert facts.training_rates() == training_rates.chosen(training_rates.rows())
    assert set(facts.training_rates()) == set(sets()["lecture"]) == set(training.LECTURE)


def test_the_runs_agree_on_the_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    """Two disjoint pairs of seeds, each with two versions of torch."""
    runs = {(row["torch"].partition("+")[0], row["first_seed"]) for row in training.rows()}
    assert {seed for _, seed in runs} == {0, 2}
    assert len(runs) == 4
    assert training.judge() == 0
    assert "significant in opposite orders: 0" in capsys.readouterr().out


def test_runs_that_disagree_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the accuracies of two architectures exchanged in one run."""
    changed = []
    for row in training.rows():
        name = {"resnet18": "vgg16", "vgg16": "resnet18"}.get(row["architecture"], row["architecture"])
        changed.append({**row, "architecture": name} if row["run"] == "torch-2.15.0-seeds-2" else row)
    monkeypatch.setattr(training, "rows", lambda: changed)
    assert training.judge() == 1


def test_the_page_has_the_table_and_the_counts_of_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    training.judge()
    printed = capsys.readouterr().out
    table, verdict = printed.split("\n\n")
    assert table.strip() in PAGE
    counts = [found[1] for found in re.finditer(r"^separated in .*: (\d+)$", verdict, re.MULTILINE)]
    assert f"| pairs separated in each run, of 153 | {', '.join(counts)} | |" in PAGE
    same = re.search(r"same sign in all runs: (\d+)", verdict)
    assert same
    assert f"| pairs separated with the same sign in all four runs | {same[1]} | at least 80 |" in PAGE


def test_the_page_has_the_deviations_and_the_costs_of_the_runs() -> None:
    text = " ".join(PAGE.split())
    deviations = [f"{run.pooled_deviation:.3f}" for run in _committed().values()]
    assert f"pooled over the architectures of a run, is {', '.join(deviations)} on the arcsine scale" in text
    seconds: dict[str, float] = {}
    for row in training.rows():
        seconds[row["run"]] = seconds.get(row["run"], 0.0) + row["processor_seconds"]
    assert f"The four runs took {', '.join(f'{each:.0f}' for each in seconds.values())} processor seconds" in text


def test_the_page_has_the_accuracies_of_the_range_test() -> None:
    rates: dict[str, dict[float, str]] = {}
    for row in training_rates.rows():
        rates.setdefault(row["architecture"], {})[row["learning_rate"]] = f"{100 * row['top1']:.1f}"
    chosen = facts.training_rates()
    for name, found in rates.items():
        cells = [f"**{found[rate]}**" if rate == chosen[name] else found.get(rate, "")
                 for rate in (0.0003, 0.001, 0.003, 0.01)]  # fmt: skip
        assert f"| {name} | {' | '.join(cells)} |" in PAGE, name


def test_the_reference_run_agrees_with_the_committed_runs() -> None:
    """The table in the docs is that of the reference run: no pair in opposite orders, at least 80 separated in all."""
    records = json.loads((ROOT / "results" / "reference" / "summary.json").read_text(encoding="utf-8"))["records"]
    reference = {each["architecture"]: each["readings"]["finetune_top1"]["samples"] for each in records}
    assert set(reference) == set(training.LECTURE)
    images = {row["test_images"] for row in training.rows()}.pop()
    runs = [
        *_committed().values(),
        Shares({name: SeedShares(tuple(seeds), images) for name, seeds in reference.items()}),
    ]
    signs = [{training._sign(run, *pair) for run in runs} for pair in combinations(training.LECTURE, 2)]
    assert not [found for found in signs if {1, -1} <= found]
    assert sum(found in ({1}, {-1}) for found in signs) >= training.FEWEST_SEPARATED


def _committed() -> dict[str, Shares]:
    runs: dict[str, dict[str, Any]] = {}
    for row in training.rows():
        runs.setdefault(row["run"], {})[row["architecture"]] = row
    return {label: training._shares(run) for label, run in runs.items()}


def test_the_readme_of_the_run_from_pretrained_weights_is_made_of_its_record(tmp_path: Path) -> None:
    readings = {
        key: {"value": value, "low": value - 0.1, "high": value + 0.1, "samples": [value - 0.02, value, value + 0.02]}
        for key, value in {"finetune_top1": 0.56, "probe_top1": 0.5, "scratch_top1": 0.15}.items()
    }
    recipe = {"steps": 10, "batch_size": 16, "image_size": 80, "seeds": 3}
    checkpoint = {"source": "From a package.\n", "sha256": "0" * 64}
    detail = {"train_images": 2000, "test_images": 240, "recipe": recipe, "checkpoint": checkpoint}
    place = tmp_path / "records" / "machine"
    place.mkdir(parents=True)
    (place / "mobilenet_v2.json").write_text(json.dumps({"readings": {"finetune_top1": {"detail": detail}}}))
    (tmp_path / "summary.json").write_text(json.dumps({"records": [{"readings": readings}]}))
    text = pretrained.readme(tmp_path)
    assert "| full fine-tuning | 56.0 | 46 to 66 | 54.0, 56.0, 58.0 |" in text
    assert "10 steps of 16 images of\n80 px, 2,000 of" in text
    held_out = "and for each seed 240 of a fixed\nsample of 2,000 of its 10,000 test images ("
    assert held_out in text
    assert held_out in (pretrained.FOLDER / "README.md").read_text(encoding="utf-8")
    assert "0" * 64 in text
