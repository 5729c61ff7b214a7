"""GPUs that NVIDIA's driver does not list but torch does: of AMD and Intel, or in a container without nvidia-smi."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from reporter.host.questions import VisibleGpus

LISTED = "REPORTER_GPUS"
"""The variable that has them as JSON once torch was asked, for this process and those that it starts."""
RUNTIMES = ("cuda_runtime", "cudnn", "hip_runtime", "miopen", "sycl_runtime")
DRIVERS = {
    "cuda_runtime": ("nvidia_driver", Path("/proc/driver/nvidia/version")),
    "hip_runtime": ("amdgpu_driver", Path("/sys/module/amdgpu/version")),
}
"""What the version of a driver is called and where Linux has it, by the runtime of its GPUs."""
VERSION = re.compile(r"\d+(\.\d+)+")
Gpu = dict[str, Any]


def remember(seen: VisibleGpus) -> None:
    """Stores what torch lists, by name and identity. Apple's GPUs are left out: the processor implies them."""
    found = [] if seen.type == "mps" else seen.devices or [{"name": name} for name in seen.names]
    os.environ[LISTED] = json.dumps(found)


def listed() -> list[Gpu]:
    """What torch listed; empty if it was not asked."""
    found: list[Gpu] = json.loads(os.environ.get(LISTED, "[]"))
    return found


def versions(gpu: Gpu) -> dict[str, str]:
    """The driver and the libraries of a GPU, as far as torch and Linux report them."""
    found = {"gpu_driver": str(gpu["driver"])} if "driver" in gpu else {}
    for runtime, (name, path) in DRIVERS.items():
        with suppress(OSError):
            if runtime in gpu and (version := VERSION.search(path.read_text())):
                found[name] = version[0]
    return found | {name: str(gpu[name]) for name in RUNTIMES if gpu.get(name) is not None}
