"""The conditions of a significant change: each alone, its limit, and that later ones are not computed before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reporter.stats.significance import Decision, ShiftEvidence, decide

CLEAR = ShiftEvidence(change=0.5, floor=0.3, agree=lambda: True, p_value=lambda: 0.001)


def fails() -> float:
    raise AssertionError("not needed")


def test_a_change_that_meets_all_conditions_is_significant() -> None:
    assert decide(CLEAR, 0.1, 0.01) == Decision("significant", 0.001)
    assert decide(replace(CLEAR, change=-0.5), 0.1, 0.01) == Decision("significant", 0.001)


@pytest.mark.parametrize(
    ("change", "outcome"), [(0.1, "small"), (-0.1, "small"), (0.3, "within noise"), (-0.3, "within noise")]
)
def test_a_change_at_a_limit_does_not_exceed_it(change: float, outcome: str) -> None:
    evidence = ShiftEvidence(change, 0.3, lambda: bool(fails()), fails)
    assert decide(evidence, 0.1, 0.01) == (outcome, None)


def test_without_a_noise_estimate_nothing_is_significant() -> None:
    evidence = ShiftEvidence(9.0, None, lambda: bool(fails()), fails)
    assert decide(evidence, 0.1, 0.01) == ("unknown noise", None)
    assert decide(replace(evidence, change=0.05), 0.1, 0.01) == ("small", None)


def test_rounds_that_disagree_need_no_rank_test() -> None:
    assert decide(replace(CLEAR, agree=lambda: False, p_value=fails), 0.1, 0.01) == ("rounds disagree", None)


@pytest.mark.parametrize(
    ("p", "outcome"), [(0.0099, "significant"), (0.01, "samples overlap"), (0.5, "samples overlap")]
)
def test_a_rank_test_at_alpha_is_not_significant(p: float, outcome: str) -> None:
    assert decide(replace(CLEAR, p_value=lambda: p), 0.1, 0.01) == (outcome, p)
