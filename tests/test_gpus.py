"""GPUs as the driver and torch describe them: which are visible, in which order, and why there is none."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import gpu_samples
import pytest
import torch
from networks import CONDITIONS, own
from simulated import Simulated

from reporter.host import gpus, machine
from reporter.host.questions import VisibleGpus
from reporter.model import Metric, ReporterError
from reporter.model.attempts import attempt
from reporter.model.modes import parse
from reporter.registry import execution_modes
from reporter.registry.catalog import collect
from reporter.run import mode_plan
from reporter.run.executors import local as executor
from reporter.run.ledger import Ledger
from reporter.run.preparation import choose_devices
from reporter.run.request import Request

T4 = "GPU-11111111-aaaa-bbbb-cccc-dddddddddddd, Tesla T4, 15360, 570.86.10, 70.00, [N/A]"
H100 = "GPU-22222222-aaaa-bbbb-cccc-dddddddddddd, NVIDIA H100 80GB HBM3, 81559, 570.86.10, 700.00, {mig}"
SLICE = "MIG-33333333-aaaa-bbbb-cccc-dddddddddddd"
LIST = f"""GPU 0: Tesla T4 (UUID: GPU-11111111-aaaa-bbbb-cccc-dddddddddddd)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-22222222-aaaa-bbbb-cccc-dddddddddddd)
  MIG 3g.40gb     Device  0: (UUID: {SLICE})
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a driver's tool on PATH that prints what the given GPUs are."""

    def put(*lines: str, capabilities: str = "") -> None:
        for name, text in (("query", "\n".join(lines)), ("list", LIST), ("capabilities", capabilities)):
            (tmp_path / name).write_text(text)
        tool = tmp_path / "nvidia-smi"
        cases = f"-L) cat {tmp_path}/list;; *compute_cap*) cat {tmp_path}/capabilities;; *) cat {tmp_path}/query;;"
        tool.write_text(f'#!/bin/sh\ncase "$1" in {cases} esac\n')
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(gpus, "_by_nvml", list)
        for cached in (gpus.installed, gpus.capabilities, machine.facts):
            cached.cache_clear()

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield put
    for cached in (gpus.installed, gpus.capabilities, machine.facts):
        cached.cache_clear()


def test_a_gpu_is_identified(driver) -> None:
    driver(T4, H100.format(mig="Disabled"))
    assert gpus.visible()[1] == {
        "uuid": "GPU-22222222-aaaa-bbbb-cccc-dddddddddddd",
        "name": "NVIDIA H100 80GB HBM3",
        "memory_mib": 81559,
        "power_limit_w": 700.0,
        "driver": "570.86.10",
    }
    assert machine.facts()["gpus"] == ["Tesla T4", "NVIDIA H100 80GB HBM3"]
    assert machine.facts()["gpu_details"] == gpus.visible()
    assert gpus.visible()[1].keys() == gpu_samples.DETAILS.keys(), "as in the samples of reports"
    assert machine.about()["machine_facts"].keys() - {"gpu_precisions"} == gpu_samples.FACTS.keys() - {"gpu_precisions"}
    assert machine.versions()["nvidia_driver"] == "570.86.10"
    assert "-gpu-" in machine.key()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("1,0", ["NVIDIA H100 80GB HBM3", "Tesla T4"]),
        ("GPU-2222", ["NVIDIA H100 80GB HBM3"]),
        ("GPU-2222, GPU-1111", ["NVIDIA H100 80GB HBM3", "Tesla T4"]),
        ("0,7,1", ["Tesla T4"]),
        ("", []),
        ("-1", []),
    ],
)
def test_only_visible_gpus_count_in_their_order(
    wanted: str, names: list[str], driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(T4, H100.format(mig="Disabled"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert machine.gpus() == names
    assert gpus.hidden() == (None if names else f"CUDA_VISIBLE_DEVICES={wanted!r} hides the 2 GPUs of this machine")


def test_a_mig_instance_is_its_profile(driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(T4, H100.format(mig="Enabled"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", SLICE)
    (one,) = gpus.visible()
    assert (one["uuid"], one["mig_profile"], one["gpu_uuid"][:8]) == (SLICE, "3g.40gb", "GPU-2222")
    assert "memory_mib" not in one


def test_machines_are_of_a_kind_whatever_the_serial_number_and_the_driver(driver) -> None:
    driver(T4)
    first = machine.key()
    driver(T4.replace("GPU-1111", "GPU-9999").replace("570", "580"))
    assert machine.key() == first
    driver(T4.replace("70.00", "50.00"))
    assert machine.key() != first, "another power limit is another speed"


CAPABILITIES = f"{T4[:40]}, 7.5\n{H100[:40]}, 9.0\n"


@pytest.mark.parametrize(
    ("visible", "capabilities", "native"),
    [
        ("0", CAPABILITIES, ["fp16"]),
        ("1", CAPABILITIES, ["bf16", "fp16", "tf32"]),
        ("0,1", CAPABILITIES, ["fp16"]),
        ("0,1", CAPABILITIES[:45], None),
        ("0", 'Field "compute_cap" is not a valid field to query.', None),
        ("", CAPABILITIES, None),
    ],
)
def test_the_precisions_of_gpus_follow_from_their_compute_capability(
    driver, visible: str, capabilities: str, native: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Tesla T4 has no instructions for bfloat16 and TF32; an older driver does not give the capability."""
    driver(T4, H100.format(mig="Disabled"), capabilities=capabilities)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    before = machine.key()
    facts = machine.about()["machine_facts"]
    assert facts.get("gpu_precisions") == native
    assert machine.key() == before == machine.about()["machine"]
    about = SimpleNamespace(
        about={"machine_facts": facts}, engines={}, modes=["default", "bf16", "tf32", "fp16", "amp"]
    )
    found = mode_plan.kind_of(about, "cuda")  # type: ignore[arg-type]
    marked = {mode: execution_modes.emulated(parse(mode, {}), found) for mode in ("bf16", "fp16", "amp")}
    refused = mode_plan.refused(about, "cuda")  # type: ignore[arg-type]
    if native == ["fp16"]:
        assert marked == {"bf16": "emulated: this GPU has no bf16 instructions", "fp16": "", "amp": ""}
        assert refused == {"tf32": "this GPU has no tf32 instructions"}
        assert execution_modes.in_set("default", found, {}) == ("channels_last",)
    else:
        assert (set(marked.values()), refused) == ({""}, {})
    assert not execution_modes.emulated(parse("bf16", {}), mode_plan.kind_of(about, "mps"))  # type: ignore[arg-type]


def test_an_old_driver_gives_what_it_has(driver, tmp_path: Path) -> None:
    """Its tool refuses a query with fields that it lacks."""
    driver(", ".join(T4.split(", ")[:4]))
    tool = tmp_path / "nvidia-smi"
    tool.write_text(tool.read_text().replace('case "$1" in', 'case "$1" in *mig*) exit 2;;'))
    assert [(gpu["name"], gpu["memory_mib"], gpu["driver"]) for gpu in gpus.visible()] == [
        ("Tesla T4", 15360, "570.86.10")
    ]


def test_without_a_gpu_nothing_is_added_to_the_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "visible", list)
    machine.facts.cache_clear()
    assert "gpu_details" not in machine.facts()
    machine.facts.cache_clear()


def test_a_device_of_torch_is_found_by_its_uuid(driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA puts the fastest GPU first, the driver's tool goes by the bus: the index is not the same."""
    driver(T4, H100.format(mig="Enabled"))
    uuid = "22222222-aaaa-bbbb-cccc-dddddddddddd"
    properties = {"name": "NVIDIA H100 80GB HBM3", "total_memory": 85 << 30, "multi_processor_count": 132, "major": 9}
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(**properties, minor=0, uuid=uuid)
    )
    found = gpus.identity(0)
    assert (found["uuid"], found["power_limit_w"], found["driver"]) == (f"GPU-{uuid}", 700.0, "570.86.10")
    assert (found["memory_mib"], found["capability"], found["cuda_runtime"]) == (85 << 10, "9.0", torch.version.cuda)
    assert found["cudnn"] == torch.backends.cudnn.version()
    assert found.keys() == gpu_samples.IDENTITY.keys(), "as in the samples of reports"
    assert gpus.described(SLICE.removeprefix("MIG-"), gpus.installed())["mig_profile"] == "3g.40gb"
    json.dumps(found)


def test_the_machine_has_its_gpus_in_torchs_order(driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES=0 is the fastest GPU, which is the driver's second: a worker gives its UUID."""
    driver(T4, H100.format(mig="Disabled"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(gpus, "IN_TORCHS_ORDER", [])
    local = executor.LocalExecutor()
    uuid = "22222222-aaaa-bbbb-cccc-dddddddddddd"
    monkeypatch.setattr(local, "ask", lambda question: VisibleGpus(names=["H100"], uuids=[uuid], reason=""))
    assert list(local.gpus(True)) == ["H100"]
    assert machine.facts()["gpus"] == ["NVIDIA H100 80GB HBM3"]


TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
NONE = "this machine has no CUDA device"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            RuntimeError(TOO_OLD),
            "The NVIDIA driver on your system is too old (found version 11040); update the driver, or install a torch "
            "built for an older CUDA",
        ),
        (
            AssertionError("Torch not compiled with CUDA enabled"),
            f"this torch ({torch.__version__}) was built without CUDA; install a CUDA build of torch",
        ),
        (RuntimeError("CUDA unknown error - this may be due to an\nincorrect setup"), "CUDA unknown error - this may"),
    ],
)
def test_torchs_reason_reaches_the_row_and_the_usage_error(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "init", fail)
    answer = gpus.visible_to_torch()
    assert answer.names == answer.uuids == []
    assert answer.reason.startswith(reason)
    local = executor.LocalExecutor()
    monkeypatch.setattr(local, "ask", lambda question: answer)
    monkeypatch.setattr(gpus, "is_driver_there", lambda: True)
    with pytest.raises(ReporterError) as refused:
        choose_devices(("cuda",), local)
    line = f"--device: 'cuda' is not there; torch sees no CUDA device: {answer.reason}; use cpu"
    assert str(refused.value) == line
    devices, found, why = choose_devices(("auto",), local)
    assert (devices, found, why) == ({"cpu": "cpu", "any": "cpu"}, (), answer.reason)
    metrics = collect("reporter.metrics", Metric)
    assert reason_in_the_row(tmp_path, metrics, NONE) == NONE
    assert reason_in_the_row(tmp_path, metrics, why) == why, "an earlier reason is replaced"


def reason_in_the_row(folder: Path, metrics: dict[str, Metric], why: str) -> str | None:
    request = Request(folder, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, CONDITIONS, why)
    reading = Ledger(own(), request).record.readings["latency_cuda"]
    assert reading.status == "unsupported"
    return reading.reason


def test_a_gpu_that_was_not_asked_for_is_not_missing() -> None:
    assert choose_devices(("cpu",), Simulated([]))[2] == "not asked for by --device"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs here")
def test_a_worker_gives_torchs_own_reason() -> None:
    """The question as the parent asks it, in a real worker."""
    local = executor.LocalExecutor()
    assert local.gpus(True) == []
    assert local.no_cuda not in ("", NONE, "the worker that loads torch failed")


class OfEngineError(Exception):
    """Those of ONNX Runtime are no RuntimeErrors."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"), "oom"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "oom"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "oom"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), "oom"),
        (RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling"), "oom"),
        (RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"), "oom"),
        (RuntimeError("HIP error: out of memory"), "oom"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), "oom"),
        (RuntimeError("XPU out of memory. Tried to allocate"), "oom"),
        (RuntimeError("level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"), "oom"),
        (RuntimeError("Native API failed. Native API returns: -5 (PI_ERROR_OUT_OF_RESOURCES)"), "failed"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"), "oom"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), "oom"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"), "oom"),
        (torch.AcceleratorError("CUDA error: out of memory"), "oom"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "failed"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), "failed"),
        (ValueError("the memory is out of order"), "failed"),
        (OfEngineError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for"), "oom"),
        (OfEngineError("[ONNXRuntimeError] : 6 : Exception during initialization: std::bad_alloc"), "oom"),
        (OfEngineError("[ONNXRuntimeError] : 1 : FAIL : Memory allocation failed. Size=64"), "oom"),
        (OfEngineError("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation"), "failed"),
        (RuntimeError("Exception from src/core/src/runtime/allocator.cpp:79:\nstd::bad_alloc\n\n\n"), "oom"),
        (RuntimeError("Check 'res.status == pugi::status_ok' failed at x.cpp:1:\nCould not allocate memory at"), "oom"),
        (RuntimeError("Failed to commit memory for LazyBuffer. Error: Cannot allocate memory"), "oom"),
        (RuntimeError("Cannot allocate memory for type: string"), "failed"),
        (RuntimeError("libgomp.so.1: cannot allocate memory in static TLS block"), "failed"),
        (AttributeError("module 'torch' has no attribute 'OutOfMemoryError'"), "failed"),
        (ReporterError("another process ended: out of memory"), "failed"),
    ],
)
def test_every_way_of_running_out_of_memory_is_oom(error: Exception, status: str) -> None:
    def work() -> None:
        raise error

    _, verdict = attempt(work)
    assert verdict.status == status
    assert verdict.reason
    assert "\n" not in verdict.reason
