"""The instruction sets that implementations of oneDNN are named after, and those that were not exercised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from reporter.worker.profiling.kernel_names import Primitive

NEEDED = {
    "sse41": ("sse4_1",),
    "avx": ("avx",),
    "avx2": ("avx2",),
    "avx2_vnni": ("avx_vnni",),
    "avx512_core": ("avx512f", "avx512bw", "avx512dq", "avx512vl"),
    "avx512_core_vnni": ("avx512_vnni",),
    "avx512_core_bf16": ("avx512_bf16",),
    "avx512_core_fp16": ("avx512_fp16",),
    "avx512_core_amx": ("amx_tile", "amx_int8", "amx_bf16"),
    "avx512_core_amx_fp16": ("amx_tile", "amx_fp16"),
}
"""The instruction sets in the names of oneDNN's implementations, with the processor's flags that each needs."""
INTEGER = re.compile(r"_[iu]8$", re.IGNORECASE)
"""How the names of OpenVINO's int8 implementations end, with and without VNNI instructions."""
NEEDED_ON_ARM = {"asimd": ("asimd",), "sve": ("sve",)}
ENDING = re.compile(r"(?:_(?:1x1|dw))*_(?:b?f16|f32|fp16|fp32|[iu]8|[iu]32)$", re.IGNORECASE)
"""How the names of OpenVINO's implementations end: `avx512_f32`, `avx512_1x1_f32`, `avx2_dw_FP32`."""
SHORT = {
    "avx512": "avx512_core",
    "avx512_amx": "avx512_core_amx",
    "avx10_1_512": "avx512_core_fp16",
    "avx10_1_512_amx": "avx512_core_amx",
    "avx10_1_512_amx_fp16": "avx512_core_amx_fp16",
}
"""Other names of these sets: those of OpenVINO, and those that oneDNN has used since version 3.4 (dnnl_cpu_isa_t)."""
CHOOSING = ("acl",)
"""Implementations of other libraries, which choose instructions themselves and name none: the Arm Compute Library."""


def instruction_sets(kernels: Iterable[str], flags: frozenset[str] | None = None) -> dict[str, list[str]]:
    """Which instruction sets the names of kernels exercised, and which others the processor has and lacks.

    No ledger shows what happens to a kernel on the sets that it did not exercise. Where the flags of the processor are
    not known, others are not listed; nor those that a library may have exercised that does not name them, such as the
    VNNI instructions of an int8 kernel of OpenVINO.
    """
    names = {name for kernel in kernels for name in kernel.split("+")}
    exercised = {_named(Primitive("", name).instructions) for name in names} - {""}
    unnamed = any(name.rpartition(":")[2] in CHOOSING for name in names)
    has = processor_flags() if flags is None else flags
    needed = NEEDED_ON_ARM if "asimd" in has else NEEDED if has else {}
    others = [name for name in needed if name not in exercised]
    available = [name for name in others if has.issuperset(needed[name])]
    integer = any(INTEGER.search(name) for name in names)
    known = [] if unnamed else [name for name in available if not (integer and name.endswith("vnni"))]
    return {
        "exercised": sorted(exercised),
        "not_exercised": known,
        "not_available": [name for name in others if name not in available],
    }


def _named(found: str) -> str:
    """The name of oneDNN for an instruction set; `sve` for all lengths of its vectors."""
    if found in NEEDED:
        return found
    name = ENDING.sub("", found)
    return "sve" if name.startswith("sve") else SHORT.get(name, name)


def processor_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The flags of the first processor; none where they are not listed."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    listed = (
        line.partition(":")[2].split() for line in lines if line.partition(":")[0].strip() in ("flags", "Features")
    )
    return frozenset(next(listed, []))
