"""Spearman's rank correlation: scipy as a second implementation, its interval by hand and by simulation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.correlation import spearman

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=30)


def columns(pairs: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    return [float(first) for first, _ in pairs], [float(second) for _, second in pairs]


@given(PAIRS)
@settings(max_examples=40, deadline=None)
def test_the_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    found = spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
        return
    assert found is not None
    assert found.rho == pytest.approx(float(stats.spearmanr(first, second).statistic), abs=1e-9)
    assert -1 <= found.low <= found.rho <= found.high <= 1


def test_the_interval_by_hand() -> None:
    """Ranks 1 2 3 4 5 and 2 1 4 3 5: rho = 1 - 6 * 4 / (5 * 24) = 0.8; the variance of z is (1 + 0.32) / 2."""
    found = spearman((1, 2, 3, 4, 5), (2, 1, 4, 3, 5)) or pytest.fail("five pairs have a correlation")
    half = 1.959964 * math.sqrt(0.66)
    assert found.rho == pytest.approx(0.8)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.8) - half), abs=1e-6)
    assert found.high == pytest.approx(math.tanh(math.atanh(0.8) + half), abs=1e-6)


def test_fewer_than_four_pairs_have_no_correlation() -> None:
    assert spearman((1, 2, 3), (1, 3, 2)) is None
    assert spearman((1, 2, 3, 4), (1, 3, 2, 4)) is not None


@pytest.mark.parametrize(("first", "second"), [((1, 1, 1, 1), (1, 2, 3, 4)), ((1, 2, 3, 4), (2, 2, 2, 2))])
def test_a_constant_column_has_no_correlation(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    assert spearman(first, second) is None


def test_the_same_order_of_few_may_be_chance() -> None:
    """Four pairs: z half a step of 12 / 60 before 1, with the variance 1.5 / 1."""
    low = math.tanh(math.atanh(0.9) - 1.959964 * math.sqrt(1.5))
    assert low < 0
    assert spearman((1, 2, 3, 4), (10, 20, 30, 400)) == pytest.approx((1, low, 1))
    assert spearman((1, 2, 3, 4), (4, 3, 2, 1)) == pytest.approx((-1, -1, -low))
    found = spearman(range(18), range(18)) or pytest.fail("18 pairs have a correlation")
    assert 0.99 < found.low < found.rho == found.high
    many = list(range(200))
    nearly = spearman(many, [1, 0, *many[2:]]) or pytest.fail("200 pairs have a correlation")
    assert nearly.low < nearly.rho < nearly.high


@pytest.mark.parametrize("count", [4, 5, 8])
def test_the_interval_of_few_pairs_covers_a_strong_correlation(count: int) -> None:
    """Which few pairs often have in perfect order; the interval is an approximation for many."""
    chance, rho, hits, runs = random.Random(5), 0.8, 0, 400
    truth = 6 / math.pi * math.asin(rho / 2)
    for _ in range(runs):
        xs = [chance.gauss(0, 1) for _ in range(count)]
        ys = [rho * x + (1 - rho**2) ** 0.5 * chance.gauss(0, 1) for x in xs]
        found = spearman(xs, ys)
        hits += found is not None and found.low <= truth <= found.high
    assert hits / runs >= 0.92


@given(PAIRS)
@settings(max_examples=20, deadline=None)
def test_swapping_the_columns_changes_nothing_and_reversing_one_changes_the_sign(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    found = spearman(first, second)
    assert (found is None) == (spearman(second, first) is None)
    if found is None:
        return
    assert spearman(second, first) == pytest.approx(found)
    mirrored = spearman(first, [-value for value in second]) or pytest.fail("as many values")
    assert mirrored == pytest.approx((-found.rho, -found.high, -found.low))


def test_the_interval_of_a_correlation_covers_it() -> None:
    """Of normal pairs with a known rank correlation the 95 % intervals contain it about 95 times in 100."""
    chance, rho, hits, runs = random.Random(3), 0.6, 0, 600
    truth = 6 / math.pi * math.asin(rho / 2)
    for _ in range(runs):
        xs = [chance.gauss(0, 1) for _ in range(25)]
        ys = [rho * x + (1 - rho**2) ** 0.5 * chance.gauss(0, 1) for x in xs]
        found = spearman(xs, ys)
        hits += found is not None and found.low <= truth <= found.high
    assert 0.92 <= hits / runs <= 0.98
