"""Facts about the computer, and settings of it that are fixed during a measurement."""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from typing import Any

from reporter.host import cgroups, concurrent_jobs
from reporter.host.gpus import shared_precisions, visible
from reporter.host.gpus import versions as gpu_versions
from reporter.version import __version__

LEAST_SECONDS = 0.5
"""The system counts in hundredths of a second: the time of others is not resolved below this."""
M_TRIM_THRESHOLD, M_MMAP_MAX, NEVER = -1, -4, 2**31 - 1
"""Of glibc's mallopt."""
PACKAGES = ("torch", "torchvision", "fvcore", "numpy", "scikit-learn")
GPU_KIND = ("name", "memory_mib", "mig_profile", "power_limit_w")
FEATURES = ("avx2", "avx512f", "avx512_vnni", "amx_tile", "asimd", "sve")

INSTRUCTIONS = {
    "bf16": ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"),
    "fp16": ("avx512_fp16", "amx_fp16", "asimdhp"),
}
"""The flags in /proc/cpuinfo with which a processor computes in a precision, on x86 and Arm."""
VNNI = frozenset(("avx512_vnni", "avx_vnni", "amx_int8"))
"""The flags of instructions that add 8-bit products in 32 bits: AVX-512 VNNI, AVX-VNNI and AMX.

No part of FEATURES: with another one there, the machines in existing records would have other keys.
"""

KERNELS = (
    "avx_vnni", "avx_vnni_int8", "avx_ne_convert", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "amx_fp16",
    "asimddp", "asimdhp", "bf16", "i8mm", "sve2", "sme",
)  # fmt: skip
"""More flags of instructions that decide which kernels run, for the same reason no part of FEATURES."""
MORE = "; "
"""What precedes them in the kind of a machine."""


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
        **fractional_quota(),
        "memory_gib": _memory_gib(),
        "gpus": gpus(),
        **({"gpu_details": visible()} if gpus() else {}),
    }


def key() -> str:
    """The machine's name in records: readable, and different where any fact differs, but for which GPU of a kind."""
    kind = {name: _kinds(fact) if name == "gpu_details" else fact for name, fact in facts().items()}
    digest = hashlib.sha256(json.dumps(kind, sort_keys=True).encode()).hexdigest()[:8]
    gpu = "-gpu" if facts()["gpus"] else ""
    return f"{platform.system()}-{platform.machine()}-{usable_threads()}cpu{gpu}-{digest}".lower()


def kind(found: Mapping[str, Any], kernels: Sequence[str] = ()) -> str:
    """The kind of machine that facts describe: its processor, with the instructions it has, and its GPUs.

    How two versions of a package compare depends on these: a kernel for AVX-512 does not run where there is only AVX2,
    although both processors may have one model name. `kernels` are those of KERNELS that it has, after MORE.
    """
    features, cards = ([str(each) for each in found.get(name) or ()] for name in ("features", "gpus"))
    processor = f"{found.get('processor')}" + (f" ({', '.join(features)})" if features else "")
    named = ", ".join([processor, *dict.fromkeys(cards)])
    return named + MORE + ", ".join(kernels) if kernels else named


def about() -> dict[str, Any]:
    """What a record says of where it was measured."""
    on_gpus = shared_precisions() if facts()["gpus"] else None
    found = facts() | {"native_precisions": native_precisions()}
    found |= {} if on_gpus is None else {"gpu_precisions": on_gpus}
    return {"machine": key(), "machine_facts": found, "environment": versions()}


def versions() -> dict[str, str]:
    """The versions that a reading depends on."""
    return {"python": platform.python_version(), "reporter": __version__, **_installed(), **gpu_versions()}


@cache
def _installed() -> dict[str, str]:
    """The versions of packages, read once: they do not change while this process runs."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def affinity() -> frozenset[int]:
    """The processors that this process may run on, whatever `one_core` does meanwhile; all where none are excluded."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


@cache
def usable_threads() -> int:
    """Processors that this process may use: its affinity, or fewer by the quota of a control group, rounded up."""
    return max(1, math.ceil(min(len(affinity()), cgroups.processors())))


def fractional_quota() -> dict[str, float]:
    """The quota of a control group where it leaves a fraction of a processor, which the number of threads hides."""
    quota = cgroups.processors()
    return {"cpu_quota": round(quota, 3)} if quota < len(affinity()) and quota % 1 else {}


def threads_of_job() -> int:
    """Processors for the part of a job that is not timed: its share of the usable ones, beside jobs on other GPUs."""
    return max(1, usable_threads() // concurrent_jobs.count())


@cache
def native_precisions() -> list[str]:
    """The precisions besides fp32 that the processor has instructions for; none where they are unknown.

    They are no part of the machine's key: it keeps the form that it had before there were execution modes.
    """
    return [precision for precision, any_of in INSTRUCTIONS.items() if _flags() & set(any_of)]


def kernel_instructions() -> tuple[str, ...]:
    """Those of KERNELS that the processor has; none where they are unknown."""
    return tuple(flag for flag in KERNELS if flag in _flags())


def has_vnni() -> bool:
    """Whether an x86 processor adds 8-bit products in 32 bits; False where its instructions are unknown."""
    return bool(_flags() & VNNI)


def gpus() -> list[str]:
    """The names of the GPUs that this process may use; empty where there is none, or torch was not asked for them."""
    return [str(gpu["name"]) for gpu in visible()]


def _kinds(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """GPUs without what identifies a single one, and without the driver, which is among the versions."""
    return [{key: value for key, value in gpu.items() if key in GPU_KIND} for gpu in details]


@contextmanager
def one_core(turn: int) -> Iterator[None]:
    """Keeps this process on one processor for a while, another one each turn; does nothing where that is not available.

    Where processors differ, as they do beside the neighbours of a virtual machine, one thread would have its time from
    the processor it happens to be on: on one processor, networks of a round, and two sides in turns, share it.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    affinity()  # of all of them, kept from now on
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[turn % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"


def keep_freed_memory() -> bool:
    """Lets the C library keep what is freed for the next call, in this process from now on; False where it cannot.

    glibc otherwise hands memory back and asks for it again in every call, as often as it happens to lie at the end of
    the heap: VGG-16 spent 10 % of its time so, and GoogLeNet between 0 and 8 %, another share in every process.
    """
    if not has_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER))


@dataclass(frozen=True)
class Load:
    """Seconds so far: passed, that processors were busy in all, and with the run's workers; how many processors."""

    passed: float
    busy: float
    own: float
    processors: int

    def background_load_since(self, before: Load) -> float | None:
        """The share of the processors that other programs kept busy; None if too little time has passed."""
        passed = self.passed - before.passed
        if passed < LEAST_SECONDS:
            return None
        others = (self.busy - before.busy) - (self.own - before.own)
        return max(0.0, others / (passed * self.processors))


def load(proc: Path = concurrent_jobs.PROC) -> Load | None:
    """How busy the processors of this process are, by Linux's count of ticks, a hypervisor's share included.

    Of a machine or container that numbers its processors otherwise than the affinity does, it is the load of all of
    them. None elsewhere than on Linux.
    """
    try:
        lines = (proc / "stat").read_text().splitlines()
    except OSError:
        return None
    ticks = {name: _busy(found) for name, *found in map(str.split, lines) if re.fullmatch(r"cpu\d+", name)}
    usable = {f"cpu{number}" for number in affinity()}
    counted = [ticks[name] for name in (usable if usable <= ticks.keys() else ticks)]
    busy = sum(counted) / os.sysconf("SC_CLK_TCK")
    return Load(monotonic(), busy, sum(os.times()[:2]) + concurrent_jobs.seconds(proc), len(counted))


def _busy(fields: Sequence[str]) -> int:
    """The ticks of a line of /proc/stat in which a processor was not idle."""
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = map(int, fields[:8])
    return user + nice + system + interrupts + soft + stolen


def _processor() -> tuple[str, list[str]]:
    found = _cpuinfo()
    if not found:
        return _mac_processor() or platform.processor() or platform.machine(), []
    flags = _flags()
    return found.get("model name") or _arm_processor(found), [flag for flag in FEATURES if flag in flags]


def _arm_processor(found: Mapping[str, str]) -> str:
    """The numbers by which Linux identifies an Arm processor, which has no model name there; else the architecture."""
    fields = ("implementer", "part", "variant")
    listed = [f"{field} {found[f'CPU {field}']}" for field in fields if f"CPU {field}" in found]
    return " ".join(("Arm", *listed)) if listed else platform.machine()


def _mac_processor() -> str:
    """The processor of a Mac, such as `Apple M3 Pro`, where platform.processor() is `arm` for all; empty elsewhere."""
    if platform.system() != "Darwin":
        return ""
    command = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def _flags() -> frozenset[str]:
    """The instruction sets of the processor by their names in /proc/cpuinfo; empty where there is no such file."""
    found = _cpuinfo()
    return frozenset(found.get("flags", found.get("Features", "")).split())


def _cpuinfo() -> dict[str, str]:
    """The fields of the last processor in /proc/cpuinfo; empty where there is no such file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in fields}


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError, AttributeError):
        return None
