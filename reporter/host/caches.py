"""Sizes of the processor's caches, as Linux lists them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

PROCESSORS = Path("/sys/devices/system/cpu")
FACTORS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
SIZE = re.compile(r"(\d+)([KMG]?)$")


def last_level(root: Path = PROCESSORS, processors: frozenset[int] | None = None) -> int:
    """Bytes of the last-level caches of the processors that this process may use, together; 0 where none are listed.

    A cache that several processors share counts once. What a virtual machine lists is shared with its neighbors.
    """
    if processors is None:
        processors = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()
    found: dict[tuple[int, str], int] = {}
    for number in sorted(processors):
        for place in sorted((root / f"cpu{number}" / "cache").glob("index*")):
            with suppress(OSError, ValueError):
                level, kind, shared, size = (
                    (place / name).read_text().strip() for name in ("level", "type", "shared_cpu_list", "size")
                )
                if kind != "Instruction" and (amount := SIZE.match(size)):
                    found[int(level), shared] = int(amount[1]) * FACTORS[amount[2]]
    last = max((level for level, _ in found), default=0)
    return sum(size for (level, _), size in found.items() if level == last)
