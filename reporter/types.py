"""Deprecated since 0.2: import from `reporter.model`. This module will be removed in 0.3."""

from __future__ import annotations

import warnings

from reporter.model import *  # noqa: F403

warnings.warn("reporter.types is deprecated, use reporter.model", DeprecationWarning, stacklevel=2)
