"""What the fork server imports besides where models of timm are measured."""

from __future__ import annotations

from reporter import facts
from reporter.host.preloading import load, preload
from reporter.model.attempts import attempt

MEMORY = "reporter.worker.loaded_libraries"

attempt(lambda: load(MEMORY).load_timm())
preload("timm")
facts.timm_accuracies()
