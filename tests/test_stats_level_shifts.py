"""The last runs compared with the level before them: values by hand, scipy's quantiles, invariances, simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats import level_shifts
from reporter.stats.level_shifts import LevelShift, Window, level_shift
from reporter.stats.noise import Log

NAN = math.nan
SEEDS = st.integers(0, 2**32 - 1)
LEAST, ALPHA = math.log(1.03), 0.01 / 36
ONE, TWO = Window(runs=1, factor=1.25, most=14), Window(runs=2, factor=1.0, most=14)


def drawn(seed: int, runs: int = 15, series: int = 18, deviation: float = 0.01) -> Log:
    return np.asarray(np.random.default_rng(seed).normal(0, deviation, (runs, series)))


def swing(runs: int, size: float) -> Log:
    """One series that alternates by `size` about 0 and ends there: an array of runs + 1."""
    return np.append(np.where(np.arange(runs) % 2, size, -size), 0.0)


def test_the_change_from_a_level_by_hand() -> None:
    """Absolute: the median of 1, 2, 9 is 2, of 5, 5, 8 is 5; medians of series are not subtracted."""
    times = np.array([[1.0, 5.0], [2.0, 5.0], [9.0, 8.0], [2.5, 7.0]])
    found = level_shift(times, ONE, relative=False, least=0.1, alpha=0.05)
    assert found.change == pytest.approx([0.5, 2.0])
    assert found.runs == 1
    both = level_shift(np.vstack([times, [3.0, 9.0]]), TWO, relative=False, least=0.1, alpha=0.05)
    assert both.change == pytest.approx([0.75, 3.0])
    assert both.runs == 2


def test_the_relative_change_is_less_what_series_share() -> None:
    times = np.vstack([np.zeros((5, 3)), [0.1, 0.2, 0.7]])
    assert level_shift(times, ONE, True, LEAST, ALPHA).change == pytest.approx([-0.1, 0.0, 0.5])
    twice = np.vstack([np.zeros((5, 3)), [0.1, 0.2, 0.7], [0.4, 0.3, 0.1]])
    assert level_shift(twice, TWO, True, LEAST, ALPHA).change == pytest.approx([0.0, 0.0, 0.15])


@pytest.mark.parametrize(("count", "finite"), [(2, False), (3, True)])
def test_three_values_make_a_level(count: int, finite: bool) -> None:
    times = np.zeros((8, 2))
    times[: 7 - count, 1] = NAN
    found = level_shift(times, ONE, False, LEAST, ALPHA)
    assert [bool(np.isfinite(change)) for change in found.change] == [True, finite]
    assert not found.significant.any()


def test_a_series_without_a_value_in_a_run_has_no_change() -> None:
    times = np.zeros((9, 3))
    times[-2, 1] = NAN
    assert np.isnan(level_shift(times, TWO, True, LEAST, ALPHA).change).tolist() == [False, True, False]
    assert np.isfinite(level_shift(times, ONE, True, LEAST, ALPHA).change).all()


def test_a_level_is_that_of_the_last_values() -> None:
    times = np.array([[9.0]] * 5 + [[NAN]] + [[1.0]] * 4 + [[NAN], [1.5]])
    assert level_shift(times, Window(1, 1.0, most=4), False, LEAST, ALPHA).change == pytest.approx([0.5])
    assert level_shift(times, Window(1, 1.0, most=20), False, LEAST, ALPHA).change == pytest.approx([-7.5])
    assert level_shifts.last(np.array([1.0, NAN, 2.0, 3.0]), 2).tolist() == [2, 3]
    assert level_shifts.last(np.array([1.0, NAN]), 5).tolist() == [1]


@pytest.mark.parametrize("window", [ONE, TWO])
@pytest.mark.parametrize("runs", [8, 12])
def test_the_floor_of_a_single_series(window: Window, runs: int) -> None:
    """It alternates by 2: sigma is 2 / sqrt(2) / 0.6745 from differences, the largest of all four estimates."""
    times = np.append(swing(runs, 1.0), np.zeros(window.runs - 1))[:, None]
    found = level_shift(times, window, False, LEAST, 0.05)
    sigma = math.sqrt(2) / 0.6745
    freedom = max(1.0, (runs - 1) / 4)
    quantile = float(stats.t.ppf(0.975, freedom))
    assert found.floor == pytest.approx([quantile * sigma * math.sqrt(1 / window.runs + math.pi / 2 / runs)])


def test_the_floor_includes_the_largest_deviation_of_another_series() -> None:
    """One series was once off by 1; 1.25 times that, in standard deviations, is more than Student's quantile."""
    times = np.tile(swing(12, 0.01)[:, None], (1, 6))
    times[4, 2] = 1.0
    plain = level_shift(np.delete(times, 2, axis=1), ONE, True, LEAST, 0.05)
    found = level_shift(times, ONE, True, LEAST, 0.05)
    deviation, freedom = level_shifts.between_runs([level_shifts.last(column, 14) for column in times[:-1].T])
    largest = (1.0 + 0.01) / deviation[2] if np.median(times[:-1, 2]) < 0 else 1.0 / deviation[2]
    spread = math.sqrt(1 + math.pi / 2 / 12)
    level = np.median(times[:-1, 2])
    assert found.floor[0] == pytest.approx(1.25 * (1.0 - level) / deviation[2] * deviation[0] * spread, rel=1e-6)
    assert largest > 3 * float(stats.t.ppf(0.975, freedom))
    assert found.floor[2] < 0.1 * largest * deviation[2], "its own deviation is left out"
    assert plain.floor[0] < found.floor[0]
    absolute = level_shift(times, ONE, False, LEAST, 0.05)
    assert absolute.floor[0] < found.floor[0] / 3


def test_no_floor_is_below_the_smallest_relevant_change() -> None:
    times = np.zeros((9, 4))
    times[-1, 1] = LEAST
    found = level_shift(times, ONE, True, LEAST, ALPHA)
    assert found.floor == pytest.approx([LEAST] * 4)
    assert not found.significant.any()
    times[-1, 1] = 1.01 * LEAST
    assert level_shift(times, ONE, True, LEAST, ALPHA).significant.tolist() == [False, True, False, False]


def test_each_run_of_a_window_must_show_the_change() -> None:
    """0.2 in one run of two is a mean of 0.1, but no change in the other."""
    quiet = np.zeros((9, 4))
    for first, second, expected in ((0.1, 0.1, True), (0.2, 0.0, False), (0.2, LEAST, False), (-0.1, -0.1, True)):
        times = np.vstack([quiet, np.zeros((2, 4))])
        times[-2:, 0] = first, second
        assert bool(level_shift(times, TWO, True, LEAST, ALPHA).significant[0]) == expected


def test_noise_between_runs_by_hand() -> None:
    """Differences 2 and -2 of one series, 4 and -4 of the other; distances 0, 2, 0 and 0, 4, 0.

    Pooled: median 3 / sqrt(2) / 0.6745 from differences beats 0.9 quantiles 4 / sqrt(2) / 1.6449 and 3 / 1.6449.
    """
    deviation, freedom = level_shifts.between_runs([np.array([0.0, 2.0, 0.0]), np.array([0.0, 4.0, 0.0])])
    pooled = (3 / math.sqrt(2) / 0.6745) ** 2
    own = (4 / math.sqrt(2) / 0.6745) ** 2
    assert deviation**2 == pytest.approx([pooled, (4 * pooled + 1 * own) / 5])
    assert freedom == 1


def test_noise_between_runs_from_the_tail_of_differences() -> None:
    """One value of eleven is off: the median of differences is 0, of which two of ten are 3."""
    values = np.zeros(11)
    values[5] = 3.0
    deviation, freedom = level_shifts.between_runs([values])
    assert deviation == pytest.approx([3 / math.sqrt(2) / 1.6449])
    assert freedom == 2.5


def test_noise_between_runs_from_distances() -> None:
    """A slow change has small differences and large distances from the level."""
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    deviation, _ = level_shifts.between_runs([values])
    assert deviation == pytest.approx([2 / 0.6745])


def test_a_series_that_does_not_vary_has_a_smallest_deviation() -> None:
    deviation, freedom = level_shifts.between_runs([np.zeros(5), np.zeros(5), np.array([])])
    assert deviation == pytest.approx([1e-4] * 3)
    assert freedom == 2


def test_the_largest_deviation_of_the_others_by_hand() -> None:
    """Levels 0, 1, 0 and none: deviations 3 / 1, 4 / 2 and 1 / 1 standard deviations."""
    levels = [np.array([0.0, -3.0, 0.0]), np.array([1.0, 5.0, 1.0]), np.array([0.0, 1.0, 0.0]), np.array([])]
    found = level_shifts.largest_of_others(levels, np.array([1.0, 2.0, 1.0, 1.0]))
    assert found.tolist() == [2, 3, 3, 3]
    assert level_shifts.largest_of_others(levels[:1], np.array([1.0])).tolist() == [0]


def test_drift_is_the_median_over_the_series_of_a_run() -> None:
    """Levels 1 and 5 and 9 from all runs but the last; runs are off by 0, 1 and 2, one series by 3 more."""
    times = np.array([[1.0, 5.0, 9.0], [1.0, 5.0, 9.0], [2.0, 6.0, 13.0], [3.0, 7.0, 11.0]])
    expected = np.array([[1.0, 5.0, 9.0], [1.0, 5.0, 9.0], [1.0, 5.0, 12.0], [1.0, 5.0, 9.0]])
    assert level_shifts.without_drift(times) == pytest.approx(expected)
    late = np.array([[0.0, 0.0], [0.0, 0.0], [4.0, 4.0]])
    assert level_shifts.without_drift(late) == pytest.approx(np.zeros((3, 2)))


def test_drift_is_taken_from_the_median_of_the_runs_before() -> None:
    """All of a single series is drift; the median of its runs before the newest is left."""
    assert level_shifts.without_drift(np.array([[0.0], [1.0], [5.0], [9.0]])).ravel().tolist() == [1.0] * 4


def test_a_series_without_a_level_is_no_threshold_for_others() -> None:
    assert level_shifts.largest_of_others([np.array([]), np.array([0.0])], np.ones(2)).tolist() == [0.0, 0.0]


def test_a_single_value_has_the_smallest_deviation() -> None:
    deviation, freedom = level_shifts.between_runs([np.array([1.0])])
    assert (deviation.tolist(), freedom) == (pytest.approx([1e-4]), 1.0)


def test_medians_leave_gaps_out() -> None:
    found = level_shifts.medians(np.array([[1.0, NAN, NAN], [3.0, 7.0, NAN], [8.0, 9.0, NAN]]))
    assert found[:2].tolist() == [3, 8]
    assert math.isnan(found[2])


def test_a_value_equal_to_the_one_before_is_a_gap() -> None:
    times = np.array([[1.0, 1.0], [1.0, NAN], [2.0, 1.0], [1.0, 3.0]])
    found = level_shifts.measured_again(times)
    assert found == pytest.approx(np.array([[1, 1], [NAN, NAN], [2, NAN], [1, 3]]), nan_ok=True)
    assert times[1, 0] == 1, "the argument stays as it is"


def both(times: Log) -> tuple[LevelShift, LevelShift]:
    left = level_shifts.without_drift(times)
    return level_shift(left, ONE, True, LEAST, ALPHA), level_shift(left, TWO, True, LEAST, ALPHA)


@given(SEEDS)
@settings(max_examples=12, deadline=None)
def test_drift_of_the_newest_run_and_the_order_of_series_change_nothing(seed: int) -> None:
    times, drift = drawn(seed), np.append(np.zeros(14), seed / 2**32)[:, None]
    order = np.random.default_rng(seed).permutation(18)
    times[-2:, 3] += 0.3
    for plain, drifted, permuted in zip(both(times), both(times + drift), both(times[:, order]), strict=True):
        assert plain.significant[3]
        assert drifted.change == pytest.approx(plain.change)
        assert drifted.floor == pytest.approx(plain.floor)
        assert permuted.change == pytest.approx(plain.change[order])
        assert permuted.floor == pytest.approx(plain.floor[order])


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_faster_is_the_mirror_image_of_slower(seed: int) -> None:
    times = drawn(seed)
    times[-2:, 3] += 0.3
    for slower, faster in zip(both(times), both(-times), strict=True):
        assert faster.change == pytest.approx(-slower.change)
        assert faster.floor == pytest.approx(slower.floor)
        assert (faster.significant == slower.significant).all()


def test_noise_is_rarely_significant() -> None:
    assert sum(bool(shift.significant.any()) for seed in range(60) for shift in both(drawn(seed))) <= 2


VECTORS = st.lists(st.lists(st.floats(-9, 9), max_size=5).map(np.array), max_size=9)


@given(vectors=VECTORS)
def test_vectors_of_one_length_have_the_statistics_that_each_has_alone(vectors: list[Log]) -> None:
    """To the last bit, in their order; an empty one has none."""
    assert level_shifts.centers_of(vectors).tolist() == [np.median(each) if len(each) else 0.0 for each in vectors]
    alone = [level_shifts._variances(each).item() for each in vectors]
    assert level_shifts.of_each(vectors, level_shifts._variances).tolist() == alone
    assert level_shifts.of_each([np.array([])], level_shifts._variances, NAN).tolist() == pytest.approx(
        [NAN], nan_ok=True
    )


@given(rows=st.lists(st.lists(st.floats(-9, 9) | st.just(NAN), min_size=4, max_size=4), min_size=1, max_size=5))
def test_medians_are_those_of_the_values_in_each_column(rows: list[list[float]]) -> None:
    times = np.array(rows)
    alone = [np.median(column[~np.isnan(column)]) if not np.isnan(column).all() else NAN for column in times.T]
    assert np.array_equal(level_shifts.medians(times), alone, equal_nan=True)


@pytest.mark.parametrize(
    ("deviations", "largest"), [([1.0, 3.0, 2.0], [3.0, 2.0, 3.0]), ([2.0, 2.0], [2.0, 2.0]), ([5.0], [0.0]), ([], [])]
)
def test_the_largest_deviation_of_the_other_series(deviations: list[float], largest: list[float]) -> None:
    levels = [np.array([0.0, each, -each]) for each in deviations]
    assert level_shifts.largest_of_others(levels, np.ones(len(levels))).tolist() == largest
