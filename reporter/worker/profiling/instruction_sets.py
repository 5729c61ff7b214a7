"""The instruction sets that implementations of oneDNN are named after, and those that were not exercised."""

from __future__ import annotations

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


def instruction_sets(kernels: Iterable[str], flags: frozenset[str] | None = None) -> dict[str, list[str]]:
    """Which instruction sets the names of kernels exercised, and which others the processor has and lacks.

    No ledger shows what happens to a kernel on the sets that it did not exercise.
    """
    exercised = {Primitive("", name).instructions for kernel in kernels for name in kernel.split("+")} - {""}
    has = processor_flags() if flags is None else flags
    others = [name for name in NEEDED if name not in exercised]
    available = [name for name in others if has.issuperset(NEEDED[name])]
    return {
        "exercised": sorted(exercised),
        "not_exercised": available,
        "not_available": [name for name in others if name not in available],
    }


def processor_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The flags of the first processor; none where they are not listed."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    listed = (line.partition(":")[2].split() for line in lines if line.partition(":")[0].strip() == "flags")
    return frozenset(next(listed, []))
