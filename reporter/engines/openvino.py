"""OpenVINO on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from reporter.engines._calibration import batches
from reporter.engines._failures import step
from reporter.engines._onnx_file import digest_of, exported, stored, workplace
from reporter.host.captured import captured
from reporter.model import Engine
from reporter.model.readings import UnsupportedError

HINTS = {"fp32": "f32", "int8": "f32", "bf16": "bf16"}
"""INFERENCE_PRECISION_HINT; its default is the lowest precision that the processor has instructions for."""
NO_TELEMETRY = "NNCF_CI"


def prepare(
    model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None, calibration: Any = None
) -> Callable[[Any], Any]:
    """Export to ONNX, load, and compile for the CPU; for int8, quantize by NNCF before."""
    import torch

    with captured("OpenVINO"), workplace(cache) as folder:
        path, restored = exported(model, example, folder)
        if precision == "int8":
            images = batches(example, calibration)
            quantized = folder / f"openvino-int8-{digest_of(model, example, *images)}" / "model.xml"
            path = stored("quantization", quantized, partial(_quantize, path, images))
        compiled = step("compilation", partial(_compiled, path, HINTS[precision], folder))
        request = compiled.create_infer_request()

        def call(images: Any) -> Any:
            found = request.infer([images.detach().contiguous().numpy()], share_inputs=True)
            return restored([torch.as_tensor(each) for each in found.to_tuple()])

        step("the first call", partial(call, example))
    return call


def _compiled(path: Path, hint: str, folder: Path) -> Any:
    """One stream for the latency of single calls. Threads as torch has them, which the system places."""
    import openvino
    import torch

    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "ENABLE_HYPER_THREADING": True,
        "CACHE_DIR": str(folder / "openvino"),
    }
    compiled = core.compile_model(path, "CPU", settings)
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != hint:
        raise UnsupportedError(f"OpenVINO computes in {taken} instead of {hint} on this processor")
    return compiled


def _quantize(path: Path, images: list[Any], made: Path) -> None:
    import openvino

    with _without_telemetry():
        import nncf

    arrays = [each.numpy() for each in images]
    quantized = nncf.quantize(openvino.Core().read_model(path), nncf.Dataset(arrays), subset_size=len(arrays))
    openvino.save_model(quantized, made, compress_to_fp16=False)


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """NNCF reads this variable when it is imported, and sends usage statistics where it is not set."""
    before = os.environ.get(NO_TELEMETRY)
    os.environ[NO_TELEMETRY] = "1"
    try:
        yield
    finally:
        os.environ.pop(NO_TELEMETRY)
        if before is not None:
            os.environ[NO_TELEMETRY] = before


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
    ),
)
