"""TorchScript: the traced and frozen network."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from reporter.engines._failures import step
from reporter.engines._outputs import flat
from reporter.host.captured import captured
from reporter.model import Engine
from reporter.model.attempts import attempt
from reporter.model.readings import UnsupportedError

READS = re.compile(r"Tensor\.item\(\)|_local_scalar_dense|aten::equal|tensor to numpy")
"""What torch's errors contain where Python code reads values of tensors on meta.

Others, such as operators without an implementation on meta or constants on the CPU, occur in models that a trace
records correctly.
"""


def prepare(
    model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None, calibration: Any = None
) -> Callable[[Any], Any]:
    """Trace and freeze; a warm-up of two calls lets the profiling executor finish its optimizations."""
    import torch

    module, restored = flat(model, example)
    with captured("TorchScript"), torch.inference_mode():
        frozen = step("tracing", partial(_frozen, module, example))
        step("the first call", lambda: [frozen(example) for _ in range(2)])

    @torch.inference_mode()
    def call(images: Any) -> Any:
        return restored(frozen(images))

    return call


def _frozen(module: Any, example: Any) -> Any:
    import torch

    with torch.no_grad(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frozen = torch.jit.freeze(torch.jit.trace(module, example, check_trace=False, strict=False))
    warning = torch.jit.TracerWarning  # type: ignore[attr-defined]
    if any(issubclass(each.category, warning) for each in caught):
        _, verdict = attempt(partial(_without_values, module, example))
        if verdict.reason and READS.search(verdict.reason):
            raise UnsupportedError(
                f"Python code reads values of tensors, which a trace does not record: {verdict.reason}"
            )
    return frozen


def _without_values(module: Any, example: Any) -> None:
    """Run the module on tensors without values, which fails where Python code reads one: a trace keeps what it read."""
    import torch

    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    empty = {name: tensor.detach().to("meta") for name, tensor in state.items()}
    with torch.no_grad():
        torch.func.functional_call(module, empty, (example.to("meta"),))


ENTRIES = (
    Engine(
        name="torchscript",
        title="TorchScript, frozen",
        prepare=prepare,
        precisions=("bf16", "fp16"),
        memory_formats=("channels_last",),
        devices=("cpu", "cuda"),
    ),
)
