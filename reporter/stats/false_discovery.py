"""Which of many tests reject: the share of false ones among those that do is limited.

Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995. Where nothing differs, the probability that
any test rejects is limited to the same level, as with Bonferroni; where many differ, each of them needs less evidence.
The tests may be independent or positively dependent, as tests that share an estimate of the noise are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def cutoff(p_values: Sequence[float], level: float) -> float:
    """The significance level of each single test: those with a p-value of at most this reject.

    It is `level` times the share of the tests that reject, and that of a single one if none does. `p_values` are not
    empty.
    """
    ascending = np.sort(np.asarray(p_values, float))
    limits = level * np.arange(1, len(ascending) + 1) / len(ascending)
    rejecting = np.flatnonzero(ascending <= limits)
    return float(limits[rejecting[-1] if len(rejecting) else 0])
