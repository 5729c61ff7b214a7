"""The shift between two sets of rounds: values by hand, scipy as a second implementation, invariances."""

from __future__ import annotations

from itertools import product
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.shifts import agreement, beyond, rank_test, shift

SEEDS = st.integers(0, 2**32 - 1)


def test_a_shift_by_hand() -> None:
    """Differences 5 - 0, 5 - 1, 5 - 9, 7 - 0, 7 - 1, 7 - 9: their median is 4.5."""
    assert shift(np.array([0.0, 1.0, 9.0]), np.array([5.0, 7.0])) == 4.5


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_shift_of_each_series_is_the_median_of_its_differences(seed: int) -> None:
    chance = np.random.default_rng(seed)
    base, new = chance.normal(0, 1, (3, 4)), chance.normal(0, 1, (3, 5))
    expected = [median(b - a for a, b in product(*rows)) for rows in zip(base, new, strict=True)]
    assert shift(base, new) == pytest.approx(expected)
    assert shift(new, base) == pytest.approx([-value for value in expected])
    assert shift(base, new + 2) == pytest.approx([value + 2 for value in expected])


def test_what_is_beyond_a_change_by_hand() -> None:
    assert beyond(np.array([0.0, 1.0, 9.0]), np.array([5.0, 7.0]), 4.0) == 0.5


def test_agreement_by_hand() -> None:
    """The shift is 2; of the pairs of {0, 1, 5} and {2, 3, 7} minus 0, 7 of 9 differ upward, 2 of 9 downward."""
    base, new = np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 7.0])
    assert agreement(base, new, 2.0) == pytest.approx(7 / 9)
    assert agreement(base, new - 9, 2.0) == pytest.approx(7 / 9), "what all share is taken off"
    assert agreement(base, new, -2.0) == pytest.approx(7 / 9), "less 4, the other side is lower as often"


def test_agreement_is_complete_without_overlap() -> None:
    assert agreement(np.array([0.0, 0.1]), np.array([1.0, 1.1]), 1.0) == 1.0
    assert agreement(np.array([0.0, 0.1]), np.array([-1.0, -1.1]), -1.05) == 1.0


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_swapping_the_sides_changes_neither_agreement_nor_ranks(seed: int) -> None:
    base, new = np.random.default_rng(seed).normal(0, 1, (2, 6))
    change = float(shift(base, new))
    assert agreement(new, base, -change) == pytest.approx(agreement(base, new, change))
    assert rank_test(new, base) == pytest.approx(rank_test(base, new))


def test_the_rank_test_by_hand() -> None:
    """Of the 20 ways to draw 3 of 6 ranks, 2 separate the sides completely."""
    assert rank_test(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])) == pytest.approx(2 / 20)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_rank_test_is_the_rank_sum_test(seed: int) -> None:
    """Wilcoxon's rank sum has the same normal approximation, without a correction for continuity."""
    chance = np.random.default_rng(seed)
    base, new = chance.normal(0, 1, 60), chance.normal(0.2, 1, 50)
    assert rank_test(base, new) == pytest.approx(float(stats.ranksums(base, new).pvalue), rel=0.02)
