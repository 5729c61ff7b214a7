"""The committed experiments: the rates in use are those of the range test, and the runs agree on the ranking."""

from __future__ import annotations

import pytest
import training
import training_rates

from reporter import facts
from reporter.registry.selection import sets


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
