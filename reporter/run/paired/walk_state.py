"""What a walk has done so far, in a file from which it resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from reporter.compare.walk_result import UnclearTime, VersionComparison
from reporter.host import files, machine
from reporter.run.paired import interleaving, paired_run, pinned, version_environments
from reporter.run.request import Request

NAME = "walk.json"


class WalkState(BaseModel):
    """What a walk has done so far; `packages` has the versions of all packages in each environment.

    `unclear` has the times of the first comparison without a verdict.
    """

    comparisons: list[VersionComparison] = []
    unclear: list[UnclearTime] = []
    skipped: dict[str, str] = {}
    packages: dict[str, dict[str, str]] = {}


def load(path: Path) -> WalkState:
    """The state of an interrupted walk, else an empty one."""
    try:
        return WalkState.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return WalkState()


def place_of(request: Request, package: str, versions: Sequence[str]) -> Path:
    """The folder of a walk: the same for the same command in the same environment on the same machine.

    In another environment, or in one of which a package was changed, everything is measured again.
    """
    versions_here = {name: each for name, each in machine.versions().items() if name not in machine.PACKAGES}
    about = {
        "package": package,
        "versions": list(versions),
        "architectures": [[entry.name, entry.reference, entry.definition] for entry in request.architectures],
        "metrics": sorted(request.metrics),
        "conditions": request.conditions.model_dump(mode="json"),
        "machine": machine.about()["machine"],
        "devices": dict(request.devices),
        "here": str(interleaving.here()),
        "versions_here": versions_here | version_environments.imported_here(package, paired_run.needs(request)),
    }
    digest = hashlib.sha256(files.dumps(about).encode()).hexdigest()[:16]
    return pinned.cache().parent / "walks" / digest
