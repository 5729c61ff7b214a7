"""Images that networks are trained on: one file per data set, each ending in `ENTRIES`, a tuple of `Dataset`."""
