"""Records, evidence and run history on disk, which reports are made from."""
