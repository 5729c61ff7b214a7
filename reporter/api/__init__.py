"""The Python API: `reporter.measure` and `reporter.load`; see docs/api.md."""
