"""The accelerators that torch can use, of any type, and their identity; gpus.py has NVIDIA's driver."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from reporter.host import gpu_state, gpus
from reporter.host.questions import VisibleGpus
from reporter.model.attempts import attempt
from reporter.model.device_states import DeviceState
from reporter.model.devices import ACCELERATORS

Identity = dict[str, Any]


def are_likely() -> bool:
    """Whether torch is worth asking for accelerators: it takes seconds to load."""
    return gpus.is_driver_there() or _is_apple_silicon() or _is_torch_for_xpu()


def are_unlisted() -> bool:
    """Whether this machine may have GPUs that only torch lists, and that are a part of its facts and of its key."""
    return not gpus.installed() and (gpus.is_driver_there() or _is_torch_for_xpu())


def _is_apple_silicon() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


def _is_torch_for_xpu() -> bool:
    try:
        return "xpu" in version("torch")
    except PackageNotFoundError:
        return False


def visible_to_torch() -> VisibleGpus:
    """The names of torch's accelerators with their type, or the reason why there are none."""
    import torch

    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if found is None or found.type == "cuda" or found.type not in ACCELERATORS:
        listed = gpus.visible_to_torch()
        return listed if gpus.installed() else listed.model_copy(update={"devices": _identities(listed.names)})
    devices = [identity(found.type, i) for i in range(torch.accelerator.device_count())]
    names = [str(each["name"]) for each in devices]
    return VisibleGpus(names=names, uuids=[], reason="", type=found.type, devices=devices)


def _identities(names: Sequence[str]) -> list[Identity]:
    """The identities of CUDA devices; only the name of one that cannot be asked, such as without a usable cuDNN."""
    return [attempt(partial(gpus.identity, index))[0] or {"name": name} for index, name in enumerate(names)]


def identity(kind: str, index: int) -> Identity:
    """What identifies a device of torch, its driver and its runtime."""
    return {"cuda": gpus.identity, "xpu": _xpu, "mps": _mps}[kind](index)


def state(kind: str, index: int) -> DeviceState | None:
    """The clock of a device, what limits it, and who else uses it; None for other devices than NVIDIA's."""
    if kind != "cuda":
        return None
    import torch

    properties, _ = attempt(lambda: torch.cuda.get_device_properties(index))
    return gpu_state.state(str(getattr(properties, "uuid", "")))


def _xpu(index: int) -> Identity:
    import torch

    properties: Any = torch.xpu.get_device_properties(index)
    found = {
        "name": properties.name,
        "memory_mib": properties.total_memory >> 20,
        "driver": getattr(properties, "driver_version", None),
        "platform": getattr(properties, "platform_name", None),
        "compute_units": getattr(properties, "max_compute_units", None),
        "sycl_runtime": torch.version.xpu,
        "uuid": getattr(properties, "uuid", None),
    }
    return {name: value if isinstance(value, int) else str(value) for name, value in found.items() if value is not None}


def _mps(index: int) -> Identity:
    """The only device of its kind; its driver is part of macOS."""
    import torch

    return {
        "name": f"Apple GPU ({platform.machine()})",
        "memory_mib": torch.mps.recommended_max_memory() >> 20,
        "macos": platform.mac_ver()[0],
    }
