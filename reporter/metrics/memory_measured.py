"""Measured memory: the resident set of the process, and the peaks of the allocator of an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from reporter.host.process_memory import CLEAR, STATUS
from reporter.model import Metric, Quantity, Reading, absent, exact
from reporter.model.devices import ACCELERATORS, DEVICE_TITLES, AcceleratorType

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

RSS = Quantity(
    key="rss_inference_bytes",
    title="Resident memory",
    unit="B",
    group="memory",
    better="lower",
    definition="How much the resident memory of the process grows at its peak from before the network is built, "
    "auxiliary heads included, until the output for one image is returned, on the CPU; the memory of torch itself is "
    "not included.",
)
RSS_PROCESS = Quantity(
    key="rss_process_bytes",
    title="Process memory",
    unit="B",
    group="memory",
    better="lower",
    definition="Resident memory of a process that runs one inference of one image on the CPU: after importing Python, "
    "torch and the library that builds the network, plus the peak growth until the output is returned, auxiliary heads "
    "included.",
)
ALLOCATOR = {"cuda": "The CUDA allocator"}
"""What counts the bytes on each type of device; torch's allocator of the device if nothing is named here."""


def _peak_of(device: AcceleratorType, work: str, when: str) -> Quantity:
    title = "CUDA" if device == "cuda" else DEVICE_TITLES[device]
    return Quantity(
        key=f"{device}_{work}_bytes",
        title=f"{title} {work} memory",
        unit="B",
        group="memory",
        better="lower",
        definition=f"{ALLOCATOR.get(device, 'The allocator of the device')}'s peak of allocated bytes {when}",
    )


INFERENCE = {
    d: _peak_of(d, "inference", "during inference of one image, weights and auxiliary heads included.")
    for d in ACCELERATORS
}
TRAINING = {
    d: _peak_of(d, "training", "in one training step on a batch of images of 80 pixels, all included.")
    for d in ACCELERATORS
}


def measure_rss(subject: Subject) -> Iterator[Reading]:
    """Resets the kernel's high-water mark, builds the network, runs one image, reads the mark."""
    import torch

    from reporter.worker import loaded_libraries

    if not CLEAR.exists():
        why = "resident peaks are read from /proc, which this system does not have"
        yield from absent((RSS, RSS_PROCESS), "unsupported", why)
        return
    with torch.inference_mode():
        torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 32, 32))  # brings the library's own buffers in before the baseline
        CLEAR.write_text("5")
        before = _status_bytes("VmRSS")
        subject.network(subject.input(1))
    growth = _status_bytes("VmHWM") - before
    yield exact(RSS, growth)
    libraries = loaded_libraries.resident(subject.architecture.name)
    yield exact(RSS_PROCESS, libraries + growth, libraries=libraries)


def measure_peaks(device: AcceleratorType, subject: Subject) -> Iterator[Reading]:
    """Runs apart from all timing, in a process of its own; each peak is that of the device it ran on."""
    from reporter.worker.learning.finetuning import step_of
    from reporter.worker.learning.training_steps import exercise

    yield _peak(INFERENCE[device], subject, _inference(subject))
    network, batch, recipe = exercise(subject, subject.device)
    step = step_of(network, recipe, subject.classes)
    yield _peak(TRAINING[device], subject, lambda: step(*batch))


def _inference(subject: Subject) -> Callable[[], object]:
    """One call on one image; nothing else keeps the image or the network, which would count in the training peak."""
    import torch

    network, image = subject.take(subject.device), subject.input(1)

    def infer() -> None:
        with torch.inference_mode():
            network(image)

    return infer


def _peak(quantity: Quantity, subject: Subject, run: Callable[[], object]) -> Reading:
    run()  # workspaces of cuDNN and optimizer state are allocated by the first call
    peaks = subject.place.peaks(run)
    return exact(quantity, peaks.allocated, reserved=peaks.reserved)


def _status_bytes(field: str) -> int:
    lines = (line.split() for line in STATUS.read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == f"{field}:")


ENTRIES = (
    Metric("memory_resident", (RSS, RSS_PROCESS), measure_rss, process="resident", device="cpu"),
    *(
        Metric(
            f"memory_{d}",
            (INFERENCE[d], TRAINING[d]),
            partial(measure_peaks, d),
            process=f"{d} memory",
            device=d,
            depends=("batch_size", "image_size", "input_size"),
        )
        for d in ACCELERATORS
    ),
)
