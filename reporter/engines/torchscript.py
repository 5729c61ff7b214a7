"""TorchScript: the traced and frozen network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reporter.model import Engine


def prepare(model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None) -> Callable[[Any], Any]:
    """Trace and freeze; a warm-up of two calls lets the profiling executor finish its optimizations."""
    import torch

    with torch.no_grad():
        frozen: Callable[[Any], Any] = torch.jit.freeze(torch.jit.trace(model, example, check_trace=False))
        for _ in range(2):
            frozen(example)
    return frozen


ENTRIES = (
    Engine(
        name="torchscript",
        title="TorchScript, frozen",
        prepare=prepare,
        precisions=("bf16",),
        memory_formats=("channels_last",),
        devices=("cpu", "cuda"),
    ),
)
