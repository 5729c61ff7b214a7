"""The state of an NVIDIA GPU by its driver's library NVML (the package nvidia-ml-py)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from reporter.host import gpus
from reporter.model.attempts import attempt
from reporter.model.device_states import DeviceState

LIMITS = {
    0x002: "the clock that is set for applications",
    0x004: "its power limit",
    0x008: "a hardware slowdown",
    0x010: "synchronized clocks",
    0x020: "its temperature",
    0x040: "its temperature",
    0x080: "the power supply",
    0x100: "the clock of the display",
}
"""The bits of NVML for what lowers the clock; an idle GPU (0x001) has no limit."""
MIB = 1 << 20


def state(uuid: str) -> DeviceState | None:
    """The state of the GPU or MIG instance with a UUID; None without NVML, or if it does not list the device."""
    nvml = _nvml()
    return attempt(lambda: looked_at(nvml, uuid))[0] if nvml and uuid else None


@cache
def _nvml() -> Any:
    """The library, initialized once in a process; None without one or without a driver."""
    return attempt(gpus._nvml)[0]


def looked_at(nvml: Any, uuid: str) -> DeviceState:
    """The state of a device by a library with the functions of NVML, whose error is raised for an unknown UUID.

    A MIG instance has the clock, and the limits of it, of its GPU: NVML does not support them for an instance.
    """
    name, handle = _found(nvml, uuid)
    whole = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle) if name.startswith("MIG-") else handle
    clock = _figure(nvml, lambda: int(nvml.nvmlDeviceGetClockInfo(whole, nvml.NVML_CLOCK_SM)))
    bits = _figure(nvml, lambda: int(_reasons(nvml)(whole))) or 0
    limits = dict.fromkeys(text for bit, text in LIMITS.items() if bits & bit)
    count, memory = _others(dict(_processes(nvml, handle)))
    return DeviceState(clock, tuple(limits), count, memory)


def _found(nvml: Any, uuid: str) -> tuple[str, Any]:
    """The UUID of a device as NVML has it, and its handle; torch gives the UUID without the word before it."""
    for name in (uuid, f"GPU-{uuid}"):
        found = _figure(nvml, lambda name=name: nvml.nvmlDeviceGetHandleByUUID(name))  # type: ignore[misc]
        if found is not None:
            return name, found
    name = f"MIG-{uuid}"
    return name, nvml.nvmlDeviceGetHandleByUUID(name)


def _reasons(nvml: Any) -> Callable[[Any], Any]:
    """The function for what lowers the clock, which older drivers have under another name."""
    old = "nvmlDeviceGetCurrentClocksThrottleReasons"
    found: Callable[[Any], Any] = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None) or getattr(nvml, old)
    return found


def _processes(nvml: Any, handle: Any) -> Iterator[tuple[int, int | None]]:
    """The processes on a device with the MiB that each has there, None where the driver does not report them."""
    for list_ in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
        for each in _figure(nvml, lambda list_=list_: list_(handle)) or ():  # type: ignore[misc]
            yield each.pid, None if each.usedGpuMemory is None else each.usedGpuMemory // MIB


def _others(processes: dict[int, int | None]) -> tuple[int, int | None]:
    """How many processes other than this one are on the device, and their MiB.

    The driver lists the numbers of the host. In a container, where this process has another number, one of those listed
    is taken to be it, and the memory of the others is not known.
    """
    if not processes:
        return 0, 0
    own = os.getpid()
    others = [memory for pid, memory in processes.items() if pid != own]
    if own not in processes:
        return len(others) - 1, None if len(others) > 1 else 0
    known = [memory for memory in others if memory is not None]
    return len(others), sum(known) if len(known) == len(others) else None


def _figure(nvml: Any, ask: Callable[[], Any]) -> Any:
    """What the driver reports; None where the device does not support it."""
    try:
        return ask()
    except nvml.NVMLError:
        return None
