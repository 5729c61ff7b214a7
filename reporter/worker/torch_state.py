"""The state of torch that is fixed during a measurement, and a speed test of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from reporter.host.machine import usable_threads
from reporter.worker import precision
from reporter.worker.latency.timing import cpu_timer


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch's intra-operator threads, fixed for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def speed() -> float:
    """Seconds per multiply-add on all threads: of a 3 x 3 convolution of 128 channels, as networks have them."""
    settle()
    images, layer = torch.randn(1, 128, 56, 56), torch.nn.Conv2d(128, 128, 3, padding=1)
    with torch.inference_mode():
        seconds = min(cpu_timer(lambda: layer(images), 10))
    return seconds / (56 * 56 * 128 * 128 * 9)


def settle(seed: int = 0, threads: int | None = None) -> None:
    """Fixes what else a measurement depends on: seeds, denormals, threads, precision, cuDNN's choice of algorithms.

    Without `threads`, torch has as many as there are usable cores.
    """
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads or usable_threads())
    precision.fix()
