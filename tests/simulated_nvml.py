"""A simulated NVML: GPUs whose clocks rise while a simulated device works and fall while it is idle.

It has the functions of the package nvidia-ml-py with their parameters (test_gpu_state.py compares them), and raises an
error of its own where the real library does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from simulated_device import Machine


class SimulatedError(Exception):
    """In place of pynvml.NVMLError."""


@dataclass
class SimulatedGpu:
    """A GPU: its clock rises from `idle` to `busy` MHz during `rise` seconds of work, on the clock of the machine."""

    uuid: str
    idle: int = 345
    busy: int = 1755
    rise: float = 0.5
    drifting: bool = False
    """Whether the clock changes all the time."""
    bits: int = 0
    compute: dict[int, int | None] = field(default_factory=lambda: {os.getpid(): 600 << 20})
    """Bytes of each process."""
    graphics: dict[int, int | None] = field(default_factory=dict)
    looks: int = 0
    parent: int | None = None
    """The place of the GPU that a MIG instance is part of. The library has no clock of an instance."""


class SimulatedNvml:
    """NVML for the devices of a machine, in their order."""

    NVMLError = SimulatedError
    NVML_CLOCK_SM = 1

    def __init__(self, machine: Machine, *gpus: SimulatedGpu) -> None:
        self.machine, self.gpus = machine, gpus

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        found = [index for index, gpu in enumerate(self.gpus) if gpu.uuid == uuid]
        if not found:
            raise SimulatedError("Not Found")
        return found[0]

    def nvmlDeviceGetClockInfo(self, handle: int, type: int) -> int:  # noqa: N802
        assert type == self.NVML_CLOCK_SM
        gpu = self._whole(handle)
        gpu.looks += 1
        if gpu.drifting:
            return gpu.idle + 100 * (gpu.looks % 7)
        device = self.machine.devices[handle]
        worked = device.operators * device.seconds
        return round(gpu.idle + (gpu.busy - gpu.idle) * min(1.0, worked / gpu.rise))

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: int) -> int:  # noqa: N802
        return self._whole(handle).bits

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        return _listed(self.gpus[handle].compute)

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        return _listed(self.gpus[handle].graphics)

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, migDevice: int) -> int:  # noqa: N802, N803
        parent = self.gpus[migDevice].parent
        if parent is None:
            raise SimulatedError("Invalid Argument")
        return parent

    def _whole(self, handle: int) -> SimulatedGpu:
        if self.gpus[handle].parent is not None:
            raise SimulatedError("Not Supported")
        return self.gpus[handle]


def _listed(processes: dict[int, int | None]) -> list[Any]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=memory) for pid, memory in processes.items()]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: function for name, function in vars(SimulatedNvml).items() if name.startswith("nvml")
}
