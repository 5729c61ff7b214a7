"""GPUs: those that this process may use, in CUDA's order, and their identity, by NVIDIA's driver, else by torch."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reporter.host import gpus_by_torch
from reporter.host.questions import VisibleGpus
from reporter.model.attempts import attempt

FIELDS = ("uuid", "name", "memory.total", "driver_version", "power.limit", "mig.mode.current")
BASIC = FIELDS[:4]
"""What nvidia-smi gives in every version: it refuses a query with a field that it lacks."""
NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Files of the drivers of NVIDIA, of WSL and of ROCm."""
LIBRARIES = {
    "cuda_runtime": ("nvidia-cuda-runtime", "nvidia-cuda-runtime-cu13", "nvidia-cuda-runtime-cu12"),
    "cudnn": ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12"),
}
"""Packages that bring the libraries which torch's wheels load, by what records call them."""
ADVICE = r"\s*Please (check|update) .*|\s*https?://\S+"
"""What torch adds to a reason: longer than the reason, and with links."""
NO_CUDA = "Torch not compiled with CUDA enabled"
CAPABILITY = re.compile(r"\d+\.\d+")
MIG = re.compile(r"^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)")
CAPABLE = {"bf16": (8, 0), "fp16": (5, 3), "tf32": (8, 0)}
"""The least compute capability with instructions for a precision (CUDA C++ Programming Guide)."""
Gpu = dict[str, Any]
IN_TORCHS_ORDER: list[str] = []
"""The UUIDs of torch's devices, once a worker has given them."""


def visible() -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; where the driver lists none, those that torch listed."""
    seen = [described(uuid, installed()) for uuid in IN_TORCHS_ORDER]
    if seen and all("name" in gpu for gpu in seen):
        return seen
    return chosen(installed(), os.environ.get("CUDA_VISIBLE_DEVICES")) if installed() else gpus_by_torch.listed()


@cache
def installed() -> list[Gpu]:
    """All GPUs of the machine by the driver's own account, in the order of their PCI bus."""
    return _by_nvml() or _by_tool()


def chosen(installed: Sequence[Gpu], wanted: str | None) -> list[Gpu]:
    """What CUDA_VISIBLE_DEVICES selects: indices or beginnings of UUIDs; the first that names no GPU ends the list.

    Indices are CUDA's, which begin with the fastest GPU unless CUDA_DEVICE_ORDER is PCI_BUS_ID: where the GPUs differ,
    only torch can give the order, and their UUIDs.
    """
    if wanted is None:
        return list(installed)
    found: list[Gpu] = []
    for word in (part.strip() for part in wanted.split(",")):
        gpu = _one(installed, word)
        if gpu is None or gpu in found:
            break
        found.append(gpu)
    return found


def native_precisions(capability: str) -> list[str]:
    """The precisions besides fp32 that a GPU of a compute capability, such as 7.5, has instructions for."""
    found = tuple(int(part) for part in capability.split("."))
    return [precision for precision, least in CAPABLE.items() if found >= least]


def shared_precisions() -> list[str] | None:
    """The precisions that all visible GPUs have instructions for; None where a compute capability is unknown.

    They are no part of the details of a GPU: with them there, the machines in existing records would have other keys.
    """
    found = [capabilities().get(str(gpu.get("gpu_uuid", gpu.get("uuid")))) for gpu in visible()]
    natives = [native_precisions(each) for each in found if each]
    if not natives or len(natives) < len(found):
        return None
    return [precision for precision in CAPABLE if all(precision in each for each in natives)]


@cache
def capabilities() -> Mapping[str, str]:
    """The compute capabilities of all GPUs of the machine by UUID; drivers before 510 do not give them."""
    rows = (line.split(",") for line in _ask("--query-gpu=uuid,compute_cap", "--format=csv,noheader"))
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 2 and CAPABILITY.fullmatch(row[1].strip())}


def _one(installed: Sequence[Gpu], word: str) -> Gpu | None:
    if word.isdecimal():
        return installed[int(word)] if int(word) < len(installed) else None
    if word.startswith("MIG-"):
        return next((_slice(gpu, word) for gpu in installed if word in gpu.get("mig", {})), None)
    named = [gpu for gpu in installed if word.startswith("GPU-") and gpu["uuid"].startswith(word)]
    return named[0] if len(named) == 1 else None


def _slice(gpu: Gpu, uuid: str) -> Gpu:
    """One MIG instance of a GPU, whose memory the driver gives for the whole GPU only."""
    rest = {key: value for key, value in gpu.items() if key not in ("mig", "memory_mib")}
    return {**rest, "uuid": uuid, "gpu_uuid": gpu["uuid"], "mig_profile": gpu["mig"][uuid]}


def is_driver_there() -> bool:
    """Whether torch is worth asking for GPUs: it takes seconds to load."""
    return bool(visible()) or any(Path(node).exists() for node in NODES)


def hidden() -> str | None:
    """Why no GPU is visible though the machine has some; else None."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None or visible() or not installed():
        return None
    count = len(installed())
    return f"CUDA_VISIBLE_DEVICES={wanted!r} hides the {'GPU' if count == 1 else f'{count} GPUs'} of this machine"


def versions() -> dict[str, str]:
    """Driver and libraries that readings on a GPU depend on; empty where no GPU is visible."""
    gpus = visible()
    if not gpus:
        return {}
    if not installed():
        return gpus_by_torch.versions(gpus[0])
    found = {"nvidia_driver": str(gpus[0].get("driver", "unknown"))}
    for name, packages in LIBRARIES.items():
        for package in packages:
            with suppress(PackageNotFoundError):
                found.setdefault(name, version(package))
    return found


def identity(index: int) -> Gpu:
    """A device of torch: what torch knows of it, and by its UUID what the driver knows."""
    import torch

    properties: Any = torch.cuda.get_device_properties(index)
    runtime = {"cuda_runtime": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    if torch.version.hip:  # ROCm, which torch calls cuda as well
        runtime = {"hip_runtime": torch.version.hip, "miopen": torch.backends.cudnn.version()}
    return described(str(getattr(properties, "uuid", "")), installed()) | {
        "name": properties.name,
        "memory_mib": properties.total_memory >> 20,
        "multiprocessors": properties.multi_processor_count,
        "capability": f"{properties.major}.{properties.minor}",
        **runtime,
    }


def described(uuid: str, installed: Sequence[Gpu]) -> Gpu:
    """What the driver knows of the GPU or MIG instance with a UUID, which torch gives without the word before it."""
    bare = uuid.removeprefix("GPU-").removeprefix("MIG-")
    for gpu in installed:
        if gpu["uuid"] == f"GPU-{bare}":
            return {key: value for key, value in gpu.items() if key != "mig"}
        if f"MIG-{bare}" in gpu.get("mig", {}):
            return _slice(gpu, f"MIG-{bare}")
    return {"uuid": uuid} if uuid else {}


def visible_to_torch() -> VisibleGpus:
    """The names and UUIDs of torch's CUDA devices, or torch's own reason why there are none."""
    import torch

    devices: list[Any] = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = [device.name for device in devices]
    reason = ""
    if not names:
        try:
            torch.cuda.init()
            reason = hidden() or "torch finds no CUDA device"
        except (AssertionError, RuntimeError) as error:  # torch.AcceleratorError is a RuntimeError
            reason = because(str(error), torch.__version__)
    uuids = [str(getattr(device, "uuid", "")) for device in devices]
    return VisibleGpus(names=names, uuids=uuids, reason=reason)


def because(error: str, torch_version: str) -> str:
    """Torch's reason in one line, without its links."""
    if NO_CUDA in error:
        return f"this torch ({torch_version}) was built without CUDA; install a CUDA build of torch"
    if "No CUDA GPUs are available" in error and (why := hidden()):
        return why
    line = re.sub(ADVICE, "", (error.strip().splitlines() or ["no reason given"])[0]).strip().rstrip(".:")
    return f"{line}; update the driver, or install a torch built for an older CUDA" if "too old" in line else line


def _by_nvml() -> list[Gpu]:
    """By the package nvidia-ml-py, where it is installed."""
    pynvml, _ = attempt(_nvml)  # ImportError, or an NVMLError where there is no driver
    if pynvml is None:
        return []
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [_of_handle(pynvml, handle, driver) for handle in handles]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _nvml() -> Any:
    import pynvml

    pynvml.nvmlInit()
    return pynvml


def _of_handle(pynvml: Any, handle: Any, driver: str) -> Gpu:
    gpu: Gpu = {
        "uuid": _text(pynvml.nvmlDeviceGetUUID(handle)),
        "name": _text(pynvml.nvmlDeviceGetName(handle)),
        "memory_mib": pynvml.nvmlDeviceGetMemoryInfo(handle).total >> 20,
        "driver": driver,
    }
    with suppress(pynvml.NVMLError):
        gpu["power_limit_w"] = pynvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000
    with suppress(pynvml.NVMLError):
        if pynvml.nvmlDeviceGetMigMode(handle)[0]:
            gpu["mig"] = _mig_profiles().get(gpu["uuid"], {})
    return gpu


def _by_tool() -> list[Gpu]:
    """By nvidia-smi, which comes with the driver."""
    for fields in (FIELDS, BASIC):
        lines = _ask(f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
        rows = ([part.strip() for part in line.split(",")] for line in lines)
        found = [_of_row(dict(zip(fields, row, strict=True))) for row in rows if len(row) == len(fields)]
        if found:
            return found
    return []


def _of_row(row: Mapping[str, str]) -> Gpu:
    gpu: Gpu = {"uuid": row["uuid"], "name": row["name"], "driver": row["driver_version"]}
    with suppress(ValueError):
        gpu["memory_mib"] = int(row["memory.total"])
    with suppress(KeyError, ValueError):  # [N/A] on some laptops
        gpu["power_limit_w"] = float(row["power.limit"])
    return gpu | ({"mig": _mig_profiles().get(row["uuid"], {})} if row.get("mig.mode.current") == "Enabled" else {})


def _mig_profiles() -> Mapping[str, Mapping[str, str]]:
    """The MIG instances of each GPU by UUID, with their profiles."""
    found: dict[str, dict[str, str]] = {}
    for line in _ask("-L"):
        if match := re.search(r"^GPU \d+: .*\(UUID: (GPU-[^)]+)\)", line):
            found[match[1]] = {}
        elif found and (match := MIG.match(line)):
            found[next(reversed(found))][match[2]] = match[1]
    return found


def _ask(*options: str) -> list[str]:
    try:
        answer = subprocess.run(["nvidia-smi", *options], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line for line in answer.stdout.splitlines() if line.strip()]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
