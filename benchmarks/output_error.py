"""Output errors of execution modes and their limits: `python benchmarks/output_error.py [NAME …]`.

For each architecture: the variation of its scores before and after calibration; for each precision the error of the
rounded run, which is a quarter of the limit, on the images that it is taken from first and on all of them; the real
errors of the modes; the processor seconds of each part. An error above its limit is marked with "exceeds".

Without names, five small architectures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from time import process_time
from typing import TypeVar

import torch
from torch import nn

from reporter.worker import torch_state
from reporter.worker.input_format import Form
from reporter.worker.lookup import find
from reporter.worker.variants.output_check import FACTOR, Reference, run
from reporter.worker.variants.varied_inputs import COUNT, calibrate, images, variation

NAMES = ("resnet18", "googlenet", "alexnet", "densenet121", "mobilenet_v2")
MODES = {
    "eager": ("fp32", Form()),
    "channels_last": ("fp32", Form(memory_format=torch.channels_last)),
    "bf16": ("bf16", Form(torch.bfloat16)),
    "bf16+channels_last": ("bf16", Form(torch.bfloat16, torch.channels_last)),
}
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8")
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """The result of some work, and its processor seconds."""
    start = process_time()
    return work(), process_time() - start


def mode(network: nn.Module, form: Form) -> nn.Module:
    """A copy of a model in a data type and a memory format."""
    return deepcopy(network).to(dtype=form.dtype, memory_format=form.memory_format)  # type: ignore[call-overload]


def row(name: str) -> list[str]:
    """The cells of an architecture."""
    entry = find(name)
    torch_state.settle()
    network, inputs = entry.build(entry.classes).eval(), images(COUNT, entry.input_size)
    before = variation(run(network, inputs))
    _, calibration = timed(lambda: calibrate(network, inputs))
    reference, exact = timed(lambda: Reference(network, inputs))
    cells = [name, f"{before:.2g}", f"{reference.variation:.2g}"]
    seconds = [calibration, exact]
    for precision in PRECISIONS:
        limit, took = timed(lambda precision=precision: reference.limit(precision))  # type: ignore[misc]
        whole = reference.limit(precision, len(inputs))
        cells.append(f"{limit / FACTOR:.2g}, {whole / FACTOR:.2g}")
        seconds.append(took)
    for precision, form in MODES.values():
        with torch.inference_mode():
            found = reference.check(mode(network, form), precision, form)
        cells.append(f"{found.error:.2g}" + (" exceeds" if found.exceeds else ""))
    return cells + [f"{each:.1f}" for each in seconds]


def main(names: list[str]) -> None:
    titles = ["architecture", "variation before", "after", *(f"{name} rounded" for name in PRECISIONS), *MODES,
              "calibration, s", "float64, s", *(f"{name}, s" for name in PRECISIONS)]  # fmt: skip
    print("| " + " | ".join(titles) + " |\n| --- " + "| ---: " * (len(titles) - 1) + "|")
    for name in names or NAMES:
        print("| " + " | ".join(row(name)) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
