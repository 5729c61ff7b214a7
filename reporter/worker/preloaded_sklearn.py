"""What the fork server imports besides where models are trained: scikit-learn, which has digits and splits images."""

from __future__ import annotations

from reporter.host.preloading import preload

preload("sklearn.datasets")
preload("sklearn.model_selection")
