"""Noise of the means of series that have different numbers of rounds, for measurements that stop series early.

Arrays contain natural logarithms, as in noise.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reporter.stats.noise import FEWEST_SERIES, Log, Noise, moderated, student, typical

POWER = 0.9
"""The share of changes of the detectable size that are found."""


def of_centers(series: Sequence[Log]) -> Noise:
    """The noise of the mean of each series over its rounds; every series has at least two.

    The variance is pooled over the series; one that varies more gets more (`noise.moderated`).
    """
    counts = np.array([len(each) for each in series], float)
    own, freedom = np.array([each.var(ddof=1) for each in series]), counts - 1
    few = len(series) < FEWEST_SERIES
    pooled = float(np.average(own, weights=freedom)) if few else typical(own, freedom)
    variance = moderated(own, pooled, freedom)
    return Noise(np.sqrt(variance / counts), float(freedom.sum()) / (1 if few else 2))


def detectable(noise: Noise, floors: Log) -> Log:
    """The size of a change of each series that exceeds its floor with probability POWER."""
    return floors + student(noise.freedom, 2 * (1 - POWER)) * noise.deviation
