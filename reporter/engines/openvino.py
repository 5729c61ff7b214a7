"""OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from reporter.engines._environment import variable
from reporter.engines._failures import step
from reporter.engines._onnx_file import prepared
from reporter.engines._profiled import EngineOperator, Profiled
from reporter.host import machine
from reporter.model import Engine
from reporter.model.readings import UnsupportedError

HINTS = {"fp32": "f32", "int8": "f32", "bf16": "bf16"}
"""INFERENCE_PRECISION_HINT; its default is the lowest precision that the processor has instructions for."""
X86 = ("x86_64", "AMD64")
NO_BF16 = "OpenVINO computes in bf16 only on x86 processors with AVX-512 or bf16 instructions"
NO_TELEMETRY = {"openvino": ("CI", "true"), "nncf": ("NNCF_CI", "1")}
"""Variables that the packages read when they are imported: where they are not set, usage statistics are sent."""


def prepare(
    model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None, calibration: Any = None
) -> Callable[[Any], Any]:
    """Export to ONNX, load, and compile for the CPU; for int8, quantize by NNCF before."""
    int8 = ("model.xml", _quantize, calibration) if precision == "int8" else None
    return prepared("openvino", model, example, cache=cache, load=partial(_loaded, HINTS[precision]), int8=int8)


def refuses(precision: str) -> str:
    """Why OpenVINO would compute in another precision here.

    It takes bf16 on x86 only. With AVX-512 but no bf16 instructions it emulates bf16.
    """
    features = machine.facts()["features"]
    able = "avx512f" in features or "bf16" in machine.native_precisions() or not features  # not known: it is tried
    return NO_BF16 if precision == "bf16" and not (able and machine.facts()["architecture"] in X86) else ""


def _loaded(hint: str, path: Path, folder: Path) -> Profiled:
    request = step("compilation", partial(_compiled, path, hint, folder)).create_infer_request()

    def run(images: Any) -> Any:
        return request.infer([images], share_inputs=True).to_tuple()

    return Profiled(run, partial(_operators, path, hint, folder))


def _operators(path: Path, hint: str, folder: Path, images: Any, count: int) -> list[list[EngineOperator]]:
    """The performance counters of each of some calls of a model that counts."""
    request = _compiled(path, hint, folder, counters=True).create_infer_request()
    found = []
    for _ in range(count):
        request.infer([images], share_inputs=True)
        found.append(
            [
                EngineOperator(each.node_name, each.node_type, each.exec_type, each.real_time.total_seconds())
                for each in request.get_profiling_info()
                if each.status == each.Status.EXECUTED
            ]
        )
    return found


def _compiled(path: Path, hint: str, folder: Path, counters: bool = False) -> Any:
    """One stream for the latency of single calls. Threads as torch has them, which the system places."""
    import torch

    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "ENABLE_HYPER_THREADING": True,
        "CACHE_DIR": str(folder / "openvino"),
        "PERF_COUNT": counters,
    }
    compiled = _core().compile_model(path, "CPU", settings)
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != hint:
        raise UnsupportedError(f"OpenVINO computes in {taken} instead of {hint} on this processor")
    return compiled


@cache
def _core() -> Any:
    """One for the process.

    Each has a plugin for the CPU that gives the thread an alternate signal stack and, when it ends, restores the one
    before. Of two that end in the order in which they began, the second restores a stack that is unmapped, and the
    next signal, such as that of Ctrl-C, ends the process by SIGSEGV (OpenVINO 2026.4).
    """
    return _imported("openvino").Core()


def _quantize(path: Path, images: list[Any], made: Path) -> None:
    openvino, nncf = _imported("openvino"), _imported("nncf")
    arrays = [each.numpy() for each in images]
    quantized = nncf.quantize(_core().read_model(path), nncf.Dataset(arrays), subset_size=len(arrays))
    openvino.save_model(quantized, made, compress_to_fp16=False)


def _imported(package: str) -> Any:
    """A package, imported without sending usage statistics."""
    with variable(*NO_TELEMETRY[package]):
        return import_module(package)


ENTRIES = (
    Engine(
        name="openvino",
        title="OpenVINO",
        prepare=prepare,
        precisions=("bf16", "int8"),
        converts=("bf16", "int8"),
        modules=("openvino", "onnx", "onnxscript"),
        precision_modules={"int8": ("nncf",)},
        extra="openvino",
        refuses=refuses,
    ),
)
