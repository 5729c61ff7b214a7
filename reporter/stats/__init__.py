"""Statistics of numbers and arrays. Knows nothing of architectures or reports; imports nothing else of this package.

Modules:

    samples.py         center, 95 % interval and percentiles of the samples of one quantity
    intervals.py       intervals and ratios of times at the level of rounds
    noise.py           how far times move although nothing has changed
    unequal_rounds.py  noise of the means of series with different numbers of rounds
    significance.py    the conditions of a significant change, in order
    false_discovery.py which of many tests reject, with a limited share of false ones
    paired_ratios.py   ratios of paired samples: Hodges-Lehmann estimate, signed-rank test
    shifts.py          shift between two sets of rounds: Hodges-Lehmann estimate, agreement, rank test
    change_points.py   changes of level in a history, by binary segmentation
    level_shifts.py    the last runs compared with the level of the runs before
    proportions.py     intervals of a share
    shares.py          shares over several seeds: intervals, and which of them differ
    shared_ranks.py    ranks as ranges
    correlation.py     Spearman's rank correlation with its interval
    linear_fit.py      a line through points, with intervals of its coefficients
"""
