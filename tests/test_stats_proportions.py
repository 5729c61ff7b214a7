"""Intervals of shares: published values, scipy as a second implementation, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.proportions import apart, wilson


def test_an_interval_by_hand() -> None:
    """8 of 10: center (0.8 + 0.19208) / 1.38416, half width 1.96 / 1.38416 * sqrt(0.016 + 0.009604)."""
    assert wilson(0.8, 10) == pytest.approx((0.71674 - 0.22658, 0.71674 + 0.22658), abs=1e-5)


@given(st.integers(1, 2000), st.data())
@settings(max_examples=50, deadline=None)
def test_the_interval_is_scipys(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count))
    expected = stats.binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits / count, count) == pytest.approx((expected.low, expected.high), abs=1e-4)


@given(st.integers(1, 500), st.data())
@settings(max_examples=20, deadline=None)
def test_hits_and_misses_are_mirror_images(count: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, count)) / count
    low, high = wilson(share, count)
    assert wilson(1 - share, count) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_intervals_cover_the_share() -> None:
    """On average over shares, as Agresti and Coull found (The American Statistician 52, 1998)."""
    chance = np.random.default_rng(5)
    shares = chance.uniform(0.05, 0.95, 2000)
    bounds = [wilson(float(hits) / 60, 60) for hits in chance.binomial(60, shares)]
    covered = [low <= share <= high for share, (low, high) in zip(shares, bounds, strict=True)]
    assert 0.935 <= np.mean(covered) <= 0.965


def test_intervals_are_apart_where_they_do_not_touch() -> None:
    assert apart((0.1, 0.2), (0.3, 0.4))
    assert apart((0.3, 0.4), (0.1, 0.2))
    assert not apart((0.1, 0.3), (0.3, 0.4))
    assert not apart((0.3, 0.4), (0.1, 0.3))
    assert not apart((0.1, 0.4), (0.2, 0.3))
