"""A network prepared for execution modes: converted by torch, or by an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reporter.model import Engine, ReporterError, UnsupportedError
from reporter.model.attempts import attempt
from reporter.model.devices import ACCELERATORS, device_type
from reporter.model.modes import CHANNELS_LAST, Mode
from reporter.worker import precision
from reporter.worker.copies import convert, copied
from reporter.worker.input_format import Form

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
AMP: dict[str, torch.dtype] = {"cpu": torch.bfloat16, **dict.fromkeys(ACCELERATORS, torch.float16)}
"""The data type of autocast on each kind of device, torch's default there."""
OF_SYSTEM = "[Errno "
"""What messages of errors of the operating system contain."""


@dataclass(frozen=True)
class Variant:
    """A prepared network: `run` takes images of the `form` and returns what the network returns.

    `module` is the module that torch runs eagerly, None in an engine.
    """

    run: Callable[[Tensor], Any]
    form: Form
    module: nn.Module | None = None


def eager(network: nn.Module, form: Form) -> Variant:
    """The network as it is."""
    return Variant(network, form, network)


def converted(network: nn.Module, mode: Mode, form: Form) -> tuple[nn.Module, Form]:
    """A copy of the network in the precision and memory format of a mode, and the form of its images.

    `amp` and `tf32` leave the weights as they are; complex weights stay complex64 in all modes.
    """
    dtype = DTYPES.get(mode.precision, form.dtype)
    layout = torch.channels_last if mode.memory_format == CHANNELS_LAST else form.memory_format
    with torch.inference_mode(False):
        made = copied(network)
        if dtype != form.dtype:
            convert(made, dtype)
        if mode.memory_format == CHANNELS_LAST:
            made = made.to(memory_format=torch.channels_last)
    return made, Form(dtype, layout)


def in_torch(network: nn.Module, mode: Mode, form: Form, device: str) -> Variant:
    """A mode without an engine."""
    made, images = converted(network, mode, form)
    around = _context(mode.precision, device)
    if around is None:
        return Variant(made, images, made)

    def run(image: Tensor) -> Any:
        with around():
            return made(image)

    return Variant(run, images, made)


def in_engine(
    network: nn.Module,
    mode: Mode,
    engine: Engine,
    form: Form,
    images: Tensor,
    *,
    cache: Path,
    calibration: Tensor | None,
) -> Variant:
    """A mode of an engine, prepared for images like those given.

    UnsupportedError if the engine cannot run it; ReporterError for an error of the operating system, such as a full
    disk, after which it is tried again.
    """
    own = Mode(mode.memory_format, "" if mode.precision in engine.converts else mode.precision)
    made, its = converted(network, own, form)
    cache.mkdir(parents=True, exist_ok=True)
    given = None if calibration is None else its(calibration)
    options = {"precision": mode.precision or "fp32", "cache": str(cache), "calibration": given}
    found, verdict = attempt(partial(engine.prepare, made, its(images), **options))
    if found is None:
        if verdict.status == "oom":
            raise MemoryError(verdict.reason)
        named = "" if verdict.status == "unsupported" else f"{engine.title} cannot run it: "
        reason = f"{named}{verdict.reason}"
        raise ReporterError(reason) if OF_SYSTEM in reason else UnsupportedError(reason)
    return Variant(found, its)


def _context(name: str, device: str) -> Callable[[], AbstractContextManager[Any]] | None:
    """What surrounds each call of a precision that is a state of torch; None for the others."""
    kind = device_type(device)
    if name == "amp":
        return partial(torch.autocast, kind, AMP.get(kind, torch.bfloat16))
    return tf32 if name == "tf32" else None


@contextmanager
def tf32() -> Iterator[None]:
    """TF32 in matrix multiplications and convolutions of CUDA for a while."""
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.conv.fp32_precision = "tf32"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.backends.cuda.matmul.fp32_precision = precision.FP32
        torch.backends.cudnn.conv.fp32_precision = precision.FP32  # type: ignore[attr-defined]
