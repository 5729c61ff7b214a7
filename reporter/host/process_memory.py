"""Memory of this process on Linux: what it may still take, and its resident peak."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from reporter.host.confinement import available_memory

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
UNKNOWN = 2**62


def available() -> int:
    """Bytes that this process can still take: of the machine, of its control groups, and within its own limits.

    The limits are those of its address space and of its private, writable memory.
    """
    if sys.platform != "linux":
        return UNKNOWN
    import resource

    left = [available_memory()]
    for name, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        limit = resource.getrlimit(name)[0]
        if limit != resource.RLIM_INFINITY:
            left.append(limit - status_bytes(field))
    return max(0, min(left))


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not show it."""
    return status_bytes("VmRSS")


def restart_peak() -> None:
    """Makes `peak` start from what is resident now."""
    with suppress(OSError):
        CLEAR.write_text("5")


def peak() -> int:
    """The most bytes of this process that were in memory at once since `restart_peak`; 0 where it is not shown."""
    return status_bytes("VmHWM")


def status_bytes(field: str) -> int:
    """A number of /proc/self/status in bytes; 0 where there is none."""
    with suppress(OSError):
        lines = (line.split() for line in STATUS.read_text().splitlines())
        return next((int(words[1]) * 1024 for words in lines if words and words[0] == f"{field}:"), 0)
    return 0
