"""Key findings: sentences that are computed from the records."""
