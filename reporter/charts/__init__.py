"""Charts of the report: one file each, ending in `ENTRIES`, a tuple of `Chart`."""
