"""Which pictures: one file each, ending in `ENTRIES`, a tuple of `Chart`."""
