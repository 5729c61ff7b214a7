"""The rounds of a run with --against: which are planned, and which are not needed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reporter.run.paired import reference_run


def test_as_many_rounds_are_planned_as_there_is_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_run, "monotonic", lambda: 100.0)
    looks = (3, 5, 8)
    for seconds, last in ((60.0, 8), (100.0, 5), (200.0, 3), (300.0, None)):
        assert reference_run._affordable(looks, lambda look, each=seconds: each * look, 0.0) == last


def test_a_row_with_enough_rounds_is_closed() -> None:
    work = SimpleNamespace(
        enough=lambda row: row.rounds >= 3, times={"m": SimpleNamespace(quantities=[SimpleNamespace(key="m")])}
    )
    job = SimpleNamespace(metrics=("m",), modes=(), architecture="net")
    for rounds, is_open in ((1, True), (3, False)):
        found = SimpleNamespace(rows={("m", "eager", "net"): SimpleNamespace(rounds=rounds)})
        assert reference_run._is_open(job, work, found) is is_open
