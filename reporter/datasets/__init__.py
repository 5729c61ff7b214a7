"""On what networks are fine-tuned: one file per data set, each ending in `ENTRIES`, a tuple of `Dataset`."""
