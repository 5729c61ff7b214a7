"""Ranks as ranges: values that cannot be distinguished share them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reporter.stats.shared_ranks import shared_ranks


def test_ranges_by_hand() -> None:
    """0.2 and 0.3 are alike: they share the ranks 2 and 3."""
    values, alike = (0.3, 0.1, 0.9, 0.2), ({0, 3}, {1}, {2}, {3, 0})
    assert shared_ranks(values, alike, descending=False) == [(3, 2, 3), (1, 1, 1), (4, 4, 4), (2, 2, 3)]
    assert shared_ranks(values, alike, descending=True) == [(2, 2, 3), (4, 4, 4), (1, 1, 1), (3, 2, 3)]


def test_being_alike_is_not_transitive() -> None:
    """The middle one cannot be distinguished from either, but these from each other."""
    assert shared_ranks((1, 2, 3), ({0, 1}, {0, 1, 2}, {1, 2}), descending=False) == [(1, 1, 2), (2, 1, 3), (3, 2, 3)]


@pytest.mark.parametrize("descending", [False, True])
def test_equal_values_keep_their_order(descending: bool) -> None:
    assert [rank.rank for rank in shared_ranks((5, 5, 5), ({0}, {1}, {2}), descending)] == [1, 2, 3]


@given(st.lists(st.floats(0, 9), min_size=1, max_size=12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_ranks_are_scipys(values: list[float], descending: bool) -> None:
    signed = [-value if descending else value for value in values]
    found = shared_ranks(values, [{index} for index in range(len(values))], descending)
    expected = [int(rank) for rank in stats.rankdata(signed, method="ordinal")]
    assert found == [(rank, rank, rank) for rank in expected]
