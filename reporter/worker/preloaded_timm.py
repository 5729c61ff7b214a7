"""What the fork server imports besides where models of timm are measured."""

from __future__ import annotations

from reporter.host.preloading import preload

preload("timm")
