"""Intervals at the level of rounds: values by hand, a second computation of residuals, coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats import intervals
from reporter.stats.intervals import Ratio, Rounds, Spread, Spreads
from reporter.stats.noise import Log

NAN = math.nan
SEEDS = st.integers(0, 2**32 - 1)
PRIOR = 0.03**2
"""The variance where a run does not show one; it counts as four degrees of freedom."""


def rounds(*rows: object, runs: object = None) -> Rounds:
    logs = np.array(rows, float)
    return Rounds(logs, np.zeros(logs.shape[1], int) if runs is None else np.array(runs))


def typical(variances: object, freedom: float) -> float:
    return float(np.median(np.array(variances) / (1 - 2 / (9 * freedom)) ** 3))


def variances(spreads: list[Spread]) -> list[float]:
    return [spread.variance for spread in spreads]


def test_a_margin_by_hand() -> None:
    """t(0.975, 4) = 2.7764, and four rounds halve a standard deviation of 0.2."""
    assert Spread(0.04, 4.0).margin(4) == pytest.approx(0.27764, abs=1e-5)
    assert Spread(1e9, 1.0).margin(1) == 300


def test_a_ratio_from_its_logarithm() -> None:
    assert Ratio.of(0.5, 0.1) == pytest.approx((math.exp(0.5), math.exp(0.4), math.exp(0.6)))
    assert Ratio.of(1000, 2000) == (math.exp(300), math.exp(-300), math.exp(300))
    assert Ratio.of(-1000, 1) == (math.exp(-300),) * 3


@pytest.mark.parametrize(
    ("low", "high", "resolved"),
    [(0.8, 1.3, False), (0.5, 1.2, False), (1.0, 1.3, False), (0.5, 1.0, False), (1.1, 1.3, True), (0.5, 0.9, True)],
)
def test_a_ratio_is_resolved_where_its_interval_excludes_one(low: float, high: float, resolved: bool) -> None:
    assert Ratio(1.0, low, high).resolved == resolved


def test_spreads_of_several_series_by_hand() -> None:
    """Sums of squares 2, 8 and 200 with two degrees of freedom: the median variance is 4 / (8/9)^3 = 5.695."""
    found = rounds([0, 1, 2], [0, 2, 4], [0, 10, 20]).spreads(interleaved=False)
    pooled = typical([1, 4, 100], 2)
    assert variances(found) == pytest.approx([pooled, pooled, (4 * pooled + 200) / 6])
    assert [spread.freedom for spread in found] == [3, 3, 3]


def test_spreads_of_two_series_include_the_prior() -> None:
    """Sums of squares 2 and 8 with two degrees each, and four degrees of the prior variance: all together 8."""
    found = rounds([0, 1, 2], [0, 2, 4]).spreads(interleaved=False)
    pooled = (4 * PRIOR + 10) / 8
    assert variances(found) == pytest.approx([pooled, (4 * pooled + 8) / 6])
    assert [spread.freedom for spread in found] == [8, 8]


@pytest.mark.parametrize(("count", "prior"), [(2, True), (3, False)])
def test_three_series_with_two_degrees_need_no_prior(count: int, prior: bool) -> None:
    """The last series has two rounds only, so one degree of freedom."""
    rows = [[0.0, 0.1, 0.2]] * count + [[0.0, 0.1, NAN]]
    freedom = 2 * count + 1
    found = rounds(*rows).spreads(interleaved=False)
    assert found[0].freedom == (4 + freedom if prior else freedom / 2)
    own = [0.01] * count + [0.005]
    if prior:
        pooled = (4 * PRIOR + 2 * 0.02 + 0.005) / (4 + freedom)
    else:
        pooled = float(np.median(np.array(own) / (1 - 2 / (9 * np.array([2.0, 2, 2, 1]))) ** 3))
    assert variances(found)[0] == pytest.approx(max(pooled, (4 * pooled + 0.02) / 6))
    assert variances(found)[-1] == pytest.approx(max(pooled, (4 * pooled + 0.005) / 5))


def test_one_round_has_the_prior_variance() -> None:
    assert rounds([5.0], [7.0]).spreads(interleaved=False) == [pytest.approx((PRIOR, 4))] * 2


def test_a_series_of_one_round_does_not_weigh_in() -> None:
    wild = rounds([0, 0.1, 0.2], [0, 0.1, 0.2], [0, 0.1, 0.2], [9, NAN, NAN]).spreads(interleaved=False)
    assert variances(wild) == pytest.approx([typical([0.01], 2)] * 4)
    assert wild[0].freedom == 3


def test_rounds_vary_within_runs_only() -> None:
    """The second run is 5 higher: its rounds vary about its own mean, and a degree of freedom is lost to it."""
    found = rounds([0, 2, 5, 7], [0, 2, 5, 7], [0, 2, 5, 7], runs=[0, 0, 1, 1]).spreads(interleaved=False)
    pooled = typical([4 / 2], 2)
    assert variances(found) == pytest.approx([pooled] * 3)
    assert found[0].freedom == 3
    gaps = rounds([0, 2, 5, 7], [0, 2, 5, 7], [0, 2, NAN, NAN], [0, 2, 5, 7], runs=[0, 0, 1, 1])
    assert gaps.spreads(interleaved=False)[0].freedom == 3.5


def two_way(logs: Log) -> Log:
    """Residuals of a complete table after means of rows and columns."""
    return np.asarray(logs - logs.mean(axis=1, keepdims=True) - logs.mean(axis=0) + logs.mean())


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_interleaved_spreads_are_residuals_of_rows_and_columns(seed: int) -> None:
    chance = np.random.default_rng(seed)
    logs = chance.normal(0, 1, (4, 3)) + chance.normal(0, 9, (1, 3))
    freedom = 2 * (1 - 1 / 4)
    own = (two_way(logs) ** 2).sum(axis=1) / freedom
    pooled = typical(own, freedom)
    found = Rounds(logs, np.zeros(3, int)).spreads(interleaved=True)
    assert variances(found) == pytest.approx(np.maximum(pooled, (4 * pooled + freedom * own) / (4 + freedom)).tolist())
    assert found[0].freedom == pytest.approx(4 * freedom / 2)


def test_interleaved_rounds_of_each_run() -> None:
    """Two runs of two rounds: residuals of each run by itself."""
    logs = np.random.default_rng(3).normal(0, 1, (4, 4))
    found = Rounds(logs, np.array([0, 0, 1, 1])).spreads(interleaved=True)
    freedom = 2 * (1 - 1 / 4)
    own = ((two_way(logs[:, :2]) ** 2).sum(axis=1) + (two_way(logs[:, 2:]) ** 2).sum(axis=1)) / freedom
    pooled = typical(own, freedom)
    assert variances(found) == pytest.approx(np.maximum(pooled, (4 * pooled + freedom * own) / (4 + freedom)).tolist())


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_series_that_are_alone_in_their_run_say_nothing_of_ratios(seed: int) -> None:
    """Without another series in a round, there is no ratio in it, and all of it would be what its series share."""
    chance = np.random.default_rng(seed)
    logs = np.full((9, 15), np.nan)
    logs[:5, :3] = chance.normal(0, 1, (5, 3))
    for number in range(4):
        logs[5 + number, 3 * number + 3 : 3 * number + 6] = chance.normal(0, 1, 3)
    together = Rounds(logs[:5, :3], np.zeros(3, int)).spreads(interleaved=True)
    found = Rounds(logs, np.repeat(range(5), 3)).spreads(interleaved=True)[:5]
    assert variances(found) == pytest.approx(variances(together))
    assert found[0].freedom == pytest.approx(together[0].freedom)


@pytest.mark.parametrize("sizes", [(8,), (2, 1, 1), (4, 1, 1, 1, 1), (6, *(1,) * 7), (2, 2, 2, 2), (18, 1)], ids=str)
def test_equal_series_of_several_runs_are_rarely_called_different(sizes: tuple[int, ...]) -> None:
    """Two of the first run, whose rounds drift by 8 %: in at most 5 % of runs, whatever else was measured apart."""
    chance, wrong, runs = np.random.default_rng(8), 0, 300
    of_series = np.repeat(range(len(sizes)), sizes)
    for _ in range(runs):
        logs = np.full((sum(sizes), 3 * len(sizes)), np.nan)
        for number, count in enumerate(sizes):
            rounds_of_run = chance.normal(0, 0.08, 3) + chance.normal(0, 0.02, (count, 3))
            logs[of_series == number, 3 * number : 3 * number + 3] = rounds_of_run
        table = Rounds(logs, np.repeat(range(len(sizes)), 3))
        apart, margins = table.differences(Spreads.of(table.spreads(interleaved=True)), [0])
        wrong += bool(abs(apart[0, 1]) > margins[0, 1])
    assert wrong / runs <= 0.06


def test_a_single_series_is_not_interleaved() -> None:
    alone = rounds([0.0, 0.1, 0.2])
    assert alone.spreads(interleaved=True) == alone.spreads(interleaved=False)


def test_spreads_leave_the_rounds_as_they_are() -> None:
    table = rounds([0, 1, 2], [0, 2, 4], [0, 10, 20])
    before = table.logs.copy()
    table.spreads(interleaved=True)
    assert (table.logs == before).all()


def test_differences_by_hand() -> None:
    """Common rounds of the first two: 1 and 3, with differences 1 and 3. The third shares none of its rounds."""
    table = rounds([1.0, 9.0, 4.0, NAN], [0.0, NAN, 1.0, NAN], [NAN, NAN, NAN, 2.0])
    spreads = [Spread(0.04, 10.0), Spread(0.05, 10.0), Spread(0.06, 10.0)]
    logs, margins = table.differences(Spreads.of(spreads), [0, 1])
    quantile = float(stats.t.ppf(0.975, 10))
    assert logs == pytest.approx(np.array([[0.0, 2.0, 14 / 3 - 2], [-2.0, 0.0, 0.5 - 2]]))
    chance = [[math.sqrt(0.08 / 3), math.sqrt(0.09 / 2)], [math.sqrt(0.09 / 2), math.sqrt(0.10 / 2)]]
    assert margins[:, :2] == pytest.approx(quantile * np.array(chance))
    assert margins[:, 2] == pytest.approx([math.log(2)] * 2)
    again, by_levels = table.differences(Spreads.of(spreads), [0, 1], levels=Spreads.of(spreads))
    assert (again == logs).all()
    assert (by_levels[:, :2] == margins[:, :2]).all()
    assert by_levels[:, 2] == pytest.approx(quantile * np.sqrt([0.04 / 3 + 0.06, 0.05 / 2 + 0.06]))


def test_a_single_common_round_has_a_margin_of_its_own() -> None:
    table = rounds([1.0, NAN], [0.0, 3.0])
    logs, margins = table.differences(Spreads.of([Spread(0.04, 10.0), Spread(0.05, 10.0)]), [0])
    assert logs[0, 1] == pytest.approx(1.0)
    assert margins[0, 1] == pytest.approx(float(stats.t.ppf(0.975, 10)) * 0.3)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_differences_are_antisymmetric_and_free_of_drift(seed: int) -> None:
    chance = np.random.default_rng(seed)
    logs = chance.normal(0, 1, (4, 5))
    table, drifted = (Rounds(each, np.zeros(5, int)) for each in (logs, logs + chance.normal(0, 9, (1, 5))))
    plain, again = (each.differences(Spreads.of(each.spreads(interleaved=True)), range(4)) for each in (table, drifted))
    assert plain[0] == pytest.approx(-plain[0].T)
    assert plain[1] == pytest.approx(plain[1].T)
    assert again[0] == pytest.approx(plain[0], abs=1e-9)
    assert again[1] == pytest.approx(plain[1], abs=1e-9)


def test_bounds_from_three_rounds_on_follow_from_the_spread() -> None:
    """Two samples of each of three rounds: three rounds of equal weight."""
    low, high = intervals.bounds(2.0, [[1, 2], [2, 2], [2, 3]], Spread(0.03, 4.0)) or pytest.fail("three rounds")
    factor = math.exp(2.7764 * math.sqrt(0.03 / 3))
    assert (low, high) == pytest.approx((2 / factor, 2 * factor), rel=1e-4)


def test_bounds_of_two_rounds_are_those_of_their_samples_and_medians() -> None:
    """Ten samples: the second and the ninth. The medians of both rounds are 2 and 20, and 3 and 8 further inside."""
    apart = [[1.0, 2.0, 2.0], [9.0, 20.0, 20.0, 20.0, 20.0, 21.0, 22.0]]
    assert intervals.bounds(20.0, apart, Spread(9.0, 1.0)) == (2, 21)
    one = [[float(value) for value in range(1, 11)]]
    assert intervals.bounds(5.5, one, Spread(9.0, 1.0)) == (2, 9)
    extreme = [[0.0], [float(value) for value in range(1, 10)]]
    assert intervals.bounds(5.0, extreme, Spread(9.0, 1.0)) == (0, 8)
    assert intervals.bounds(5.0, [[11.0], *extreme[1:]], Spread(9.0, 1.0)) == (2, 11)
    assert intervals.bounds(5.0, [[1.0] * 5], Spread(9.0, 1.0)) is None


def test_the_spread_of_a_single_series_by_hand() -> None:
    """Residuals -1, 1 and -2, 2 and 0 in three runs: two degrees of freedom and four of the prior."""
    found = intervals.alone([(0.0, 2.0), (5.0, 9.0), (7.0,)])
    pooled = (4 * PRIOR + 10) / 6
    assert found.variance == pytest.approx((4 * pooled + 10) / 6)
    assert found.freedom == 6
    assert intervals.alone([(7.0,)]) == pytest.approx((PRIOR, 4))


def test_a_quiet_series_has_the_pooled_variance() -> None:
    assert intervals.alone([(0.0, 0.0, 0.0)]).variance == pytest.approx(4 * PRIOR / 6)


def test_levels_differ_beyond_the_margin_of_their_difference() -> None:
    """Two rounds against one: 1/2 + 1/1 of a variance of 0.01; t(0.975, 4) = 2.7764."""
    margin = 2.7764 * math.sqrt(0.01 * 1.5)
    spread = Spread(0.01, 4.0)
    for sign in (1, -1):
        assert intervals.differ([0.5, 1.5], [1 + sign * (margin + 1e-3)], spread)
        assert not intervals.differ([0.5, 1.5], [1 + sign * (margin - 1e-3)], spread)
        assert intervals.differ([1 + sign * (margin + 1e-3)], [0.5, 1.5], spread)
    assert not intervals.differ([1.0], [1.0], Spread(0.0, 4.0))


def test_the_latest_different_run() -> None:
    spread = Spread(0.01, 4.0)
    assert intervals.latest_different([0.0], [[9.0], [9.0], [0.0]], spread) == 1
    assert intervals.latest_different([0.0], [[9.0], [0.0]], spread) == 0
    assert intervals.latest_different([0.0], [[0.1], [0.0]], spread) is None
    assert intervals.latest_different([0.0], [], spread) is None


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_the_effective_number_of_rounds(sizes: list[int]) -> None:
    found = intervals.effective(sizes)
    assert 1 <= found <= len(sizes) + 1e-9
    assert intervals.effective([2 * size for size in sizes]) == pytest.approx(found)
    assert intervals.effective(sizes[:1] * 5) == pytest.approx(5)
    assert intervals.effective([1, 2]) == pytest.approx(9 / 5)


def test_intervals_of_equal_series_cover_their_level() -> None:
    """Of normal rounds, and slightly more often, because no variance is below the common one."""
    inside = []
    for seed in range(100):
        logs = np.random.default_rng(seed).normal(0, 0.03, (12, 3))
        spreads = Rounds(logs, np.zeros(3, int)).spreads(interleaved=False)
        inside += [abs(row.mean()) <= spread.margin(3) for row, spread in zip(logs, spreads, strict=True)]
    assert 0.945 <= np.mean(inside) <= 0.985
