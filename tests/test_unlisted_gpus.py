"""GPUs that no driver lists and torch does, as with ROCm: a part of the machine's facts, its key and its versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mode_samples
import pytest
from click.testing import CliRunner

from reporter.cli import main, mode_list
from reporter.compare.folders import baseline
from reporter.host import accelerators, gpus, gpus_by_torch, machine
from reporter.host.questions import VisibleGpus
from reporter.model import ReporterError
from reporter.model.settings import Settings
from reporter.run.executors.local import LocalExecutor
from reporter.run.executors.ray_node import NodeWorker
from reporter.run.paired import interleaving
from reporter.run.preparation import choose_devices
from reporter.store import record_files

MI300X = {"name": "MI300X", "memory_mib": 196608, "uuid": "one", "hip_runtime": "6.4.43482", "miopen": 3005000}
Ask = Callable[..., str]


@pytest.fixture(autouse=True)
def unlisted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with the device file of a driver, and without a tool that lists its GPUs."""
    monkeypatch.setenv(gpus_by_torch.LISTED, "[]")
    monkeypatch.setattr(gpus, "IN_TORCHS_ORDER", [])
    monkeypatch.setattr(gpus, "installed", list)
    monkeypatch.setattr(gpus, "is_driver_there", lambda: True)
    machine.facts.cache_clear()
    yield
    machine.facts.cache_clear()


@pytest.fixture
def key_with(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The key of the machine after a run has chosen its devices, where torch sees some."""

    def key(*names: str, device: str = "auto", **more: Any) -> str:
        local = LocalExecutor()
        monkeypatch.setattr(local, "ask", lambda question: VisibleGpus(names=[*names], uuids=[], reason="", **more))
        assert bool(choose_devices((device,), local)[1]) == (bool(names) and device != "cpu")
        return machine.key()

    return key


def test_another_gpu_is_another_machine(key_with: Ask) -> None:
    without = machine.key()
    first = key_with("MI300X")
    assert "-gpu-" in first
    assert (machine.facts()["gpus"], machine.facts()["gpu_details"]) == (["MI300X"], [{"name": "MI300X"}])
    assert machine.about()["machine"] == first
    assert len({without, first, key_with("MI210"), key_with("MI300X", "MI300X")}) == 4
    assert key_with("MI300X", device="cpu") == first, "also if only the CPU is measured"
    assert key_with() == without
    assert key_with("Apple GPU (arm64)", type="mps") == without, "the processor implies it"


def test_the_versions_of_its_driver_and_libraries_are_recorded(
    key_with: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "version"
    driver.write_text("6.12.12\n")
    monkeypatch.setattr(gpus_by_torch, "DRIVERS", {"hip_runtime": ("amdgpu_driver", driver)})
    before = machine.versions()
    first = key_with("MI300X", devices=[MI300X])
    found = {"amdgpu_driver": "6.12.12", "hip_runtime": "6.4.43482", "miopen": "3005000"}
    assert machine.versions() == before | found
    assert key_with("MI300X", devices=[MI300X | {"uuid": "two", "hip_runtime": "7.0"}]) == first
    assert machine.versions() == before | found | {"hip_runtime": "7.0"}
    assert key_with("MI300X", devices=[MI300X | {"memory_mib": 24576}]) != first, "a part of one"
    arc = {"name": "Intel Arc B580", "driver": "1.6.33578", "sycl_runtime": "2025.3"}
    key_with("Intel Arc B580", type="xpu", devices=[arc])
    assert machine.versions() == before | {"gpu_driver": "1.6.33578", "sycl_runtime": "2025.3"}


def test_processes_of_the_run_see_the_same_machine(key_with: Ask) -> None:
    """The sides of `ab`, which fork their workers and cannot open a device themselves."""
    key_with("MI300X", devices=[MI300X])
    assert json.loads(interleaving.variables()[gpus_by_torch.LISTED]) == [MI300X] == gpus.visible()


def test_a_node_of_a_cluster_asks_torch() -> None:
    node = NodeWorker.__new__(NodeWorker)
    seen = VisibleGpus(names=["MI300X"], uuids=[], reason="")
    node._executor = SimpleNamespace(gpus=lambda asked: gpus_by_torch.remember(seen))  # type: ignore[assignment]
    assert node.about()["machine"]["machine_facts"]["gpus"] == ["MI300X"]


def test_gpus_that_a_driver_lists_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accelerators.are_unlisted()
    monkeypatch.setattr(gpus, "installed", lambda: [{"uuid": "GPU-1", "name": "T4"}])
    assert not accelerators.are_unlisted()
    monkeypatch.setattr(gpus, "installed", list)
    monkeypatch.setattr(gpus, "is_driver_there", lambda: False)
    monkeypatch.setattr(accelerators, "version", lambda name: "2.14.1+cpu")
    assert not accelerators.are_unlisted(), "a machine without a GPU"


def test_the_baseline_is_compared_with_the_machine_that_torch_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that, the key of this machine lacks its GPUs; afterwards, another machine is refused at once."""
    old, new = tmp_path / "old", tmp_path / "new"
    record_files.save_all(old, mode_samples.reference()[:1])
    given = {"baseline": str(old), "fail_on": "timing"}
    assert baseline(Settings(**given))  # type: ignore[arg-type]
    monkeypatch.setattr(main, "_prepared", lambda *_: (SimpleNamespace(folder=new), None))
    with pytest.raises(ReporterError, match="old is of another machine"):
        main.measure_and_report(new, None, given, {}, quiet=True)
    assert not new.exists()


def test_the_list_of_modes_names_what_is_not_known_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "note: execution modes are listed for the CPU only: whether this machine has an accelerator is known when"
    assert line in CliRunner().invoke(main.command, ["list", "--modes"]).output
    monkeypatch.setattr(accelerators, "are_likely", lambda: False)
    assert mode_list.notices() == ()
