"""Shares over seeds: intervals that contain the choice of images and of seeds, and differences that repeat."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from reporter.stats.noise import PRIOR_FREEDOM
from reporter.stats.proportions import is_chance, wilson
from reporter.stats.shares import PAIR_ALPHA, PRIOR_DEVIATION, SeedShares, Shares

TRUE = (0.1, 0.1, 0.15, 0.3, 0.4, 0.45, 0.5, 0.6, 0.6, 0.7, 0.8, 0.85)


def drawn(seed: int, deviation: float = 0.05, images: int = 240, seeds: int = 2) -> Shares:
    """A run over architectures of known accuracy, with noise of seeds on the arcsine scale and of images."""
    random = np.random.default_rng(seed)
    series = {}
    for number, share in enumerate(TRUE):
        angles = np.clip(np.arcsin(np.sqrt(share)) + deviation * random.standard_normal(seeds), 0, math.pi / 2)
        right = random.binomial(images, np.sin(angles) ** 2)
        series[str(number)] = SeedShares(tuple((right / images).tolist()), images)
    return Shares(series)


def test_intervals_contain_the_true_share_in_95_of_100_cases() -> None:
    inside = [
        low <= share <= high
        for seed in range(100)
        for run in [drawn(seed)]
        for number, share in enumerate(TRUE)
        for low, high in [run.interval(str(number))]
    ]
    assert np.mean(inside) >= 0.94


@pytest.mark.parametrize(
    ("count", "seeds", "images"), [(1, 2, 240), (2, 2, 240), (3, 3, 240), (12, 2, 30), (12, 5, 360), (18, 2, 240)]
)
def test_intervals_hold_for_few_and_many_series_whose_seeds_differ_unequally(
    count: int, seeds: int, images: int
) -> None:
    """Deviations between seeds from 0.01 to 0.1, as in benchmarks/training.jsonl; truth uniform on the arcsine scale.

    95 % less three standard errors of the simulated coverage.
    """
    random = np.random.default_rng(count)
    inside = []
    while len(inside) < 1000:
        truth = np.sin(random.uniform(0.25, 1.3, count)) ** 2
        deviations = np.exp(random.uniform(math.log(0.01), math.log(0.1), count))
        angles = np.arcsin(np.sqrt(truth))[:, None] + deviations[:, None] * random.standard_normal((count, seeds))
        right = random.binomial(images, np.sin(np.clip(angles, 0, math.pi / 2)) ** 2) / images
        run = Shares({str(name): SeedShares(tuple(shares), images) for name, shares in enumerate(right.tolist())})
        bounds = [run.interval(str(name)) for name in range(count)]
        inside += [low <= share <= high for (low, high), share in zip(bounds, truth, strict=True)]
    assert np.mean(inside) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / len(inside))


def drawn_from_a_pool(seeds: int, images: int, pool: int, *, share: float, deviation: float, runs: int) -> np.ndarray:
    """Shares of runs x seeds: an image is right where a number of its own is less than the share of the seed."""
    random = np.random.default_rng([seeds, images, pool, round(100 * share)])
    numbers = random.random((runs, 1, pool))
    chosen = random.random((runs, seeds, pool)).argsort(-1)[..., :images]
    angles = np.arcsin(np.sqrt(share)) + deviation * random.standard_normal((runs, seeds, 1))
    right: np.ndarray = np.take_along_axis(numbers, chosen, -1) < np.sin(angles) ** 2
    return right.mean(-1)


@pytest.mark.parametrize(("seeds", "images", "pool"), [(5, 40, 40), (5, 20, 60), (2, 30, 40), (1, 20, 40)])
def test_seeds_that_draw_from_one_pool_vary_as_so_many_independent_images(seeds: int, images: int, pool: int) -> None:
    """Within three standard errors of the simulated variance."""
    share, runs = 0.3, 4000
    means = drawn_from_a_pool(seeds, images, pool, share=share, deviation=0.0, runs=runs).mean(1)
    series = SeedShares((share,) * seeds, images, pool)
    assert means.var() == pytest.approx(share * (1 - share) / series.independent, rel=3 * math.sqrt(2 / runs))
    assert 1 / (4 * series.independent) == pytest.approx(series.between_seeds / seeds + series.of_pool)


@pytest.mark.parametrize(("images", "pool"), [(120, 120), (60, 120)])
def test_intervals_hold_for_seeds_that_draw_from_one_pool(images: int, pool: int) -> None:
    """95 % less three standard errors of the simulated coverage."""
    settings = {"deviation": 0.02, "runs": 200}
    shares = {share: drawn_from_a_pool(5, images, pool, share=share, **settings) for share in (0.2, 0.4, 0.5, 0.7)}
    inside = []
    for run in range(200):
        series = {str(share): SeedShares(tuple(found[run].tolist()), images, pool) for share, found in shares.items()}
        bounds = Shares(series)
        inside += [low <= share <= high for share in shares for low, high in [bounds.interval(str(share))]]
    assert np.mean(inside) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / len(inside))


def test_more_seeds_on_the_same_images_are_no_more_images() -> None:
    """Without a pool, as in older records, five seeds of 120 images count as 600."""
    one, five, old = (
        Shares({"a": SeedShares((0.5,) * seeds, 120, pool)}) for seeds, pool in ((1, 120), (5, 120), (5, math.inf))
    )
    assert one.series["a"].independent == five.series["a"].independent == 120
    assert old.series["a"].independent == 600
    low, high = five.interval("a")
    assert low <= one.interval("a")[0]
    assert high >= one.interval("a")[1]


def test_an_interval_of_seeds_is_wider_than_that_of_images_where_seeds_differ() -> None:
    run = Shares({name: SeedShares((0.4, 0.6), 240) for name in "abc"})
    low, high = run.interval("a")
    alone = wilson(0.5, 480)
    assert low < alone[0] - 0.03
    assert high > alone[1] + 0.03


@pytest.mark.parametrize("seeds", [2, 3])
def test_two_runs_do_not_order_a_pair_in_opposite_ways(seeds: int) -> None:
    opposite = equal = separated = 0
    for seed in range(60):
        runs = drawn(2 * seed, seeds=seeds), drawn(2 * seed + 1, seeds=seeds)
        for one, two in combinations(map(str, range(len(TRUE))), 2):
            signs = [_sign(run, one, two) for run in runs]
            opposite += signs[0] * signs[1] < 0
            separated += signs[0] != 0
            equal += TRUE[int(one)] == TRUE[int(two)] and signs[0] != 0
    assert opposite == 0
    assert equal <= PAIR_ALPHA * 60 * 2
    assert separated > 0.5 * 60 * 66


def _sign(run: Shares, one: str, two: str) -> float:
    if not run.differ(one, two):
        return 0.0
    return math.copysign(1.0, sum(run.series[one].shares) - sum(run.series[two].shares))


def test_one_seed_has_the_interval_of_the_images_and_a_wide_margin() -> None:
    run = Shares({"a": SeedShares((0.389,), 180), "b": SeedShares((0.556,), 180), "c": SeedShares((0.9,), 180)})
    assert run.interval("a") == pytest.approx(wilson(0.389, 180))
    assert run.like("a") == {"a", "b"}
    assert not run.differ("a", "unknown")


def test_seeds_that_agree_do_not_hide_the_choice_of_images() -> None:
    run = Shares({name: SeedShares((0.5, 0.5, 0.5), 30) for name in "abc"})
    low, high = run.interval("a")
    assert high - low >= 2 * 1.96 * math.sqrt(0.25 / 90) * 0.95


def around(share: float, half: float) -> tuple[float, float]:
    """The interval of a share whose angle has an interval of that half width."""
    angle = math.asin(math.sqrt(share))
    return math.sin(angle - half) ** 2, math.sin(angle + half) ** 2


def test_the_interval_of_three_series_by_hand() -> None:
    """All variances are those of 30 images, 1 / 120 on the arcsine scale; half of the 6 degrees of freedom are fewer
    than those of the prior. The median of chi-squared with two degrees is about 2 (8 / 9)^3.
    """
    run = Shares({name: SeedShares((0.5, 0.5, 0.5), 30) for name in "abc"})
    pooled = 1 / 120 / (8 / 9) ** 3
    assert run.pooled_deviation == pytest.approx(math.sqrt(pooled))
    half = stats.t.ppf(0.975, PRIOR_FREEDOM) * math.sqrt(pooled / 3)
    assert run.interval("a") == pytest.approx(around(0.5, half))


def test_a_single_seed_of_few_images_varies_as_these_do() -> None:
    """9 images, 1 / 36 on the arcsine scale, beside three series that hardly vary."""
    run = Shares({**{name: SeedShares((0.5, 0.5), 1e6) for name in "abc"}, "d": SeedShares((0.5,), 9)})
    assert run.interval("d") == pytest.approx(around(0.5, stats.t.ppf(0.975, PRIOR_FREEDOM) / 6))


def test_the_interval_of_two_series_includes_the_prior() -> None:
    """Angles 0.1 above and below a right angle's half: a variance of 0.02 each, with one degree of freedom."""
    shares = tuple(math.sin(math.pi / 4 + step) ** 2 for step in (-0.1, 0.1))
    run = Shares({name: SeedShares(shares, 1e6) for name in "ab"})
    pooled = (PRIOR_FREEDOM * PRIOR_DEVIATION**2 + 2 * 0.02) / (PRIOR_FREEDOM + 2)
    assert run.pooled_deviation == pytest.approx(math.sqrt(pooled))
    own = (PRIOR_FREEDOM * pooled + 0.02) / (PRIOR_FREEDOM + 1)
    half = stats.t.ppf(0.975, PRIOR_FREEDOM + 2) * math.sqrt(max(pooled, own) / 2)
    low, high = run.interval("a")
    assert math.asin(math.sqrt(high)) - math.asin(math.sqrt(low)) == pytest.approx(2 * half)


def test_a_series_without_images_or_shares_is_left_out() -> None:
    assert Shares({"a": SeedShares((0.5,), 0), "b": SeedShares((), 9), "c": SeedShares((0.5,), 1)}).series.keys() == {
        "c"
    }


def test_a_share_near_that_of_guessing_is_chance() -> None:
    assert [is_chance(share, 1 / 10) for share in (0.05, 0.149, 0.151)] == [True, True, False]
    assert [is_chance(share, 1 / 2) for share in (0.4, 0.599, 0.601, 0.7)] == [True, True, False, False]


def test_a_share_near_that_of_a_frequent_class_is_chance() -> None:
    """Of 900 and 100 images 90 % are right with one answer for all; a fifth of the rest shows that more was learned."""
    assert [is_chance(share, 0.9) for share in (0.5, 0.9, 0.919, 0.921, 1.0)] == [True, True, True, False, False]
