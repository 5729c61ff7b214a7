"""Planning and running of jobs, with a worker for each. Never imports torch."""
