"""Plans jobs, starts a worker for each and saves its readings. Never imports torch."""
