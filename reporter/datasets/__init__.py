"""Data sets for fine-tuning: one file per data set, each ending in `ENTRIES`, a tuple of `Dataset`."""
