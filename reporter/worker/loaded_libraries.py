"""Resident memory of a process that has imported torch and the library of a model, and nothing more.

The fork server imports this module before anything else that is large, and its workers inherit the numbers: a worker
itself shares the code of libraries with the fork server, which also has imported what only measuring needs.
"""

from __future__ import annotations

import torchvision  # noqa: F401  with torch

from reporter.architectures.timm import PREFIX
from reporter.host import process_memory

BASE = process_memory.resident()
_more: dict[str, int] = {}


def load_timm() -> None:
    """Imports timm, and notes by how much the memory of this process grows."""
    before = process_memory.resident()
    import timm  # noqa: F401

    _more[PREFIX] = process_memory.resident() - before


def resident(architecture: str) -> int:
    """Bytes of a process that has imported what an architecture needs."""
    return BASE + sum(more for prefix, more in _more.items() if architecture.startswith(prefix))
