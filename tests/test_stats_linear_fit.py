"""The fit of a line: exact points, known noise and the coverage of its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.stats.linear_fit import LinearFit, fit

COEFFICIENT = st.floats(1e-6, 1e3)


@given(COEFFICIENT, COEFFICIENT, st.sets(st.integers(1, 4096), min_size=2, max_size=12))
def test_exact_points_give_exact_coefficients(intercept: float, slope: float, xs: set[int]) -> None:
    ordered = sorted(xs)
    found = fit(ordered, [intercept + slope * x for x in ordered])
    assert found is not None
    scale = intercept + slope * max(ordered)
    assert found.slope == pytest.approx(slope, abs=1e-9 * scale)
    assert found.intercept == pytest.approx(intercept, abs=1e-6 * scale)
    for value, interval in ((found.intercept, found.intercept_interval), (found.slope, found.slope_interval)):
        if len(ordered) > 2:
            assert interval is not None
            assert interval[0] <= value <= interval[1]
            assert interval[1] - interval[0] <= 1e-4 * scale
        else:
            assert interval is None


@given(st.floats(1e-3, 1e3), COEFFICIENT, COEFFICIENT)
def test_the_unit_does_not_matter(factor: float, intercept: float, slope: float) -> None:
    xs, wobble = [1, 2, 4, 8], [1.0, 1.02, 0.97, 1.01]
    ys = [(intercept + slope * x) * each for x, each in zip(xs, wobble, strict=True)]
    one, other = fit(xs, ys), fit(xs, [factor * y for y in ys])
    assert one is not None
    assert other is not None
    assert other.slope == pytest.approx(factor * one.slope, rel=1e-6)
    assert other.at(5) == pytest.approx(factor * one.at(5), rel=1e-6)


@pytest.mark.parametrize("xs", [[], [4], [4, 4, 4]])
def test_one_place_is_no_line(xs: list[float]) -> None:
    assert fit(xs, [1.0 for _ in xs]) is None


def test_two_points_have_a_line_without_intervals() -> None:
    found = fit([1, 3], [5.0, 9.0])
    assert found is not None
    assert found == LinearFit(pytest.approx(3.0), pytest.approx(2.0), None, None)


def test_intervals_cover_the_true_coefficients() -> None:
    """In about 95 of 100 curves with noise in proportion to the time."""
    generator, xs = np.random.default_rng(0), [1, 2, 4, 8, 16, 32]
    covered = np.zeros(2)
    for _ in range(1000):
        noise = np.exp(generator.normal(0, 0.03, len(xs)))
        found = fit(xs, [(5 + 2 * x) * float(factor) for x, factor in zip(xs, noise, strict=True)])
        assert found is not None
        assert found.intercept_interval is not None
        assert found.slope_interval is not None
        for number, (truth, (low, high)) in enumerate(((5, found.intercept_interval), (2, found.slope_interval))):
            covered[number] += low <= truth <= high
    assert all(930 <= count <= 970 for count in covered)
