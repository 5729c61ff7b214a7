"""Kernels of an accelerator: their times, by torch.profiler, and the operators that launched them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from torch.profiler import ProfilerActivity, profile

from reporter.model.profiles import LayerKernel
from reporter.worker.device import Device
from reporter.worker.latency.timing import waiting_timer
from reporter.worker.profiling.operator_times import GPU_IDLE, OperatorProfile, from_lists

CALLS = 5


def launched(events: Iterable[Any]) -> list[tuple[str, str, str, float]]:
    """The kernels in the order of their launches: no layer, the operator, the kernel and its seconds."""
    return [("", event.name, kernel.name, kernel.duration / 1e6) for event in events for kernel in event.kernels]


def device_profile(call: Callable[[], object], device: Device) -> tuple[OperatorProfile, list[LayerKernel]]:
    """The operators of a call by their kernels, between calls without the profiler.

    The time in which no kernel runs, as in a call that is bound by kernel launches, is listed as one more.
    """
    waiting_timer(device, call, 2)
    before = waiting_timer(device, call, CALLS)
    calls = []
    for _ in range(CALLS):
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
            call()
            device.synchronize()
        calls.append(launched(found.events() or ()))
    return from_lists(calls, median(before + waiting_timer(device, call, CALLS)), rest=GPU_IDLE)
