"""Ratios of paired samples: values by hand, scipy as a second implementation, invariances."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats import paired_ratios

VALUES = st.lists(st.floats(-9, 9), min_size=1, max_size=12)
SEEDS = st.integers(0, 2**32 - 1)


def test_log_ratios_by_hand() -> None:
    found = paired_ratios.log_ratios([[1, 2], [4]], [[2, 2], [1]])
    assert [part.tolist() for part in found] == [pytest.approx([math.log(2), 0]), pytest.approx([-math.log(4)])]


@given(SEEDS, st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_a_factor_on_both_sides_changes_nothing_and_swapping_them_the_sign(seed: int, factor: float) -> None:
    a, b = np.random.default_rng(seed).uniform(0.1, 1, (2, 3, 4))
    plain = np.array(paired_ratios.log_ratios(a, b))
    assert np.array(paired_ratios.log_ratios(factor * a, factor * b)) == pytest.approx(plain)
    assert np.array(paired_ratios.log_ratios(b, a)) == pytest.approx(-plain)


def test_a_fast_ratio_by_hand() -> None:
    """The lower quartiles of 1, 2, 3, 4, 5 and of 4, 4, 9 are 2 and 4."""
    assert paired_ratios.fast_ratio([5, 1, 4, 2, 3], [4, 9, 4]) == 0.5
    assert paired_ratios.fast_ratio([3.0], [2.0]) == 1.5


def test_a_fast_ratio_varies_less_than_that_of_medians_where_calls_are_interrupted() -> None:
    """Four of ten calls are longer by up to a half; it is right for any number of calls of the other side."""
    generator = np.random.default_rng(5)

    def calls(count: int) -> list[float]:
        longer = generator.uniform(0, 0.5, count) * (generator.random(count) < 0.4)
        return list(0.01 * (1 + longer) * np.exp(0.01 * generator.standard_normal(count)))

    pairs = [(calls(12), calls(36)) for _ in range(300)]
    fast = np.log([paired_ratios.fast_ratio(*pair) for pair in pairs])
    medians = np.log([median(base) / median(new) for base, new in pairs])
    assert fast.std() < 0.5 * medians.std()
    assert abs(fast.mean()) < 0.005


def test_the_center_by_hand() -> None:
    """Means of all pairs of 1, 2, 9 with themselves: 1, 1.5, 5, 2, 5.5, 9; their median is 3.5."""
    assert paired_ratios.center(np.array([1.0, 2.0, 9.0])) == 3.5


@given(VALUES)
@settings(max_examples=30, deadline=None)
def test_the_center_is_the_median_of_means_of_pairs(values: list[float]) -> None:
    expected = median((first + second) / 2 for first, second in combinations_with_replacement(values, 2))
    found = paired_ratios.center(np.array(values))
    assert found == pytest.approx(expected)
    assert paired_ratios.center(np.array(values[::-1])) == pytest.approx(found)
    assert paired_ratios.center(-np.array(values)) == pytest.approx(-found)
    assert paired_ratios.center(np.array(values) + 1) == pytest.approx(found + 1)


def test_a_change_is_that_of_the_pairs_of_all_rounds() -> None:
    assert paired_ratios.change([np.array([1.0, 2.0]), np.array([9.0])]) == 3.5


def test_noise_by_hand() -> None:
    """The centers of the rounds are 0 and 2, 0 and 4: variances 2 and 8, of which the mean is 5."""
    rounds = [[np.array([-1.0, 1.0]), np.array([2.0])], [np.array([0.0]), np.array([3.0, 5.0])]]
    found = paired_ratios.noise(rounds)
    assert found.deviation**2 == pytest.approx([5 / 2, (4 * 5 + 8) / 5 / 2])
    assert found.freedom == 2


def test_rounds_have_the_same_direction_if_all_centers_have() -> None:
    up, down = np.array([-1.0, 5.0]), np.array([-5.0, 1.0])
    assert paired_ratios.same_direction([up, up], 2.0)
    assert paired_ratios.same_direction([down, down], -2.0)
    assert not paired_ratios.same_direction([up, down], 2.0)
    assert not paired_ratios.same_direction([up, up], -2.0)
    assert not paired_ratios.same_direction([up, np.array([0.0])], 2.0)


def test_the_signed_rank_test_by_hand() -> None:
    """Five positive values: 2 of the 2^5 equally likely signs are as extreme. All zeros are symmetric."""
    assert paired_ratios.signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(2 / 32)
    assert paired_ratios.signed_rank(np.zeros(8)) == 1.0


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_signed_rank_test_is_scipys(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1, 15)
    expected = float(stats.wilcoxon(values, np.zeros(15)).pvalue)
    assert paired_ratios.signed_rank(values) == pytest.approx(expected)
    assert paired_ratios.signed_rank(-values) == pytest.approx(expected)
