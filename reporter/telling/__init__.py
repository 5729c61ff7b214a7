"""Deprecated: renamed to `reporter.report`. This package is removed in the next release."""
