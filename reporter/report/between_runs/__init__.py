"""What changed between runs, environments and versions, in words; and the history of runs."""
