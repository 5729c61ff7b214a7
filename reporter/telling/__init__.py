"""Deprecated since 0.2: renamed to `reporter.report`. This package will be removed in 0.3."""
