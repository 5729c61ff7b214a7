"""Which statements of the lecture are put to the test: one file each, ending in `ENTRIES`, a tuple of `Claim`.

A file has two halves: `measure` runs in a worker, where alone torch is imported, and gives numbers; `judge` is part of
the telling side and makes a verdict of them, of the records and of what is published.
"""
