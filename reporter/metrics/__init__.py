"""Which numbers: one file per question, each ending in `ENTRIES`, a tuple of `Metric`.

torch is imported inside the measuring functions, so that listing the metrics does not need it.
"""
