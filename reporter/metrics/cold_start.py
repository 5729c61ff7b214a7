"""What a process waits before a network answers for the first time: building it, and the first call.

Measured before all other times of their process, in which nothing has run yet. This module is loaded before theirs, in
the order of file names.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, ReporterError, absent
from reporter.model.modes import FIRST_CALL

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

BUILD = Quantity(
    key="build_seconds",
    title="Building",
    unit="s",
    group="latency",
    better="lower",
    definition="Time to build the network with random weights on the CPU, in a fresh process.",
    centre="mean",
)

ALREADY_BUILT = "a module instance is built while its file is imported; name a function that builds it"


def measure(subject: Subject) -> Iterator[Reading]:
    """Builds the network, which the other times of the process use, and calls it once on one image.

    ReporterError if it returns NaN.
    """
    import torch

    from reporter.worker.outputs import has_nan
    from reporter.worker.references import instance

    start = perf_counter()
    network = subject.network
    built = perf_counter()
    image = subject.input(1)
    called = perf_counter()
    with torch.inference_mode():
        answer = network(image)
    answered = perf_counter()
    if has_nan(answer):
        raise ReporterError("the output contains NaN")
    if instance(subject.architecture):
        yield from absent((BUILD,), "unsupported", ALREADY_BUILT)
    else:
        yield Reading(quantity=BUILD, samples=(built - start,), rounds=(1,))
    yield Reading(quantity=FIRST_CALL, samples=(answered - called,), rounds=(1,))


ENTRIES = (Metric("cold_start", (BUILD, FIRST_CALL), measure, process="timing cpu", device="cpu", timed=True),)
