"""Simulated accelerators: real tensors on the CPU that belong to a device, and a queue that runs behind the caller.

`Machine` is a second implementation of `reporter.worker.device.Runtime`. While it is entered, `tensor.to("cuda:1")`
and every operator on such a tensor run on the CPU, and the machine does what a real one would do besides: it queues the
operator on the device that holds the tensor, lets the device's clock and the caller's advance, and counts the bytes of
all live tensors of each device. Reading a value waits for the device, as in torch. A device of the type `mps` does not
have float64, neither for its own tensors nor in a copy to the CPU that changes the data type.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from reporter.host import gpu_state
from reporter.model.device_states import DeviceState
from reporter.worker.device import Device, Peaks
from reporter.worker.latency import timing

LAUNCH = 1e-3
"""Seconds that the caller spends on queueing one operator."""
READS = ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal")
NAMING = (torch.device, torch._C._nn._parse_to)
"""What only names a device and makes no tensor."""
BLOCK = 2 << 20
"""The allocator reserves memory in such steps."""
LACKING = {"mps": (torch.float64, torch.complex128)}
"""The data types that devices of a type do not have."""


@dataclass
class Accelerator:
    """One device: `seconds` per operator and `per_byte` of its output, when it will be done, and its memory.

    What is freed stays reserved until it is released.
    """

    seconds: float
    per_byte: float = 0.0
    done: float = 0.0
    operators: int = 0
    allocated: int = 0
    peak: int = 0
    reserved: int = 0
    reserved_peak: int = 0
    opened: bool = False


@dataclass
class SimulatedEvent:
    """A mark on the queue of the device that is the current one when it is recorded."""

    machine: Machine
    device: int | None = None
    moment: float = 0.0

    def record(self) -> None:
        self.device = self.machine.current
        self.machine.open(self.device)
        self.moment = max(self.machine.now, self.machine.devices[self.device].done)

    def elapsed_time(self, end_event: SimulatedEvent, /) -> float:
        if self.device is None or self.device != end_event.device:
            raise ValueError("both events must be recorded on the same device")
        if end_event.moment > self.machine.now:
            raise RuntimeError("CUDA error: device not ready")
        return (end_event.moment - self.moment) * 1e3


@dataclass
class Machine:
    """Several devices, and the caller's clock; `current` is the device that events are recorded on."""

    devices: list[Accelerator]
    now: float = 1.0
    current: int = 0
    homes: dict[int, int] = field(default_factory=dict)
    """The device of every live storage that is on one."""
    memory: int = 80 << 30
    """Bytes of each device."""
    kind: str = "cuda"
    """The type of the devices, by torch's name for it."""
    nvml: Any = None
    """The library that knows the state of the devices (simulated_nvml.py); None without one."""

    def device(self, name: str) -> Device:
        return Device(name, self)

    def __enter__(self) -> Machine:
        self._stack = ExitStack()
        self._stack.enter_context(pytest.MonkeyPatch.context()).setattr(timing, "perf_counter", self.look)
        self._stack.enter_context(_Queueing(self))
        self._stack.enter_context(_Placing(self))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def look(self) -> float:
        """The caller's clock; looking takes a moment, so that loops until a time end."""
        self.now += 1e-9
        return self.now

    def set_device(self, index: int) -> None:
        self.current = index
        self.open(index)

    def synchronize(self, index: int) -> None:
        self.open(index)
        self.now = max(self.now, self.devices[index].done)

    def event(self) -> SimulatedEvent:
        return SimulatedEvent(self)

    def reset_peaks(self, index: int) -> None:
        device = self.devices[index]
        device.peak, device.reserved_peak = device.allocated, device.reserved

    def peaks(self, index: int) -> Peaks:
        self.open(index)
        return Peaks(self.devices[index].peak, self.devices[index].reserved_peak)

    def release(self, index: int) -> None:
        self.devices[index].reserved = in_blocks(self.devices[index].allocated)

    def free(self, index: int) -> int:
        self.open(index)
        return self.memory - self.reserved(index)

    def reserved(self, index: int) -> int:
        return self.devices[index].reserved

    def identity(self, index: int) -> dict[str, Any]:
        return {"name": "simulated", "uuid": f"GPU-{index}"}

    def state(self, index: int) -> DeviceState | None:
        return gpu_state.looked_at(self.nvml, f"GPU-{index}") if self.nvml else None

    def open(self, index: int) -> None:
        """Every use of a device opens a context on it."""
        self.devices[index].opened = True

    def home(self, value: Any) -> int | None:
        return self.homes.get(value.untyped_storage()._cdata) if isinstance(value, Tensor) else None

    def require(self, dtype: torch.dtype) -> None:
        """TypeError where the devices do not have a data type."""
        if dtype in LACKING.get(self.kind, ()):
            name = str(dtype).removeprefix("torch.")
            raise TypeError(f"Cannot convert a MPS Tensor to {name} dtype as the MPS framework doesn't support {name}.")

    def hold(self, tensor: Tensor, index: int) -> None:
        """Let a tensor's memory belong to a device until it is freed."""
        self.require(tensor.dtype)
        storage = tensor.untyped_storage()
        if storage._cdata in self.homes:
            return
        device, size = self.devices[index], storage.nbytes()
        self.open(index)
        if device.allocated + size > self.memory:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes.")
        self.homes[storage._cdata] = index
        device.allocated += size
        device.peak = max(device.peak, device.allocated)
        device.reserved = max(device.reserved, in_blocks(device.allocated))
        device.reserved_peak = max(device.reserved_peak, device.reserved)
        weakref.finalize(storage, self._free, storage._cdata, index, size)

    def queue(self, index: int) -> None:
        device = self.devices[index]
        self.open(index)
        self.now += LAUNCH
        device.done = max(device.done, self.now) + device.seconds
        device.operators += 1

    def lengthen(self, index: int, size: int) -> None:
        """Let the operator that was queued last take longer for an output of so many bytes."""
        self.devices[index].done += self.devices[index].per_byte * size

    def _free(self, identity: int, index: int, size: int) -> None:
        del self.homes[identity]
        self.devices[index].allocated -= size


class _Queueing(TorchDispatchMode):
    """Queues every operator on the device of its inputs, and counts what it allocates there."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        homes = {self.machine.home(value) for value in tree_leaves((args, kwargs))} - {None}
        if len(homes) > 1:
            raise RuntimeError("Expected all tensors to be on the same device")
        if not homes:
            return func(*args, **(kwargs or {}))
        (index,) = homes
        if func._schema.name in READS:
            self.machine.synchronize(index)
        elif not func.is_view:
            self.machine.queue(index)
        answer = func(*args, **(kwargs or {}))
        for value in tree_leaves(answer):
            if isinstance(value, Tensor):
                self.machine.hold(value, index)
                if not func.is_view:
                    self.machine.lengthen(index, value.nbytes)
        return answer


class _Placing(TorchFunctionMode):
    """Takes `cuda:N` (or another type) out of every call, and lets the tensors that it makes belong to that device."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in NAMING:
            return func(*args, **(kwargs or {}))
        if self.machine.kind in LACKING and func in (Tensor.cpu, Tensor.to) and self.machine.home(args[0]) is not None:
            values = (*args[1:], *(kwargs or {}).values())
            if func is Tensor.cpu or any(isinstance(each, torch.device | str) and is_cpu(each) for each in values):
                return self._moved(func, args, kwargs or {})
        places: list[torch.device] = []

        def local(value: Any) -> Any:
            if isinstance(value, torch.device | str) and str(value).startswith(self.machine.kind):
                places.append(torch.device(value))
                return torch.device("cpu")
            return value

        args = tuple(map(local, args))
        answer = func(*args, **{key: local(value) for key, value in (kwargs or {}).items()})
        if places and isinstance(answer, Tensor):
            index = self.machine.current if places[0].index is None else places[0].index
            if self.machine.home(answer) == index:
                return answer
            answer = answer.clone() if any(answer is value for value in args) else answer
            self.machine.hold(answer, index)
        return answer

    def _moved(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """A tensor that leaves a device for the CPU, in the data type that is asked for."""
        for value in (*args[1:], *kwargs.values()):
            if isinstance(value, torch.dtype):
                self.machine.require(value)
        with torch._C._DisableTorchDispatch():  # a copy whose memory belongs to no device
            return func(args[0].clone(), *args[1:], **kwargs)


def in_blocks(size: int) -> int:
    """The bytes that the allocator reserves for some."""
    return -(-size // BLOCK) * BLOCK


def is_cpu(name: torch.device | str) -> bool:
    return torch.device(name).type == "cpu"
