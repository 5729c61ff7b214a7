"""Data sets for fine-tuning: one file each, ending in `ENTRIES`, a tuple of `Dataset`."""
