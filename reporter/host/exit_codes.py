"""Exit codes other than 0."""

from __future__ import annotations

REGRESSED = 1
USAGE = 2
FAILED = 3
INTERRUPTED = 130
