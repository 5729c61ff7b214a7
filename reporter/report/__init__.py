"""Records become a comparison, and a comparison becomes the reports. Never imports torch."""
