"""The measuring side: networks are built, counted, timed and trained in worker processes."""
