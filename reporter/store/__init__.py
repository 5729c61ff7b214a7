"""Records, evidence and past runs on disk: all that the report is made from."""
