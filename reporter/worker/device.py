"""Devices behind one interface: current device, synchronization, events and peak memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from reporter.model import UnsupportedError
from reporter.model.device_states import DeviceState
from reporter.model.devices import device_type, is_accelerator

Work = Callable[[], object]


class Peaks(NamedTuple):
    """Most bytes that the allocator of a device had handed out, and had reserved from the driver."""

    allocated: int
    reserved: int


class Event(Protocol):
    def record(self) -> None:
        """Place the event on the stream of the current device."""

    def elapsed_time(self, end_event: Any, /) -> float:
        """Milliseconds from this event to a later one of the same device, both completed."""


class Runtime(Protocol):
    """What measuring needs of an accelerator's runtime; the index is the device's place in torch's order."""

    def set_device(self, index: int) -> None:
        """Make a device the current one: events are recorded on it."""

    def synchronize(self, index: int) -> None:
        """Wait until a device has done everything that was queued."""

    def event(self) -> Event:
        """A new event that takes the time."""

    def reset_peaks(self, index: int) -> None:
        """Restart the peaks of a device from what is allocated now."""

    def peaks(self, index: int) -> Peaks:
        """The peaks of a device since they were reset."""

    def release(self, index: int) -> None:
        """Give memory that torch's allocator keeps for reuse back to the driver."""

    def free(self, index: int) -> int:
        """Bytes of a device that its driver can still hand out."""

    def reserved(self, index: int) -> int:
        """Bytes of a device that torch's allocator holds, in use or kept for reuse."""

    def identity(self, index: int) -> dict[str, Any]:
        """What identifies a device and its driver, as it is stored with readings."""

    def state(self, index: int) -> DeviceState | None:
        """The clock of a device, what limits it, and who else uses it; None where that is not known."""


@dataclass(frozen=True)
class TorchRuntime:
    """`torch.accelerator`: one code path for CUDA, ROCm, XPU and MPS, which differ in memory and identity only."""

    kind: str = "cuda"

    def set_device(self, index: int) -> None:
        import torch

        torch.accelerator.set_device_index(index)

    def synchronize(self, index: int) -> None:
        import torch

        torch.accelerator.synchronize(index)

    def event(self) -> Event:
        import torch

        return torch.Event(enable_timing=True)

    def reset_peaks(self, index: int) -> None:
        import torch

        self._refuse_mps()
        torch.accelerator.reset_peak_memory_stats(index)

    def peaks(self, index: int) -> Peaks:
        import torch

        self._refuse_mps()
        allocated = torch.accelerator.max_memory_allocated(index)
        return Peaks(allocated, torch.accelerator.max_memory_reserved(index))

    def release(self, index: int) -> None:
        import torch

        if self.kind == "mps":
            torch.mps.empty_cache()
        else:
            torch.accelerator.empty_cache()  # of all devices

    def free(self, index: int) -> int:
        import torch

        if self.kind == "mps":
            return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
        return int(torch.accelerator.get_memory_info(index)[0])

    def reserved(self, index: int) -> int:
        import torch

        if self.kind == "mps":
            return int(torch.mps.driver_allocated_memory())
        return int(torch.accelerator.memory_reserved(index))

    def identity(self, index: int) -> dict[str, Any]:
        from reporter.host import accelerators

        return accelerators.identity(self.kind, index)

    def state(self, index: int) -> DeviceState | None:
        from reporter.host import accelerators

        return accelerators.state(self.kind, index)

    def _refuse_mps(self) -> None:
        if self.kind == "mps":
            raise UnsupportedError("torch does not record memory peaks on MPS")


@dataclass(frozen=True)
class Device:
    """A device by torch's name for it; `runtime` is None for the CPU, whose calls are done when they return."""

    name: str
    runtime: Runtime | None = None

    @property
    def index(self) -> int:
        return int(self.name.partition(":")[2] or 0)

    def select(self) -> None:
        """Make it the current device; to be called before anything is built on it, so that no other one is opened."""
        if self.runtime:
            self.runtime.set_device(self.index)

    def synchronize(self) -> None:
        """Wait until everything queued on it is done."""
        if self.runtime:
            self.runtime.synchronize(self.index)

    def elapsed(self, work: Work) -> float:
        """Seconds that some work took on the device's own clock, from an event before it to an event after it."""
        assert self.runtime
        start, end = self.runtime.event(), self.runtime.event()
        start.record()
        work()
        end.record()
        self.synchronize()
        return start.elapsed_time(end) / 1e3

    def peaks(self, work: Work) -> Peaks:
        """The memory peaks of the device while some work runs on it, including what was allocated before.

        What earlier work left for reuse is released first: it would count as reserved.
        """
        assert self.runtime
        self.synchronize()
        self.runtime.release(self.index)
        self.runtime.reset_peaks(self.index)
        work()
        self.synchronize()
        return self.runtime.peaks(self.index)

    def identity(self) -> dict[str, Any]:
        """What identifies the device; empty for the CPU, which the machine's facts describe."""
        return self.runtime.identity(self.index) if self.runtime else {}

    def state(self) -> DeviceState | None:
        """Its state now; None for the CPU, and where it is not known."""
        return self.runtime.state(self.index) if self.runtime else None


def named(name: str) -> Device:
    """The device of that name: cpu, cuda, cuda:1, xpu, mps."""
    return Device(name, TorchRuntime(device_type(name)) if is_accelerator(name) else None)
