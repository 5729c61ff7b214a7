"""The types of devices that readings are taken on, by torch's names for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, get_args

AcceleratorType = Literal["cuda", "xpu", "mps"]
DeviceType = Literal["cpu", "cuda", "xpu", "mps"]
ACCELERATORS: tuple[AcceleratorType, ...] = get_args(AcceleratorType)
"""GPUs of NVIDIA, and of AMD, which torch calls cuda too; GPUs of Intel; and those of Apple."""
DEVICE_TYPES: tuple[DeviceType, ...] = get_args(DeviceType)
ONE_THREAD = "1thread"
"""The last word of keys of the CPU with one thread."""
DEVICE_TITLES: dict[str, str] = {"cpu": "CPU", "cuda": "GPU", "xpu": "XPU", "mps": "MPS"}
WITHOUT = {
    "cuda": "no CUDA device",
    "xpu": "no XPU: it needs a torch that was built for XPU, and Intel's driver",
    "mps": "no MPS device: it needs macOS on Apple silicon",
}
"""What is missing where torch has no device of a type."""


def device_type(name: str) -> str:
    """The type of a device, without its index: `cuda` of `cuda:1`."""
    return name.partition(":")[0]


def is_accelerator(name: str) -> bool:
    """Whether a device, or a type of devices, is an accelerator."""
    return device_type(name) in ACCELERATORS


def accelerator_in(types: Iterable[str]) -> str:
    """The accelerator among some types of devices; empty if there is none."""
    return next((each for each in types if each in ACCELERATORS), "")


def device_in(key: str) -> str:
    """The type of the device that a key names: `cpu` of `latency_cpu_1thread`; empty if it names none."""
    return next((word for word in key.split("_") if word in DEVICE_TYPES), "")


def without_device(key: str) -> str:
    """A key without its device and number of threads: `train_step` of `train_step_cpu`; empty if it has no device."""
    words = key.split("_")
    if not set(words) & set(DEVICE_TYPES):
        return ""
    return "_".join(word for word in words if word not in (*DEVICE_TYPES, ONE_THREAD))


def is_named(key: str, names: Collection[str]) -> bool:
    """Whether names contain a key, with or without its device and number of threads."""
    return bool({key, without_device(key)} & set(names))
