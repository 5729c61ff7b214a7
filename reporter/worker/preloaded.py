"""What the fork server imports besides the worker, once instead of in every worker."""

from __future__ import annotations

import sklearn.datasets
import sklearn.model_selection  # noqa: F401

from reporter.registry import plugins
from reporter.registry.catalog import modules

plugins.points()
for folder in ("reporter.metrics", "reporter.architectures", "reporter.claims"):
    list(modules(folder))
