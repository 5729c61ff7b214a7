"""Engines: software that runs a prepared network, one file each, ending in `ENTRIES`, a tuple of `Engine`.

Packages are imported inside functions only, so that nothing is imported of an engine that is not used. Installed
packages add engines by entry points in the group `reporter.engines`.
"""
