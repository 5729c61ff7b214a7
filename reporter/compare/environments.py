"""The two environments that `reporter ab` compares: what each imported, and whether both are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Import(BaseModel):
    """A package, or Python itself, that a process has loaded."""

    model_config = ConfigDict(frozen=True)

    version: str
    file: str


class About(BaseModel):
    """What a side reports of itself: its machine, its versions, what it imported, and the variables it runs under."""

    model_config = ConfigDict(frozen=True)

    machine: str
    machine_facts: dict[str, Any]
    environment: dict[str, str]
    imports: dict[str, Import]
    places: tuple[str, ...]
    """`sys.prefix` and `sys.path`: where this environment is, and where it imports from."""
    variables: dict[str, str]
    installed: dict[str, str] = {}
    """The versions of the packages that name a reference, whether they were imported or not."""
    kernels: tuple[str, ...] = ()
    """Instructions of the processor that decide which kernels run (`machine.KERNELS`)."""

    @property
    def versions(self) -> dict[str, str]:
        """The versions of what was imported."""
        return {name: loaded.version for name, loaded in self.imports.items()}

    @property
    def packages(self) -> dict[str, Import]:
        """What was imported, without Python, which may be started by several names."""
        return {name: loaded for name, loaded in self.imports.items() if name != "python"}

    @property
    def recorded(self) -> dict[str, Any]:
        """What a record says of where it was measured: the versions and files are those that were imported."""
        files = {f"{name}_file": loaded.file for name, loaded in self.imports.items()}
        environment = self.environment | self.versions | files
        return {"machine": self.machine, "machine_facts": self.machine_facts, "environment": environment}


def is_control(a: About, b: About) -> bool:
    """Whether both sides are the same environment, under the same variables."""
    return (a.places, a.packages, a.variables) == (b.places, b.packages, b.variables)


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """The variables that two sides do not share, with the value of each side."""
    return {name: (a.get(name), b.get(name)) for name in sorted({*a, *b}) if a.get(name) != b.get(name)}
