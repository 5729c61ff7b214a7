"""The name of the processor in a machine's facts, which its key and its kind depend on."""

from __future__ import annotations

import platform
import subprocess
from functools import partial
from types import SimpleNamespace
from typing import NoReturn

import pytest

from reporter.host import machine

NEOVERSE = {"Features": "fp asimd sve", "CPU implementer": "0x41", "CPU variant": "0x1", "CPU part": "0xd40"}
CHANGES: tuple[dict[str, str], ...] = ({}, {"CPU part": "0xd4f"}, {"CPU variant": "0x3"}, {"CPU implementer": "0x48"})


@pytest.fixture(autouse=True)
def uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without GPUs."""
    monkeypatch.setattr(machine, "facts", machine.facts.__wrapped__)
    monkeypatch.setattr(machine, "visible", list)


def test_arm_processors_on_linux_are_different_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no model name there."""
    keys, kinds = set(), []
    for change in CHANGES:
        monkeypatch.setattr(machine, "_cpuinfo", partial(dict, NEOVERSE | change))
        keys.add(machine.key())
        kinds.append(machine.kind(machine.facts()))
    assert len(keys) == len(set(kinds)) == 4
    assert kinds[0] == "Arm implementer 0x41 part 0xd40 variant 0x1 (asimd, sve)"


@pytest.mark.parametrize(
    ("found", "name"),
    [({"model name": "AMD EPYC", "flags": "avx2"}, "AMD EPYC"), ({"isa": "rv64imafdc"}, platform.machine())],
)
def test_other_processors_keep_their_names(found: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: found)
    assert machine.facts()["processor"] == name


def test_the_processor_of_a_mac_is_its_brand(monkeypatch: pytest.MonkeyPatch) -> None:
    """platform.processor() is `arm` for all of them."""
    monkeypatch.setattr(machine, "_cpuinfo", dict)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    answer = SimpleNamespace(stdout="Apple M3 Pro\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert machine.facts()["processor"] == "arm"
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert machine.facts()["processor"] == "Apple M3 Pro"
    monkeypatch.setattr(subprocess, "run", missing)
    assert machine.facts()["processor"] == "arm"


def missing(*_: object, **__: object) -> NoReturn:
    raise FileNotFoundError("sysctl")
