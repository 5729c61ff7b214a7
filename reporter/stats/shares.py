"""Shares of correct answers over seeds: their 95 % intervals, and which of several differ.

Every seed draws initial weights, the order of training images and the held-out images, so the spread between seeds
contains all three. All computation is on the arcsine of the square root of a share, whose variance from the choice of
n images is 1/(4n) for every share. The variance between seeds is pooled over the series that are measured together, as
that of times is (`noise.moderated`), and it is never less than that of the choice of images. More seeds do not reduce
what the pool of images adds, from which all of them draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reporter.stats.noise import FEWEST_SERIES, PRIOR_FREEDOM, Log, moderated, student, typical
from reporter.stats.proportions import Interval, wilson

PRIOR_DEVIATION = 0.07
"""The standard deviation between seeds where too few series show it; benchmarks/training.md has the measurement."""
ONE_SEED = 0.17
"""Shares of one seed each that are closer than this do not count as different: the same network, data and seed gave
38.9 % on one version of torch and 55.6 % on the next."""
PAIR_ALPHA = 0.05
"""The significance level for the difference of two shares."""


class SeedShares(NamedTuple):
    """The shares of all seeds, the number of images of each, and of the pool that every seed draws them from.

    Each of s seeds draws n of N images without replacement, and the N are drawn from all possible images. If an image
    is right or wrong with all seeds alike, with a variance of v between images, the mean of a seed varies by
    v (1/n - 1/N) around that of the pool, and that of the pool by v/N. The mean of all seeds varies by
    v (1/n - 1/N) / s + v/N, and by less where the seeds do not agree on an image.
    """

    shares: tuple[float, ...]
    images: float
    pool: float = math.inf
    """Infinite where it is not known: seeds count as independent."""

    @property
    def independent(self) -> float:
        """The number of independent images whose mean varies as that of all seeds: s n / (1 + (s - 1) n / N)."""
        seeds = len(self.shares)
        return seeds * self.images / (1 + (seeds - 1) * self.images / self.pool)

    @property
    def between_seeds(self) -> float:
        """The variance from one seed to another by the choice of images, on the arcsine scale."""
        return (1 / self.images - 1 / self.pool) / 4

    @property
    def of_pool(self) -> float:
        """The variance that all seeds share, on the arcsine scale."""
        return 1 / (4 * self.pool)


class Shares:
    """Shares that are measured together, by name."""

    def __init__(self, series: Mapping[str, SeedShares]) -> None:
        self.series = {name: each for name, each in series.items() if each.shares and each.images >= 1}

    def interval(self, name: str) -> Interval:
        """The 95 % interval of the mean share, between 0 and 1."""
        series = self.series[name]
        low, high = wilson(_mean(series), series.independent)
        if self._is_repeated:
            half = student(self._freedom) * self._deviations[name]
            center = self._centers[name]
            low, high = min(low, _share(center - half)), max(high, _share(center + half))
        return max(0.0, low), min(1.0, high)

    def differ(self, name: str, other: str) -> bool:
        """Whether two shares differ by more than the choice of images and seeds explains."""
        if name not in self.series or other not in self.series:
            return False
        rows = self._rows
        return bool(self._apart(rows[name])[rows[other]])

    def like(self, name: str) -> set[str]:
        """The names whose shares do not differ from one, itself included."""
        if name not in self.series:
            return {*self.series, name}
        names = list(self.series)
        return {names[row] for row in np.flatnonzero(~self._apart(self._rows[name]))} | {name}

    def _apart(self, row: int) -> NDArray[np.bool_]:
        """Whether each series differs from that in a row."""
        if not self._is_repeated:
            lows, highs, means = self._bounds
            separate = (lows > highs[row]) | (lows[row] > highs)
            return np.asarray(separate & (np.abs(means - means[row]) > ONE_SEED))
        centers, deviations = self._levels
        margins = student(self._freedom, PAIR_ALPHA) * np.hypot(deviations, deviations[row])
        return np.asarray(np.abs(centers - centers[row]) > margins)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.series)}

    @cached_property
    def _levels(self) -> Log:
        """The mean angle of each series, and the standard deviation of that."""
        return np.array([list(self._centers.values()), list(self._deviations.values())])

    @cached_property
    def _bounds(self) -> Log:
        """The bounds of the interval of each series, and its mean share."""
        return np.array([(*self.interval(name), _mean(each)) for name, each in self.series.items()]).T

    @property
    def pooled_deviation(self) -> float:
        """The typical standard deviation between seeds, of one seed on the arcsine scale."""
        return math.sqrt(self._pooled)

    @cached_property
    def _is_repeated(self) -> bool:
        return any(len(each.shares) > 1 for each in self.series.values())

    @cached_property
    def _centers(self) -> dict[str, float]:
        """The mean angle of each series."""
        return {name: float(_angles(each).mean()) for name, each in self.series.items()}

    @cached_property
    def _deviations(self) -> dict[str, float]:
        """The standard deviation of the mean of each series."""
        variances = {name: self._variances.get(name, self._pooled) for name in self.series}
        return {
            name: math.sqrt(max(variances[name], each.between_seeds) / len(each.shares) + each.of_pool)
            for name, each in self.series.items()
        }

    @cached_property
    def _own(self) -> dict[str, tuple[float, int]]:
        """The variance of each series of several seeds, not less than that of images, with its degrees of freedom."""
        repeated = {name: each for name, each in self.series.items() if len(each.shares) > 1}
        return {
            name: (max(float(_angles(each).var(ddof=1)), each.between_seeds), len(each.shares) - 1)
            for name, each in repeated.items()
        }

    @cached_property
    def _pooled(self) -> float:
        variances, freedoms = self._arrays
        if len(variances) >= FEWEST_SERIES:
            return typical(variances, freedoms)
        total = float(freedoms.sum())
        return (PRIOR_FREEDOM * PRIOR_DEVIATION**2 + float((variances * freedoms).sum())) / (PRIOR_FREEDOM + total)

    @cached_property
    def _freedom(self) -> float:
        total = float(self._arrays[1].sum())
        return max(PRIOR_FREEDOM, total / 2) if len(self._own) >= FEWEST_SERIES else PRIOR_FREEDOM + total

    @cached_property
    def _variances(self) -> dict[str, float]:
        variances, freedoms = self._arrays
        return dict(zip(self._own, moderated(variances, self._pooled, freedoms).tolist(), strict=True))

    @cached_property
    def _arrays(self) -> tuple[Log, Log]:
        own = list(self._own.values())
        return np.array([each for each, _ in own], float), np.array([freedom for _, freedom in own], float)


def _angles(series: SeedShares) -> Log:
    """The arcsines of the square roots; by `math`, because the last digit of numpy's depends on the processor."""
    return np.array([math.asin(math.sqrt(min(max(share, 0.0), 1.0))) for share in series.shares])


def _share(angle: float) -> float:
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2


def _mean(series: SeedShares) -> float:
    return sum(series.shares) / len(series.shares)
