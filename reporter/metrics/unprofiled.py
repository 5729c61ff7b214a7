"""Operators, stages and ceilings of accelerators that are not profiled: rows with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from reporter.metrics import ceilings_cuda, operators, stages
from reporter.model import Metric, Quantity, Reading, absent
from reporter.model.devices import DEVICE_TITLES, AcceleratorType

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

NOT_PROFILED = "operators, stages and ceilings are measured on CPUs and CUDA devices only"
DEVICES: tuple[AcceleratorType, ...] = ("xpu", "mps")


def _on(device: AcceleratorType, *quantities: Quantity) -> tuple[Quantity, ...]:
    """The quantities of a GPU with the key and the title of another accelerator."""
    renamed = (
        {
            "key": each.key.replace("_cuda", f"_{device}"),
            "title": each.title.replace(", GPU", f", {DEVICE_TITLES[device]}"),
        }
        for each in quantities
    )
    return tuple(each.model_copy(update=names) for each, names in zip(quantities, renamed, strict=True))


def measure(quantities: Sequence[Quantity], subject: Subject) -> Iterator[Reading]:
    """States that nothing is measured there."""
    yield from absent(quantities, "unsupported", NOT_PROFILED)


ON_GPU = {
    "operators": (operators.ON_GPU,),
    "stages": (stages.ON_GPU,),
    "ceilings": (*ceilings_cuda.CEILINGS, ceilings_cuda.SHARE),
}
ENTRIES = tuple(
    Metric(f"{name}_{device}", found, partial(measure, found), process=f"{device} memory", device=device)
    for device in DEVICES
    for name, found in ((name, _on(device, *quantities)) for name, quantities in ON_GPU.items())
)
