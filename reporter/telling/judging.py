"""Deprecated: import from `reporter.report.claim_verdicts`. This module is removed in the next release."""

from __future__ import annotations

import warnings

from reporter.report.claim_verdicts import *  # noqa: F403

NEW = "reporter.report.claim_verdicts"
warnings.warn(f"reporter.telling.judging is deprecated, use {NEW}", DeprecationWarning, stacklevel=2)
