"""Environment variables that are set for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

GPUS, NO_GPU = "CUDA_VISIBLE_DEVICES", "-1"
"""The variable with the GPUs that CUDA and HIP can use, and a value with which there are none."""


@contextmanager
def variable(name: str, value: str | None) -> Iterator[None]:
    """Set an environment variable for a while; with None, leave it as it is."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def without_gpus(model: Any) -> AbstractContextManager[None]:
    """Hide the GPUs while a model on the CPU is prepared: torch would start their driver for their random generators.

    This has no effect on a process that has used a GPU before. Otherwise, the process finds no GPU from then on.
    """
    on_cpu = all(each.device.type == "cpu" for each in (*model.parameters(), *model.buffers()))
    return variable(GPUS, NO_GPU if on_cpu else None)
