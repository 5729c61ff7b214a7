"""The measuring side: what happens in a worker process, where networks are built, counted, timed and trained."""
