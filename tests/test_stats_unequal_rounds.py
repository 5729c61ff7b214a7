"""Noise of the means of series with different numbers of rounds: by hand, by scipy, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from reporter.stats.noise import FEWEST_SERIES, PRIOR_FREEDOM, Noise, typical
from reporter.stats.unequal_rounds import POWER, detectable, of_centers


def test_a_detectable_change_is_a_quantile_of_students_distribution_beyond_the_floor() -> None:
    noise = Noise(np.array([0.01, 0.03]), 7.0)
    floors = noise.margins(0.02)
    assert floors == pytest.approx(t.ppf(0.99, 7) * np.array([0.01, 0.03]))
    assert detectable(noise, floors) == pytest.approx((t.ppf(0.99, 7) + t.ppf(0.9, 7)) * np.array([0.01, 0.03]))
    assert POWER == 0.9


def test_few_series_are_pooled_by_their_rounds() -> None:
    """Variances 2 of two rounds and 1 of three: pooled (2 + 2 x 1) / 3, and no series has less."""
    noise = of_centers([np.array([0.0, 2.0]), np.array([4.0, 5.0, 6.0])])
    pooled = 4 / 3
    own = (PRIOR_FREEDOM * pooled + 2.0) / (PRIOR_FREEDOM + 1)
    assert noise.deviation**2 == pytest.approx([own / 2, pooled / 3])
    assert noise.freedom == 3


def test_many_series_have_a_typical_variance_and_half_the_freedom() -> None:
    """One series that varies a lot changes no other: the typical variance is that of the middle."""
    alike = [np.array([0.0, 0.1, 0.2])] * (FEWEST_SERIES - 1)
    wild = np.array([0.0, 9.0, 0.0, 9.0])
    noise = of_centers([*alike, wild])
    own = np.array([*[0.01] * (FEWEST_SERIES - 1), wild.var(ddof=1)])
    pooled = typical(own, np.array([*[2.0] * (FEWEST_SERIES - 1), 3.0]))
    assert noise.deviation[0] ** 2 == pytest.approx(
        max(pooled, (PRIOR_FREEDOM * pooled + 0.02) / (PRIOR_FREEDOM + 2)) / 3
    )
    assert noise.deviation[-1] > 10 * noise.deviation[0]
    assert noise.freedom == (2 * (FEWEST_SERIES - 1) + 3) / 2
    assert of_centers(alike).freedom == 2 * (FEWEST_SERIES - 1)


def test_as_many_means_as_promised_are_beyond_the_floor() -> None:
    """Normal rounds, three to eight in a series: 5 % of means are off by more, and changes are found as promised."""
    chance = np.random.default_rng(1)
    beyond, found = [], []
    for _ in range(200):
        series = [chance.normal(0, 0.01, rounds) for rounds in (3, 3, 5, 8, 3, 5)]
        noise = of_centers(series)
        means, floors = np.array([each.mean() for each in series]), noise.margins(0.05)
        beyond += list(abs(means) > floors)
        found += list(means + detectable(noise, floors) > floors)
    assert np.mean(beyond) <= 0.06
    assert np.mean(found) >= POWER
