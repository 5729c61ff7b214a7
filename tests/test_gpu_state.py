"""The state of a GPU before it is timed, on simulated devices with a simulated NVML."""

from __future__ import annotations

import inspect
import os
from typing import Any

import gpu_samples
import pynvml
import pytest
import torch
from gpu_samples import form
from networks import CONDITIONS
from simulated_device import Accelerator, Machine
from simulated_nvml import FUNCTIONS, SimulatedError, SimulatedGpu, SimulatedNvml
from test_device import Bench

from reporter.host import gpu_state
from reporter.metrics import training_throughput
from reporter.model.device_states import STATES, DeviceState, notes
from reporter.worker.latency import clock_settling
from reporter.worker.latency.clock_settling import INTERVAL, LONGEST, settled

MIB = 1 << 20


def machine_of(*gpus: SimulatedGpu, seconds: float = 0.02) -> Machine:
    machine = Machine([Accelerator(seconds) for _ in gpus])
    machine.nvml = SimulatedNvml(machine, *gpus)
    return machine


def state_of(gpu: SimulatedGpu) -> DeviceState:
    return gpu_state.looked_at(SimulatedNvml(Machine([Accelerator(1.0)]), gpu), gpu.uuid)


def settled_on(machine: Machine) -> dict[str, Any]:
    """What a settled device 1 leaves in the detail, after calls of one operator."""
    with machine:
        images = torch.ones(2).to("cuda:1")
        place = machine.device("cuda:1")
        detail = settled(place, lambda: images + 1)
    (state,) = detail[STATES]
    return dict(state)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_simulated_library_has_the_functions_of_the_real_one(name: str) -> None:
    simulated = [each for each in inspect.signature(FUNCTIONS[name]).parameters if each != "self"]
    assert simulated == list(inspect.signature(getattr(pynvml, name)).parameters)
    assert SimulatedNvml.NVML_CLOCK_SM == pynvml.NVML_CLOCK_SM


def test_the_reasons_are_the_bits_of_the_library() -> None:
    names = {
        "ApplicationsClocksSetting": "clock that is set", "SwPowerCap": "power limit", "HwSlowdown": "slowdown",
        "SyncBoost": "synchronized", "SwThermalSlowdown": "temperature", "HwThermalSlowdown": "temperature",
        "HwPowerBrakeSlowdown": "power supply", "DisplayClockSetting": "display",
    }  # fmt: skip
    for name, words in names.items():
        assert words in gpu_state.LIMITS[getattr(pynvml, f"nvmlClocksEventReason{name}")]
    assert pynvml.nvmlClocksEventReasonGpuIdle not in gpu_state.LIMITS


def test_other_processes_and_limits_are_noted() -> None:
    own = os.getpid()
    busy = SimulatedGpu("GPU-1", bits=0x1 | 0x4 | 0x20 | 0x40, compute={own: 600 * MIB, own + 1: 300 * MIB})
    busy.graphics = {own + 2: 34 * MIB, own + 1: 300 * MIB}
    assert state_of(busy) == DeviceState(345, ("its power limit", "its temperature"), 2, 334)
    assert state_of(SimulatedGpu("GPU-1", bits=0x1)) == DeviceState(345, (), 0, 0)
    assert state_of(SimulatedGpu("GPU-1", compute={own: None, own + 1: None}))[2:] == (1, None)


def test_in_a_container_one_of_the_processes_is_this_one() -> None:
    """The driver lists the numbers of the host."""
    assert state_of(SimulatedGpu("GPU-1", compute={10**7: 600 * MIB}))[2:] == (0, 0)
    assert state_of(SimulatedGpu("GPU-1", compute={10**7: 600 * MIB, 10**7 + 1: MIB}))[2:] == (1, None)


def test_a_device_is_found_by_the_uuid_that_torch_gives() -> None:
    nvml = SimulatedNvml(Machine([Accelerator(1.0)] * 2), SimulatedGpu("GPU-1"), SimulatedGpu("GPU-2", idle=500))
    assert gpu_state.looked_at(nvml, "1").clock_mhz == 345
    assert gpu_state.looked_at(nvml, "2").clock_mhz == 500
    with pytest.raises(SimulatedError):
        gpu_state.looked_at(nvml, "3")


@pytest.mark.parametrize("uuid", ["2", "MIG-2"], ids=["as torch gives it", "whole"])
def test_a_mig_instance_has_the_clock_and_the_limits_of_its_gpu(uuid: str) -> None:
    """NVML has neither for an instance, but its processes."""
    instance = SimulatedGpu("MIG-2", parent=0, compute={os.getpid(): 600 * MIB, os.getpid() + 1: 300 * MIB})
    nvml = SimulatedNvml(Machine([Accelerator(1.0)] * 2), SimulatedGpu("GPU-1", bits=0x4), instance)
    assert gpu_state.looked_at(nvml, uuid) == DeviceState(345, ("its power limit",), 1, 300)


def test_what_a_device_does_not_support_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> Any:
        raise SimulatedError("Not Supported")

    for name in FUNCTIONS:
        if name not in ("nvmlDeviceGetHandleByUUID", "nvmlDeviceGetComputeRunningProcesses"):
            monkeypatch.setattr(SimulatedNvml, name, refused)
    assert state_of(SimulatedGpu("GPU-1")) == DeviceState(None, (), 0, 0)
    state = settled_on(machine_of(SimulatedGpu("GPU-0"), SimulatedGpu("GPU-1")))
    assert (state["clock_mhz"], state["settled"]) == (None, None)


def test_the_clock_is_waited_for_under_load_and_on_the_right_device() -> None:
    """It is that of the device that is timed, which rises for half a second of work; the other one stays idle."""
    machine = machine_of(SimulatedGpu("GPU-0", drifting=True), SimulatedGpu("GPU-1"))
    state = settled_on(machine)
    assert state["settled"] is True
    assert state["clock_mhz"] == 1755
    assert 0.5 <= state["seconds"] <= 0.5 + 5 * INTERVAL
    assert machine.devices[0].operators == 0


def test_a_clock_that_never_settles_ends_the_wait_and_is_noted() -> None:
    state = settled_on(machine_of(SimulatedGpu("GPU-0"), SimulatedGpu("GPU-1", drifting=True)))
    assert state["settled"] is False
    assert LONGEST <= state["seconds"] <= LONGEST + 2 * INTERVAL
    assert notes({STATES: [state]}) == ("its clock did not settle within 3 s",)


UNSETTLED = {"settled": False, "seconds": 3.0}
LIMITED = {"limits": ["its power limit"]}
SHARED = {"other_processes": 2, "other_memory_mib": 1200}


@pytest.mark.parametrize(
    ("states", "clauses"),
    [
        ([UNSETTLED], ["its clock did not settle within 3 s"]),
        ([{"settled": False}], ["its clock did not settle"]),
        ([UNSETTLED, {"settled": False, "seconds": "long"}], ["its clock did not settle within 3 s"]),
        ([SHARED], ["2 other processes used the device (1200 MiB)"]),
        ([SHARED | {"other_memory_mib": "much"}], ["2 other processes used the device"]),
        ([{"other_processes": "two"}, SHARED], ["2 other processes used the device (1200 MiB)"]),
        ([{"other_processes": [2]}], []),
        ([LIMITED, {"limits": 4}, {"limits": "heat"}], ["its clock was limited by its power limit"]),
        ([{"limits": ["heat"], "settled": 0}, "settled", None], ["its clock was limited by heat"]),
        (
            [SHARED | LIMITED | UNSETTLED, {"limits": ["heat", "its power limit"]}],
            [
                "2 other processes used the device (1200 MiB)",
                "its clock was limited by its power limit",
                "its clock was limited by heat",
                "its clock did not settle within 3 s",
            ],
        ),
        ({"settled": False}, []),
    ],
)
def test_the_state_in_an_edited_record_is_noted_as_far_as_it_can_be_read(states: Any, clauses: list[str]) -> None:
    assert notes({STATES: states}) == tuple(clauses)


def test_without_a_library_nothing_is_waited_for() -> None:
    machine = Machine([Accelerator(1.0)] * 2)
    with machine:
        assert settled(machine.device("cuda:1"), lambda: pytest.fail("called")) == {}
        assert settled(machine.device("cpu"), lambda: pytest.fail("called")) == {}


def test_a_look_at_an_idle_device_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same clock in every look is a steady one only if the device works between them."""
    monkeypatch.setattr(clock_settling, "_loaded", lambda place, call: INTERVAL)
    state = settled_on(machine_of(SimulatedGpu("GPU-0"), SimulatedGpu("GPU-1")))
    assert state["clock_mhz"] < 1755


def test_the_first_call_of_a_process_is_no_part_of_the_wait() -> None:
    """It loads libraries for longer than the wait may last, and the device is idle meanwhile."""
    machine = machine_of(SimulatedGpu("GPU-0"), SimulatedGpu("GPU-1"))
    made: list[torch.Tensor] = []
    with machine:
        images, place = torch.ones(2).to("cuda:1"), machine.device("cuda:1")

        def call() -> None:
            machine.now += 0 if made else 2 * LONGEST
            made.append(images + 1)

        (state,) = settled(place, call)[STATES]
    assert (state["settled"], state["clock_mhz"]) == (True, 1755)
    assert state["seconds"] < LONGEST


def test_a_time_has_the_state_of_its_device_in_its_detail_and_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, own = Bench(monkeypatch), os.getpid()
    shared = SimulatedGpu("GPU-1", bits=0x4, compute={own: 600 * MIB, own + 1: 1200 * MIB})
    bench.machine.nvml = SimulatedNvml(bench.machine, SimulatedGpu("GPU-0"), shared)
    bench.monkeypatch.setattr(training_throughput, "LARGEST_BATCH", 2 * CONDITIONS.batch_size)
    timed = ("latency_cuda", "throughput_cuda", "train_step_cuda", "train_throughput_cuda")
    found = bench.readings(*timed, "memory_cuda")
    for reading in (found[key] for key in timed):
        (state,) = reading.detail[STATES]  # type: ignore[misc]
        assert (state["clock_mhz"], state["settled"], state["other_processes"]) == (1755, True, 1)  # type: ignore[index, call-overload]
        noted = ("1 other process used the device (1200 MiB)", "its clock was limited by its power limit")
        assert [note for note in reading.notes if note in noted] == [*noted]
    assert list(map(form, found.values())) == [form(gpu_samples.reading(key)) for key in found], "as in their samples"
    bench.check_other_device()
