"""Runs in worker processes, where torch is imported: models are built, counted, timed and trained."""
