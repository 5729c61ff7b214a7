"""Environments of `reporter ab --walk`: one for each version of a package that an index offers.

Versions are those that pip finds on the index it is configured for. With another version of torch or torchvision, a
whole environment is installed; with one of another package, only what has to change, and the rest is imported from the
environment that this runs in. A package that pins it to certain versions moves with it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from reporter.host import files
from reporter.model import ReporterError
from reporter.model.fields import legible
from reporter.run.paired import package_sizes, pinned

PAIR = ("torch", "torchvision")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
RANGE = re.compile(r"([^.\s].*?)\.\.([^.\s].*)")
LISTED = "Available versions:"
ASKING = 300.0
PROGRAM = "architecture-reporter"
FULL_DISK = "No space left on device"


def normalized(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(package: str) -> list[str]:
    """All versions of a package that pip can install here, oldest first; ReporterError if the index has none."""
    if find_spec("pip") is None:
        raise ReporterError(
            "--walk: versions are listed with pip, which this environment does not have; install it with "
            "`python -m ensurepip` or `uv pip install pip`"
        )
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=ASKING, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = legible(str(error))[:300]
        raise ReporterError(f"--walk: the versions of {package} cannot be listed: {why}") from None
    line = next((line for line in done.stdout.splitlines() if line.startswith(LISTED)), None)
    if done.returncode or line is None:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip lists none"]
        raise ReporterError(
            f"--walk: the index has no version of {package} for this Python, or cannot be reached: "
            f"{legible(lines[-1])[:300]}; check `pip config list`, and run the command again to resume"
        )
    return [version.strip() for version in line.removeprefix(LISTED).split(",")][::-1]


def between(package: str, span: str) -> list[str]:
    """The versions A..B of a package, oldest first, with A and B; ReporterError if the index does not have both."""
    if not NAME.fullmatch(package):
        raise ReporterError(f"--walk: {legible(package)!r} is not the name of a package")
    ends = RANGE.fullmatch(span)
    if ends is None:
        raise ReporterError(f"--walk: {legible(span)!r} is not a range of versions; try 2.11.0..2.15.0")
    found = listed(package)
    for end in ends.groups():
        if end not in found:
            raise ReporterError(
                f"--walk: the index has no version {legible(end)} of {package} for this Python; it has "
                + ", ".join(found)
            )
    first, last = (found.index(end) for end in ends.groups())
    if first >= last:
        raise ReporterError(f"--walk: {span}: the first version must be older than the last; it is compared with it")
    return found[first : last + 1]


def bound(package: str) -> list[str]:
    """The packages installed here, except this program, that require certain versions of a package."""
    own = normalized(package)
    found = {
        normalized(each.name or "")
        for each in metadata.distributions()
        if any(_bounds(text, own) for text in each.requires or ())
    }
    return sorted(found - {own, PROGRAM, ""})


def _bounds(requirement: str, name: str) -> bool:
    found = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?\s*[=~<>!]", requirement)
    return found is not None and normalized(found[1]) == name and "extra ==" not in requirement


def imported_here(package: str, needs: Sequence[str] = ()) -> dict[str, str]:
    """The versions of packages that all environments have from this one, or import from it, with `needs` besides."""
    own = normalized(package)
    found = {normalized(each.name or ""): each.version for each in metadata.distributions()}
    names = map(normalized, (*pinned.NEEDED, *needs)) if own in PAIR else found
    return {name: found[name] for name in sorted(names) if name in found and name != own}


@dataclass(frozen=True)
class VersionEnvironments:
    """The environments of the versions of a package below a folder; `needs` are packages that both sides import."""

    package: str
    folder: Path
    needs: Sequence[str] = ()

    @property
    def has_all_packages(self) -> bool:
        """Whether all packages are installed, and none is imported from this environment."""
        return normalized(self.package) in PAIR

    @property
    def size(self) -> str:
        """An estimate of the size of one environment."""
        return package_sizes.in_words((*PAIR, *pinned.NEEDED) if self.has_all_packages else (self.package,))

    def place(self, version: str) -> Path:
        """The folder of an environment."""
        return self.folder / f"{normalized(self.package)}-{version}"

    def make(self, version: str, note: pinned.Note) -> Path:
        """The environment with a version, installed unless it is usable; InstallationError if this fails."""
        place = self.place(version)
        if not pinned.is_usable(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            shared = () if self.has_all_packages else _here()
            pinned.install_with_pip(place, list(self._requirements(version)), note, shared)
            files.write(place / pinned.COMPLETE, "")
        return place

    def _requirements(self, version: str) -> Iterator[str]:
        """The package; what has to fit it, which pip changes only if it does not; and all else if nothing is shared."""
        own = normalized(self.package)
        yield f"{own}=={version}"
        if not self.has_all_packages:
            yield from bound(self.package)
            return
        yield from (name for name in PAIR if name != own)
        yield from (f"{name}=={metadata.version(name)}" for name in (*pinned.NEEDED, *self.needs))

    def versions(self, version: str) -> dict[str, str]:
        """The versions of all packages that are imported with a version of the package."""
        installed = () if self.has_all_packages else metadata.distributions()
        here = {normalized(each.name or ""): each.version for each in installed}
        own = {normalized(name): each for name, each in pinned.frozen_versions(self.place(version)).items()}
        return here | own

    def keep_only(self, versions: Sequence[str]) -> None:
        """Removes the environments of all other versions."""
        kept = {self.place(version) for version in versions}
        for place in self.folder.iterdir() if self.folder.is_dir() else ():
            if place.is_dir() and place not in kept:
                shutil.rmtree(place, ignore_errors=True)


def _here() -> list[str]:
    """The folders that packages of this environment are in."""
    return list(dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))))
