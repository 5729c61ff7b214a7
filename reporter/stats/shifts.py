"""The shift between two independent sets of rounds: its estimate, how the rounds agree on it, and a rank test.

All arrays contain natural logarithms, so that a shift is the logarithm of a ratio.
"""

from __future__ import annotations

import numpy as np

from reporter.stats.noise import Log


def shift(base: Log, new: Log) -> Log:
    """The two-sample Hodges-Lehmann estimate: the median of all differences, which one bad round does not move.

    Rounds are the last axis; series are in the axes before it, which both have in common and the result has, too.
    """
    return np.asarray(np.median(new[..., :, None] - base[..., None, :], axis=(-2, -1)))


def agreement(base: Log, new: Log, change: float) -> float:
    """The share of all pairs of a round of `base` and one of `new` (two vectors) that differ in the sign of `change`.

    What the shift of the two contains beyond `change` is taken off first.
    """
    steps = np.subtract.outer(new - beyond(base, new, change), base)
    return float(np.mean(np.sign(steps) == np.sign(change)))


def beyond(base: Log, new: Log, change: float) -> float:
    """What the shift between two vectors of rounds contains beyond `change`: what several series share."""
    return float(shift(base, new)) - change


def rank_test(base: Log, new: Log) -> float:
    """The two-sided p-value of Mann and Whitney's test that two vectors of samples have the same distribution."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(base, new).pvalue)
