"""Reports from records, by way of a comparison. Never imports torch."""
