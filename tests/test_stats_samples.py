"""Samples: intervals checked against the binomial distribution, scipy and by hand, percentiles and parts."""

from __future__ import annotations

import math
from math import comb
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.samples import centre, interval, log_medians, median_ranks, percentile, split

TIMES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60)


@pytest.mark.parametrize(("count", "ranks"), [(5, None), (6, (0, 5)), (9, (1, 7)), (20, (5, 14)), (100, (39, 60))])
def test_ranks_of_published_tables(count: int, ranks: tuple[int, int] | None) -> None:
    """Conover, Practical Nonparametric Statistics, 3rd ed., table A3 gives these ranks (counted from one)."""
    assert median_ranks(count) == ranks


@given(st.integers(6, 400))
def test_ranks_cover_95_percent_and_no_narrower_pair_does(count: int) -> None:
    low, high = median_ranks(count) or pytest.fail("six samples carry an interval")

    def coverage(low: int) -> float:
        return 1 - 2 * sum(comb(count, k) for k in range(low + 1)) / 2**count

    assert high == count - 1 - low
    assert coverage(low) >= 0.95
    assert coverage(low + 1) < 0.95


@given(TIMES)
def test_interval_encloses_the_median_within_the_samples(samples: list[float]) -> None:
    bounds = interval(samples, "median")
    assert (bounds is None) == (len(samples) < 6)
    if bounds:
        assert min(samples) <= bounds[0] <= median(samples) <= bounds[1] <= max(samples)


def test_mean_interval_by_hand() -> None:
    """Three seeds: mean 0.5, s = 0.1, t(0.975, 2) = 4.3027, half width 4.3027 * 0.1 / sqrt(3) = 0.2484."""
    low, high = interval((0.4, 0.5, 0.6), "mean") or pytest.fail("two samples carry an interval of the mean")
    assert low == pytest.approx(0.5 - 0.24842, abs=1e-4)
    assert high == pytest.approx(0.5 + 0.24842, abs=1e-4)


def test_a_count_stays_an_integer() -> None:
    assert repr(centre((25557032,), "median")) == "25557032"


@given(TIMES, st.data())
def test_split_loses_nothing(samples: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(samples)))
    parts = split(samples, (cut, len(samples) - cut))
    assert [value for part in parts for value in part] == samples


def test_the_center_of_ratios_is_the_median_of_logarithms() -> None:
    assert centre([1.0, 4.0], "log") == 2.0
    assert centre([0.1, 0.1], "log") == 0.1, "not the root of the square"
    assert centre([9.0, 1.0, 4.0], "log") == 4.0


def test_the_center_is_the_median_or_the_mean() -> None:
    assert centre((1.0, 2.0, 9.0), "median") == 2
    assert centre((1.0, 2.0, 9.0), "mean") == 4
    assert interval((1.0, 2.0, 3.0, 4.0, 5.0, 60.0), "median") == (1, 60)
    assert interval((1.0,) * 5, "median") is None


def test_the_interval_of_a_geometric_mean_is_positive() -> None:
    """Of 1, 10 and 100 the logarithms have the mean log 10 and s = log 10: half width 4.3027 log 10 / sqrt(3)."""
    assert centre((4.0, 9.0), "geometric") == pytest.approx(6)
    assert centre((0.0, 9.0), "geometric") == 0
    low, high = interval((1.0, 10.0, 100.0), "geometric") or pytest.fail("three samples have an interval")
    assert (low, high) == pytest.approx((10 ** (1 - 2.48418), 10 ** (1 + 2.48418)), rel=1e-4)
    assert interval((4.0, 9.0), "geometric") is None
    assert interval((0.0, 4.0, 9.0), "geometric") is None
    assert interval((1e-100, 1e-100, 1e100), "geometric") is not None, "within the range of floats"


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True))
def test_the_interval_of_a_mean_is_scipys(samples: list[int]) -> None:
    low, high = interval(samples, "mean") or pytest.fail("two samples have an interval of the mean")
    expected = stats.t.interval(0.95, len(samples) - 1, mean(samples), stats.sem(samples))
    assert (low, high) == pytest.approx(tuple(expected))
    assert interval(samples[:1], "mean") is None


def test_ranks_of_another_confidence() -> None:
    """Of five samples the extremes enclose the median with 1 - 2 / 32 = 93.75 %."""
    assert median_ranks(5, 0.9375) == (0, 4)
    assert median_ranks(5, 0.94) is None


def test_a_percentile_has_ten_samples_beyond_it() -> None:
    assert percentile(range(1, 101), 0.9) == 90
    assert percentile(range(1, 100), 0.9) is None
    assert percentile(range(1000, 0, -1), 0.99) == 990
    assert percentile(range(1, 106), 0.9) == 95
    assert percentile(range(1, 21), 0.5) == 10
    assert percentile(range(1, 20), 0.5) is None


def test_parts_by_hand() -> None:
    assert split((1, 2, 3, 4, 5), (2, 0, 3)) == [(1, 2), (), (3, 4, 5)]
    assert split((1, 2, 3), ()) == [(1, 2, 3)]


def test_log_medians_leave_empty_parts_out() -> None:
    assert log_medians([[1.0, 2.0, 9.0], [], [4.0, 6.0]]) == pytest.approx((math.log(2), math.log(5)))
