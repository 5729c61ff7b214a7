"""What samples say: the interval's law, checked against the binomial distribution and by hand."""

from __future__ import annotations

from math import comb
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.stats.samples import centre, interval, median_ranks, split

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
