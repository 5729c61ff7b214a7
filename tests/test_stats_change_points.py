"""Changes of level: on which index they are found, the exact threshold, and none where there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.change_points import ChangePoint, change_points, polish
from reporter.stats.noise import Log

SEEDS = st.integers(0, 2**32 - 1)
ALPHA, LEAST = 0.01, math.log(1.03)


def indices(values: Log, alpha: float = ALPHA, least: float = LEAST) -> list[int]:
    return [point.index for point in change_points(values, alpha, least)]


def noisy(seed: int, *levels: float, of_each: int = 10, deviation: float = 0.005) -> Log:
    values = np.repeat(levels, of_each)
    return np.asarray(values + np.random.default_rng(seed).normal(0, deviation, len(values)))


def test_a_step_without_noise_by_hand() -> None:
    assert change_points(np.array([1.0] * 5 + [1.5] * 4), ALPHA, LEAST) == [ChangePoint(5, 0.5)]
    assert change_points(np.array([1.5] * 5 + [1.0] * 4), ALPHA, LEAST) == [ChangePoint(5, -0.5)]


def test_two_steps_are_both_found_in_order() -> None:
    """The step at 20 is split first: from the median of two levels, 0.05, to 0.3."""
    found = change_points(noisy(1, 0.0, 0.1, 0.3), ALPHA, LEAST)
    assert [point.index for point in found] == [10, 20]
    assert [point.step for point in found] == pytest.approx([0.1, 0.25], abs=0.01)


@pytest.mark.parametrize("levels", [(0.0, 0.3, 0.1), (0.3, 0.0, 0.4), (0.0, 0.1, 0.3, 0.6), (0.6, 0.3, 0.1, 0.0)])
def test_steps_on_both_sides_of_the_first_split_are_found(levels: tuple[float, ...]) -> None:
    found = change_points(noisy(2, *levels), ALPHA, LEAST)
    assert [point.index for point in found] == [10 * number for number in range(1, len(levels))]
    assert [np.sign(point.step) for point in found] == np.sign(np.diff(levels)).tolist()


@pytest.mark.parametrize("size", [4, 10, 21])
@pytest.mark.parametrize("alpha", [0.01, 0.001])
@pytest.mark.parametrize("other", [4, 9])
def test_the_threshold_is_students_quantile_times_the_noise_of_two_medians(size: int, alpha: float, other: int) -> None:
    """Values alternate by 2, so that the median of successive differences is 2: sigma is 1.4826 * 2 / sqrt(2)."""
    count = size + other
    swing = np.where(np.arange(count) % 2, 1.0, -1.0)
    quantile = float(stats.t.ppf(1 - alpha / 2, (count - 1) / 2))
    offset = float(np.median(swing[size:]) - np.median(swing[:size]))
    noise = 1.4826 * 2 / math.sqrt(2) * math.sqrt(math.pi / 2 * (1 / size + 1 / other))
    step = quantile * noise - offset
    for factor, expected in ((0.999, []), (1.001, [size])):
        values = swing + np.where(np.arange(count) < size, 0.0, factor * step)
        assert indices(values, alpha) == expected


def test_a_series_of_six_has_at_least_one_degree_of_freedom() -> None:
    """(n - 1) / 2 degrees of six values are 2.5; 3 against 3 values have 2/3 of the variance of one."""
    swing = np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    noise = float(stats.t.ppf(0.975, 2.5)) * 1.4826 * math.sqrt(2) * math.sqrt(math.pi / 2 * 2 / 3)
    for factor, expected in ((0.99, []), (1.01, [3])):
        step = np.where(np.arange(6) < 3, 0.0, factor * noise - 2)
        assert indices(swing + step, 0.05) == expected


def test_a_step_at_the_smallest_relevant_one_does_not_exceed_it() -> None:
    values = np.array([0.0] * 5 + [0.25] * 5)
    assert indices(values, least=0.25) == []
    assert indices(values, least=0.2499) == [5]
    assert indices(-values, least=0.2499) == [5]
    assert indices(np.zeros(10), least=0.0) == []


@pytest.mark.parametrize(("before", "after", "expected"), [(3, 3, [3]), (2, 4, []), (4, 2, []), (3, 2, []), (2, 3, [])])
def test_three_values_make_a_level(before: int, after: int, expected: list[int]) -> None:
    """Of two values beside four, the best split of three against three has no step between the medians."""
    values = np.array([0.0] * before + [1.0] * after)
    found = indices(values, least=1.0 - 1e-9)
    assert found == expected or (not expected and found == [3])
    assert not expected or found == expected


def test_fewer_than_six_values_have_no_change() -> None:
    assert indices(np.array([0.0, 0.0, 5.0, 5.0, 5.0])) == []


def test_the_split_has_the_least_deviations() -> None:
    """Of two outliers at the end and a level of three before them, the level counts."""
    assert indices(np.array([0, 0, 0, 0, 0, 0, 2, 2, 2, 0.0]))[:1] == [6]


@given(SEEDS, st.floats(-5, 5), st.floats(0.5, 2))
@settings(max_examples=15, deadline=None)
def test_a_constant_changes_nothing_and_a_mirror_image_the_signs(seed: int, constant: float, factor: float) -> None:
    values = noisy(seed, 0.0, 0.2)
    found = change_points(values, ALPHA, LEAST)
    assert [point.index for point in found] == [10]
    moved = change_points(values + constant, ALPHA, LEAST)
    assert [(each.index, pytest.approx(each.step)) for each in found] == [(each.index, each.step) for each in moved]
    mirrored = change_points(-values[::-1], ALPHA, LEAST)
    assert [(20 - each.index, each.step) for each in mirrored] == [(each.index, each.step) for each in found]
    scaled = change_points(factor * values, ALPHA, factor * LEAST)
    assert [each.step for each in scaled] == pytest.approx([factor * each.step for each in found])


def test_a_quiet_series_rarely_has_a_change() -> None:
    """At 1 % of all splits, divided by 30 splits, at most 1 % of the series."""
    alarms = [bool(indices(noisy(seed, 0.0, of_each=30), ALPHA / 30, 0.0)) for seed in range(200)]
    assert sum(alarms) <= 4


def test_polish_by_hand() -> None:
    """Medians of columns 1, 10; then of rows 0, 9, -0.5; then of columns."""
    logs = np.array([[1.0, 10.0], [10.0, 19.0], [0.0, 10.0]])
    assert polish(logs) == pytest.approx(np.array([[0, 0], [0, 0], [-0.5, 0.5]]))
    uneven = np.array([[1.0, 10.0, 5.0], [1.0, 12.0, 5.0], [1.0, 13.0, 7.0], [1.0, 14.0, 8.0]])
    rows = uneven - np.median(uneven, axis=0)
    rows -= np.median(rows, axis=1, keepdims=True)
    assert polish(uneven) == pytest.approx(rows - np.median(rows, axis=0))


def test_a_single_series_is_relative_to_its_median_only() -> None:
    assert polish(np.array([[1.0], [2.0], [6.0]])) == pytest.approx(np.array([[-1], [0], [4]]))


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_polish_takes_out_what_runs_share_and_leaves_gaps(seed: int) -> None:
    chance = np.random.default_rng(seed)
    logs, drift = chance.normal(0, 0.01, (9, 5)), chance.normal(0, 1, (9, 1))
    logs[2, 3] = np.nan
    plain, drifted = polish(logs), polish(logs + drift)
    assert np.isnan(plain).sum() == np.isnan(drifted).sum() == 1
    assert np.nanmax(np.abs(drifted)) < 0.1, "what is left is the noise of each series"
    assert np.nanmedian(drifted, axis=0) == pytest.approx(0, abs=1e-12)
