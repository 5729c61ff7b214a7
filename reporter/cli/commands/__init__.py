"""The subcommands: one file each, ending in `ENTRIES`, a tuple of click commands."""
