"""Timing of a call: warm up until it is stable, then sample until it is precise or time is up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Protocol

from reporter.model.fields import ROW
from reporter.stats.samples import interval
from reporter.worker.device import Device

Call = Callable[[], object]
WARM_UP_AGREEMENT = 0.05
"""Two windows of warm-up agree when their medians differ by less than this share."""
WINDOW_SECONDS = 0.05


class Timer(Protocol):
    def __call__(self, call: Call, count: int) -> list[float]:
        """Seconds of each of `count` calls in a row."""


class Sampler(Protocol):
    def __call__(self, call: Call, timer: Timer, *, seconds: float, goal: float, min_samples: int) -> tuple[float, ...]:
        """Seconds per call once warm: how many, and when, is for the sampler to say."""


def cpu_timer(call: Call, count: int) -> list[float]:
    """Wall time of calls that are done when they return."""
    seconds = []
    for _ in range(count):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return seconds


def waiting_timer(device: Device, call: Call, count: int) -> list[float]:
    """Wall time from each call until the device is done with it, one call at a time."""
    seconds = []
    device.synchronize()
    for _ in range(count):
        start = perf_counter()
        call()
        device.synchronize()
        seconds.append(perf_counter() - start)
    return seconds


def row_timer(device: Device, call: Call, count: int) -> list[float]:
    """Seconds per call of `count` rows of calls that are queued without waiting, by events around each row."""

    def row() -> None:
        for _ in range(ROW):
            call()

    device.synchronize()
    return [device.elapsed(row) / ROW for _ in range(count)]


def timer(device: Device, rows: bool = False) -> Timer:
    """The timer for a device; with `rows`, where the calls of an accelerator may overlap."""
    if device.runtime is None:
        return cpu_timer
    return partial(row_timer if rows else waiting_timer, device)


def sample(call: Call, timer: Timer, *, seconds: float, goal: float, min_samples: int) -> tuple[float, ...]:
    """Seconds per call once warm: at least `min_samples`, more until the interval meets the goal or time is up."""
    first = warm_up(call, timer, seconds)
    block = max(1, min(50, round(WINDOW_SECONDS / first)))
    samples: list[float] = []
    deadline = perf_counter() + seconds
    while len(samples) < min_samples or (perf_counter() < deadline and not is_precise(samples, goal)):
        samples += timer(call, block)
    return tuple(samples)


def warm_up(call: Call, timer: Timer, seconds: float) -> float:
    """Calls until two windows agree, or `seconds` are over; returns the seconds per call last seen."""
    deadline = perf_counter() + seconds
    before = timer(call, 1)[0]  # the first call allocates and compiles: it is never a sample
    while perf_counter() < deadline:
        now = median(timer(call, max(1, min(50, round(WINDOW_SECONDS / before)))))
        if abs(now - before) <= WARM_UP_AGREEMENT * before:
            return now
        before = now
    return before


def is_precise(samples: list[float], goal: float) -> bool:
    """Whether the 95 % interval of the median spans no more than `goal` of it."""
    bounds = interval(samples, "median")
    return bounds is not None and bounds[1] - bounds[0] <= goal * median(samples)
