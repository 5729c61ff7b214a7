"""Deprecated: import from `reporter.model`. This module is removed in the next release."""

from __future__ import annotations

import warnings

from reporter.model import *  # noqa: F403

warnings.warn("reporter.types is deprecated, use reporter.model", DeprecationWarning, stacklevel=2)
