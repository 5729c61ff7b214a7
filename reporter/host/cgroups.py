"""Linux control groups: those of this process, and how many processors they allow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNTS = Path("/proc/self/mountinfo")


class ControlGroup(NamedTuple):
    """The folder of a group, in the unified hierarchy (version 2) or in that of one controller (version 1)."""

    folder: Path
    unified: bool


class _Mount(NamedTuple):
    """A mounted hierarchy: its controllers (none for the unified one), the group it shows as its root, and where."""

    controllers: frozenset[str]
    root: PurePosixPath
    place: Path


def groups(controller: str) -> Iterator[ControlGroup]:
    """Every group of a controller that this process is in, the innermost first, as far up as they are mounted."""
    with suppress(OSError, ValueError):
        mounts = list(_mounts())
        for line in MEMBERSHIP.read_text().splitlines():
            _, names, path = line.split(":", 2)
            controllers = frozenset(names.split(",")) if names else frozenset()
            if controllers and controller not in controllers:
                continue
            for mount in mounts:
                if mount.controllers >= controllers and bool(mount.controllers) == bool(controllers):
                    inside = _below(PurePosixPath(path), mount.root)
                    for part in (inside, *inside.parents):
                        yield ControlGroup(mount.place / part, unified=not controllers)


def processors() -> float:
    """How many processors the tightest quota of all these groups allows; infinity where none is set."""
    return min((_quota(group) for group in groups("cpu")), default=math.inf)


def _mounts() -> Iterator[_Mount]:
    for line in MOUNTS.read_text().splitlines():
        about, _, kind = line.partition(" - ")
        root, place = (_plain(word) for word in about.split()[3:5])
        if kind.startswith("cgroup2 "):
            yield _Mount(frozenset(), PurePosixPath(root), Path(place))
        elif kind.startswith("cgroup "):
            yield _Mount(frozenset(kind.split()[2].split(",")), PurePosixPath(root), Path(place))


def _below(path: PurePosixPath, root: PurePosixPath) -> PurePosixPath:
    """A group's place below a mount; the mount itself for a group that it does not show, as from another namespace."""
    below = path.relative_to(root) if path.is_relative_to(root) else PurePosixPath()
    return PurePosixPath() if ".." in below.parts else below


def _quota(group: ControlGroup) -> float:
    try:
        if group.unified:
            quota, period = (group.folder / "cpu.max").read_text().split()
        else:
            quota, period = ((group.folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):  # not readable, or the word max
        return math.inf


def _plain(word: str) -> str:
    r"""A path of mountinfo, which writes a space as \040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
