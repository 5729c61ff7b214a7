"""Noise of logarithms of times: values by hand, scipy as a second implementation, and simulated false positives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats import noise
from reporter.stats.noise import Log, Noise

MEDIAN = 1.4826
"""Standard deviations in a median absolute deviation."""
SEEDS = st.integers(0, 2**32 - 1)


def array(*rows: object) -> Log:
    return np.array(rows, float)


def drawn(seed: int, *shape: int) -> Log:
    return np.asarray(np.random.default_rng(seed).normal(0, 1, shape))


@pytest.mark.parametrize("freedom", [1.0, 2.5, 4.0, 30.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-4])
def test_students_quantile_is_scipys(freedom: float, alpha: float) -> None:
    assert noise.student(freedom, alpha) == pytest.approx(float(stats.t.ppf(1 - alpha / 2, freedom)))


def test_students_quantile_of_tables() -> None:
    assert noise.student(4.0) == pytest.approx(2.7764, abs=1e-4)
    assert noise.student(10.0, 0.01) == pytest.approx(3.1693, abs=1e-4)


def test_margins_are_students_quantile_times_the_deviation() -> None:
    assert Noise(array(1, 2), 10.0).margins(0.05) == pytest.approx([2.2281, 4.4563], abs=1e-4)


def test_moderated_variances_by_hand() -> None:
    """(4 * 2 + 2 * 1) / 6 is below the common variance of 2; (4 * 2 + 2 * 9) / 6 = 4.333 is above it."""
    assert noise.moderated(array(1, 9), 2.0, 2.0) == pytest.approx([2, 26 / 6])
    assert noise.moderated(array(9, 9), 2.0, array(1, 4)) == pytest.approx([17 / 5, 44 / 8])


def test_the_typical_variance_by_hand() -> None:
    """The median of chi-squared with two degrees of freedom is about 2 (8/9)^3."""
    assert noise.typical(array(1, 2, 400), 2.0) == pytest.approx(2 / (8 / 9) ** 3)
    assert noise.typical(array(1, 1, 1), array(1, 2, 100)) == pytest.approx(1 / (8 / 9) ** 3)


@pytest.mark.parametrize("freedom", [2, 4, 10])
def test_the_typical_variance_of_normal_series_is_theirs(freedom: int) -> None:
    own = array(*stats.chi2.ppf((0.2, 0.5, 0.9), freedom)) * 0.04 / freedom
    assert noise.typical(own, freedom) == pytest.approx(0.04, rel=0.02)


def test_noise_of_few_means_by_hand() -> None:
    """Variances 2 and 8 have the mean 5; (4 * 5 + 8) / 5 = 5.6. Divided by two rounds."""
    found = noise.of_means(array([0, 2], [0, 4]))
    assert found.deviation**2 == pytest.approx([5 / 2, 5.6 / 2])
    assert found.freedom == 2


def test_noise_of_several_means_by_hand() -> None:
    """Variances 2, 8 and 18 with one degree of freedom: the median is 8 / (7/9)^3."""
    found = noise.of_means(array([0, 2], [0, 4], [0, 6]))
    pooled = 8 / (7 / 9) ** 3
    assert found.deviation**2 == pytest.approx([pooled / 2, pooled / 2, (4 * pooled + 18) / 5 / 2])
    assert found.freedom == 1.5


def test_noise_between_rounds_by_hand() -> None:
    """Sums of squares 2, 0 and 8 with two degrees of freedom on both sides together."""
    base, new = array([0, 2], [1, 1], [0, 4]), array([5, 5], [0, 0], [1, 1])
    found = noise.between_rounds(base, new)
    pooled = 1 / (8 / 9) ** 3
    shared = 1 + math.pi / 6
    assert found.deviation**2 == pytest.approx([pooled * shared, pooled * shared, (4 * pooled + 8) / 6 * shared])
    assert found.freedom == 3


def test_noise_between_rounds_of_both_sides() -> None:
    """The same sum of squares on either side; two and three rounds have the variance 1/2 + 1/3."""
    base, new = array([0, 2], [0, 2]), array([7, 7, 7], [1, 1, 1])
    there, back = noise.between_rounds(base, new), noise.between_rounds(new, base)
    pooled = 2 / 3 / (1 - 2 / 27) ** 3
    assert there.deviation**2 == pytest.approx([pooled * 5 / 6 * (1 + math.pi / 4)] * 2)
    assert (there.freedom, there.deviation.tolist()) == (3, pytest.approx(back.deviation.tolist()))


@pytest.mark.parametrize(("rounds", "freedom"), [(1, 1), (2, 1), (4, 2)])
def test_noise_of_one_series_shares_nothing(rounds: int, freedom: float) -> None:
    degrees = rounds
    found = noise.between_rounds(array([0, 2]), np.zeros((1, rounds)))
    pooled = 2 / degrees / (1 - 2 / (9 * degrees)) ** 3
    assert found.deviation**2 == pytest.approx([pooled * (1 / 2 + 1 / rounds)])
    assert found.freedom == freedom


def test_noise_between_series_is_their_median_deviation() -> None:
    changes = array(0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -9.0)
    assert float(noise.between_series(changes)) == pytest.approx(MEDIAN * 0.45)
    assert float(noise.between_series(changes[:7])) == 0


def test_noise_between_runs_by_hand() -> None:
    """Relative to the mean of each run, the first series moves by 2 from run to run, the others by 1."""
    found = noise.between_runs(array([0, 0, 0], [3, 0, 0], [0, 0, 0], [3, 0, 0]))
    assert found == pytest.approx([MEDIAN * math.sqrt((4 + 1.5 * 4) / 5.5), MEDIAN, MEDIAN])


def test_noise_between_runs_is_per_series() -> None:
    """The second series alone jumps once, from 0 to 6: one of three differences, which no median shows."""
    still = array([0, 0], [1, -1], [0, 0], [1, -1])
    jumped = still + array([0, 0], [0, 0], [0, 0], [0, 6])
    assert noise.between_runs(jumped)[0] == pytest.approx(noise.between_runs(still)[0], abs=MEDIAN)
    assert noise.between_runs(still) == pytest.approx([MEDIAN, MEDIAN])


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_what_all_series_of_a_run_share_is_no_noise(seed: int) -> None:
    logs, drift = drawn(seed, 6, 4), drawn(seed + 1, 6, 1)
    assert noise.between_runs(logs + drift) == pytest.approx(noise.between_runs(logs))


def test_noise_of_changes_is_the_larger_estimate() -> None:
    base, new = drawn(1, 8, 3) / 100, drawn(2, 8, 3) / 100
    rounds = noise.between_rounds(base, new)
    quiet, loud = np.full(8, 1e-9), np.full(8, 7.0)
    assert noise.of_changes(base, new, quiet, None).deviation == pytest.approx(rounds.deviation)
    assert noise.of_changes(base, new, loud, None).deviation == pytest.approx(MEDIAN * loud)
    known = noise.of_changes(base, new, loud, array(*[0.0] * 7, 5.0))
    assert known.deviation == pytest.approx([*rounds.deviation[:7], 5.0])
    assert known.freedom == rounds.freedom


@given(SEEDS, st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_noise_scales_with_the_logarithms(seed: int, factor: float) -> None:
    base, new, logs = drawn(seed, 5, 3), drawn(seed + 1, 5, 4), drawn(seed + 2, 6, 5)
    for function in (noise.of_means, noise.between_runs):
        wide, narrow = function(factor * logs), function(logs)
        values = [each.deviation if isinstance(each, Noise) else each for each in (wide, narrow)]
        assert values[0] == pytest.approx(factor * values[1])
    wider = noise.between_rounds(factor * base, factor * new).deviation
    assert wider == pytest.approx(factor * noise.between_rounds(base, new).deviation)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_order_of_series_and_rounds_does_not_matter(seed: int) -> None:
    chance = np.random.default_rng(seed)
    base, new = drawn(seed, 5, 3), drawn(seed + 1, 5, 4)
    series, rounds = chance.permutation(5), chance.permutation(3)
    expected = noise.between_rounds(base, new).deviation[series]
    assert noise.between_rounds(base[series][:, rounds], new[series]).deviation == pytest.approx(expected)
    assert noise.of_means(base[series][:, rounds]).deviation == pytest.approx(noise.of_means(base).deviation[series])


def test_about_five_percent_of_equal_means_are_beyond_the_margin() -> None:
    """The common variance is a lower limit, so that fewer than 5 % are."""
    outside = []
    for seed in range(150):
        rounds = drawn(seed, 12, 3)
        outside += list(np.abs(rounds.mean(axis=1)) > noise.of_means(rounds).margins(0.05))
    assert 0.02 <= np.mean(outside) <= 0.05


def test_about_five_percent_of_equal_sides_are_beyond_the_margin() -> None:
    outside = []
    for seed in range(150):
        base, new = drawn(seed, 12, 3), drawn(seed + 1000, 12, 3)
        changes = np.median(new[:, :, None] - base[:, None, :], axis=(1, 2))
        found = noise.between_rounds(base, new)
        outside += list(np.abs(changes - np.median(changes)) > found.margins(0.05))
    assert 0.015 <= np.mean(outside) <= 0.055
