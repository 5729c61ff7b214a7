"""Facts about the computer, and the state of it that a measurement holds fixed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import reporter

PACKAGES = ("torch", "torchvision", "fvcore", "numpy", "scikit-learn")
FEATURES = ("avx2", "avx512f", "avx512_vnni", "amx_tile", "asimd", "sve")


@cache
def facts() -> dict[str, Any]:
    """What the times depend on and does not change between runs, read without torch."""
    processor, features = _processor()
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": processor,
        "features": features,
        "threads": usable_threads(),
        "memory_gib": _memory_gib(),
        "gpus": gpus(),
    }


def key() -> str:
    """The machine's name in records: readable, and different where any fact differs."""
    digest = hashlib.sha256(json.dumps(facts(), sort_keys=True).encode()).hexdigest()[:8]
    gpu = "-gpu" if facts()["gpus"] else ""
    return f"{platform.system()}-{platform.machine()}-{usable_threads()}cpu{gpu}-{digest}".lower()


def versions() -> dict[str, str]:
    """The versions that a reading depends on."""
    found = {"python": platform.python_version(), "reporter": reporter.__version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def usable_threads() -> int:
    """Processors that this process may use: the smaller of its affinity and the control group's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else max(1, min(cores, math.floor(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


@cache
def gpus() -> list[str]:
    """The names of NVIDIA GPUs, by the driver's own tool; empty where there is none."""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch's intra-operator threads, fixed for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def settle(seed: int = 0) -> None:
    """Fixes what else a measurement depends on: seeds, denormals, TF32 off, cuDNN's choice of algorithms off."""
    import torch

    torch.manual_seed(seed)
    torch.set_flush_denormal(True)
    torch.set_num_threads(usable_threads())
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def _processor() -> tuple[str, list[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), []
    fields = (line.partition(":") for line in lines)
    named = {name.strip(): value.strip() for name, _, value in fields}
    flags = named.get("flags", named.get("Features", "")).split()
    return named.get("model name", platform.machine()), [flag for flag in FEATURES if flag in flags]


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError, AttributeError):
        return None
