"""A forecast of the memory of one inference, and whether it fits into what is available.

The exact tracker counts the tensors. What comes besides (scratch memory of kernels, arenas of engines, fragmentation)
is learned from the point before: measured growth over predicted bytes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from reporter.host import process_memory
from reporter.model import UnsupportedError
from reporter.model.image_sizes import ImageSize
from reporter.worker.counts.counting import count
from reporter.worker.device import Device
from reporter.worker.subject import Subject

FIRST_MARGIN, LARGEST_MARGIN = 1.5, 4.0
"""Factors on the predicted bytes: before a point ran, and the largest one that is learned.

Chosen, not measured. With them, no batch is run that does not fit if an inference takes 0.5 to 3 times as much as
predicted (tests/test_curves.py).
"""
SAFETY = 1.1
"""On top of a margin that was measured; chosen."""
SCRATCH = 64 << 20
"""Bytes that a process takes besides, whatever the batch; growth below this does not change the margin. Chosen."""
IMAGES = 2
"""How often the images are in memory: as they were made, and in the form of the mode."""


class Space(Protocol):
    """The memory of a device: `available` bytes, and those that are in use or kept for reuse, now and at most."""

    def available(self) -> int: ...

    def used(self) -> int: ...

    def restart_peak(self) -> None: ...

    def peak(self) -> int: ...


class HostSpace:
    """Of the CPU: this process and its limits."""

    available = staticmethod(process_memory.available)
    used = staticmethod(process_memory.resident)
    restart_peak = staticmethod(process_memory.restart_peak)
    peak = staticmethod(process_memory.peak)


@dataclass(frozen=True)
class DeviceSpace:
    """Of an accelerator: what its driver has free, and what torch's allocator has reserved.

    Memory kept for reuse is released where the peak is restarted, so that none of an earlier point counts. On MPS,
    where torch records no peaks, the peak is what is reserved after a call, including memory kept for reuse.
    """

    place: Device

    def available(self) -> int:
        assert self.place.runtime
        return self.place.runtime.free(self.place.index)

    def used(self) -> int:
        assert self.place.runtime
        return self.place.runtime.reserved(self.place.index)

    def restart_peak(self) -> None:
        assert self.place.runtime
        self.place.runtime.release(self.place.index)
        with suppress(UnsupportedError):
            self.place.runtime.reset_peaks(self.place.index)

    def peak(self) -> int:
        assert self.place.runtime
        try:
            return self.place.runtime.peaks(self.place.index).reserved
        except UnsupportedError:
            return self.used()


def space(place: Device) -> Space:
    return DeviceSpace(place) if place.runtime else HostSpace()


class Forecast:
    """What points need, learned from one to the next; made after the network was built, whose weights are there."""

    def __init__(self, subject: Subject, where: Space, more: int = 0) -> None:
        self.subject, self.where = subject, where
        self._besides = SCRATCH + more
        self.margin = FIRST_MARGIN
        where.restart_peak()  # so that what the preparation left for reuse is not in use
        self._base = where.used()

    def predicted(self, batch: int, size: ImageSize) -> int:
        """The bytes of the tensors of one inference in eager, beyond the weights, images included.

        A network that does not run on meta is counted with one image of its size on the CPU, and scaled.
        """
        images = IMAGES * 3 * batch * size.height * size.width * self.subject.form.dtype.itemsize
        if self.subject.counting[1] is None:
            with_images = partial(self.subject.input, batch, "meta", size)
            return count(self.subject.meta, with_images()).peak + images
        own = self.subject.size
        scale = batch * size.height * size.width / (own.height * own.width)
        return round(self.subject.counts.peak * scale) + images

    def misfit(self, predicted: int) -> str | None:
        """Why a point does not fit; None if it does. Memory that the process holds already is used again."""
        needed = self._needed(predicted)
        free = self.where.available() + max(0, self.where.used() - self._base)
        if needed <= free:
            return None
        return f"needs about {_mebibytes(needed)} MiB, and {_mebibytes(free)} MiB are available; it was not run"

    def of_process(self, predicted: int) -> int | None:
        """The bytes that a process of its own needs for a point on a CPU; None on an accelerator."""
        return None if self.subject.place.runtime else self._base + self._needed(predicted)

    def _needed(self, predicted: int) -> int:
        return self._besides + round(predicted * self.margin)

    def start(self) -> None:
        """Before a point runs."""
        self.where.restart_peak()

    def learn(self, predicted: int) -> None:
        """After a point ran: what it took at most over what was predicted."""
        growth = self.where.peak() - self._base - self._besides
        if growth > 0 and predicted > 0:
            self.margin = min(LARGEST_MARGIN, max(1.0, growth / predicted) * SAFETY)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f}"
