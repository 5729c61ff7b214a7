"""Benjamini and Hochberg's procedure: values by hand, scipy as a second implementation, false rejections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.false_discovery import cutoff
from reporter.stats.noise import student, student_tail


def test_the_cutoff_by_hand() -> None:
    """Of four tests, the third of the sorted p-values is below 3/4 of 0.05, although the second is above 2/4 of it."""
    assert cutoff([0.9, 0.037, 0.03, 0.01], 0.05) == pytest.approx(0.05 * 3 / 4)
    assert cutoff([0.9, 0.04, 0.03, 0.013], 0.05) == pytest.approx(0.05 / 4), "none rejects: that of Bonferroni"
    assert cutoff([0.05], 0.05) == 0.05


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.5))
@settings(max_examples=50, deadline=None)
def test_the_tests_that_reject_are_scipys(p_values: list[float], level: float) -> None:
    adjusted = stats.false_discovery_control(p_values)
    clear = abs(adjusted - level) > 1e-9
    found = np.asarray(p_values) <= cutoff(p_values, level)
    assert found[clear].tolist() == (adjusted <= level)[clear].tolist()


def test_the_share_of_false_rejections_is_limited() -> None:
    """Of 100 tests 60 are of something: at most 5 % of those that reject are not; if none is, few runs reject."""
    generator = np.random.default_rng(1)
    shares, runs = [], 0
    for _ in range(200):
        values = generator.standard_normal(100)
        p_values = stats.norm.sf(np.abs(values)) * 2
        runs += bool(np.any(p_values <= cutoff(p_values.tolist(), 0.05)))
        values[:60] += 4
        p_values = stats.norm.sf(np.abs(values)) * 2
        rejects = p_values <= cutoff(p_values.tolist(), 0.05)
        shares.append(rejects[60:].sum() / max(1, rejects.sum()))
    assert 0.01 < np.mean(shares) < 0.05
    assert 0.01 < runs / 200 < 0.09


def test_the_tail_of_student_is_the_inverse_of_its_quantile() -> None:
    for freedom in (2.0, 7.5, 40.0):
        assert student_tail(freedom, student(freedom, 0.013)) == pytest.approx(0.013)
    assert student_tail(3.0, 0.0) == 1.0
    assert student_tail(3.0, float("inf")) == 0.0
