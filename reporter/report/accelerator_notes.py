"""Notes on times of accelerators: the device with its driver and runtime, and whether products are in TF32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporter.model import Reading, Record
from reporter.model.devices import DEVICE_TITLES, device_type, is_accelerator
from reporter.report.comparison import Comparison
from reporter.report.language import Language

RUNTIMES = {"cuda_runtime": "CUDA", "hip_runtime": "ROCm", "sycl_runtime": "SYCL", "macos": "macOS"}
"""The runtime of a device by its key in the identity of the device."""
PRODUCTS = ("cuda.matmul.fp32_precision", "cudnn.conv.fp32_precision")
"""The settings of torch that decide in which precision NVIDIA GPUs multiply, of matrices and in convolutions."""


def notes(comparison: Comparison, language: Language) -> tuple[str, ...]:
    """A sentence for each kind of device that times of eager were taken on; empty for times of CPUs only."""
    several = len(comparison.machines) > 1
    found = (
        _sentence(record, reading, language, several)
        for record in comparison.records
        for reading in record.readings.values()
        if reading.timed and is_accelerator(str(reading.settings.get("device")))
    )
    return tuple(dict.fromkeys(sentence for sentence in found if sentence))


def _sentence(record: Record, reading: Reading, language: Language, several: bool) -> str:
    """`GPU: NVIDIA A100, driver 570.86.10, CUDA 13.0; fp32 without TF32.`; empty where the device is not recorded."""
    _ = language._
    device, precision = reading.detail.get("device"), reading.detail.get("precision")
    if not isinstance(device, dict) or not device.get("name"):
        return ""
    kind = _(DEVICE_TITLES[device_type(str(reading.settings["device"]))])
    kind = kind[0].upper() + kind[1:]
    blanks = {"device": f"{kind} ({record.machine})" if several else kind, "about": _about(device, language)}
    products = {str(precision.get(key)) for key in PRODUCTS} if isinstance(precision, dict) else set()
    if "cuda_runtime" in device and products == {"ieee"}:
        message = _("{device}: {about}; fp32 without TF32.")
    elif "cuda_runtime" in device and "tf32" in products:
        message = _("{device}: {about}; fp32 with TF32.")
    else:
        message = _("{device}: {about}.")
    return message.format(**blanks)


def _about(device: Mapping[str, Any], language: Language) -> str:
    """The name of a device, its MIG profile, and the versions of driver and runtime, as far as they are recorded."""
    driver, profile = device.get("driver"), device.get("mig_profile")
    parts = [str(device["name"])]
    parts += [f"MIG {profile}"] if profile else []
    parts += [language._("driver {version}").format(version=driver)] if driver else []
    parts += [f"{title} {device[key]}" for key, title in RUNTIMES.items() if device.get(key)]
    return ", ".join(parts)
