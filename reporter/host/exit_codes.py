"""The exit codes that are no plain success: what a caller may rely on."""

from __future__ import annotations

REGRESSED = 1
USAGE = 2
FAILED = 3
INTERRUPTED = 130
