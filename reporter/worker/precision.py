"""Settings of torch that determine kernels: full float32, no search for cuDNN algorithms, and torch's own defaults."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from reporter.model import ReporterError

FP32 = "ieee"
"""float32 computed in float32: neither TF32 nor bfloat16."""
PLACES = (
    "cuda.matmul", "cudnn", "cudnn.conv", "cudnn.rnn", "mkldnn", "mkldnn.conv", "mkldnn.matmul", "mkldnn.rnn"
)  # fmt: skip
"""Where torch.backends has a setting `fp32_precision`, besides its own."""
FLAGS = {
    "cudnn.enabled": True,
    "cudnn.benchmark": False,
    "cudnn.deterministic": False,
    "cuda.matmul.allow_fp16_accumulation": False,
    "cuda.matmul.allow_fp16_reduced_precision_reduction": True,
    "cuda.matmul.allow_bf16_reduced_precision_reduction": True,
}
"""Switches in torch.backends, as torch has them by default."""
DETERMINISTIC = "deterministic_algorithms"
"""The name of what `torch.use_deterministic_algorithms` sets, which is not in torch.backends."""
WANTED: dict[str, Any] = dict.fromkeys(("fp32_precision", *(f"{place}.fp32_precision" for place in PLACES)), FP32)
WANTED |= FLAGS | {DETERMINISTIC: False}


def fix() -> None:
    """Set all of them.

    The older switches come first: `cudnn.allow_tf32 = False` alone leaves fp32_precision at "none", which the setting
    of torch.backends then overrides, and a switch that differs from fp32_precision makes torch raise an error.
    Deterministic algorithms are turned off only if they are on, because their setter loads Inductor.
    """
    import torch

    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for name, value in WANTED.items():
        place, _, setting = name.rpartition(".")
        if name != DETERMINISTIC:
            setattr(attrgetter(place)(torch.backends) if place else torch.backends, setting, value)
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)


def current() -> dict[str, Any]:
    """What they are now, by their names in torch.backends, and whether torch uses deterministic algorithms only."""
    import torch

    found = {name: attrgetter(name)(torch.backends) for name in WANTED if name != DETERMINISTIC}
    return found | {DETERMINISTIC: torch.are_deterministic_algorithms_enabled()}


def check() -> None:
    """ReporterError where one of them is not as `fix` left it: a model changed it while it ran."""
    for name, value in current().items():
        if value != WANTED[name]:
            setting = "torch.use_deterministic_algorithms" if name == DETERMINISTIC else f"torch.backends.{name}"
            raise ReporterError(
                f"the model set {setting} to {value!r} while it ran; all models are measured with "
                f"{WANTED[name]!r}: remove this from its code"
            )
